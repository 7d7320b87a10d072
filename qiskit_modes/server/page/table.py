"""The table of workloads: sessions and batches, and the jobs of job mode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.scheduling import Mode, WorkloadState
from qiskit_modes.server.page.words import (
    Owner,
    duration,
    name_of,
    owner_of_job,
    owner_of_workload,
    state_of,
)

__all__ = ["Filters", "Table", "TableRow", "table"]

_PER_PAGE = 50


@dataclass(frozen=True)
class Filters:
    """Filters in the address of the table; empty for everything."""

    mode: str = ""
    state: str = ""
    qpu: str = ""
    instance: str = ""
    text: str = ""
    """In the id or in a tag."""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """Return the filters of a query; what makes no sense there is left out."""
        page = query.get("page", "1")
        named = {
            name: query.get(name, "")[:200] for name in ("mode", "state", "qpu", "instance", "text")
        }
        return cls(**named, page=max(int(page), 1) if page.isdecimal() and len(page) < 6 else 1)


@dataclass(frozen=True)
class TableRow:
    """A workload in the table: a session, a batch, or a job of job mode."""

    kind: str
    id: str
    address: str
    owner: Owner
    state: str
    qpu: str
    tags: list[str]
    jobs: str
    """How many of its jobs have ended, and how many there are."""
    opened: datetime
    took: str
    usage: str
    is_open: bool
    """Whether it can be cancelled."""


@dataclass(frozen=True)
class Table:
    """One page of the table, and what one can filter by."""

    rows: list[TableRow]
    count: int
    pages: int
    filters: Filters
    qpus: list[str]
    instances: list[str]


def table(runtime: LocalRuntime, filters: Filters) -> Table:
    """Return the workloads that match, the newest first."""
    jobs = runtime.jobs()
    workloads = runtime.workloads()
    of_workload: dict[str, list[JobRecord]] = defaultdict(list)
    for job in jobs:
        if job.workload is not None:
            of_workload[job.workload.id].append(job)

    def row_of(record: JobRecord | WorkloadRecord) -> TableRow:
        if isinstance(record, JobRecord):
            return _row_of_job(runtime, record)
        return _row_of_workload(runtime, record, of_workload[record.id])

    found: list[JobRecord | WorkloadRecord] = [job for job in jobs if job.workload is None]
    found += workloads
    found.sort(key=_began_at, reverse=True)
    instances = {job.instance.id for job in jobs} | {each.core.instance.id for each in workloads}
    used = {job.qpu for job in jobs} | {each.qpu for each in workloads}
    if replace(filters, page=1) != Filters():
        found = [record for record in found if _matches(row_of(record), filters)]
    pages = max(-(-len(found) // _PER_PAGE), 1)
    first = (min(filters.page, pages) - 1) * _PER_PAGE
    return Table(
        [row_of(record) for record in found[first : first + _PER_PAGE]],
        len(found),
        pages,
        filters,
        sorted(map(name_of, used)),
        sorted(instances),
    )


def _began_at(record: JobRecord | WorkloadRecord) -> float:
    return record.core.submitted_at if isinstance(record, JobRecord) else record.core.opened_at


def _matches(row: TableRow, filters: Filters) -> bool:
    state = filters.state
    wanted = state in ("", row.state) or (state == "open ones" and row.is_open)
    text = filters.text.strip().lower()
    return (
        wanted
        and filters.mode in ("", row.kind)
        and filters.qpu in ("", row.qpu)
        and filters.instance in ("", row.owner.instance)
        and (not text or any(text in each.lower() for each in (row.id, *row.tags)))
    )


def _row_of_workload(
    runtime: LocalRuntime, record: WorkloadRecord, jobs: list[JobRecord]
) -> TableRow:
    core, clock = record.core, runtime.clock
    now = clock.now()
    unfinished = len(core.queued) + len(core.running)
    tags = dict.fromkeys(tag for job in jobs for tag in job.tags)
    end = core.closed_at
    return TableRow(
        str(core.mode),
        core.id,
        f"/ui/workloads/{core.id}",
        owner_of_workload(record),
        state_of(record),
        name_of(record.qpu),
        list(tags)[:6],
        f"{core.jobs_submitted - unfinished} / {core.jobs_submitted}",
        clock.utc(core.opened_at),
        duration((now if end is None else end) - core.opened_at),
        duration(core.usage_seconds(now)),
        core.state is not WorkloadState.CLOSED,
    )


def _row_of_job(runtime: LocalRuntime, job: JobRecord) -> TableRow:
    core, clock = job.core, runtime.clock
    now = clock.now()
    end = core.settled_at
    return TableRow(
        str(Mode.JOB),
        job.id,
        f"/ui/jobs/{job.id}",
        owner_of_job(job),
        job.status.lower(),
        name_of(job.qpu),
        list(job.tags)[:6],
        f"{int(core.ending is not None)} / 1",
        clock.utc(core.submitted_at),
        duration((now if end is None else end) - core.submitted_at),
        duration(core.charged_seconds(now)),
        core.ending is None,
    )
