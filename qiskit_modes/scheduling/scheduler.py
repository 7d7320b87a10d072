"""The rules by which many workloads share one QPU, as a pure state machine.

Events and the time go in, instructions come out; there are no threads, no clock and no files here.
The same object drives real threads, a test whose clock is a variable, and a simulation.

What happens in `Scheduler.handle`, always in this order:

1. Every deadline up to ``now`` is acted on, at its own time and in its order: a session whose time
   was over before a job came refuses it, however late anybody looked at the clock.
2. The event is applied.
3. Whatever became possible is started: lanes are filled, and the QPU is given to the next job.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import assert_never

from qiskit_modes.scheduling.errors import IllegalTransition, InvariantViolation
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
    Wait,
)
from qiskit_modes.scheduling.job import (
    RAN_TOO_LONG,
    Abandoning,
    Cancelled,
    Compiling,
    Completed,
    Executing,
    Failed,
    Fault,
    Finished,
    Job,
    JobState,
    Outcome,
    PostProcessing,
    Queued,
    Ready,
)
from qiskit_modes.scheduling.ledger import Ledger
from qiskit_modes.scheduling.locks import LockManager
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.queue import Queue
from qiskit_modes.scheduling.refusals import refuse_job, refuse_workload
from qiskit_modes.scheduling.validation import validate
from qiskit_modes.scheduling.waiting import CALIBRATION, explain_wait
from qiskit_modes.scheduling.workload import Mode, Timer, Workload, WorkloadState

__all__ = ["Scheduler"]


def _do_nothing(_: float) -> None:
    """Pass a deadline at which something may start: that is looked at after every deadline."""


_NOTICE_SECONDS = 2.0
"""A job that has waited this long for somebody else says so, once."""

_MINUTE = 60.0

_SESSION_ENDED = "its session or batch ended before the job could start"


class Scheduler:
    """The scheduler of one QPU: decides which job is in a lane, and which one is on the QPU.

    Not thread safe: whoever shares it guards it with one mutex.

    Args:
        lanes: How many jobs are in progress at once; five on most of the service's QPUs.
        ledger: What the instances have used; shared by the schedulers of all QPUs.
    """

    def __init__(self, *, lanes: int = 5, ledger: Ledger | None = None) -> None:
        self.ledger = Ledger() if ledger is None else ledger
        self.locks = LockManager(lanes)
        self.queue = Queue(self.ledger)
        self.jobs: dict[str, Job] = {}
        """Every job that has not been forgotten."""
        self.workloads: dict[str, Workload] = {}
        """Every session and batch that has not been forgotten."""
        self.open_workloads: dict[str, Workload] = {}
        """Those that are not closed."""
        self.draining_for: Workload | None = None
        """The session that comes next: nothing else starts until the lanes are empty."""
        self.calibrations: deque[float] = deque()
        """Durations of the calibrations that are due."""
        self.calibration_ends_at: float | None = None
        self.maintained_until = float("-inf")
        """Until when nothing gets the QPU."""
        self.unfinished: dict[str, int] = {}
        """How many jobs of each instance have not ended."""
        self._submissions: dict[str, deque[float]] = {}
        self.now = float("-inf")
        """When it was last told something."""
        self._executing: Job | None = None
        self._announced: dict[str, str] = {}
        self._instructions: list[Instruction] = []

    # -- the interface -----------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """Take note of ``event`` and return what is to be done about it, in this order.

        Args:
            event: What happened.
            now: When it happened, in seconds; never less than in the call before.

        Raises:
            ValueError: If the time runs backwards.
            IllegalTransition: If the event cannot happen in the present state: a bug.
        """
        self._advance(now)
        self._apply(event, now)
        self._pump(now)
        instructions, self._instructions = self._instructions, []
        return instructions

    def next_deadline(self) -> float | None:
        """Return when ``handle(TimePassed(), now)`` must next be called, or None."""
        return min((at for at, _ in self._deadlines()), default=None)

    def waits_for(self, job_id: str, now: float) -> Wait | None:
        """Return whom a job waits for, or None if it waits for nobody but its own workload."""
        return explain_wait(self, self.jobs[job_id], now)

    def forget_job(self, job_id: str) -> None:
        """Drop the record of a job that has ended.

        Raises:
            ValueError: If it has not ended.
        """
        if not self.jobs[job_id].final:
            raise ValueError(f"job {job_id} has not ended, so it cannot be forgotten")
        del self.jobs[job_id]

    def forget_workload(self, workload_id: str) -> None:
        """Drop the record of a session or batch that is closed.

        Raises:
            ValueError: If it is not closed.
        """
        if workload_id in self.open_workloads:
            raise ValueError(f"{workload_id} is not closed, so it cannot be forgotten")
        self.workloads.pop(workload_id, None)

    def validate(self) -> None:
        """Check every invariant.

        Raises:
            InvariantViolation: If one does not hold: a bug.
        """
        validate(self)

    # -- time --------------------------------------------------------------------------------

    def _deadlines(self) -> Iterator[tuple[float, Callable[[float], None]]]:
        """Yield everything that will happen by itself: when, and what to call then."""
        if self._executing is not None and isinstance(self._executing.state, Executing):
            yield self._executing.state.deadline, self._stop_executing
        if self.maintained_until > self.now:
            yield self.maintained_until, _do_nothing
        for at, instance in self._exhaustions():
            yield at, partial(self._exhaust, instance)
        if self.calibration_ends_at is not None:
            yield self.calibration_ends_at, self._end_calibration
        for workload in self.open_workloads.values():
            timer = workload.next_timer()
            if timer is not None:
                at, which = timer
                yield at, partial(self._run_out, workload, which)
        relief = self.queue.next_relief(self.open_workloads, self.now)
        if relief is not None:
            yield relief, _do_nothing
        for entry in self.queue.entries(self.open_workloads):
            job = self.jobs[entry.job_id]
            at = max(job.submitted_at + _NOTICE_SECONDS, self.now)
            wait = explain_wait(self, job, at)
            # Not every job of a long line repeats what the first of them has said.
            if wait is not None and self._announced.get(self._line(job)) != wait.blocker_id:
                yield at, partial(self._announce, job, wait)

    def _advance(self, now: float) -> None:
        if now < self.now:
            raise ValueError(f"time runs backwards: {now} after {self.now}")
        at_this_time = 0
        while True:
            due = min(self._deadlines(), key=lambda deadline: deadline[0], default=None)
            if due is None or due[0] > now:
                break
            at, act = due
            at_this_time = at_this_time + 1 if at <= self.now else 0
            if at_this_time > 100 + 10 * (len(self.jobs) + len(self.open_workloads)):
                # A bug, but an error is better than a QPU that stands still for ever.
                raise InvariantViolation(f"the deadline at {at} does not pass: {act}")
            self.now = max(self.now, at)
            act(self.now)
            self._pump(self.now)
        self.now = now

    def _stop_executing(self, at: float) -> None:
        assert self._executing is not None
        self._settle_early(self._executing, RAN_TOO_LONG, at)

    def _end_calibration(self, at: float) -> None:
        self.locks.qpu.release(CALIBRATION, at)
        self.calibration_ends_at = None

    def _run_out(self, workload: Workload, timer: Timer, at: float) -> None:
        match timer:
            case Timer.INTERACTIVE:
                self._leave_active(workload, WorkloadState.INACTIVE, at)
            case Timer.UNUSED | Timer.MAX_TTL:
                reason = f"{_SESSION_ENDED}: {timer.value}"
                fails = workload.instance.plan.queued_fail_at_ttl
                outcome = Failed(Fault.USER, reason) if fails else Cancelled(reason)
                self._stop_accepting(workload.id, timer.value, at, drop_queued=outcome)
            case _:
                assert_never(timer)

    def _exhaustions(self) -> Iterator[tuple[float, Instance]]:
        """Yield when an instance that is stopped at its limit will have reached it."""
        job = self._executing
        if job is not None and isinstance(job.state, Executing):
            workload = self._workload_of(job)
            in_session = workload is not None and workload.mode is Mode.SESSION
            if job.instance.plan.stops_at_limit and not in_session:
                yield job.state.since + self._remaining(job.instance), job.instance
        for session_id in self.locks.reservation.holders:
            session = self.workloads[session_id]
            if session.instance.plan.stops_at_limit and self._can_be_ended(session):
                since = session.windows[-1].start
                yield since + self._remaining(session.instance), session.instance

    def _can_be_ended(self, session: Workload) -> bool:
        """Whether there is anything left to stop in it."""
        running = [self.jobs[job_id].state for job_id in session.running]
        stoppable = any(isinstance(state, Compiling | Ready | Executing) for state in running)
        return session.accepting_jobs or bool(session.queued) or stoppable

    def _remaining(self, instance: Instance) -> float:
        return self.ledger.remaining(instance, self.now)

    def _exhaust(self, instance: Instance, at: float) -> None:
        """End everything of an instance that has used all that it may."""
        for workload in list(self.open_workloads.values()):
            if workload.instance.id == instance.id:
                dropped = Cancelled("the limit of usage was reached")
                self._stop_accepting(workload.id, dropped.reason, at, drop_queued=dropped)
        for job_id in self.locks.lanes.holders:
            job = self.jobs[job_id]
            if job.instance.id == instance.id and not isinstance(job.state, PostProcessing):
                self._settle_early(job, RAN_TOO_LONG, at)

    def _announce(self, job: Job, wait: Wait, _: float) -> None:
        self._announced[self._line(job)] = wait.blocker_id
        self._instructions.append(Announce(wait))

    def _line(self, job: Job) -> str:
        return job.workload_id or f"job mode of {job.instance.id}"

    # -- events ------------------------------------------------------------------------------

    def _apply(self, event: Event, now: float) -> None:
        match event:
            case WorkloadOpened():
                self._open(event, now)
            case WorkloadClosed(workload_id):
                self._stop_accepting(workload_id, "it was closed", now)
            case WorkloadCancelled(workload_id):
                self._stop_accepting(
                    workload_id,
                    "it was cancelled",
                    now,
                    drop_queued=Cancelled("its session or batch was cancelled"),
                )
            case JobSubmitted():
                self._submit(event, now)
            case JobCompiled(job_id):
                self._advance_job(self.jobs[job_id], Compiling, now)
            case JobExecuted(job_id):
                self._advance_job(self.jobs[job_id], Executing, now)
            case JobPostProcessed(job_id):
                self._advance_job(self.jobs[job_id], PostProcessing, now)
            case JobFailed(job_id, fault, reason, code):
                self._finish(self.jobs[job_id], Failed(fault, reason, code), now)
            case CancelRequested(job_id):
                self._cancel(job_id, now)
            case CalibrationDue(duration_seconds):
                self.calibrations.append(duration_seconds)
            case MaintenanceBegan(duration_seconds):
                self.maintained_until = max(self.maintained_until, now + duration_seconds)
            case TimePassed():
                pass
            case _:
                assert_never(event)

    def _open(self, event: WorkloadOpened, now: float) -> None:
        plan = event.instance.plan
        refusal = refuse_workload(event)
        if refusal is not None:
            self._instructions.append(refusal)
            return
        workload = Workload(
            id=event.workload_id,
            mode=event.mode,
            instance=event.instance,
            max_ttl_seconds=event.max_ttl_seconds or plan.max_ttl_seconds,
            interactive_ttl_seconds=(
                plan.session_interactive_ttl_seconds
                if event.mode is Mode.SESSION
                else plan.batch_interactive_ttl_seconds
            ),
            opened_at=now,
        )
        self.workloads[workload.id] = self.open_workloads[workload.id] = workload

    def _submit(self, event: JobSubmitted, now: float) -> None:
        workload = None if event.workload_id is None else self.workloads[event.workload_id]
        unfinished = self.unfinished.get(event.instance.id, 0)
        recent = self._recent_submissions(event.instance, now)
        refusal = refuse_job(event, workload, unfinished, len(recent))
        if refusal is not None:
            self._instructions.append(refusal)
            return
        longest = event.instance.plan.max_execution_seconds
        job = Job(
            id=event.job_id,
            instance=event.instance,
            workload_id=event.workload_id,
            max_execution_seconds=min(event.max_execution_seconds or longest, longest),
            submitted_at=now,
        )
        job.story.append((now, "Queued"))
        self.jobs[job.id] = job
        self.unfinished[job.instance.id] = unfinished + 1
        if job.instance.plan.max_submissions_per_minute is not None:
            recent.append(now)
        self.queue.add(job, workload)
        if workload is not None:
            workload.jobs_submitted += 1

    def _recent_submissions(self, instance: Instance, now: float) -> deque[float]:
        """Return when an instance whose plan counts them has submitted jobs, for a minute."""
        recent = self._submissions.setdefault(instance.id, deque())
        while recent and recent[0] <= now - _MINUTE:
            recent.popleft()
        return recent

    def _advance_job(self, job: Job, expected: type[JobState], now: float) -> None:
        """Move a job on whose step has succeeded; one that was abandoned ends instead."""
        match job.state:
            case Abandoning(outcome):
                self._finish(job, outcome, now)
            case Compiling() if expected is Compiling:
                job.move(Ready(), now)
                self.locks.qpu.request(job.id)
            case Executing() if expected is Executing:
                job.move(PostProcessing(), now)
                self._release_qpu(job, now)
                self._instructions.append(PostProcess(job.id))
            case PostProcessing() if expected is PostProcessing:
                self._finish(job, Completed(), now)
            case state:
                raise IllegalTransition(f"job {job.id}", state, f"after {expected}", job.story)

    def _cancel(self, job_id: str, now: float) -> None:
        job = self.jobs.get(job_id)
        if job is None or job.outcome is not None:  # one that is not known was forgotten
            message = f"job {job_id} has already ended"
            self._instructions.append(Refuse(job_id, Refusal.ALREADY_FINAL, message))
        else:
            self._settle_early(job, Cancelled("it was cancelled by its user"), now)

    def _settle_early(self, job: Job, outcome: Outcome, now: float) -> None:
        """End a job from outside, whatever it is doing."""
        match job.state:
            case Queued() | Ready():
                self._finish(job, outcome, now)
            case Compiling() | Executing() | PostProcessing():
                job.move(Abandoning(outcome), now)
                job.settled_at = now
                self._instructions += [Abandon(job.id), Finish(job.id, outcome)]
            case Abandoning() | Finished():
                pass
            case _:
                assert_never(job.state)

    def _finish(self, job: Job, outcome: Outcome, now: float) -> None:
        """Take a job out of everything it is in; the one way in which jobs end."""
        workload = self._workload_of(job)
        if isinstance(job.state, Queued):
            self.queue.remove(job, workload)
        if isinstance(job.state, Abandoning):
            job.move(Finished(job.state.outcome), now)
        else:
            job.move(Finished(outcome), now)
            job.settled_at = now
            self._instructions.append(Finish(job.id, outcome))
        if job.id in self.locks.qpu:
            self._release_qpu(job, now)
        self.locks.release_all(job.id, now)
        self.unfinished[job.instance.id] -= 1
        charged = job.charged_seconds(now)
        if charged and (workload is None or workload.mode is not Mode.SESSION):
            self.ledger.charge(job.instance, charged, now)
        if workload is not None:
            workload.job_seconds += charged
            if job.id in workload.running:
                workload.running.remove(job.id)
                workload.last_job_completed = now
            self._rest(workload, now)

    def _release_qpu(self, job: Job, now: float) -> None:
        self.locks.qpu.release(job.id, now)
        job.released_at = now
        self._executing = None

    # -- sessions and batches ----------------------------------------------------------------

    def _stop_accepting(
        self, workload_id: str, why: str, now: float, *, drop_queued: Outcome | None = None
    ) -> None:
        """Close a workload to submissions, and for good as soon as it has no job left."""
        workload = self.open_workloads.get(workload_id)
        if workload is None:  # closed before, and perhaps forgotten
            return
        workload.accepting_jobs = False
        workload.closed_because = workload.closed_because or why
        if drop_queued is not None:
            for job_id in list(workload.queued):
                self._finish(self.jobs[job_id], drop_queued, now)
        self._rest(workload, now)

    def _rest(self, workload: Workload, now: float) -> None:
        """See whether a workload has nothing to do: it begins to idle, or is closed."""
        if workload.has_jobs or workload.state is WorkloadState.CLOSED:
            return
        if workload.accepting_jobs:
            workload.idle_since = now
            return
        self._leave_active(workload, WorkloadState.CLOSED, now)
        del self.open_workloads[workload.id]
        self._announced.pop(workload.id, None)

    def _activate(self, workload: Workload, now: float) -> None:
        workload.move(WorkloadState.ACTIVE, now)
        if workload.mode is Mode.SESSION:
            granted = self.locks.reservation.acquire_nowait(workload.id, now)
            assert granted, "a session was activated while another one is active"

    def _leave_active(self, workload: Workload, state: WorkloadState, now: float) -> None:
        """Move to a state without priority; a session that was active is charged its window."""
        workload.move(state, now)
        if workload.id in self.locks.reservation:
            hold = self.locks.reservation.release(workload.id, now)
            self.ledger.charge(workload.instance, hold.end - hold.start, now)

    def _workload_of(self, job: Job) -> Workload | None:
        return None if job.workload_id is None else self.workloads[job.workload_id]

    # -- starting what can start -------------------------------------------------------------

    def _pump(self, now: float) -> None:
        self._fill_lanes(now)
        self._feed_qpu(now)

    def _fill_lanes(self, now: float) -> None:
        locks = self.locks
        if not locks.reservation.idle:
            self._start_queued(self.workloads[locks.reservation.holders[0]], now)
            return
        while locks.lanes.free:
            if self.draining_for is not None and not self.draining_for.queued:
                self.draining_for = None  # its jobs were cancelled meanwhile
            if self.draining_for is None:
                self._start_active_batches(now)
                entry = self.queue.first(self.open_workloads, now) if locks.lanes.free else None
                if entry is None:
                    return
                if entry.workload is None:
                    self._start(self.jobs[entry.job_id], now)
                    continue
                if entry.workload.mode is Mode.BATCH:
                    self._activate(entry.workload, now)
                    continue
                self.draining_for = entry.workload
            if locks.lanes.idle and locks.qpu.idle:
                session, self.draining_for = self.draining_for, None
                self._activate(session, now)
                self._start_queued(session, now)
            return

    def _start_active_batches(self, now: float) -> None:
        """Let the jobs of active batches into free lanes, the longest active batch first."""
        batches = [
            workload
            for workload in self.open_workloads.values()
            if workload.state is WorkloadState.ACTIVE and workload.queued
        ]
        for batch in sorted(batches, key=lambda batch: batch.windows[-1].start):
            self._start_queued(batch, now)

    def _start_queued(self, workload: Workload, now: float) -> None:
        while workload.queued and self.locks.lanes.free:
            self._start(self.jobs[next(iter(workload.queued))], now)

    def _start(self, job: Job, now: float) -> None:
        workload = self._workload_of(job)
        self.queue.remove(job, workload)
        granted = self.locks.lanes.acquire_nowait(job.id, now)
        assert granted, "a job was started without a free lane"
        job.move(Compiling(), now)
        job.running_at = now
        if workload is not None:
            workload.running.add(job.id)
            workload.last_job_started = now
        self._announced.pop(self._line(job), None)
        self._instructions.append(Compile(job.id))

    def _feed_qpu(self, now: float) -> None:
        locks = self.locks
        free_for_calibration = locks.reservation.idle and self.draining_for is None
        free_for_calibration = free_for_calibration and now >= self.maintained_until
        if self.calibrations and locks.qpu.idle and free_for_calibration:
            locks.qpu.acquire_nowait(CALIBRATION, now, ahead=True)
            self.calibration_ends_at = now + self.calibrations.popleft()
        job_id = locks.qpu.grant(now) if now >= self.maintained_until else None
        if job_id is not None:
            job = self.jobs[job_id]
            job.move(Executing(now, now + job.max_execution_seconds), now)
            job.executing_at = now
            self._executing = job
            self._instructions.append(Execute(job.id))
