"""Statements about jobs, and the rows that they find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, case, func, select

from qiskit_modes.store.rows import UNFINISHED, JobQuery, JobRow, ListedJob
from qiskit_modes.store.schema import bodies, jobs, tags

__all__ = ["BODY_BYTES", "JOBS", "in_parts", "job_rows", "listed_jobs", "matching", "page_of"]

_Name = TypeVar("_Name", int, str)

BODY_BYTES = (
    select(func.coalesce(func.sum(bodies.c.size), 0))
    .where(bodies.c.job == jobs.c.number)
    .scalar_subquery()
)
"""What is kept beside a job, all together; part of a statement about jobs."""

JOBS = select(
    *(each for each in jobs.c if not each.name.startswith("listed")), BODY_BYTES.label("size")
)
"""Jobs, with all that `job_rows` wants."""


def matching(connection: Connection, query: JobQuery) -> int:
    """Return how many jobs a query asks for, whatever page of them."""
    count = select(func.count()).select_from(jobs).where(*_conditions_of(query))
    return int(connection.scalar(count) or 0)


_MOST = 2**63 - 1
"""What databases can count; there are fewer jobs."""


def page_of(query: JobQuery, beginning: Select[Any], *, is_sqlite: bool) -> Select[Any]:
    """Return the statement of the page of jobs that a query asks for.

    Args:
        query: Which jobs.
        beginning: What of each.
        is_sqlite: Whether it is for SQLite, which skips nothing without a limit.
    """
    order: tuple[Any, ...] = (jobs.c.created_at, jobs.c.number)
    if query.newest_first:
        order = (jobs.c.created_at.desc(), jobs.c.number.desc())
    skip, wanted = min(query.skip, _MOST), beginning.where(*_conditions_of(query)).order_by(*order)
    wanted = wanted.offset(skip or None)
    if query.limit is not None:
        return wanted.limit(min(query.limit, _MOST))
    return wanted.limit(-1) if query.skip and is_sqlite else wanted


def _conditions_of(query: JobQuery) -> list[Any]:
    """Return the conditions of a query; all of them must hold."""
    wanted: list[Any] = []
    equal = {
        "qpu": query.qpu,
        "program": query.program,
        "instance": query.instance,
        "workload": query.workload,
    }
    wanted += [jobs.c[name] == value for name, value in equal.items() if value is not None]
    if query.beside is not None:
        wanted.append(jobs.c.workload.is_distinct_from(query.beside))
    if query.pending is not None:
        wanted.append((jobs.c.ending == UNFINISHED) == query.pending)
    if query.created_from is not None:
        wanted.append(jobs.c.created_at >= query.created_from)
    if query.created_to is not None:
        wanted.append(jobs.c.created_at <= query.created_to)
    wanted += [
        jobs.c.number.in_(select(tags.c.job).where(tags.c.tag == tag)) for tag in sorted(query.tags)
    ]
    return wanted


def job_rows(connection: Connection, wanted: Select[Any]) -> list[JobRow]:
    """Return the jobs that a statement finds, one that `JOBS` begins."""
    rows: Sequence[Row[Any]] = connection.execute(wanted).all()
    names = _tags_of(connection, wanted) if rows else {}
    return [
        JobRow(
            id=row.id,
            head=row.head,
            instance=row.instance,
            qpu=row.qpu,
            program=row.program,
            created_at=row.created_at,
            workload=row.workload,
            ending=row.ending,
            is_final=row.is_final,
            ended_at=row.ended_at,
            tags=tuple(names.get(row.number, ())),
            submission_key=row.submission_key,
            facts=row.facts,
            size=int(row.size),
        )
        for row in rows
    ]


def listed_jobs(connection: Connection, wanted: Select[Any], form: int) -> list[ListedJob | JobRow]:
    """Return the jobs that a statement finds, of those that can be as what lists say of them.

    Args:
        connection: To the database.
        wanted: A statement about jobs, without regard to the columns.
        form: In which form it must be kept; of the others there are rows.
    """
    listed = case((jobs.c.listed_form == form, jobs.c.listed))
    rows = connection.execute(wanted.with_only_columns(jobs.c.number, jobs.c.id, listed)).all()
    names = _tags_of(connection, wanted) if rows else {}
    others = {
        row.id: row
        for some in in_parts([number for number, _, text in rows if text is None])
        for row in job_rows(connection, JOBS.where(jobs.c.number.in_(some)))
    }
    return [
        others[name] if text is None else ListedJob(text, tuple(names.get(number, ())))
        for number, name, text in rows
        if text is not None or name in others  # if not, it was deleted meanwhile
    ]


_AT_ONCE = 500
"""Most of what is asked for by name in one statement; databases have limits."""


def in_parts(names: Sequence[_Name]) -> Iterator[Sequence[_Name]]:
    """Yield numbers or ids so many at a time as one statement may have."""
    for first in range(0, len(names), _AT_ONCE):
        yield names[first : first + _AT_ONCE]


def _tags_of(connection: Connection, wanted: Select[Any]) -> dict[int, list[str]]:
    """Return the tags of the jobs that a statement finds, by their numbers."""
    numbers = wanted.with_only_columns(jobs.c.number).subquery().select()
    of_these = select(tags.c.job, tags.c.tag).where(tags.c.job.in_(numbers))
    found: dict[int, list[str]] = {}
    for number, tag in connection.execute(of_these.order_by(tags.c.job, tags.c.position)).all():
        found.setdefault(number, []).append(tag)
    return found
