"""Makes a recording of what the runtime keeps of jobs and workloads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from qiskit_modes.planning.recording.recorded_job import RecordedJob
from qiskit_modes.planning.recording.recording import DECIMALS, RecordedWorkload, Recording
from qiskit_modes.runtime.clock import iso
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.runtime.workers.worker_process import Work
from qiskit_modes.scheduling import Instance, Mode, Workload
from qiskit_modes.scheduling.job import Cancelled, Completed, EndedBy, Failed, Job
from qiskit_modes.scheduling.rules.waiting import CALIBRATION
from qiskit_modes.scheduling.workload import ClosedBy

__all__ = ["JobFacts", "make_recording", "recording_of_jobs"]


@dataclass
class JobFacts:
    """Notes of a job when it is submitted; its core goes on telling how far it is."""

    core: Job
    qpu: QPU
    workload: WorkloadRecord | None
    mode: Mode
    primitive: str
    tags: tuple[str, ...]
    executions: int
    quick_seconds: float | None
    estimated_seconds: float | None = None
    work: list[Work] = field(default_factory=list)
    """The job's own list, to which is added when a part of it has been done."""
    after_submission: int | None = None
    """The number of the job that the same thread submitted before it."""
    after_ends: tuple[int, ...] = ()
    """The numbers of the jobs whose ends its thread has seen since then."""

    @classmethod
    def of(cls, job: JobRecord) -> JobFacts:
        """Note what the runtime knows of a job."""
        return cls(
            core=job.core,
            qpu=job.qpu,
            workload=job.workload,
            mode=Mode(str(job.mode)),
            primitive=job.primitive_id,
            tags=tuple(job.tags),
            executions=job.executions,
            quick_seconds=job.usage_estimation_seconds,
            work=job.work,
        )


def recording_of_jobs(jobs: Iterable[JobRecord], runtime: LocalRuntime, user: str) -> Recording:
    """Return a recording of some jobs as they are now, without what their users waited for.

    Args:
        jobs: Of any number of QPUs.
        runtime: Theirs.
        user: The id of the instance whose jobs are the user's own.
    """
    facts = sorted(map(JobFacts.of, jobs), key=lambda each: each.core.submitted_at)
    origin = facts[0].core.submitted_at if facts else runtime.clock.now()
    return replace(make_recording(facts, runtime, origin), user=user)


def make_recording(facts: Sequence[JobFacts], runtime: LocalRuntime, origin: float) -> Recording:
    """Return a recording of some jobs and of their sessions and batches.

    Args:
        facts: The jobs, in the order of submission.
        runtime: Theirs.
        origin: When the recording began, on its clock.
    """
    writer = _Writer(runtime, origin)
    for each in facts:
        writer.add(each)
    return writer.recording()


