"""Upkeep of a store: what is in it, what may go, a copy of it, and whether it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from sqlalchemy import Row, Select, func, select

from qiskit_modes.store.heads import is_dead, now_microseconds
from qiskit_modes.store.job_queries import BODY_BYTES
from qiskit_modes.store.rows import BODY_KINDS, UNFINISHED, JobQuery, JobRow, moment
from qiskit_modes.store.schema import bodies, jobs, usage, workloads
from qiskit_modes.store.sql_store import SqlStore

__all__ = ["Pruned", "Summary", "check", "export", "prune", "summary"]

_AT_ONCE = 200
"""Jobs that are read, or deleted, in one step: others get their turn in between."""


@dataclass
class Summary:
    """Contents of a store."""

    name: str
    version: str
    """Of its tables."""
    jobs: dict[str, int] = field(default_factory=dict)
    """How many there are, by their endings."""
    workloads: dict[str, int] = field(default_factory=dict)
    """How many there are, by their modes."""
    usage_seconds: dict[str, float] = field(default_factory=dict)
    """What each instance was ever charged."""
    body_bytes: int = 0
    """Inputs and results together."""
    oldest: str | None = None
    """When the oldest job was submitted, as an ISO time."""
    newest: str | None = None
    heads: list[str] = field(default_factory=list)
    """The processes that use it."""


def summary(store: SqlStore) -> Summary:
    """Return what is in a store."""
    with store.reading() as connection:
        endings = connection.execute(select(jobs.c.ending, func.count()).group_by(jobs.c.ending))
        modes = connection.execute(select(workloads.c.mode, func.count()).group_by("mode"))
        charged = connection.execute(
            select(usage.c.instance, func.sum(usage.c.seconds)).group_by(usage.c.instance)
        )
        size = connection.scalar(select(func.sum(bodies.c.size)))
        span = connection.execute(select(func.min(jobs.c.created_at), func.max(jobs.c.created_at)))
        oldest, newest = span.one()
        return Summary(
            store.name,
            store.version(),
            {str(name): int(count) for name, count in endings},
            {str(name): int(count) for name, count in modes},
            {str(name): float(seconds) for name, seconds in charged},
            int(size or 0),
            None if oldest is None else moment(oldest).isoformat(),
            None if newest is None else moment(newest).isoformat(),
            [
                f"process {head.process_id} on {head.host.split()[0]}"
                + (", a server" if head.serves else "")
                for head in store.heads()
                if not is_dead(head, now_microseconds())
            ],
        )


@dataclass
class Pruned:
    """Jobs, sessions and batches that were dropped, or would be."""

    jobs: int = 0
    workloads: int = 0
    body_bytes: int = 0


def prune(
    store: SqlStore,
    *,
    older_than_seconds: float | None = None,
    keep_bytes: int | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Drop jobs that ended long ago, and the oldest of those that are too much; usage stays.

    What has not ended is never dropped, nor are sessions and batches that are open or have jobs.

    Args:
        store: From which.
        older_than_seconds: Jobs go that ended longer ago than this; None for none.
        keep_bytes: The oldest ended jobs go until inputs and results together take no more than
            this; None for none.
        dry_run: Whether only to say what would go.
    """
    pruned = Pruned()
    doomed: list[str] = []
    before = None
    if older_than_seconds is not None:
        before = now_microseconds() - int(older_than_seconds * 1e6)
    left = summary(store).body_bytes
    for row in _ended(store):
        too_old = before is not None and row.ended_at is not None and row.ended_at < before
        too_much = keep_bytes is not None and left > keep_bytes
        if not too_old and not (too_much and row.size):
            continue
        doomed.append(row.id)
        left -= row.size
        pruned.jobs += 1
        pruned.body_bytes += row.size
    old = _old_workloads(store, before, set(doomed))
    pruned.workloads = len(old)
    if not dry_run:
        for first in range(0, len(doomed), _AT_ONCE):
            with store.writing() as changes:
                changes.delete_jobs(doomed[first : first + _AT_ONCE])
        with store.writing() as changes:
            changes.delete_workloads(old)
        if doomed or old:
            store.tidy()
    return pruned


