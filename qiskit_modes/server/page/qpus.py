"""Each QPU now: who has it, who waits for whom, and what ends when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.progress.outlook import clock_face
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.runtime.snapshot import Snapshot
from qiskit_modes.scheduling.instructions import Wait
from qiskit_modes.scheduling.rules.waiting import CALIBRATION, MAINTENANCE
from qiskit_modes.server.page.timeline import Timeline, by_owner
from qiskit_modes.server.page.words import (
    Owner,
    name_of,
    owner_of_job,
    owner_of_workload,
    plural,
    short,
)

__all__ = ["Line", "QpuLook", "Waiting", "all_qpus", "blocker_name"]

_MOST_NAMED = 6
"""Jobs that wait for the same, by name; the others are counted."""


@dataclass(frozen=True)
class Waiting:
    """Jobs of one owner that wait for somebody."""

    owner: Owner
    jobs: list[str]
    """Their ids, the first ones."""
    count: int
    since: float
    """For how many seconds the first has waited."""
    blocker: str
    """Whom they wait for, and what that does."""
    longest: str | None
    """How long they wait at most."""
    if_idle: str | None
    """How long if the blocker stays idle."""


@dataclass(frozen=True)
class Line:
    """One of the lanes."""

    job: str | None = None
    owner: Owner | None = None
    step: str = ""
    seconds: float = 0.0


@dataclass
class QpuLook:
    """A QPU at one moment, as the page shows it."""

    name: str
    state: str
    """A class of the style: reserved, draining, busy, closed or free."""
    label: str
    headline: str
    detail: str = ""
    holder: Owner | None = None
    """Who has it reserved, or is next."""
    ends: list[tuple[str, str, float]] = field(default_factory=list)
    """What ends by itself: what happens then, in what time, and which part of its time is over."""
    on_qpu: Line | None = None
    lanes: list[Line] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    timeline: Timeline | None = None

    @property
    def waits(self) -> int:
        """Number of jobs that wait for somebody else."""
        return sum(each.count for each in self.waiting)


def all_qpus(runtime: LocalRuntime, *, drawn: bool = True) -> list[QpuLook]:
    """Return every QPU that has been used, those with something to see first.

    Args:
        runtime: Whose.
        drawn: Whether each has the picture of its latest time.
    """
    jobs: dict[QPU, list[JobRecord]] = defaultdict(list)
    for job in runtime.jobs_at_hand():
        jobs[job.qpu].append(job)
    workloads: dict[QPU, list[WorkloadRecord]] = defaultdict(list)
    for workload in runtime.workloads():
        workloads[workload.qpu].append(workload)
    looks = []
    for qpu in runtime.qpus():
        snapshot = runtime.snapshot(qpu)
        look = _look_at(runtime, qpu, snapshot, {job.id: job for job in jobs[qpu]})
        if drawn:
            look.timeline = by_owner(jobs[qpu], workloads[qpu], snapshot.at)
        looks.append(look)
    order = ("reserved", "draining", "closed", "busy", "free")
    return sorted(looks, key=lambda look: (order.index(look.state), look.name))


def _look_at(
    runtime: LocalRuntime, qpu: QPU, snapshot: Snapshot, known: dict[str, JobRecord]
) -> QpuLook:
    look = _headline(runtime, qpu, snapshot, known)
    look.on_qpu = _on_qpu(snapshot, known)
    look.lanes = _lanes(snapshot, known)
    look.waiting = _waiting(runtime, snapshot, known)
    if look.holder is not None and look.waits:
        verb = "waits" if look.waits == 1 else "wait"
        look.headline = f"{look.headline.removesuffix('.')}; {plural(look.waits, 'job')} {verb}."
    return look


def _headline(
    runtime: LocalRuntime, qpu: QPU, snapshot: Snapshot, known: dict[str, JobRecord]
) -> QpuLook:
    scheduler = qpu.scheduler
    maintained, draining = runtime.at_one_moment(
        qpu, lambda: (scheduler.maintained_until, scheduler.draining_for)
    )
    if snapshot.reserved_for is not None:
        return _reserved(runtime, qpu, snapshot)
    if maintained > snapshot.at:
        left = clock_face(maintained - snapshot.at)
        return QpuLook(name_of(qpu), "closed", "maintenance", f"Out of service for {left} more.")
    if draining is not None:
        record = runtime.workload(draining.id)
        holder = None if record is None else owner_of_workload(record)
        return QpuLook(
            name_of(qpu),
            "draining",
            "being cleared",
            f"Session {short(draining.id)} is next, and gets this QPU to itself.",
            f"First {plural(len(snapshot.in_lanes), 'job')} in progress must end; nothing else "
            "starts until then.",
            holder,
        )
    if snapshot.on_qpu == CALIBRATION:
        return QpuLook(name_of(qpu), "closed", "calibration", "It is being calibrated.")
    if snapshot.in_lanes:
        owners = {
            owner_of_job(known[use.job_id]) for use in snapshot.in_lanes if use.job_id in known
        }
        return QpuLook(
            name_of(qpu),
            "busy",
            "shared",
            f"{plural(len(snapshot.in_lanes), 'job')} of "
            f"{plural(len(owners), 'workload')} in progress; nobody has it reserved.",
        )
    return QpuLook(name_of(qpu), "free", "free", "Nothing runs, and nobody has it reserved.")


def _reserved(runtime: LocalRuntime, qpu: QPU, snapshot: Snapshot) -> QpuLook:
    session_id = snapshot.reserved_for
    assert session_id is not None, "it is reserved"
    record = runtime.workload(session_id)
    if record is None:  # one that is not listed
        return QpuLook(name_of(qpu), "reserved", "reserved", f"Session {short(session_id)} has it.")
    core, now = record.core, snapshot.at

    def look() -> tuple[Any, ...]:
        return core.ends_at(), core.has_jobs, core.idle_since, core.accepting_jobs, len(core.queued)

    ends_at, has_jobs, idle_since, accepting, queued = runtime.at_one_moment(qpu, look)
    owner = owner_of_workload(record)
    shown = QpuLook(
        name_of(qpu),
        "reserved",
        "reserved",
        f"Session {short(session_id)} of {owner.instance} has this QPU to itself.",
        holder=owner,
    )
    if has_jobs:
        more = f", {plural(queued, 'more job')} of its own to come" if queued else ""
        shown.detail = f"It is working{more}." if accepting else f"It is closing{more}."
    else:
        ttl = core.interactive_ttl_seconds
        left = max(idle_since + ttl - now, 0.0)
        shown.detail = f"It is idle: without another job it gives way in {clock_face(left)}."
        shown.ends.append(("gives way if it stays idle", clock_face(left), 1 - left / ttl))
    if ends_at is not None:
        left = max(ends_at - now, 0.0)
        part = 1 - left / core.max_ttl_seconds
        shown.ends.append(("ends at the latest (maximum TTL)", clock_face(left), part))
    return shown


def _on_qpu(snapshot: Snapshot, known: dict[str, JobRecord]) -> Line | None:
    if snapshot.on_qpu is None or snapshot.on_qpu_since is None:
        return None
    record = known.get(snapshot.on_qpu)
    owner = None if record is None else owner_of_job(record)
    job = None if record is None else record.id
    return Line(job, owner, snapshot.on_qpu, snapshot.at - snapshot.on_qpu_since)


def _lanes(snapshot: Snapshot, known: dict[str, JobRecord]) -> list[Line]:
    words = {
        "Compiling": "compiling",
        "Ready": "ready",
        "Executing": "on the QPU",
        "PostProcessing": "post-processing",
        "Abandoning": "being stopped",
    }
    lanes = []
    for use in snapshot.in_lanes:
        record = known.get(use.job_id)
        owner = None if record is None else owner_of_job(record)
        step = words.get(use.step, use.step)
        lanes.append(Line(use.job_id, owner, step, snapshot.at - use.since))
    return lanes + [Line()] * (snapshot.lanes - len(lanes))


def _waiting(
    runtime: LocalRuntime, snapshot: Snapshot, known: dict[str, JobRecord]
) -> list[Waiting]:
    groups: dict[tuple[Owner, str], list[Wait]] = defaultdict(list)
    for wait in snapshot.waits:
        record = known.get(wait.job_id)
        if record is not None:
            groups[owner_of_job(record), wait.blocker_id].append(wait)
    found = []
    for (owner, blocker_id), waits in groups.items():
        first = min(known[wait.job_id].core.submitted_at for wait in waits)
        found.append(
            Waiting(
                owner,
                [wait.job_id for wait in waits[:_MOST_NAMED]],
                len(waits),
                snapshot.at - first,
                f"{blocker_name(runtime, blocker_id)} {waits[0].reason}",
                _time(waits[0].longest_seconds),
                _time(waits[0].seconds_if_idle),
            )
        )
    return sorted(found, key=lambda each: -each.since)


def blocker_name(
    runtime: LocalRuntime, blocker_id: str, seen: Collection[str] | None = None
) -> str:
    """Return how people call whom a job waits for.

    Args:
        runtime: Whose.
        blocker_id: A session, a batch, a job, or what else keeps a QPU.
        seen: Ids of the instances whose workloads may be named; None for all.
    """
    if blocker_id in (CALIBRATION, MAINTENANCE):
        return blocker_id
    workload, job = runtime.workload(blocker_id), None
    if workload is None:
        job = runtime.job(blocker_id)
        workload = None if job is None else job.workload
    known = workload.core.instance.id if workload is not None else job and job.instance.id
    if seen is not None and known not in seen:
        mode = workload.core.mode if workload is not None else "job"
        return f"a {mode} of another instance"
    if workload is None:
        return f"job {short(blocker_id)}"
    name = owner_of_workload(workload).name
    return name if job is None else f"job {short(blocker_id)} of {name}"


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else clock_face(seconds)
