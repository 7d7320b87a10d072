"""The page of a session or batch: its jobs, its timeline, and who waited for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from qiskit_modes.runtime.around import jobs_beside
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.scheduling import Mode, WorkloadState
from qiskit_modes.scheduling.job import Completed
from qiskit_modes.scheduling.workload import ClosedBy
from qiskit_modes.server.page.timeline import Timeline, by_job
from qiskit_modes.server.page.words import (
    Owner,
    duration,
    name_of,
    owner_of_workload,
    plural,
    state_of,
    whole_moment,
)
from qiskit_modes.store.rows import JobQuery

__all__ = ["WorkloadLook", "workload_look"]

_MOST_JOBS = 500
"""Jobs of a session or batch, and of others, that are looked up in a store."""


@dataclass(frozen=True)
class JobRow:
    """A job in the table of its workload."""

    id: str
    status: str
    program: str
    created: datetime
    qpu_seconds: str
    tags: list[str]


@dataclass(frozen=True)
class WorkloadLook:
    """A session or batch as its page shows it."""

    id: str
    owner: Owner
    mode: str
    state: str
    headline: str
    facts: list[tuple[str, str]]
    timeline: Timeline
    jobs: list[JobRow]
    is_open: bool


def workload_look(
    runtime: LocalRuntime, record: WorkloadRecord, seen: Collection[str] | None
) -> WorkloadLook:
    """Return a session or batch as its page shows it.

    Args:
        runtime: Whose.
        record: Which one.
        seen: Ids of the instances whose workloads may be seen beside it; None for all.
    """
    core, clock, now = record.core, runtime.clock, runtime.clock.now()
    own = [
        job
        for job in runtime.jobs_at_hand()
        if job.workload is not None and job.workload.id == record.id
    ]
    others = jobs_beside(record, runtime, instances=seen, limit=_MOST_JOBS)
    if len(own) < core.jobs_submitted:  # the others are not in memory any more
        query = JobQuery(workload=record.id, newest_first=True, limit=_MOST_JOBS)
        own = runtime.find_jobs(query)[0][::-1]
    done = sum(isinstance(job.core.ending, Completed) for job in own)
    facts = [
        ("QPU", name_of(record.qpu)),
        ("Instance", core.instance.id),
        ("Jobs", _jobs_of(core.jobs_submitted, len(own), done)),
        ("Usage", duration(core.usage_seconds(now))),
        (
            "Active",
            f"{duration(core.active_seconds(now))} in {plural(len(core.windows), 'window')}",
        ),
        ("Maximum TTL", duration(core.max_ttl_seconds)),
        ("Interactive TTL", duration(core.interactive_ttl_seconds)),
        ("Opened", whole_moment(clock.utc(core.opened_at))),
    ]
    if core.closed_at is not None:
        facts.append(("Closed", whole_moment(clock.utc(core.closed_at))))
    return WorkloadLook(
        core.id,
        owner_of_workload(record),
        str(core.mode),
        state_of(record),
        _story_of(record, now),
        facts,
        by_job(record, own, others, now),
        [_job_row(runtime, job) for job in reversed(own)][:200],
        core.state is not WorkloadState.CLOSED,
    )


def _jobs_of(submitted: int, known: int, done: int) -> str:
    latest = "" if known < _MOST_JOBS else f"of the latest {known:,} "
    return f"{submitted:,} submitted, {latest}{done:,} with a result"


def _story_of(record: WorkloadRecord, now: float) -> str:
    core = record.core
    match core.state:
        case WorkloadState.OPEN:
            return "Waits for its first job to start."
        case WorkloadState.ACTIVE if core.mode is Mode.SESSION:
            whose = f"Has {name_of(record.qpu)} to itself"
            if core.has_jobs:
                return f"{whose}, and works."
            left = max(core.idle_since + core.interactive_ttl_seconds - now, 0.0)
            return f"{whose}, but is idle: it gives way in {duration(left)}."
        case WorkloadState.ACTIVE:
            return f"Runs on {name_of(record.qpu)}, beside others."
        case WorkloadState.INACTIVE:
            return "Is inactive: its next job goes through the queue."
        case WorkloadState.CLOSED:
            if core.closed_by is ClosedBy.CLOSING:
                return "Its user closed it."
            return f"Is closed: {core.closed_because or 'it has ended'}."


def _job_row(runtime: LocalRuntime, job: JobRecord) -> JobRow:
    return JobRow(
        job.id,
        job.status.lower(),
        job.primitive_id,
        runtime.clock.utc(job.core.submitted_at),
        duration(job.core.held_seconds(runtime.clock.now())),
        list(job.tags)[:6],
    )
