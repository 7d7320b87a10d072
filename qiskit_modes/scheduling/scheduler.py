"""The rules by which many workloads share one QPU, as a pure state machine.

Events and the time go in, instructions come out; there are no threads, no clock and no files here.
The same object drives real threads, a test whose clock is a variable, and a simulation.

What happens in `Scheduler.handle`, always in this order:

1. Every deadline up to ``now`` is acted on, at its own time and in its order: a session whose time
   was over before a job came refuses it, however late anybody looked at the clock.
   What is at the very moment of its limit is stopped only by `TimePassed`: it may end at it.
2. The event is applied.
3. Whatever became possible is started: lanes are filled, and the QPU is given to the next job.

The machine is built in layers, a module each: what it knows (`state`), how things end (`endings`),
what may start (`dispatch`), what happens by itself (`deadlines`), what changes the terms of what is
there (`changes`); here, what others tell it. Whatever is looked for at every event is kept in order
(`agenda`, `queue`), so that an event costs O(log n) of what waits.

Several schedulers share a ledger, one for each QPU. What one of them does to it the others are told
by `LookAgain`, so that a limit is acted on everywhere when it is reached.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import assert_never

from qiskit_modes.scheduling.errors import IllegalTransition, InvariantViolation
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
from qiskit_modes.scheduling.instructions import (
    Instruction,
    LookAgain,
    PostProcess,
    Refusal,
    Refuse,
    Wait,
)
from qiskit_modes.scheduling.job import (
    COMPLETED,
    POST_PROCESSING,
    READY,
    Abandoning,
    Cancelled,
    Compiling,
    EndedBy,
    Executing,
    Failed,
    Job,
    JobState,
    PostProcessing,
)
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.rules.changes import Changes
from qiskit_modes.scheduling.rules.refusals import refuse_job, refuse_workload
from qiskit_modes.scheduling.rules.validation import validate
from qiskit_modes.scheduling.rules.waiting import explain_wait
from qiskit_modes.scheduling.workload import TTL, ClosedBy, Mode, Workload

__all__ = ["Scheduler"]

_MINUTE = 60.0


class Scheduler(Changes):
    """The scheduler of one QPU: decides which job is in a lane, and which one is on the QPU.

    Not thread safe: whoever shares it guards it with one mutex.

    Args:
        lanes: How many jobs are in progress at once; five on most of the service's QPUs.
        ledger: What the instances have used; shared by the schedulers of all QPUs.
    """

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
        self._advance(now, time_passed=isinstance(event, TimePassed))
        self._apply(event, now)
        self._pump(now)
        if self._moved:
            if self.ledger.shared:
                self._instructions += [LookAgain(instance_id) for instance_id in self._moved]
            self._moved.clear()
        self._nothing_due_before = float("-inf")
        instructions, self._instructions = self._instructions, []
        return instructions

    def next_deadline(self) -> float | None:
        """Return when ``handle(TimePassed(), now)`` must next be called, or None."""
        self._take_changes(self.now)
        due = self._next_due()
        self._nothing_due_before = float("inf") if due is None else due
        return due

    def concerns(self, instance_id: str) -> bool:
        """Return whether an instance has anything here that has not ended."""
        return instance_id in self._tenants

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
        self._take_changes(self.now)
        validate(self)

    # -- inside ------------------------------------------------------------------------------

    def _advance(self, now: float, *, time_passed: bool) -> None:
        if now < self.now:
            raise ValueError(f"time runs backwards: {now} after {self.now}")
        if not self._take_changes(self.now) and now < self._nothing_due_before:
            self.now = now
            return
        at_this_time = 0
        while (due := self._overdue(now, time_passed=time_passed)) is not None:
            at, act = due
            if self._take_changes(max(at, self.now)):
                # Usage has left a window by then: something may start, and what was due may not be.
                self.now = max(self.now, at)
                self._pump(self.now)
                continue
            at_this_time = at_this_time + 1 if at <= self.now else 0
            if at_this_time > 100 + 10 * (len(self.jobs) + len(self.open_workloads)):
                # A bug, but an error is better than a QPU that stands still for ever.
                raise InvariantViolation(f"the deadline at {at} does not pass: {act}")
            self.now = max(self.now, at)
            act(self.now)
            self._pump(self.now)
        self.now = now

    def _apply(self, event: Event, now: float) -> None:
        match event:  # first what every job has
            case JobSubmitted():
                self._submit(event, now)
            case JobCompiled(job_id):
                self._advance_job(self.jobs[job_id], Compiling, now)
            case JobExecuted(job_id):
                self._advance_job(self.jobs[job_id], Executing, now)
            case JobPostProcessed(job_id):
                self._advance_job(self.jobs[job_id], PostProcessing, now)
            case WorkloadOpened():
                self._open(event, now)
            case WorkloadClosed(workload_id):
                self._stop_accepting(workload_id, "it was closed", now, by=ClosedBy.CLOSING)
            case WorkloadCancelled(workload_id):
                dropped = Cancelled("its session or batch was cancelled", by=EndedBy.WORKLOAD)
                self._stop_accepting(
                    workload_id,
                    "it was cancelled",
                    now,
                    by=ClosedBy.CANCELLING,
                    drop_queued=dropped,
                )
            case WorkloadExpired(workload_id):
                if workload_id in self.open_workloads:
                    self._end_of_ttl(self.workloads[workload_id], TTL.MAX_TTL, now)
            case JobFailed(job_id, fault, reason, code):
                self._finish(self.jobs[job_id], Failed(fault, reason, code), now)
            case CancelRequested(job_id):
                self._cancel(job_id, now)
            case CalibrationDue(duration_seconds):
                self.calibrations.append(duration_seconds)
            case MaintenanceBegan(duration_seconds):
                self._maintain(duration_seconds, now)
            case InstanceChanged(instance):
                self._change(instance, now)
            case UsageChanged() | TimePassed():
                pass
            case _:
                assert_never(event)

    def _open(self, event: WorkloadOpened, now: float) -> None:
        event = replace(event, instance=self.ledger.current(event.instance))
        plan = event.instance.plan
        refusal = refuse_workload(event)
        if refusal is not None:
            self._instructions.append(refusal)
            return
        max_ttl = event.max_ttl_seconds or plan.max_ttl_seconds
        interactive_ttl = (
            plan.session_interactive_ttl_seconds
            if event.mode is Mode.SESSION
            else plan.batch_interactive_ttl_seconds
        )
        if not plan.interactive_ttl_may_exceed_max_ttl:
            interactive_ttl = min(interactive_ttl, max_ttl)
        workload = Workload(
            id=event.workload_id,
            mode=event.mode,
            instance=event.instance,
            max_ttl_seconds=max_ttl,
            interactive_ttl_seconds=interactive_ttl,
            opened_at=now,
            number=next(self._numbers),
        )
        self.workloads[workload.id] = self.open_workloads[workload.id] = workload
        self._tenancy(event.instance).open_workloads[workload.id] = workload
        self._note(workload)

    def _submit(self, event: JobSubmitted, now: float) -> None:
        current = self.ledger.current(event.instance)
        if current is not event.instance:
            event = replace(event, instance=current)
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
        self._tenancy(job.instance).unfinished += 1
        recent.append(now)
        if workload is not None:
            self.queue.add(job, workload)
            workload.jobs_submitted += 1
            self._note(workload)
        elif self._starts_at_once(job, now):
            self._enter_lane(job, now)
        else:
            self.queue.add(job, None)
            self._note_line(job.instance, waits=True)

    def _recent_submissions(self, instance: Instance, now: float) -> deque[float]:
        """Return when an instance has submitted jobs, for a minute, if its plan counts them."""
        if instance.plan.max_submissions_per_minute is None:
            return deque()  # which is not kept
        recent = self._submissions.setdefault(instance.id, deque())
        while recent and recent[0] <= now - _MINUTE:
            recent.popleft()
        return recent

    def _advance_job(self, job: Job, expected: type[JobState], now: float) -> None:
        """Move a job on whose step has succeeded; one that was abandoned ends instead."""
        match job.state:
            case Abandoning(ending):
                self._finish(job, ending, now)
            case Compiling() if expected is Compiling:
                job.move(READY, now)
                self.locks.qpu.request(job.id)
            case Executing() if expected is Executing:
                job.move(POST_PROCESSING, now)
                self._release_qpu(job, now)
                self._instructions.append(PostProcess(job.id))
            case PostProcessing() if expected is PostProcessing:
                self._finish(job, COMPLETED, now)
            case state:
                raise IllegalTransition(f"job {job.id}", state, f"after {expected}", job.story)

    def _cancel(self, job_id: str, now: float) -> None:
        job = self.jobs.get(job_id)
        if job is None or job.ending is not None:  # one that is not known was forgotten
            message = f"job {job_id} has already ended"
            self._instructions.append(Refuse(job_id, Refusal.ALREADY_FINAL, message))
        else:
            ending = Cancelled("it was cancelled by its user", by=EndedBy.USER)
            self._settle_early(job, ending, now)
