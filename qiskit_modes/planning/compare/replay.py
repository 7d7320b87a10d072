"""A recording played again, by the package's own scheduler on a virtual clock.

Every job is submitted when its user would submit it: when what the user had waited for in the
recording has happened again, and the thinking time after it has passed. Played in the recorded
mode and with the recorded durations, everything happens at the recorded times; only what users
did at the very same nanosecond may be done in another order.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

import numpy as np
import simpy

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning.compare.machine import (
    NANOSECONDS,
    ReplayedQPU,
    StepTimes,
    nanoseconds,
)
from qiskit_modes.planning.compare.traffic import NONE, Traffic
from qiskit_modes.planning.recording.recorded_job import RecordedJob
from qiskit_modes.planning.recording.recording import RecordedWorkload, Recording
from qiskit_modes.scheduling import Instance, Ledger, Mode
from qiskit_modes.scheduling.events import JobSubmitted, WorkloadOpened
from qiskit_modes.scheduling.instructions import Refuse
from qiskit_modes.scheduling.job import Job
from qiskit_modes.scheduling.workload import Workload, WorkloadState

__all__ = ["Replay", "Run", "compared_jobs"]

_LONGEST_DAYS = 60
"""Simulated days after which a replay is given up: something waits for what cannot happen."""


def compared_jobs(recording: Recording) -> list[RecordedJob]:
    """Return the jobs whose mode is in question.

    Those are the jobs in sessions and batches of the user, who is the instance with most of the
    jobs; a job of job mode beside them stays one. Where there is no session and no batch, those are
    all jobs of the user.
    """
    mine = [job for job in recording.jobs if job.instance == recording.main_instance()]
    return [job for job in mine if job.workload is not None] or mine


@dataclass
class Run:
    """Events of one replay; times are seconds of its clock."""

    began_at: float
    """When the recording began."""
    jobs: dict[int, Job] = field(default_factory=dict)
    """The scheduler's facts of each job, by its number."""
    workloads: dict[str, Workload] = field(default_factory=dict)
    """The sessions and batches, by what they were opened for."""
    refusal: str | None = None
    """Why the rules refused what the program wanted, if they did: then it ended there."""


class _Refused(Exception):  # noqa: N818 - named for what happened
    """Ends the simulation."""


