"""The session executor: the shell around the rules, and what guards them.

Whichever thread has an event takes the mutex of the QPU, asks the scheduler what to do, and has it
carried out after giving the mutex back::

    user thread ── JobSubmitted ──┐                    ┌── Compile, PostProcess ──▶ lane threads
    lane thread ── JobCompiled ───┤   QPU.mutex        ├── Execute ────────────────▶ worker process
    worker ─────── JobExecuted ───┼─▶ Scheduler ───────┼── Abandon ────────────────▶ worker: stop
    timer ──────── TimePassed ────┘   .handle()        └── Finish ─────────────────▶ result() wakes

Guarantees:

* Instructions are carried out in the order in which the scheduler gave them, one at a time for each
  QPU, whoever carries them out.
* Every step is answered exactly once, whatever happens in it.
* What a job came to is complete before anyone who waits for it wakes up.
* A request is served as a whole or not at all: an interrupted main thread stops waiting for its
  answer, and nothing more (`uninterrupted`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Iterable
from contextlib import suppress
from functools import partial

from qiskit_modes.exceptions import RefusedError, RuntimeClosedError
from qiskit_modes.runtime.clock import Clock, SystemClock
from qiskit_modes.runtime.keeping.archive import Archive
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.runtime.step_runner import StepRunner
from qiskit_modes.runtime.threads.main_thread_guard import Uninterrupted
from qiskit_modes.runtime.workers.pool import WorkerPool
from qiskit_modes.scheduling.events import (
    CalibrationDue,
    CancelRequested,
    Event,
    InstanceChanged,
    JobCompiled,
    JobExecuted,
    JobFailed,
    JobPostProcessed,
    JobSubmitted,
    MaintenanceBegan,
    TimePassed,
    UsageChanged,
    WorkloadCancelled,
    WorkloadClosed,
    WorkloadExpired,
    WorkloadOpened,
)
from qiskit_modes.scheduling.instructions import Finish, LookAgain, Refusal, Refuse
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.rules.refusals import refuse_job
from qiskit_modes.scheduling.workload import Workload, WorkloadState

__all__ = ["SessionExecutor"]

logger = logging.getLogger("qiskit_modes")

_ENDS_OF_STEPS = (JobCompiled, JobExecuted, JobPostProcessed, JobFailed)
_TIME_PASSED = TimePassed()


class SessionExecutor:
    """Runs jobs on QPUs by the rules.

    All methods may be called from any thread; none waits for a job.

    Args:
        clock: Whose time counts.
        workers: The processes that execute programs.
        qpus: Returns the QPUs whose schedulers share a ledger.
        archive: What is kept of jobs and workloads; None for memory.
        let_in_result: Raises `RefusedError` if the result of a job, as text, is not to be kept.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        workers: WorkerPool | None = None,
        qpus: Callable[[], Collection[QPU]] = lambda: (),
        archive: Archive | None = None,
        let_in_result: Callable[[JobRecord], None] = lambda _: None,
    ) -> None:
        self.clock: Clock = SystemClock() if clock is None else clock
        self.workers = WorkerPool() if workers is None else workers
        self._archive = Archive(self.clock) if archive is None else archive
        self.jobs = self._archive.jobs
        self.uninterrupted = Uninterrupted()
        """Makes a call that an interrupt of the main thread must not cut in two."""
        self._qpus = qpus
        self._timer = self.clock.new_timer()
        self._runner = StepRunner(
            clock=self.clock,
            workers=self.workers,
            archive=self._archive,
            call_at=self._call_at,
            report=self._post,
            let_in_result=let_in_result,
            afterwards=self.uninterrupted.afterwards,
        )
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Tell whether it takes nothing more."""
        return self._closed

    # -- what users do -----------------------------------------------------------------------

    def submit(self, job: JobRecord, *, max_execution_seconds: float | None = None) -> None:
        """Hand a job in.

        Raises:
            RefusedError: If the rules do not allow it.
            RuntimeClosedError: If the runtime was shut down.
        """
        self.uninterrupted(partial(self.submit_whole, job, max_execution_seconds))

    def cancel(self, job: JobRecord) -> None:
        """End a job before its time: stop it wherever it is.

        Raises:
            RefusedError: If it has already ended.
        """
        self.uninterrupted(partial(self._cancel, job))

    def open_workload(self, event: WorkloadOpened, qpu: QPU) -> Workload:
        """Open a session or a batch.

        Raises:
            RefusedError: If the plan does not allow it.
            RuntimeClosedError: If the runtime was shut down.
        """
        if self._closed:
            raise RuntimeClosedError("the local runtime has been shut down")
        self.uninterrupted(partial(self._post, qpu, event))
        return qpu.scheduler.workloads[event.workload_id]

    def close_workload(self, workload: WorkloadRecord) -> None:
        """Let a session or batch accept nothing more; what it has still runs."""
        if workload.core.state is not WorkloadState.CLOSED:
            self.uninterrupted(partial(self._post, workload.qpu, WorkloadClosed(workload.id)))

    def cancel_workload(self, workload: WorkloadRecord) -> None:
        """Let a session or batch accept nothing more, and drop what has not started."""
        if workload.core.state is not WorkloadState.CLOSED:
            self.uninterrupted(partial(self._post, workload.qpu, WorkloadCancelled(workload.id)))

    def calibrate(self, qpu: QPU, seconds: float) -> None:
        """Let a calibration become due; it takes the QPU between two jobs, never in a session."""
        self.uninterrupted(partial(self._post, qpu, CalibrationDue(seconds)))

    def maintain(self, qpu: QPU, seconds: float) -> None:
        """Take a QPU out of service: what is on it ends, nothing more gets it meanwhile."""
        self.uninterrupted(partial(self._post, qpu, MaintenanceBegan(seconds)))

    def expire_workload(self, workload: WorkloadRecord) -> None:
        """Let the maximum TTL of a session or batch be over before its time; for tests."""
        self.uninterrupted(partial(self._post, workload.qpu, WorkloadExpired(workload.id)))

    def change_instance(self, instance: Instance) -> None:
        """Let an instance have other limits, or another plan, on every QPU."""
        for qpu in self._qpus():
            self.uninterrupted(partial(self._post, qpu, InstanceChanged(instance)))

    def shut_down(self) -> list[JobRecord]:
        """Cancel what has not finished, stop all workers, and end all threads.

        Waits for the ends of the workers and of steps in lanes; after it nothing can be submitted.
        If the waiting is interrupted it can be called again.

        Returns:
            The jobs that had not finished.
        """
        self._closed = True
        outstanding = self.uninterrupted(self._cancel_all)
        self.uninterrupted(self.workers.close)
        self._runner.close()
        # What was submitted while the door was being closed.
        outstanding += self.uninterrupted(self._cancel_all)
        self.uninterrupted(self._timer.close)
        self.uninterrupted.close()
        return outstanding

    # -- inside: never on a thread that can be interrupted -------------------------------------

    def _cancel(self, job: JobRecord) -> None:
        if job.core.ending is not None:
            raise RefusedError(f"job {job.id} has already ended", Refusal.ALREADY_FINAL)
        self._archive.refuse_cancel(job)
        self._post(job.qpu, CancelRequested(job.id))

    def submit_whole(self, job: JobRecord, max_execution_seconds: float | None) -> None:
        """Hand a job in, as `submit` does, for a thread that makes this call uninterrupted."""
        if self._closed:
            raise RuntimeClosedError("the local runtime has been shut down")
        workload = None if job.workload is None else job.workload.core
        workload_id = None if workload is None else workload.id
        event = JobSubmitted(job.id, job.instance, workload_id, max_execution_seconds)
        if workload is not None and workload.state is WorkloadState.CLOSED:
            # For good, and the scheduler may have forgotten it.
            refused = refuse_job(event, workload, 0, 0)
            assert refused is not None, "a closed workload takes no jobs"
            raise RefusedError(refused.message, refused.refusal)
        self._post(job.qpu, event, accepted=partial(self._link, job))
        if self._closed:
            # The race being closed: whoever shut down meanwhile may not have seen this job.
            with suppress(RefusedError):
                self.cancel(job)

    def _cancel_all(self) -> list[JobRecord]:
        unfinished = self.jobs.unfinished()
        for job in unfinished:
            with suppress(RefusedError):  # it may end by itself meanwhile
                self.cancel(job)
        return unfinished

    # -- events in, instructions out -----------------------------------------------------------

    def _post(
        self, qpu: QPU, event: Event, *, accepted: Callable[[], object] | None = None
    ) -> None:
        """Tell the scheduler that something happened, and see to what it wants done.

        Args:
            qpu: Whose scheduler.
            event: What happened.
            accepted: Called before anything is carried out, unless the event was refused.

        Raises:
            RefusedError: If the event was a request that the rules do not allow.
        """
        self.clock.work_begins()
        try:
            refused = self._handle(qpu, event, accepted)
            self._carry_out(qpu)
        finally:
            self.clock.work_ends()
        if refused is not None:
            raise RefusedError(refused.message, refused.refusal)

    def _handle(
        self, qpu: QPU, event: Event, accepted: Callable[[], object] | None
    ) -> Refuse | None:
        with qpu.mutex:
            if self._archive.watches_workloads and qpu.scheduler.moved is None:
                qpu.scheduler.moved = {}
            refused = None
            # Jobs that this event may have ended for good.
            ended = [event.job_id] if isinstance(event, _ENDS_OF_STEPS) else []
            instructions = qpu.scheduler.handle(event, self.clock.now())
            for each in instructions:
                if isinstance(each, Finish):
                    if each.job_id not in ended:
                        ended.append(each.job_id)
                elif isinstance(each, Refuse):
                    refused = refused or each
            if refused is not None:
                instructions = [each for each in instructions if not isinstance(each, Refuse)]
            elif accepted is not None:
                accepted()  # before anybody finds what is to be carried out
            qpu.outbox.extend(instructions)
            if ended:
                self._retire(qpu, ended)
            if qpu.scheduler.moved:
                self._archive.moved(qpu.scheduler.moved.values())
                qpu.scheduler.moved.clear()
            deadline = qpu.scheduler.next_deadline()
            if deadline is not None or qpu.has_deadline:
                qpu.has_deadline = deadline is not None
                # Last, so that of all that ended by then the scheduler is told before.
                self._call_at(qpu, deadline, partial(self._post, qpu, _TIME_PASSED), last=True)
            return refused

    def _carry_out(self, qpu: QPU) -> None:
        # The race being closed: another thread adds to the outbox after this one found it empty and
        # before it let go. That thread finds the lock taken and leaves; so this one looks again.
        while qpu.outbox and qpu.carrying.acquire(blocking=False):
            try:
                while qpu.outbox:
                    instruction = qpu.outbox.popleft()
                    try:
                        if isinstance(instruction, LookAgain):
                            self._tell_others(qpu, instruction)
                        else:
                            self._runner.carry_out(instruction)
                    except Exception:  # a bug, but of one job: the others are still served
                        logger.exception("%s could not be carried out", instruction)
            finally:
                qpu.carrying.release()

    def _tell_others(self, qpu: QPU, changed: LookAgain) -> None:
        for other in self._qpus():
            if other is not qpu and other.concerns(changed.instance_id):
                self._post(other, UsageChanged(changed.instance_id))

    def _call_at(
        self, key: Hashable, at: float | None, callback: Callable[[], None], *, last: bool = False
    ) -> None:
        # A clock that a test moves calls back on the thread that moves it.
        self._timer.set(key, at, partial(self.uninterrupted, callback), last=last)

    # -- what is kept --------------------------------------------------------------------------

    def _link(self, job: JobRecord) -> None:
        job.core = job.qpu.scheduler.jobs[job.id]
        self.jobs.add(job)

    def _retire(self, qpu: QPU, job_ids: Iterable[str]) -> None:
        """Let the scheduler forget those of some jobs that have ended; their records go on."""
        for job_id in job_ids:
            if qpu.scheduler.jobs[job_id].final:
                qpu.scheduler.forget_job(job_id)
                self._archive.final(job_id)
