"""Burial of what dead processes have left in a store.

Jobs that had not ended end now, as failures of the system, which are not charged; or they are left
to whoever runs them again. Sessions and batches are closed at the last sign of life, and sessions
charged until then. Each dead head is buried in one transaction, by one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from qiskit_modes.exceptions import StoreError
from qiskit_modes.runtime.keeping.job_rows import as_ended, charge_of
from qiskit_modes.runtime.keeping.workload_rows import as_closed, charges_of
from qiskit_modes.scheduling.job import Failed, Fault
from qiskit_modes.store.heads import LEASE_SECONDS, is_dead, now_microseconds
from qiskit_modes.store.rows import HeadRow, JobQuery, JobRow, WorkloadRow
from qiskit_modes.store.sql_store import SqlStore

__all__ = ["RESTARTED", "bury_the_dead", "enter"]

RESTARTED = Failed(
    Fault.SYSTEM, "the service was restarted before the job had ended; submit it again"
)
"""How jobs end that had not ended when their process did."""

_CLOSED_BECAUSE = "the service was restarted"

_LOOKS_AGAIN_SECONDS = 0.5


def enter(store: SqlStore, head: HeadRow, *, wait: Callable[[str], None] = lambda _: None) -> None:
    """Write a head into a store; of those that serve there may be one.

    Args:
        store: Into which.
        head: Of this process.
        wait: Told, once, for whom this waits: a server of another machine that may be gone, whose
            silence has not lasted long enough.

    Raises:
        StoreError: If another server uses the store.
    """
    told = False
    while True:
        with store.writing() as changes:  # two that enter at once do so one after the other
            others = [each for each in store.heads() if each.serves] if head.serves else []
            living = [each for each in others if not is_dead(each, now_microseconds())]
            if not living:
                changes.add_head(head)
                return
        other = living[0]
        silent = (now_microseconds() - other.seen_at) / 1e6
        here = other.host == head.host
        if here or silent < LEASE_SECONDS / 2:
            raise StoreError(
                f"the store {store.name} is used by another server: process {other.process_id} "
                f"on {other.host.split()[0]}, seen {silent:.0f} s ago. Stop that one, or give "
                "this one a store of its own"
            )
        if not told:
            wait(f"process {other.process_id} on {other.host.split()[0]}")
            told = True
        time.sleep(_LOOKS_AGAIN_SECONDS)  # its end would tell nobody


def bury_the_dead(store: SqlStore, me: HeadRow, *, resumes: bool) -> list[JobRow]:
    """Bring what dead heads have left to its end.

    Args:
        store: Whose heads.
        me: The head of this process.
        resumes: Whether jobs of job mode that came through the service's interface, with their
            parameters, are left unfinished, and belong to this head from now on.

    Returns:
        The jobs that were left, the oldest first.
    """
    left: list[JobRow] = []
    for head in store.heads():
        if head.id != me.id and is_dead(head, now_microseconds()):
            left += _bury(store, head, me, resumes=resumes)
    return left


def _bury(store: SqlStore, head: HeadRow, me: HeadRow, *, resumes: bool) -> list[JobRow]:
    with store.writing() as changes:
        if not changes.end_head(head.id, head.seen_at):
            return []  # another process was first
        jobs, workloads = store.unfinished(head.id), store.open_workloads(head.id)
        left = [row for row in jobs if resumes and _can_run_again(store, row)]
        for row in left:
            changes.take_over(row.id, me.id)
        for row in jobs:
            if row not in left:
                changes.end_job(as_ended(row, RESTARTED, max(head.seen_at, row.created_at)), {})
        for row in store.not_final(head.id):
            settled = replace(row, is_final=True)
            changes.rewrite_job(settled)
            changes.charge(charge_of(settled))
        for workload in workloads:
            closed = _closed(store, workload, head.seen_at)
            changes.save_workload(closed)
            changes.charge(charges_of(closed))
        return left


def _closed(store: SqlStore, row: WorkloadRow, at: int) -> WorkloadRow:
    closed = as_closed(row, _CLOSED_BECAUSE, at)
    jobs, _ = store.find_jobs(JobQuery(workload=row.id))
    submitted = max(len(jobs), closed.facts["jobs_submitted"])
    facts = {**closed.facts, "jobs_submitted": submitted}
    if closed.mode == "batch":
        facts["usage_seconds"] = sum(job.facts.get("charged_seconds", 0.0) for job in jobs)
    return replace(closed, facts=facts)


def _can_run_again(store: SqlStore, row: JobRow) -> bool:
    asked = row.facts.get("request")
    return asked is not None and row.workload is None and store.body(row.id, "params") is not None
