"""Changes of a store, all of one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Executable, Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from qiskit_modes.store.rows import UNFINISHED, HeadRow, JobRow, UsageRow, WorkloadRow
from qiskit_modes.store.schema import (
    bodies,
    heads,
    instances,
    jobs,
    secrets,
    tags,
    usage,
    workloads,
)

__all__ = ["Transaction"]


class Transaction:
    """One transaction; what raises in it undoes all of it.

    Args:
        connection: Within a transaction that the caller ends.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: Executable) -> None:
        """Change something by a statement of one's own."""
        self._connection.execute(statement)

    # -- jobs ------------------------------------------------------------------------------------

    def add_job(self, row: JobRow, texts: Mapping[str, str]) -> None:
        """Add a job, with what is kept beside it.

        Args:
            row: The job.
            texts: The bodies by their kinds, see `qiskit_modes.store.rows.BODY_KINDS`.
        """
        values = {
            "id": row.id,
            "head": row.head,
            "instance": row.instance,
            "qpu": row.qpu,
            "program": row.program,
            "workload": row.workload,
            "ending": row.ending,
            "is_final": row.is_final,
            "created_at": row.created_at,
            "ended_at": row.ended_at,
            "submission_key": row.submission_key,
            "facts": dict(row.facts),
        }
        number = self._connection.execute(insert(jobs).values(values)).inserted_primary_key[0]  # type: ignore[index]
        self._add_tags(number, row.tags)
        self._add_bodies(number, texts)

    def end_job(self, row: JobRow, texts: Mapping[str, str]) -> bool:
        """Write down how a job has ended; return whether it had not ended, and was its head's.

        Args:
            row: The job with its ending.
            texts: The bodies that it has now and had not before, by their kinds.
        """
        open_job = (jobs.c.id == row.id) & (jobs.c.ending == UNFINISHED) & (jobs.c.head == row.head)
        number = self._connection.scalar(select(jobs.c.number).where(open_job))
        if number is None:
            return False
        ended = {
            "ending": row.ending,
            "is_final": row.is_final,
            "ended_at": row.ended_at,
            "facts": dict(row.facts),
        }
        self._connection.execute(update(jobs).where(jobs.c.number == number).values(ended))
        self._add_bodies(number, texts)
        return True

    def rewrite_job(self, row: JobRow) -> bool:
        """Write down what has become known of a job after its end, such as what it is charged.

        Returns:
            Whether it was its head's, and not final: then nothing of it changes any more.
        """
        mine = (jobs.c.id == row.id) & (jobs.c.head == row.head) & jobs.c.is_final.is_(False)
        known = {"is_final": row.is_final, "facts": dict(row.facts)}
        return self._connection.execute(update(jobs).where(mine).values(known)).rowcount > 0

    def keep_listed(self, texts: Mapping[str, str], form: int) -> None:
        """Keep what lists say of jobs that are final; of others nothing is kept.

        Args:
            texts: By the ids of the jobs, see `qiskit_modes.store.rows.ListedJob`.
            form: In which form.
        """
        found = (jobs.c.id == bindparam("job_id")) & jobs.c.is_final
        values = {"listed_form": form, "listed": bindparam("text")}
        self._connection.execute(
            update(jobs).where(found).values(values),
            [{"job_id": job_id, "text": text} for job_id, text in texts.items()],
        )

    def take_over(self, job_id: str, head: str) -> None:
        """Give an unfinished job to another head, which runs it again."""
        self._connection.execute(update(jobs).where(jobs.c.id == job_id).values(head=head))

    def begin_again(self, row: JobRow) -> None:
        """Write down that an unfinished job of this head was submitted once more."""
        mine = (jobs.c.id == row.id) & (jobs.c.head == row.head)
        begun = {"created_at": row.created_at, "facts": dict(row.facts)}
        self._connection.execute(update(jobs).where(mine).values(begun))

    def set_tags(self, job_id: str, names: Iterable[str]) -> None:
        """Replace the tags of a job; of one that is not there nothing happens."""
        number = self._number(job_id)
        if number is not None:
            self._connection.execute(delete(tags).where(tags.c.job == number))
            self._add_tags(number, names)

    def drop_body(self, job_id: str, kind: str) -> bool:
        """Drop what is kept beside a job; return whether it was there."""
        found = (bodies.c.job == self._number(job_id)) & (bodies.c.kind == kind)
        return self._connection.execute(delete(bodies).where(found)).rowcount > 0

    def delete_jobs(self, job_ids: Iterable[str]) -> None:
        """Drop jobs; what they were charged stays."""
        for job_id in job_ids:
            number = self._number(job_id)
            for table, column in ((tags, tags.c.job), (bodies, bodies.c.job)):
                self._connection.execute(delete(table).where(column == number))
            self._connection.execute(delete(jobs).where(jobs.c.number == number))

    def _number(self, job_id: str) -> int | None:
        return self._connection.scalar(select(jobs.c.number).where(jobs.c.id == job_id))

    def _add_tags(self, number: int, names: Iterable[str]) -> None:
        rows = [{"job": number, "position": k, "tag": tag} for k, tag in enumerate(names)]
        if rows:
            self._connection.execute(insert(tags), rows)

    def _add_bodies(self, number: int, texts: Mapping[str, str]) -> None:
        for kind, text in texts.items():
            data = text.encode("utf-8", "surrogatepass")
            digest = hashlib.sha256(data).hexdigest()
            values = {"job": number, "kind": kind, "size": len(data), "sha256": digest}
            self._connection.execute(insert(bodies).values(**values, data=data))

    # -- workloads and usage ---------------------------------------------------------------------

    def save_workload(self, row: WorkloadRow) -> None:
        """Add a session or batch, or write down what has changed of it; a closed one stays."""
        if self._connection.scalar(select(workloads.c.number).where(workloads.c.id == row.id)):
            mine = (workloads.c.id == row.id) & (workloads.c.head == row.head)
            changed = {"closed_at": row.closed_at, "facts": dict(row.facts)}
            self._connection.execute(update(workloads).where(mine).values(changed))
        else:
            self._connection.execute(
                insert(workloads).values({**vars(row), "facts": dict(row.facts)})
            )

    def delete_workloads(self, workload_ids: Iterable[str]) -> None:
        """Drop sessions and batches; what they were charged stays."""
        for workload_id in workload_ids:
            self._connection.execute(delete(workloads).where(workloads.c.id == workload_id))

    def charge(self, rows: Iterable[UsageRow]) -> None:
        """Charge instances; what was charged before for a source and part is not charged again."""
        for row in rows:
            self._add_unless_there(usage, vars(row))

    # -- instances, heads, secrets ---------------------------------------------------------------

    def save_instance(self, name: str, facts: Mapping[str, Any]) -> None:
        """Add an instance, or write down its limits as they are now."""
        self._add_unless_there(instances, {"id": name, "facts": dict(facts)})
        found = instances.c.id == name
        self._connection.execute(update(instances).where(found).values(facts=dict(facts)))

    def add_head(self, row: HeadRow) -> None:
        """Add a process that uses the store."""
        self._connection.execute(insert(heads).values(vars(row)))

    def see_head(self, head: str, at: int) -> bool:
        """Write down a sign of life; return whether the head had not been taken for dead."""
        living = (heads.c.id == head) & heads.c.ended_at.is_(None)
        return self._connection.execute(update(heads).where(living).values(seen_at=at)).rowcount > 0

    def end_head(self, head: str, at: int) -> bool:
        """Write down the end of a head; return whether nobody has before."""
        living = (heads.c.id == head) & heads.c.ended_at.is_(None)
        return (
            self._connection.execute(update(heads).where(living).values(ended_at=at)).rowcount > 0
        )

    def release_head(self, head: str) -> None:
        """Write down that a process has left what it had not finished to the next one."""
        self._connection.execute(update(heads).where(heads.c.id == head).values(process_id=0))

    def add_secret(self, name: str, value: bytes) -> None:
        """Add a secret, unless there is one of this name."""
        self._add_unless_there(secrets, {"name": name, "value": value})

    def _add_unless_there(self, table: Table, values: Mapping[str, Any]) -> None:
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        self._connection.execute(dialect.insert(table).values(values).on_conflict_do_nothing())
