"""A QPU on a virtual clock: the package's own scheduler, driven by SimPy instead of threads.

The simulation counts whole nanoseconds, so that adding times up never rounds: a replay with the
recorded durations meets the recorded times exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

import simpy

from qiskit_modes.scheduling import Ledger, Scheduler
from qiskit_modes.scheduling.events import (
    CalibrationDue,
    CancelRequested,
    Event,
    JobCompiled,
    JobExecuted,
    JobFailed,
    JobPostProcessed,
    JobSubmitted,
    TimePassed,
    UsageChanged,
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
    LookAgain,
    PostProcess,
    Refuse,
)
from qiskit_modes.scheduling.job import Fault, Job
from qiskit_modes.scheduling.workload import Workload

__all__ = ["NANOSECONDS", "ReplayedJob", "ReplayedQPU", "StepTimes", "nanoseconds"]

NANOSECONDS = 1_000_000_000
"""In a second."""


def nanoseconds(seconds: float) -> int:
    """Return a time in whole nanoseconds, the unit of the simulation."""
    return round(seconds * NANOSECONDS)


@dataclass(frozen=True)
class StepTimes:
    """Durations of a job's steps in nanoseconds; None for a step that ends only if stopped."""

    compile: int | None = 0
    execute: int | None = 0
    post_process: int | None = 0
    abandon: int = 0
    """From the moment when a step is stopped to its end."""
    fails_in: str = ""
    """At the end of which step the job fails; empty if it succeeds."""
    fault: Fault = Fault.USER
    reason: str = ""
    code: int | None = None


@dataclass(eq=False)
class ReplayedJob:
    """A job on a virtual clock."""

    core: Job
    """The scheduler's facts."""
    steps: StepTimes
    ended: simpy.Event
    """Triggered when its outcome is decided."""
    busy: bool = False
    """Whether a step of it is under way."""
    under_way: simpy.Event | None = field(default=None, repr=False)
    """The end of that step; replaced when it is stopped, None if it does not end by itself."""