class Replay:
    """One replay of a recording.

    Args:
        recording: What to play.
        steps: How long the steps of each job last, by its number.
        mode: In which mode the jobs of `compared_jobs` run; None for all as recorded.
        instance: Who submits them; None for the recorded instance. The plan of the sessions and
            batches is this instance's.
        traffic: Who else uses the QPUs.
        seed: Of the random times of the others.
    """

    def __init__(
        self,
        recording: Recording,
        steps: Mapping[int, StepTimes],
        *,
        mode: Mode | None = None,
        instance: Instance | None = None,
        traffic: Traffic = NONE,
        seed: int = 0,
    ) -> None:
        self._recording = recording
        self._steps = steps
        self._mode = mode
        self._instance = instance
        self._compared = {job.number for job in compared_jobs(recording)}
        self._env = simpy.Environment()
        ledger = Ledger()
        neighbours: list[ReplayedQPU] = []
        self._qpus = {
            name: ReplayedQPU(self._env, lanes=lanes, ledger=ledger, neighbours=neighbours)
            for name, lanes in recording.qpus.items()
        }
        self._origin = nanoseconds(traffic.warm_up_seconds)
        self._submitted = {job.number: self._env.event() for job in recording.jobs}
        self._ended = {job.number: self._env.event() for job in recording.jobs}
        self._run = Run(self._origin / NANOSECONDS)
        random = np.random.default_rng(seed)
        for qpu in self._qpus.values():
            if traffic.jobs_per_hour:
                self._env.process(traffic.submit_for_ever(self._env, qpu, random))

    def run(self, *, until_seconds: float | None = None) -> Run:
        """Play it, and return what has happened.

        Args:
            until_seconds: When to stop, counted from the beginning of the recording; None for when
                all jobs in question have ended and are charged.

        Raises:
            InvalidInputError: If it does not end within sixty virtual days.
        """
        for calibration in self._recording.calibrations:
            self._env.process(self._calibrate(*calibration))
        for job in self._recording.jobs:
            self._env.process(self._submit(job))
        for key, jobs in self._groups().items():
            self._env.process(self._close(key, jobs))
        try:
            if until_seconds is None:
                self._run_to_the_end()
            else:
                self._env.run(until=self._origin + nanoseconds(until_seconds) + 1)
        except _Refused as refused:
            self._run.refusal = str(refused)
        return self._run

    # -- what the program does -----------------------------------------------------------------

    def _submit(self, job: RecordedJob) -> Generator[simpy.Event, None, None]:
        """Submit one job when its user would."""
        before = [self._ended[number] for number in job.after_ends]
        if job.after_submission is not None:
            before.append(self._submitted[job.after_submission])
        yield self._env.all_of(before) if before else self._env.timeout(self._origin)
        yield self._env.timeout(nanoseconds(job.thinking_seconds))
        qpu = self._qpus[job.qpu]
        event = JobSubmitted(
            str(job.number),
            self._instance_of(job),
            self._workload_id(job, qpu),
            job.max_execution_seconds,
        )
        replayed = qpu.submit(event, self._steps[job.number])
        if isinstance(replayed, Refuse):
            raise _Refused(replayed.message)
        self._run.jobs[job.number] = replayed.core
        if job.by_user and job.settled_at is not None:
            later = nanoseconds(job.settled_at) - nanoseconds(job.submitted_at)
            if later:
                self._env.process(self._cancel(job, later))
            else:  # before anything else happens at this moment
                qpu.cancel(str(job.number))
        self._submitted[job.number].succeed()
        if not replayed.ended.triggered:
            yield replayed.ended
        self._ended[job.number].succeed()

    def _cancel(self, job: RecordedJob, later: int) -> Generator[simpy.Event, None, None]:
        yield self._env.timeout(later)
        self._qpus[job.qpu].cancel(str(job.number))

    def _close(self, key: str, jobs: list[RecordedJob]) -> Generator[simpy.Event, None, None]:
        """Close a session or batch when its user would: after all that had happened before."""
        recorded = self._recorded_workload(jobs)
        if recorded is not None and recorded.closing_at is None:
            return
        closing_at = max(job.submitted_at for job in jobs)
        if recorded is not None and recorded.closing_at is not None:
            closing_at = recorded.closing_at
        before, latest = [], 0.0
        for job in jobs:
            # What was dropped when it was cancelled has not ended before that.
            dropped = job.outcome == "cancelled" and not job.by_user
            ended = job.settled_at is not None and job.settled_at <= closing_at and not dropped
            if recorded is not None and ended and job.settled_at is not None:
                before.append(self._ended[job.number])
                latest = max(latest, job.settled_at)
            elif job.submitted_at <= closing_at:
                before.append(self._submitted[job.number])
                latest = max(latest, job.submitted_at)
        yield self._env.all_of(before)
        yield self._env.timeout(max(nanoseconds(closing_at) - nanoseconds(latest), 0))
        if key in self._run.workloads:
            cancelled = recorded is not None and recorded.cancelled
            self._qpus[jobs[0].qpu].close(key, cancelled=cancelled)

    def _calibrate(self, qpu: str, start: float, end: float) -> Generator[simpy.Event, None, None]:
        # A nanosecond earlier: it was due before the QPU became free for it.
        yield self._env.timeout(max(self._origin + nanoseconds(start) - 1, 0))
        self._qpus[qpu].calibrate(end - start)

    # -- modes ---------------------------------------------------------------------------------

    def _mode_of(self, job: RecordedJob) -> Mode:
        return self._mode if self._mode and job.number in self._compared else job.mode

    def _instance_of(self, job: RecordedJob) -> Instance:
        if self._instance is not None and job.instance == self._recording.main_instance():
            return self._instance
        return self._recording.instances[job.instance]

    def _groups(self) -> dict[str, list[RecordedJob]]:
        """Return the jobs of each session and batch that this replay has."""
        groups: dict[str, list[RecordedJob]] = {}
        for job in self._recording.jobs:
            if self._mode_of(job) is not Mode.JOB:
                groups.setdefault(self._key(job), []).append(job)
        return groups

    @staticmethod
    def _key(job: RecordedJob) -> str:
        """Name the session or batch of a job; jobs of job mode share one on each QPU."""
        return f"workload {job.workload}" if job.workload else f"jobs on {job.qpu}"

    def _recorded_workload(self, jobs: list[RecordedJob]) -> RecordedWorkload | None:
        number = jobs[0].workload
        return None if number is None else self._recording.workload(number)

    def _workload_id(self, job: RecordedJob, qpu: ReplayedQPU) -> str | None:
        """Return the id of the session or batch of a job, which its first job opens."""
        mode = self._mode_of(job)
        if mode is Mode.JOB:
            return None
        key = self._key(job)
        if key not in self._run.workloads:
            instance = self._instance_of(job)
            opened = qpu.open(WorkloadOpened(key, mode, instance, self._max_ttl(job)))
            if isinstance(opened, Refuse):
                raise _Refused(opened.message)
            self._run.workloads[key] = opened
        return key

    def _max_ttl(self, job: RecordedJob) -> float | None:
        """Return the maximum TTL that the user asked for; None where it was the plan's."""
        recorded = None if job.workload is None else self._recording.workload(job.workload)
        if recorded is None:
            return None
        usual = self._recording.instances[recorded.instance].plan.max_ttl_seconds
        return None if recorded.max_ttl_seconds == usual else recorded.max_ttl_seconds

    # -- the end -------------------------------------------------------------------------------

    def _run_to_the_end(self) -> None:
        over = self._env.all_of([self._ended[number] for number in self._compared])
        latest = self._origin + nanoseconds(_LONGEST_DAYS * 86_400.0)
        while not (over.processed and self._all_charged()):
            if self._env.peek() > latest:
                raise InvalidInputError(
                    f"the replay does not end within {_LONGEST_DAYS} days: some job waits for "
                    "what never happens, such as time on a QPU that is always busy"
                )
            self._env.step()

    def _all_charged(self) -> bool:
        """Tell whether no session or batch in question is active any more."""
        keys = {self._key(job) for job in self._recording.jobs if job.number in self._compared}
        return all(
            workload.state is not WorkloadState.ACTIVE
            for key, workload in self._run.workloads.items()
            if key in keys
        )
