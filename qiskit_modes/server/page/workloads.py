"""The table of workloads, and each of them: sessions and batches, and the jobs of job mode."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.scheduling import Mode, WorkloadState
from qiskit_modes.scheduling.job import Completed
from qiskit_modes.scheduling.workload import ClosedBy
from qiskit_modes.server.page.timeline import Timeline, by_job, of_one
from qiskit_modes.server.page.words import (
    Owner,
    duration,
    name_of,
    owner_of_job,
    owner_of_workload,
    plural,
)
from qiskit_modes.wire.job_request import request_of

__all__ = [
    "Filters",
    "JobLook",
    "Table",
    "TableRow",
    "WorkloadLook",
    "job_look",
    "table",
    "workload_look",
]

_PER_PAGE = 50
_MOST_TEXT = 20_000
"""Characters of the inputs that are shown."""

_ENDED = frozenset({"closed", "done", "error", "cancelled"})


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


@dataclass(frozen=True)
class JobLook:
    """A job as its page shows it."""

    id: str
    owner: Owner
    status: str
    headline: str
    reason: str
    facts: list[tuple[str, str]]
    timeline: Timeline
    steps: list[tuple[str, str]]
    metrics: str
    logs: str
    inputs: str
    is_open: bool


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
        _state_of(record),
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


def _state_of(record: WorkloadRecord) -> str:
    core = record.core
    if core.state is not WorkloadState.CLOSED and not core.accepting_jobs:
        return "closing"
    return str(core.state)


def workload_look(runtime: LocalRuntime, record: WorkloadRecord) -> WorkloadLook:
    """Return a session or batch as its page shows it."""
    core, clock, now = record.core, runtime.clock, runtime.clock.now()
    own: list[JobRecord] = []
    others: list[JobRecord] = []
    for job in runtime.jobs():
        if job.qpu is record.qpu:
            is_own = job.workload is not None and job.workload.id == record.id
            (own if is_own else others).append(job)
    done = sum(isinstance(job.core.ending, Completed) for job in own)
    facts = [
        ("QPU", name_of(record.qpu)),
        ("Instance", core.instance.id),
        ("Jobs", f"{core.jobs_submitted} submitted, {done} with a result"),
        ("Usage", duration(core.usage_seconds(now))),
        (
            "Active",
            f"{duration(core.active_seconds(now))} in {plural(len(core.windows), 'window')}",
        ),
        ("Maximum TTL", duration(core.max_ttl_seconds)),
        ("Interactive TTL", duration(core.interactive_ttl_seconds)),
        ("Opened", _moment(clock.utc(core.opened_at))),
    ]
    if core.closed_at is not None:
        facts.append(("Closed", _moment(clock.utc(core.closed_at))))
    return WorkloadLook(
        core.id,
        owner_of_workload(record),
        str(core.mode),
        _state_of(record),
        _story_of(record, now),
        facts,
        by_job(record, own, others, now),
        [_job_row(runtime, job) for job in reversed(own)][:200],
        core.state is not WorkloadState.CLOSED,
    )


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


def job_look(runtime: LocalRuntime, job: JobRecord) -> JobLook:
    """Return a job as its page shows it."""
    core, now, owner = job.core, runtime.clock.now(), owner_of_job(job)
    shown = RuntimeJobV2(job, runtime)
    facts = [
        ("Program", _program(job)),
        ("QPU", name_of(job.qpu)),
        ("Instance", job.instance.id),
        ("Mode", f"{owner.mode}: {job.mode.reason}"),
        ("Submitted", _moment(runtime.clock.utc(core.submitted_at))),
        ("On the QPU", duration(core.held_seconds(now))),
        ("Usage", duration(core.charged_seconds(now))),
        ("Tags", ", ".join(job.tags) or "–"),
    ]
    return JobLook(
        job.id,
        owner,
        job.status.lower(),
        _story_of_job(runtime, job),
        job.reason or "",
        facts,
        of_one(job, now),
        list(_steps(job, now)),
        json.dumps(shown.metrics(), indent=2, default=str),
        shown.logs() if core.ending is not None else "",
        _inputs(job),
        core.ending is None,
    )


_NOW = {
    "Compiling": "Is being compiled.",
    "Ready": "Is ready, and waits for the QPU.",
    "Executing": "Is on the QPU.",
    "PostProcessing": "Is being post-processed.",
    "Abandoning": "Is being stopped.",
}


def _story_of_job(runtime: LocalRuntime, job: JobRecord) -> str:
    if job.core.ending is not None:
        return {"DONE": "Has its result.", "CANCELLED": "Was cancelled."}.get(job.status, "Failed.")
    now = runtime.clock.now()
    wait = runtime.at_one_moment(
        job.qpu,
        lambda: (
            job.qpu.scheduler.waits_for(job.id, now) if job.id in job.qpu.scheduler.jobs else None
        ),
    )
    if wait is None:
        return _NOW.get(type(job.core.state).__name__, "Waits for a lane.")
    blocker = runtime.workload(wait.blocker_id)
    name = wait.blocker_id if blocker is None else owner_of_workload(blocker).name
    most = "" if wait.longest_seconds is None else f", {duration(wait.longest_seconds)} at most"
    return f"Waits: {name} {wait.reason}{most}."


def _steps(job: JobRecord, now: float) -> Iterator[tuple[str, str]]:
    story = list(job.core.story)
    names = {
        "Queued": "Waited for a lane",
        "Compiling": "Compiled",
        "Ready": "Waited for the QPU",
        "Executing": "On the QPU",
        "PostProcessing": "Post-processed",
        "Abandoning": "Being stopped",
    }
    for number, (start, state) in enumerate(story):
        if state in names:
            end = story[number + 1][0] if number + 1 < len(story) else now
            yield names[state], duration(end - start)


def _program(job: JobRecord) -> str:
    request = request_of(job)
    return job.primitive_id if request is None else request.program_id


def _inputs(job: JobRecord) -> str:
    if job.private:
        return "The job is private: its inputs are hidden."
    request = request_of(job)
    text = None if request is None else request.params
    if text is None:
        return "Its inputs are not kept here."
    if len(text) > 10 * _MOST_TEXT:
        return f"{text[:_MOST_TEXT]}\n… {len(text):,} characters in all"
    pretty = json.dumps(json.loads(text), indent=2)
    return pretty if len(pretty) <= _MOST_TEXT else f"{pretty[:_MOST_TEXT]}\n…"


def _moment(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