class _Writer:
    """Numbers and names everything, and takes the times from the beginning."""

    def __init__(self, runtime: LocalRuntime, origin: float) -> None:
        self._runtime = runtime
        self._origin = origin
        self._now = runtime.clock.now()
        self._qpus: dict[QPU, str] = {}
        self._instances: dict[str, Instance] = {}
        self._workloads: dict[str, RecordedWorkload] = {}
        self._jobs: list[RecordedJob] = []
        self._work: dict[int, tuple[tuple[str, float, float], ...]] = {}
        self._compile_work: dict[int, tuple[tuple[str, float, float], ...]] = {}

    def add(self, facts: JobFacts) -> None:
        number = len(self._jobs) + 1
        core = facts.core
        story = self._runtime.at_one_moment(facts.qpu, lambda: list(core.story))
        times = {_snake(name): self._time(at) for at, name in story}
        workload = None if facts.workload is None else self._workload(facts.workload)
        after = [times_of.submitted_at for times_of in self._before(facts)]
        after += [self._jobs[n - 1].settled_at or 0.0 for n in facts.after_ends]
        thinking = times["queued"] - max(after, default=0.0)
        self._jobs.append(
            RecordedJob(
                number=number,
                id=core.id,
                primitive=facts.primitive,
                qpu=self._qpu(facts.qpu),
                instance=self._instance(core.instance),
                mode=facts.mode,
                times=times,
                **_outcome(core),
                workload=workload,
                tags=facts.tags,
                max_execution_seconds=_own_limit(core),
                executions=facts.executions,
                quick_seconds=facts.quick_seconds,
                estimated_seconds=facts.estimated_seconds,
                after_submission=facts.after_submission,
                after_ends=facts.after_ends,
                thinking_seconds=max(round(thinking, DECIMALS), 0.0),
            )
        )
        done = list(facts.work)
        executed = [each for each in done if each.step == "execute"]
        if executed:
            interval = core.executing_at, core.released_at
            self._work[number] = tuple(self._within(interval, executed))
        if len(done) > len(executed):
            compiled = [each for each in done if each.step == "compile"]
            interval = core.submitted_at, core.executing_at
            self._compile_work[number] = tuple(self._within(interval, compiled))

    def _within(
        self, interval: tuple[float | None, float | None], done: Iterable[Work]
    ) -> Iterator[tuple[str, float, float]]:
        """Yield who did what; clocks of two processes may differ, so the job's own times decide."""
        first, last = interval
        for each in done:
            start = max(each.started, each.started if first is None else first)
            stop = max(start, min(each.stopped, each.stopped if last is None else last))
            yield each.worker, self._time(start), self._time(stop)

    def recording(self) -> Recording:
        seen = {name: self._runtime.snapshot(qpu) for qpu, name in self._qpus.items()}
        calibrations = [
            (name, self._time(hold.start), self._time(hold.end))
            for name, snapshot in seen.items()
            for hold in snapshot.holds
            if hold.holder == CALIBRATION and hold.start >= self._origin
        ]
        return Recording(
            created=iso(self._runtime.clock.utc(self._origin)),
            seconds=self._time(self._now),
            qpus={name: snapshot.lanes for name, snapshot in seen.items()},
            instances=self._instances,
            workloads=tuple(self._workloads.values()),
            jobs=tuple(self._jobs),
            calibrations=tuple(calibrations),
            work=self._work,
            compile_work=self._compile_work,
        )

    def _time(self, at: float) -> float:
        return round(at - self._origin, DECIMALS)

    def _before(self, facts: JobFacts) -> list[RecordedJob]:
        return [] if facts.after_submission is None else [self._jobs[facts.after_submission - 1]]

    def _qpu(self, qpu: QPU) -> str:
        if qpu not in self._qpus:
            namesakes = sum(other.name == qpu.name for other in self._qpus)
            self._qpus[qpu] = f"{qpu.name} ({namesakes + 1})" if namesakes else qpu.name
        return self._qpus[qpu]

    def _instance(self, instance: Instance) -> str:
        self._instances.setdefault(instance.id, instance)
        return instance.id

    def _workload(self, record: WorkloadRecord) -> int:
        if record.id not in self._workloads:
            self._workloads[record.id] = self._runtime.at_one_moment(
                record.qpu, lambda: self._recorded(record, record.core)
            )
        return self._workloads[record.id].number

    def _recorded(self, record: WorkloadRecord, core: Workload) -> RecordedWorkload:
        closing_at = core.closing_at
        by_user = core.closed_by in (ClosedBy.CLOSING, ClosedBy.CANCELLING)
        return RecordedWorkload(
            number=len(self._workloads) + 1,
            id=core.id,
            mode=core.mode,
            qpu=self._qpu(record.qpu),
            instance=self._instance(core.instance),
            opened_at=self._time(core.opened_at),
            max_ttl_seconds=core.max_ttl_seconds,
            interactive_ttl_seconds=core.interactive_ttl_seconds,
            windows=tuple(
                (self._time(w.start), None if w.end is None else self._time(w.end))
                for w in core.windows
            ),
            closing_at=self._time(closing_at) if by_user and closing_at is not None else None,
            cancelled=core.closed_by is ClosedBy.CANCELLING,
            closed_at=None if core.closed_at is None else self._time(core.closed_at),
            usage_seconds=round(core.usage_seconds(self._now), DECIMALS),
        )


def _own_limit(core: Job) -> float | None:
    """Return a job's own limit of its time on the QPU; None if it has the plan's."""
    usual = core.instance.plan.max_execution_seconds
    return None if core.max_execution_seconds == usual else core.max_execution_seconds


def _snake(name: str) -> str:
    """Return a state's name as a recording has it.

    Example:
        >>> _snake("PostProcessing")
        'post_processing'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _outcome(core: Job) -> dict[str, Any]:
    match core.ending:
        case None:
            return {"outcome": "unfinished"}
        case Completed():
            return {"outcome": "completed"}
        case Failed(fault, reason, code):
            fields = {"fault": fault.name.lower(), "reason": reason, "code": code}
            return {"outcome": "failed", **fields}
        case Cancelled(reason, code, by):
            by_user = by is EndedBy.USER
            return {"outcome": "cancelled", "reason": reason, "code": code, "by_user": by_user}
