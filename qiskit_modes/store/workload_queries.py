"""Statements about workloads of all modes together: sessions, batches, and the jobs of job mode."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Table, and_, false, func, or_, select

from qiskit_modes.store.rows import UNFINISHED, WorkloadQuery
from qiskit_modes.store.schema import jobs, tags, workloads

__all__ = ["endings_on_qpus", "find_workloads", "places_of", "tags_of_workloads"]

Kind = Literal["job", "workload"]


def find_workloads(
    connection: Connection, query: WorkloadQuery
) -> tuple[list[tuple[Kind, str]], int]:
    """Return one page of the workloads that match, the newest first, and how many match in all.

    Returns:
        Of each whether it is a job of job mode or a ``"workload"``, and its id.
    """
    end = None if query.limit is None else query.skip + query.limit
    found: list[list[tuple[int, int, Kind, str]]] = []
    count = 0
    kinds: list[tuple[Kind, Table, ColumnElement[int], list[Any]]] = [
        ("job", jobs, jobs.c.created_at, _conditions_of_jobs(query)),
        ("workload", workloads, workloads.c.opened_at, _conditions_of_workloads(query)),
    ]
    for kind, table, began, conditions in kinds:
        count += connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0
        # Of each the first ones by its own index: nothing is sorted but these.
        wanted = select(began, table.c.number, table.c.id).where(*conditions)
        wanted = wanted.order_by(began.desc(), table.c.number.desc()).limit(end)
        found.append([(row[0], row[1], kind, row[2]) for row in connection.execute(wanted)])
    newest = heapq.merge(*found, key=lambda row: row[:2], reverse=True)
    return [(kind, name) for _, _, kind, name in islice(newest, query.skip, end)], count


def _conditions_of_jobs(query: WorkloadQuery) -> list[Any]:
    wanted: list[Any] = [jobs.c.workload.is_(None)]
    if query.modes is not None and "job" not in query.modes:
        wanted.append(false())
    wanted += _of_all(jobs, query)
    if query.is_open is not None:
        wanted.append((jobs.c.ending == UNFINISHED) == query.is_open)
    if query.endings is not None:
        code = func.coalesce(jobs.c.facts["code"].as_integer(), 0)
        wanted.append(
            or_(
                *(
                    and_(jobs.c.ending == ending, code.in_(codes) == are_meant)
                    for ending, codes, are_meant in query.endings
                )
            )
        )
    if query.text:
        tagged = select(tags.c.job).where(_contains(tags.c.tag, query.text))
        wanted.append(or_(_contains(jobs.c.id, query.text), jobs.c.number.in_(tagged)))
    return wanted


def _conditions_of_workloads(query: WorkloadQuery) -> list[Any]:
    wanted: list[Any] = [] if query.endings is None else [false()]
    wanted += _of_all(workloads, query)
    if query.modes is not None:
        wanted.append(workloads.c.mode.in_(sorted(query.modes)))
    if query.is_open is not None:
        wanted.append(workloads.c.closed_at.is_(None) == query.is_open)
    if query.text:
        tagged = select(jobs.c.workload).join(tags, tags.c.job == jobs.c.number)
        tagged = tagged.where(_contains(tags.c.tag, query.text), jobs.c.workload.is_not(None))
        wanted.append(or_(_contains(workloads.c.id, query.text), workloads.c.id.in_(tagged)))
    return wanted


def _of_all(table: Table, query: WorkloadQuery) -> list[Any]:
    wanted: list[Any] = []
    if query.instances is not None:
        wanted.append(table.c.instance.in_(sorted(query.instances)))
    if query.qpus is not None:
        wanted.append(table.c.qpu.in_(sorted(query.qpus)))
    return wanted


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.icontains(text, autoescape=True)


def tags_of_workloads(connection: Connection, ids: Collection[str]) -> dict[str, list[str]]:
    """Return the tags of the jobs of sessions and batches, each once, by the workload."""
    joined = tags.join(jobs, tags.c.job == jobs.c.number)
    wanted = select(jobs.c.workload, tags.c.tag).select_from(joined)
    wanted = wanted.where(jobs.c.workload.in_(sorted(ids))).distinct()
    found: dict[str, list[str]] = {}
    for workload, tag in connection.execute(wanted.order_by(jobs.c.workload, tags.c.tag)):
        found.setdefault(workload, []).append(tag)
    return found


def places_of(
    connection: Connection, instances: Collection[str] | None
) -> tuple[set[str], set[str]]:
    """Return the QPUs that were used, and the instances that used them.

    Args:
        connection: To the database.
        instances: Only what these have used; None for all.
    """
    qpus, names = set[str](), set[str]()
    for table in (jobs, workloads):
        wanted = select(table.c.qpu, table.c.instance).distinct()
        if instances is not None:
            wanted = wanted.where(table.c.instance.in_(sorted(instances)))
        for qpu, instance in connection.execute(wanted):
            qpus.add(qpu)
            names.add(instance)
    return qpus, names


def endings_on_qpus(
    connection: Connection, codes: Iterable[int]
) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Return how many jobs have ended how on each QPU.

    Args:
        connection: To the database.
        codes: Of cancellations that are counted once more.

    Returns:
        By QPU and ending, and of these the cancelled with such a code, by QPU.
    """
    of_each = select(jobs.c.qpu, jobs.c.ending, func.count()).group_by(jobs.c.qpu, jobs.c.ending)
    ended = of_each.where(jobs.c.ending != UNFINISHED)
    code = jobs.c.facts["code"].as_integer()
    cancelled = select(jobs.c.qpu, func.count()).group_by(jobs.c.qpu)
    cancelled = cancelled.where(jobs.c.ending == "cancelled", code.in_(list(codes)))
    return (
        {(qpu, ending): count for qpu, ending, count in connection.execute(ended)},
        {qpu: count for qpu, count in connection.execute(cancelled)},  # noqa: C416 - rows are no pairs to mypy
    )
