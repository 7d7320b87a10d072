"""Statements about jobs, and the rows that they find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, func, select

from qiskit_modes.store.rows import UNFINISHED, JobQuery, JobRow
from qiskit_modes.store.schema import bodies, jobs, tags

__all__ = ["BODY_BYTES", "JOBS", "conditions_of", "in_parts", "job_rows"]

_Name = TypeVar("_Name", int, str)

BODY_BYTES = (
    select(func.coalesce(func.sum(bodies.c.size), 0))
    .where(bodies.c.job == jobs.c.number)
    .scalar_subquery()
)
"""What is kept beside a job, all together; part of a statement about jobs."""

JOBS = select(jobs, BODY_BYTES.label("size"))
"""Jobs, with all that `job_rows` wants."""


def conditions_of(query: JobQuery) -> list[Any]:
    """Return the conditions of a query; all of them must hold."""
    wanted: list[Any] = []
    equal = {
        "qpu": query.qpu,
        "program": query.program,
        "instance": query.instance,
        "workload": query.workload,
    }
    wanted += [jobs.c[name] == value for name, value in equal.items() if value is not None]
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
    names = _tags_of(connection, [row.number for row in rows])
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


_AT_ONCE = 500
"""Most of what is asked for by name in one statement; databases have limits."""


def in_parts(names: Sequence[_Name]) -> Iterator[Sequence[_Name]]:
    """Yield numbers or ids so many at a time as one statement may have."""
    for first in range(0, len(names), _AT_ONCE):
        yield names[first : first + _AT_ONCE]


def _tags_of(connection: Connection, numbers: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for some in in_parts(numbers):
        wanted = select(tags.c.job, tags.c.tag).where(tags.c.job.in_(some))
        for number, tag in connection.execute(wanted.order_by(tags.c.job, tags.c.position)):
            found.setdefault(number, []).append(tag)
    return found