def _ended(store: SqlStore) -> Iterator[Row[Any]]:
    """Yield jobs that have ended, the one that ended first first, with the size of what it has."""
    wanted: Select[Any] = (
        select(jobs.c.id, jobs.c.ended_at, BODY_BYTES.label("size"))
        .where(jobs.c.is_final)
        .order_by(jobs.c.ended_at, jobs.c.number)
    )
    with store.reading() as connection:
        yield from connection.execute(wanted).all()


def _old_workloads(store: SqlStore, before: int | None, doomed: set[str]) -> list[str]:
    if before is None:
        return []
    with store.reading() as connection:
        wanted = select(jobs.c.id, jobs.c.workload).where(jobs.c.workload.is_not(None))
        used = {row.workload for row in connection.execute(wanted) if row.id not in doomed}
        closed = select(workloads.c.id).where(workloads.c.closed_at < before)
        return [row.id for row in connection.execute(closed) if row.id not in used]


def export(store: SqlStore, to: IO[str]) -> int:
    """Write all jobs as JSON, a line each, the oldest first; return how many.

    A line has the job's columns, its ``facts``, and its ``params``, ``result`` and ``error`` as the
    texts that the service answers with. Times are microseconds since 1970 in UTC.

    Args:
        store: Which one.
        to: A file, open for text.
    """
    count = 0
    for row in _all_jobs(store):
        line = {**vars(row), "tags": list(row.tags), "facts": dict(row.facts)}
        for kind in BODY_KINDS:
            text = store.body(row.id, kind)
            if text is not None:
                line[kind] = text
        to.write(json.dumps(line) + "\n")
        count += 1
    return count


def _all_jobs(store: SqlStore) -> Iterator[JobRow]:
    skip = 0
    while rows := store.find_jobs(JobQuery(skip=skip, limit=_AT_ONCE))[0]:
        yield from rows
        skip += len(rows)


def check(store: SqlStore) -> list[str]:
    """Return what is wrong in a store, a sentence each; nothing if it is whole.

    Looked at are the database's own pages (of SQLite), every text by its digest, that what
    completed has a result or says why not, that it is JSON, and that what is unfinished belongs to
    a process that lives.
    """
    found = _broken_pages(store)
    living = {each.id for each in store.heads() if not is_dead(each, now_microseconds())}
    for row in _all_jobs(store):
        result = _checked_body(store, row, "result", found)
        params = _checked_body(store, row, "params", found)
        if row.ending == UNFINISHED and row.head not in living:
            found.append(
                f"job {row.id} has not ended, and its process is gone: it ends when the store is "
                "opened next"
            )
        excused = row.facts.get("result_lost") or row.facts.get("private")
        if row.ending == "completed" and result is None and not excused:
            found.append(f"job {row.id} has completed, and has no result")
        for kind, text in (("params", params), ("result", result)):
            if text is not None and not _is_json(text):
                found.append(f"the {kind} of job {row.id} is not JSON")
    return found


def _checked_body(store: SqlStore, row: JobRow, kind: str, found: list[str]) -> str | None:
    where = (jobs.c.id == row.id) & (bodies.c.kind == kind) & (bodies.c.job == jobs.c.number)
    with store.reading() as connection:
        body = connection.execute(select(bodies.c.sha256, bodies.c.data).where(where)).first()
    if body is None:
        return None
    data = bytes(body.data)
    if hashlib.sha256(data).hexdigest() != body.sha256:
        found.append(f"the {kind} of job {row.id} is not what was written")
        return None
    return data.decode("utf-8", "surrogatepass")


def _broken_pages(store: SqlStore) -> list[str]:
    if not store.is_sqlite:
        return []
    with store.reading() as connection:
        said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    return [] if said == ["ok"] else [f"SQLite says: {each}" for each in said]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
