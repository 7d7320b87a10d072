"""The session executor: the shell around the rules, and the only place with threads.

Whichever thread has an event takes the mutex of the QPU, asks the scheduler what to do, and carries
it out after giving the mutex back::

    user thread ── JobSubmitted ──┐                    ┌── Compile, PostProcess ──▶ lane threads
    lane thread ── JobCompiled ───┤   QPU.mutex        ├── Execute ────────────────▶ worker process
    worker ─────── JobExecuted ───┼─▶ Scheduler ───────┼── Abandon ────────────────▶ worker: stop
    timer ──────── TimePassed ────┘   .handle()        └── Finish ─────────────────▶ result() wakes

Guarantees:

* Instructions are carried out in the order in which the scheduler gave them, one at a time for each
  QPU, whoever carries them out.
* Every step is answered exactly once, whatever happens in it.
* What a job came to is complete before anyone who waits for it wakes up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, assert_never

from qiskit_modes.exceptions import RefusedError, RuntimeClosedError, WorkerDiedError
from qiskit_modes.runtime.clock import Clock, SystemClock
from qiskit_modes.runtime.gathering import Gathering
from qiskit_modes.runtime.job_table import JobTable
from qiskit_modes.runtime.notices import describe_wait
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.runtime.steps import ExecutionSpan, SimulatedSteps, StepName
from qiskit_modes.runtime.worker_process import Execution
from qiskit_modes.runtime.workers import Answer, ProgramAbandoned, WorkerPool
from qiskit_modes.scheduling.events import (
    CalibrationDue,
    CancelRequested,
    Event,
    JobCompiled,
    JobExecuted,
    JobFailed,
    JobPostProcessed,
    JobSubmitted,
    MaintenanceBegan,
    TimePassed,
    WorkloadCancelled,
    WorkloadClosed,
    WorkloadOpened,
)
from qiskit_modes.scheduling.instructions import (
    Abandon,
    Announce,
    Compile,
    Execute,
    Finish,
    Instruction,
    PostProcess,
    Refusal,
    Refuse,
)
from qiskit_modes.scheduling.job import Fault
from qiskit_modes.scheduling.refusals import refuse_job
from qiskit_modes.scheduling.workload import Workload, WorkloadState

if TYPE_CHECKING:
    from qiskit_modes.simulation.program import Program

__all__ = ["SessionExecutor"]

logger = logging.getLogger("qiskit_modes")

_LANE_THREADS = 16
"""Threads for the light classical steps of all QPUs; more would contend for one interpreter."""


class SessionExecutor:
    """Runs jobs on QPUs by the rules.

    All methods may be called from any thread; none waits for a job.

    Args:
        clock: Whose time counts.
        workers: The processes that execute programs.
    """

    def __init__(self, *, clock: Clock | None = None, workers: WorkerPool | None = None) -> None:
        self.clock: Clock = SystemClock() if clock is None else clock
        self.workers = WorkerPool() if workers is None else workers
        self._timer = self.clock.new_timer()
        self._lanes = ThreadPoolExecutor(_LANE_THREADS, thread_name_prefix="qiskit_modes-lane")
        self.jobs = JobTable()
        self._closed = False

    # -- what users do -----------------------------------------------------------------------

    def submit(self, job: JobRecord, *, max_execution_seconds: float | None = None) -> None:
        """Hand a job in.

        Raises:
            RefusedError: If the rules do not allow it.
            RuntimeClosedError: If the runtime was shut down.
        """
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

    def cancel(self, job: JobRecord) -> None:
        """End a job before its time: stop it wherever it is.

        Raises:
            RefusedError: If it has already ended.
        """
        if job.core.outcome is not None:
            raise RefusedError(f"job {job.id} has already ended", Refusal.ALREADY_FINAL)
        self._post(job.qpu, CancelRequested(job.id))

    def open_workload(self, event: WorkloadOpened, qpu: QPU) -> Workload:
        """Open a session or a batch.

        Raises:
            RefusedError: If the plan does not allow it.
            RuntimeClosedError: If the runtime was shut down.
        """
        if self._closed:
            raise RuntimeClosedError("the local runtime has been shut down")
        self._post(qpu, event)
        return qpu.scheduler.workloads[event.workload_id]

    def close_workload(self, workload: WorkloadRecord) -> None:
        """Let a session or batch accept nothing more; what it has still runs."""
        if workload.core.state is not WorkloadState.CLOSED:
            self._post(workload.qpu, WorkloadClosed(workload.id))

    def cancel_workload(self, workload: WorkloadRecord) -> None:
        """Let a session or batch accept nothing more, and drop what has not started."""
        if workload.core.state is not WorkloadState.CLOSED:
            self._post(workload.qpu, WorkloadCancelled(workload.id))

    def calibrate(self, qpu: QPU, seconds: float) -> None:
        """Let a calibration become due; it takes the QPU between two jobs, never in a session."""
        self._post(qpu, CalibrationDue(seconds))

    def shut_down(self) -> list[JobRecord]:
        """Cancel what has not finished, stop all workers, and end all threads.

        Waits for the ends of the workers and of steps in lanes; after it nothing can be submitted.

        Returns:
            The jobs that had not finished.
        """
        self._closed = True
        outstanding = self._cancel_all()
        self.workers.close()
        self._lanes.shutdown(wait=True)
        # What was submitted while the door was being closed.
        outstanding += self._cancel_all()
        self._timer.close()
        return outstanding

    def maintain(self, qpu: QPU, seconds: float) -> None:
        """Take a QPU out of service: what is on it ends, nothing more gets it meanwhile."""
        self._post(qpu, MaintenanceBegan(seconds))

    def _cancel_all(self) -> list[JobRecord]:
        unfinished = self.jobs.unfinished()
        for job in unfinished:
            with suppress(RefusedError):  # it may end by itself meanwhile
                self.cancel(job)
        return unfinished

    # -- events in, instructions out -----------------------------------------------------------

    def _post(
        self, qpu: QPU, event: Event, *, accepted: Callable[[], object] = lambda: None
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

    def _handle(self, qpu: QPU, event: Event, accepted: Callable[[], object]) -> Refuse | None:
        with qpu.mutex:
            instructions = qpu.scheduler.handle(event, self.clock.now())
            refused = next((i for i in instructions if isinstance(i, Refuse)), None)
            if refused is None:
                accepted()
            qpu.outbox.extend(i for i in instructions if not isinstance(i, Refuse))
            self._retire(qpu, event, instructions)
            deadline = qpu.scheduler.next_deadline()
            self._timer.set(qpu, deadline, partial(self._post, qpu, TimePassed()))
            return refused

    def _carry_out(self, qpu: QPU) -> None:
        # The race being closed: another thread adds to the outbox after this one found it empty and
        # before it let go. That thread finds the lock taken and leaves; so this one looks again.
        while qpu.outbox and qpu.carrying.acquire(blocking=False):
            try:
                while qpu.outbox:
                    instruction = qpu.outbox.popleft()
                    try:
                        self._carry_out_one(instruction)
                    except Exception:  # a bug, but of one job: the others are still served
                        logger.exception("%s could not be carried out", instruction)
            finally:
                qpu.carrying.release()

    def _carry_out_one(self, instruction: Instruction) -> None:
        match instruction:
            case Compile(job_id):
                self._begin("compile", self._record(job_id))
            case Execute(job_id):
                self._begin("execute", self._record(job_id))
            case PostProcess(job_id):
                self._begin("post_process", self._record(job_id))
            case Abandon(job_id):
                self._abandon(self._record(job_id))
            case Finish(job_id):
                self._finish(self._record(job_id))
            case Announce(notice):
                # In a lane: whoever reads the log may be slow, and others wait for this thread.
                with suppress(RuntimeError):  # unless the lanes were shut down
                    job = self._record(notice.job_id)
                    self._lanes.submit(lambda: logger.warning(describe_wait(job, notice)))
            case Refuse():
                raise AssertionError("a refusal is for the one who asked")
            case _:
                assert_never(instruction)

    def _record(self, job_id: str) -> JobRecord:
        job = self.jobs.get(job_id)
        assert job is not None, "a job is known until it has ended"
        return job

    # -- the steps of a job --------------------------------------------------------------------

    def _begin(self, step: StepName, job: JobRecord) -> None:
        if job.simulated is None:
            self._do(step, job)
        else:
            job.simulated_step = {step}
            ends_at = self.clock.now() + job.simulated.seconds(step)
            self._timer.set(job.id, ends_at, partial(self._end_simulated, step, job))

    def _do(self, step: StepName, job: JobRecord) -> None:
        match step:
            case "compile":
                self._in_lane(self._compile, job)
            case "execute":
                self._execute(job)
            case "post_process":
                self._in_lane(self._post_process, job)

    def _end_simulated(self, step: StepName, job: JobRecord) -> None:
        simulated = job.simulated
        assert simulated is not None
        if not job.take_simulated_step():
            return
        if simulated.fails_in == step:
            error = simulated.error or RuntimeError("the test says so")
            self._fail(job, error, code=simulated.code)
        else:
            self._do(step, job)

    def _abandon(self, job: JobRecord) -> None:
        gathering = job.gathering  # once: the workers' answer takes it away
        if gathering is not None:
            gathering.abandon()
        elif job.take_simulated_step():
            self._timer.set(job.id, None, lambda: None)
            self._fail(job, ProgramAbandoned())

    def _in_lane(self, step: Callable[[JobRecord], object], job: JobRecord) -> None:
        self.clock.work_begins()
        try:
            self._lanes.submit(self._work, step, job)
        except RuntimeError:  # the lanes were shut down
            self._fail(job, RuntimeClosedError("the local runtime has been shut down"))
            self.clock.work_ends()

    def _work(self, step: Callable[[JobRecord], object], job: JobRecord) -> None:
        try:
            step(job)
        finally:
            self.clock.work_ends()

    def _compile(self, job: JobRecord) -> None:
        steps = job.steps
        try:
            if steps is not None:  # otherwise it has ended while it waited for a thread
                job.program = steps.compile()
                if job.simulated is None:
                    job.pieces = self._divide(job.program)
                    # The start of a worker is not the QPU's time: it is over before the lock.
                    for started in self.workers.warm_up(self.jobs.busy_qpus()):
                        with suppress(CancelledError):  # the pool was closed meanwhile
                            started.exception()
        except BaseException as error:  # whatever it is, the lane must be given back
            self._fail(job, error)
        else:
            self._post(job.qpu, JobCompiled(job.id))
        self._let_go_if_over(job)

    def _divide(self, program: Program) -> list[Program]:
        """Return the pieces in which several workers can share a program."""
        from qiskit_modes.simulation.division import split

        return [program] if self.workers.size == 1 else split(program)

    def _execute(self, job: JobRecord) -> None:
        self.clock.work_begins()
        if job.simulated is not None:
            self._executed(job, self._simulated_execution(job.simulated, job.program))
            return
        try:
            assert job.pieces, "a job is executed after it was compiled"
            job.gathering = Gathering(self.workers, job.pieces, partial(self._executed, job))
            job.gathering.start()
        except Exception as error:  # whatever it is, the QPU must be given back
            self._executed(job, error)

    def _executed(self, job: JobRecord, answer: Answer) -> None:
        job.gathering = job.program = None
        job.pieces = []
        try:
            if isinstance(answer, BaseException):
                self._fail(job, answer, worker=True)
            else:
                job.samples = answer.samples
                job.worker_stamps = (answer.started, answer.stopped)
                self._post(job.qpu, JobExecuted(job.id))
            self._let_go_if_over(job)
        finally:
            self.clock.work_ends()

    def _simulated_execution(self, simulated: SimulatedSteps, program: Program | None) -> Answer:
        now = self.clock.now()
        try:
            samples = simulated.samples(program)
        except Exception as error:  # a test's own function
            return error
        return Execution(samples, now - simulated.durations.execute, now)

    def _post_process(self, job: JobRecord) -> None:
        # In this order: what has ended loses its steps before its samples.
        samples, steps = job.samples, job.steps
        try:
            if steps is not None:  # otherwise it has ended while it waited for a thread
                job.span = self._span(job)
                job.result = steps.post_process(samples, job.span)  # type: ignore[arg-type]
        except BaseException as error:  # whatever it is, the lane must be given back
            self._fail(job, error)
        else:
            self._post(job.qpu, JobPostProcessed(job.id))
        self._let_go_if_over(job)

    def _let_go_if_over(self, job: JobRecord) -> None:
        """Drop what a step has made of a job that was cancelled meanwhile."""
        if job.core.outcome is not None:
            job.let_go()

    def _span(self, job: JobRecord) -> ExecutionSpan:
        started, stopped = job.worker_stamps or (0.0, 0.0)
        first, last = job.core.executing_at, job.core.released_at
        assert first is not None
        assert last is not None
        # Clocks of two processes may differ by their resolution: the lock's interval decides.
        start = min(max(started, first), last)
        stop = min(max(stopped, start), last)
        return ExecutionSpan(self.clock.utc(start), self.clock.utc(stop))

    def _fail(
        self,
        job: JobRecord,
        error: BaseException,
        *,
        worker: bool = False,
        code: int | None = None,
    ) -> None:
        """Report that a step has ended without success."""
        from concurrent.futures import BrokenExecutor

        if worker and isinstance(error, BrokenExecutor):
            cause = error
            error = WorkerDiedError(
                f"the worker process that executed job {job.id} died before it answered "
                f"({type(cause).__name__}); the job can be submitted again"
            )
            error.__cause__ = cause
        system = isinstance(error, WorkerDiedError | RuntimeClosedError | ProgramAbandoned)
        if job.core.outcome is None:
            job.error = error
        reason = f"{type(error).__name__}: {_words(error)}"
        fault = Fault.SYSTEM if system else Fault.USER
        self._post(job.qpu, JobFailed(job.id, fault, reason, code))

    # -- what is kept --------------------------------------------------------------------------

    def _link(self, job: JobRecord) -> None:
        job.core = job.qpu.scheduler.jobs[job.id]
        self.jobs.add(job)

    def _finish(self, job: JobRecord) -> None:
        job.let_go()
        self.jobs.finish(job)
        job.finished.set()
        self.clock.changed()

    def _retire(self, qpu: QPU, event: Event, instructions: Iterable[Instruction]) -> None:
        """Let the scheduler forget the jobs that this event has ended; their records go on."""
        ended = {i.job_id for i in instructions if isinstance(i, Finish)}
        if isinstance(event, JobCompiled | JobExecuted | JobPostProcessed | JobFailed):
            ended.add(event.job_id)
        for job_id in ended:
            if qpu.scheduler.jobs[job_id].final:
                qpu.scheduler.forget_job(job_id)


def _words(error: BaseException) -> str:
    try:
        return str(getattr(error, "message", None) or error)
    except Exception:  # a user's own class: whatever it raises, the lane must be given back
        return "(its message cannot be read)"
