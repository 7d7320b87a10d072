"""A store that is open, and what is asked of it: statements of SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import func, literal, select, text

from qiskit_modes.store import workload_queries
from qiskit_modes.store.database import Database
from qiskit_modes.store.job_queries import (
    JOBS,
    in_parts,
    job_rows,
    listed_jobs,
    matching,
    page_of,
)
from qiskit_modes.store.rows import (
    UNFINISHED,
    HeadRow,
    JobQuery,
    JobRow,
    ListedJob,
    UsageRow,
    WorkloadQuery,
    WorkloadRow,
    is_storable,
)
from qiskit_modes.store.schema import (
    bodies,
    heads,
    instances,
    jobs,
    secrets,
    usage,
    workloads,
)

__all__ = ["SqlStore"]


class SqlStore(Database):
    """A store that is open. May be used from any thread; its methods wait for the database.

    See `Database` for how it is opened.
    """

    # -- jobs ------------------------------------------------------------------------------------

    def job(self, job_id: str) -> JobRow | None:
        """Return a job by its id, or None if there is none."""
        if not is_storable(job_id):
            return None
        with self.reading() as connection:
            return next(iter(job_rows(connection, JOBS.where(jobs.c.id == job_id))), None)

    def job_of_key(self, instance: str, key: str) -> JobRow | None:
        """Return the job that an instance has submitted with a key, or None."""
        found = (jobs.c.instance == instance) & (jobs.c.submission_key == key)
        with self.reading() as connection:
            return next(iter(job_rows(connection, JOBS.where(found))), None)

    def find_jobs(self, query: JobQuery) -> tuple[list[JobRow], int]:
        """Return one page of the jobs that match, and how many match in all."""
        with self.reading() as connection:
            wanted = page_of(query, JOBS, is_sqlite=self.is_sqlite)
            return job_rows(connection, wanted), matching(connection, query)

    def list_jobs(self, query: JobQuery, form: int) -> tuple[list[ListedJob | JobRow], int]:
        """Return one page of the jobs that match as lists have them, and how many match in all.

        Args:
            query: Which jobs.
            form: In which form lists have them. Those that are not kept so come as rows; who makes
                the text of one that is final has it kept by `Transaction.keep_listed`.
        """
        with self.reading() as connection:
            wanted = page_of(query, select(jobs), is_sqlite=self.is_sqlite)
            return listed_jobs(connection, wanted, form), matching(connection, query)

    def count_of(self, instance: str, job_ids: Collection[str]) -> tuple[int, int, dict[str, bool]]:
        """Return how many jobs of an instance there are, and the bytes of what is kept beside them.

        Args:
            instance: Whose.
            job_ids: Jobs of it.

        Returns:
            Both at one moment, and the ids of those of the jobs that are among them, with whether
            the result is.
        """
        of_it = jobs.c.instance == instance
        count = select(func.count()).select_from(jobs).where(of_it).scalar_subquery()
        its_bodies = bodies.join(jobs, jobs.c.number == bodies.c.job)
        size = (
            select(func.coalesce(func.sum(bodies.c.size), 0)).select_from(its_bodies).where(of_it)
        )
        # One statement, which sees one moment; of a row that is there whatever there is.
        one, named = select(literal(1).label("one")).subquery(), jobs.alias()
        with_named = one.outerjoin(named, named.c.id.in_(list(job_ids)))
        result = (bodies.c.job == named.c.number) & (bodies.c.kind == "result")
        has_result = select(bodies.c.job).where(result).exists()
        wanted = select(count, size.scalar_subquery(), named.c.id, has_result)
        wanted = wanted.select_from(with_named)
        with self.reading() as connection:
            rows = connection.execute(wanted).all()
        return (
            int(rows[0][0]),
            int(rows[0][1]),
            {row[2]: bool(row[3]) for row in rows if row[2] is not None},
        )

    def unfinished(self, head: str) -> list[JobRow]:
        """Return the jobs of a head that have not ended, the oldest first."""
        waits = jobs.c.is_final.is_(False) & (jobs.c.head == head)
        wanted = JOBS.where(waits, jobs.c.ending == UNFINISHED).order_by(jobs.c.number)
        with self.reading() as connection:
            return job_rows(connection, wanted)

    def not_final(self, head: str) -> list[JobRow]:
        """Return the jobs of a head that have ended, but were not out of the QPU yet."""
        waits = jobs.c.is_final.is_(False) & (jobs.c.head == head)
        with self.reading() as connection:
            return job_rows(connection, JOBS.where(waits, jobs.c.ending != UNFINISHED))

    def body(self, job_id: str, kind: str) -> str | None:
        """Return what is kept beside a job, or None if there is no such thing.

        Args:
            job_id: Which job.
            kind: One of `qiskit_modes.store.rows.BODY_KINDS`.
        """
        joined = bodies.join(jobs, jobs.c.number == bodies.c.job)
        found = (jobs.c.id == job_id) & (bodies.c.kind == kind)
        with self.reading() as connection:
            data = connection.scalar(select(bodies.c.data).select_from(joined).where(found))
        return None if data is None else bytes(data).decode("utf-8", "surrogatepass")

    # -- workloads of all modes --------------------------------------------------------------------

    def find_workloads(self, query: WorkloadQuery) -> tuple[list[JobRow | WorkloadRow], int]:
        """Return one page of the workloads that match, the newest first, and how many match."""
        if not is_storable(query.text):
            return [], 0
        with self.reading() as connection:
            found, count = workload_queries.find_workloads(connection, query)
            names = {kind: [name for each, name in found if each == kind] for kind, _ in found}
            rows: dict[str, JobRow | WorkloadRow] = {}
            for some in in_parts(names.get("job", [])):
                rows |= {
                    row.id: row for row in job_rows(connection, JOBS.where(jobs.c.id.in_(some)))
                }
        for some in in_parts(names.get("workload", [])):
            rows |= {row.id: row for row in self._workloads(workloads.c.id.in_(some))}
        return [rows[name] for _, name in found if name in rows], count

    def tags_of_workloads(self, ids: Collection[str]) -> dict[str, list[str]]:
        """Return the tags of the jobs of sessions and batches, by the workload."""
        with self.reading() as connection:
            return workload_queries.tags_of_workloads(connection, ids)

    def places_of(self, instances: Collection[str] | None) -> tuple[set[str], set[str]]:
        """Return the QPUs that were used, and who used them; of some instances, or all."""
        with self.reading() as connection:
            return workload_queries.places_of(connection, instances)

    def endings_on_qpus(
        self, codes: Collection[int]
    ) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
        """Return how many jobs have ended how on each QPU, and cancelled ones with some codes."""
        with self.reading() as connection:
            return workload_queries.endings_on_qpus(connection, codes)

    def closed_on_qpus(self) -> dict[tuple[str, str], int]:
        """Return how many sessions and batches are closed, by QPU and mode."""
        wanted = select(workloads.c.qpu, workloads.c.mode, func.count()).group_by(
            workloads.c.qpu, workloads.c.mode
        )
        with self.reading() as connection:
            found = connection.execute(wanted.where(workloads.c.closed_at.is_not(None)))
            return {(qpu, mode): count for qpu, mode, count in found}

    # -- workloads, usage, instances -------------------------------------------------------------

    def workload(self, workload_id: str) -> WorkloadRow | None:
        """Return a session or batch by its id, or None if there is none."""
        if not is_storable(workload_id):
            return None
        return next(iter(self._workloads(workloads.c.id == workload_id)), None)

    def open_workloads(self, head: str) -> list[WorkloadRow]:
        """Return the sessions and batches of a head that are not closed, the oldest first."""
        return self._workloads((workloads.c.head == head) & workloads.c.closed_at.is_(None))

    def workloads(
        self, instance: str | None = None, latest: int | None = None
    ) -> list[WorkloadRow]:
        """Return sessions and batches, the oldest first.

        Args:
            instance: Whose; None for everybody's.
            latest: How many at most, the latest; None for all.
        """
        found = text("1 = 1") if instance is None else workloads.c.instance == instance
        if latest is not None:
            numbers = select(workloads.c.number).where(found).order_by(workloads.c.number.desc())
            found = workloads.c.number.in_(numbers.limit(latest).subquery().select())
        return self._workloads(found)

    def _workloads(self, condition: Any) -> list[WorkloadRow]:
        columns = [column for column in workloads.c if column is not workloads.c.number]
        wanted = select(*columns).where(condition).order_by(workloads.c.number)
        with self.reading() as connection:
            return [WorkloadRow(**row._mapping) for row in connection.execute(wanted)]  # noqa: SLF001 - its public name

    def usage(self, since: int) -> list[UsageRow]:
        """Return what instances were charged, the oldest first.

        Args:
            since: What ended before this time comes as one row for each instance.
        """
        before = (
            select(usage.c.instance, func.max(usage.c.ended_at), func.sum(usage.c.seconds))
            .where(usage.c.ended_at < since)
            .group_by(usage.c.instance)
        )
        later = select(usage).where(usage.c.ended_at >= since).order_by(usage.c.ended_at)
        with self.reading() as connection:
            sums = [UsageRow("", 0, *row) for row in connection.execute(before)]
            return sums + [UsageRow(**row._mapping) for row in connection.execute(later)]  # noqa: SLF001 - its public name

    def instances(self) -> dict[str, Mapping[str, Any]]:
        """Return what is known of each instance, by its name."""
        with self.reading() as connection:
            return {name: facts for name, facts in connection.execute(select(instances))}  # noqa: C416 - rows are no pairs to mypy

    # -- heads and secrets -----------------------------------------------------------------------

    def heads(self) -> list[HeadRow]:
        """Return the processes that have not written down their end, the oldest first."""
        wanted = select(heads).where(heads.c.ended_at.is_(None)).order_by(heads.c.began_at)
        with self.reading() as connection:
            return [HeadRow(**row._mapping) for row in connection.execute(wanted)]  # noqa: SLF001 - its public name

    def secret(self, name: str, new: bytes) -> bytes:
        """Return a secret; the first who asks for it has given it.

        Args:
            name: Of the secret.
            new: What it is to be, if there is none yet.
        """
        with self.writing() as changes:
            changes.add_secret(name, new)
        with self.reading() as connection:
            value = connection.scalar(select(secrets.c.value).where(secrets.c.name == name))
        assert value is not None, "it was added, unless it was there"
        return bytes(value)
