"""The table of workloads: sessions and batches, and the jobs of job mode."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from qiskit_modes.runtime.keeping.job_rows import ENDINGS
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
from qiskit_modes.simulation.backends.names import fake_name, machine_name
from qiskit_modes.store.rows import WorkloadQuery

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


def table(runtime: LocalRuntime, filters: Filters, seen: Collection[str] | None) -> Table:
    """Return the workloads that match, the newest first.

    Args:
        runtime: Whose.
        filters: What they must match.
        seen: Ids of the instances whose workloads may be seen; None for all.
    """
    query = _query(filters, seen)
    if filters.state in _LIVE:  # how far what goes on is, only those know who have it under way
        known, _ = runtime.find_workloads(query)
        found = [row for row in _rows(runtime, known) if row.state == filters.state]
        count, pages = len(found), _pages(len(found))
        first = (min(filters.page, pages) - 1) * _PER_PAGE
        rows = found[first : first + _PER_PAGE]
    else:
        page = replace(query, skip=(filters.page - 1) * _PER_PAGE, limit=_PER_PAGE)
        records, count = runtime.find_workloads(page)
        pages = _pages(count)
        if not records and count:
            last = replace(page, skip=(pages - 1) * _PER_PAGE)
            records, count = runtime.find_workloads(last)
        rows = _rows(runtime, records)
    qpus, instances = runtime.places_of(seen)
    return Table(rows, count, pages, filters, sorted({*map(machine_name, qpus)}), sorted(instances))


_OF_JOBS = frozenset({"queued", "running"})
_OF_WORKLOADS = frozenset({"open", "active", "inactive", "closing"})
_LIVE = _OF_JOBS | _OF_WORKLOADS
"""States of what has not ended."""

_ENDED = {status.lower(): endings for status, endings in ENDINGS.items()}


def _query(filters: Filters, seen: Collection[str] | None) -> WorkloadQuery:
    state = filters.state
    instances = None if seen is None else frozenset(seen)
    if filters.instance:
        named = frozenset({filters.instance})
        instances = named if instances is None else named & instances
    modes = frozenset(map(str, Mode))
    if state in _OF_JOBS or state in _ENDED:
        modes &= {str(Mode.JOB)}
    elif state in _OF_WORKLOADS or state == "closed":
        modes -= {str(Mode.JOB)}
    elif state not in ("", "open ones"):
        modes = frozenset()  # there is no such state
    if filters.mode:
        modes &= {filters.mode}
    goes_on = True if state in _LIVE or state == "open ones" else None
    return WorkloadQuery(
        modes=modes,
        instances=instances,
        qpus=frozenset({filters.qpu, fake_name(filters.qpu)}) if filters.qpu else None,
        text=filters.text.strip(),
        is_open=False if state == "closed" else goes_on,
        endings=_ENDED.get(state),
    )


def _pages(count: int) -> int:
    return max(-(-count // _PER_PAGE), 1)


def _rows(runtime: LocalRuntime, records: Sequence[JobRecord | WorkloadRecord]) -> list[TableRow]:
    ids = [each.id for each in records if isinstance(each, WorkloadRecord)]
    tags = runtime.tags_of_workloads(ids) if ids else {}
    return [
        _row_of_job(runtime, each)
        if isinstance(each, JobRecord)
        else _row_of_workload(runtime, each, tags.get(each.id, []))
        for each in records
    ]


def _row_of_workload(runtime: LocalRuntime, record: WorkloadRecord, tags: list[str]) -> TableRow:
    core, clock = record.core, runtime.clock
    now = clock.now()
    unfinished = len(core.queued) + len(core.running)
    end = core.closed_at
    return TableRow(
        str(core.mode),
        core.id,
        f"/ui/workloads/{core.id}",
        owner_of_workload(record),
        state_of(record),
        name_of(record.qpu),
        tags[:6],
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