class ReplayedQPU:
    """One QPU: hands events to a scheduler, and lets steps take their time.

    Args:
        env: Whose time counts, in nanoseconds.
        lanes: How many jobs are in progress at once.
        ledger: What the instances have used; shared with other QPUs.
        neighbours: All QPUs that share it; this one is added.
        ends: Begins a step of a job, and returns its end, if it lasts as long as something that is
            simulated besides; otherwise None, and it lasts as long as the job's steps say.
    """

    def __init__(
        self,
        env: simpy.Environment,
        *,
        lanes: int,
        ledger: Ledger,
        neighbours: list[ReplayedQPU],
        ends: Callable[[str, str], simpy.Event | None] = lambda _job_id, _step: None,
    ) -> None:
        self._ends = ends
        self._neighbours = neighbours
        neighbours.append(self)
        self.scheduler = Scheduler(lanes=lanes, ledger=ledger)
        self._env = env
        self._jobs: dict[str, ReplayedJob] = {}
        self._alarm: simpy.Event | None = None
        self._alarm_at = math.inf

    # -- what users do ---------------------------------------------------------------------------

    def submit(self, event: JobSubmitted, steps: StepTimes) -> ReplayedJob | Refuse:
        """Submit a job; return it, or why it was refused."""
        instructions = self.scheduler.handle(event, self._now())
        refused = next((i for i in instructions if isinstance(i, Refuse)), None)
        if refused is None:
            core = self.scheduler.jobs[event.job_id]
            self._jobs[event.job_id] = ReplayedJob(core, steps, self._env.event())
        self._carry_out(instructions)
        return refused or self._jobs[event.job_id]

    def open(self, event: WorkloadOpened) -> Workload | Refuse:
        """Open a session or batch; return it, or why it was refused."""
        refused = self._post(event)
        return refused or self.scheduler.workloads[event.workload_id]

    def close(self, workload_id: str, *, cancelled: bool = False) -> None:
        """Close or cancel a session or batch."""
        event = WorkloadCancelled(workload_id) if cancelled else WorkloadClosed(workload_id)
        self._post(event)

    def cancel(self, job_id: str) -> None:
        """Cancel a job, unless it has ended."""
        self._post(CancelRequested(job_id))

    def calibrate(self, seconds: float) -> None:
        """Let a calibration become due."""
        self._post(CalibrationDue(seconds))

    def job(self, job_id: str) -> ReplayedJob:
        """Return a job that was submitted."""
        return self._jobs[job_id]

    # -- events in, instructions out ---------------------------------------------------------------

    def _now(self) -> float:
        # Never earlier than what the scheduler knows: a deadline need not be a whole nanosecond.
        return max(self._env.now / NANOSECONDS, self.scheduler.now)

    def _post(self, event: Event) -> Refuse | None:
        instructions = self.scheduler.handle(event, self._now())
        self._carry_out(instructions)
        return next((i for i in instructions if isinstance(i, Refuse)), None)

    def _carry_out(self, instructions: list[Instruction]) -> None:
        for instruction in instructions:
            self._carry_out_one(instruction)
        self._set_alarm()

    def _carry_out_one(self, instruction: Instruction) -> None:
        match instruction:
            case Compile(job_id):
                job = self._jobs[job_id]
                self._begin(job, "compile", job.steps.compile, JobCompiled(job_id))
            case Execute(job_id):
                job = self._jobs[job_id]
                self._begin(job, "execute", job.steps.execute, JobExecuted(job_id))
            case PostProcess(job_id):
                job = self._jobs[job_id]
                self._begin(job, "post_process", job.steps.post_process, JobPostProcessed(job_id))
            case Abandon(job_id):
                job = self._jobs[job_id]
                # Its step may have ended at this very moment, and was answered for then.
                if job.busy:
                    stopped = JobFailed(job_id, Fault.SYSTEM, "it was stopped")
                    self._after(job, job.steps.abandon, stopped)
            case Finish(job_id):
                self._jobs[job_id].ended.succeed()
            case LookAgain(instance_id):
                for other in self._neighbours:
                    if other is not self and other.scheduler.concerns(instance_id):
                        other._post(UsageChanged(instance_id))  # noqa: SLF001 - one of its kind
            case Announce() | Refuse():
                pass
            case _:
                assert_never(instruction)

    def _begin(self, job: ReplayedJob, step: str, duration: int | None, done: Event) -> None:
        steps = job.steps
        if steps.fails_in == step:
            done = JobFailed(job.core.id, steps.fault, steps.reason, steps.code)
        job.busy = True
        simulated = self._ends(job.core.id, step)
        if simulated is not None:
            self._when(simulated, job, done)
        elif duration is None:
            job.under_way = None
        else:
            self._after(job, duration, done)

    def _after(self, job: ReplayedJob, delay: int, event: Event) -> None:
        """Post an event later, unless the job's step is stopped before."""
        self._when(self._env.timeout(delay), job, event)

    def _when(self, end: simpy.Event, job: ReplayedJob, event: Event) -> None:
        """Post an event at the end of a step, unless that is stopped before."""
        job.under_way = end

        def over(_: simpy.Event) -> None:
            if job.under_way is end:
                job.busy = False
                self._post(event)

        end.callbacks.append(over)

    def _set_alarm(self) -> None:
        """Have the scheduler told when its next deadline has come."""
        deadline = self.scheduler.next_deadline()
        if deadline is None:
            self._alarm, self._alarm_at = None, math.inf
            return
        at = max(nanoseconds(deadline), self._env.now)
        if self._alarm is not None and at == self._alarm_at:
            return
        alarm = self._env.timeout(at - self._env.now)
        self._alarm, self._alarm_at = alarm, at
        alarm.callbacks.append(lambda _: self._ring(alarm, deadline))

    def _ring(self, alarm: simpy.Event, deadline: float) -> None:
        # Steps that end at this very moment end first: they have not exceeded any limit.
        self._env.timeout(0).callbacks.append(lambda _: self._tell_time(alarm, deadline))

    def _tell_time(self, alarm: simpy.Event, deadline: float) -> None:
        if self._alarm is alarm:
            self._alarm = None
            now = max(self._now(), deadline)
            self._carry_out(self.scheduler.handle(TimePassed(), now))
