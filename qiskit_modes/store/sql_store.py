"""A store that is open: SQLite or PostgreSQL, through SQLAlchemy Core."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from qiskit_modes.exceptions import StoreError, StoreWarning
from qiskit_modes.store import workload_queries
from qiskit_modes.store.job_queries import (
    JOBS,
    in_parts,
    job_rows,
    listed_jobs,
    matching,
    page_of,
)
from qiskit_modes.store.migrations import migrate, version_of
from qiskit_modes.store.network_file_system import network_file_system
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
from qiskit_modes.store.writing import Transaction
from qiskit_modes.warn import warn

__all__ = ["SqlStore"]

_BUSY_SECONDS = 30.0
"""How long one process waits for another's transaction; each takes some milliseconds."""

_WRITES = "qiskit_modes_writes"

_APPLICATION_ID = 0x716D6F64
"""By which ``file`` and others recognise a store in SQLite: "qmod"."""

_LOCK = 0x716D6F6465730001
"""Of PostgreSQL, held while tables are changed."""


class SqlStore:
    """A store that is open. May be used from any thread; its methods wait for the database.

    Args:
        url: Where it is, see `qiskit_modes.store.locations.location_of`. A SQLite file and its
            folder are made where there are none; the tables are brought to the newest version.

    Raises:
        StoreError: If it cannot be opened, or was used by a newer version of this package.

    Warns:
        StoreWarning: If it is SQLite on a network file system.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._address = make_url(url)
        self.name = self._address.render_as_string(hide_password=True)
        """The URL as it may be shown."""
        self.is_sqlite = self._address.get_backend_name() == "sqlite"
        self._shared: str | None = None
        with self._errors("opened"):
            self._engine = self._new_engine()
            try:
                with self.writing(changes_tables=True):
                    pass
            except BaseException:
                self._engine.dispose()
                raise

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def path(self) -> Path | None:
        """The file of a SQLite store; None for another."""
        return Path(self._address.database or "") if self.is_sqlite else None

    def close(self) -> None:
        """Close all connections; it can be used again, which opens new ones."""
        self._engine.dispose()

    # -- the way in ------------------------------------------------------------------------------

    @contextmanager
    def writing(self, *, changes_tables: bool = False) -> Iterator[Transaction]:
        """Make changes in one transaction, which is committed at the end of the block.

        Args:
            changes_tables: Whether the tables are brought to the newest version before.

        Raises:
            StoreError: If the database does not take them; then nothing has changed.
        """
        what = "opened" if changes_tables else "written"
        with self._errors(what), self._engine.connect() as connection:
            changing = connection.execution_options(**{_WRITES: True})
            with changing.begin():
                if changes_tables:
                    self._migrate(changing)
                yield Transaction(changing)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._errors("read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Say what the database raises as a `StoreError`.

        Args:
            what: What could not be done: ``"opened"``, ``"read"``, ``"written"``, ``"tidied"``.
        """
        try:
            yield
        except StoreError:
            raise
        except (SQLAlchemyError, OSError, sqlite3.Error) as error:
            said = str(getattr(error, "orig", None) or error).strip().splitlines()
            raise StoreError(
                f"the store {self.name} cannot be {what}: "
                f"{said[0] if said else type(error).__name__}"
            ) from error

    def _migrate(self, connection: Connection) -> None:
        if not self.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        migrate(connection)
        if self.is_sqlite:
            connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")

    def _new_engine(self) -> Engine:
        if not self.is_sqlite:
            return create_engine(self._address, pool_pre_ping=True)
        path = self.path
        assert path is not None, "SQLite has a file"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():  # the jobs of one user are nobody else's
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._shared = network_file_system(path)
        if self._shared is not None:
            warn(
                f"The store {path} is SQLite on a network file system ({self._shared}), whose "
                "locks SQLite cannot trust: jobs may be lost when two machines use it, or one "
                "fails. Put it on a disk of this machine, or use PostgreSQL: "
                "QISKIT_MODES_STORE=postgresql+psycopg://USER@HOST/DATABASE",
                StoreWarning,
            )
        engine = create_engine(self._address, connect_args={"timeout": _BUSY_SECONDS})
        event.listen(engine, "connect", self._set_up)
        event.listen(engine, "begin", _begin)
        return engine

    def _set_up(self, connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        # Readers and the one writer do not wait for each other; that needs memory which processes
        # share, and machines do not. A commit survives the end of this process without a wait for
        # the disk; an end of the machine may undo the last ones, and breaks nothing.
        connection.execute(f"PRAGMA journal_mode = {'WAL' if self._shared is None else 'DELETE'}")
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if self._shared is None else 'FULL'}")
        connection.execute("PRAGMA foreign_keys = ON")

    # -- jobs ------------------------------------------------------------------------------------

    def job(self, job_id: str) -> JobRow | None:
        """Return a job by its id, or None if there is none."""
        if not is_storable(job_id):
            return None
        with self._reading() as connection:
            return next(iter(job_rows(connection, JOBS.where(jobs.c.id == job_id))), None)

    def job_of_key(self, instance: str, key: str) -> JobRow | None:
        """Return the job that an instance has submitted with a key, or None."""
        found = (jobs.c.instance == instance) & (jobs.c.submission_key == key)
        with self._reading() as connection:
            return next(iter(job_rows(connection, JOBS.where(found))), None)

    def find_jobs(self, query: JobQuery) -> tuple[list[JobRow], int]:
        """Return one page of the jobs that match, and how many match in all."""
        with self._reading() as connection:
            wanted = page_of(query, JOBS, is_sqlite=self.is_sqlite)
            return job_rows(connection, wanted), matching(connection, query)

    def list_jobs(self, query: JobQuery, form: int) -> tuple[list[ListedJob | JobRow], int]:
        """Return one page of the jobs that match as lists have them, and how many match in all.

        Args:
            query: Which jobs.
            form: In which form lists have them. Those that are not kept so come as rows; who makes
                the text of one that is final has it kept by `Transaction.keep_listed`.
        """
        with self._reading() as connection:
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
        with self._reading() as connection:
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
        with self._reading() as connection:
            return job_rows(connection, wanted)

    def not_final(self, head: str) -> list[JobRow]:
        """Return the jobs of a head that have ended, but were not out of the QPU yet."""
        waits = jobs.c.is_final.is_(False) & (jobs.c.head == head)
        with self._reading() as connection:
            return job_rows(connection, JOBS.where(waits, jobs.c.ending != UNFINISHED))

    def body(self, job_id: str, kind: str) -> str | None:
        """Return what is kept beside a job, or None if there is no such thing.

        Args:
            job_id: Which job.
            kind: One of `qiskit_modes.store.rows.BODY_KINDS`.
        """
        joined = bodies.join(jobs, jobs.c.number == bodies.c.job)
        found = (jobs.c.id == job_id) & (bodies.c.kind == kind)
        with self._reading() as connection:
            data = connection.scalar(select(bodies.c.data).select_from(joined).where(found))
        return None if data is None else bytes(data).decode("utf-8", "surrogatepass")

    # -- workloads of all modes --------------------------------------------------------------------

    def find_workloads(self, query: WorkloadQuery) -> tuple[list[JobRow | WorkloadRow], int]:
        """Return one page of the workloads that match, the newest first, and how many match."""
        if not is_storable(query.text):
            return [], 0
        with self._reading() as connection:
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
        with self._reading() as connection:
            return workload_queries.tags_of_workloads(connection, ids)

    def places_of(self, instances: Collection[str] | None) -> tuple[set[str], set[str]]:
        """Return the QPUs that were used, and who used them; of some instances, or all."""
        with self._reading() as connection:
            return workload_queries.places_of(connection, instances)

    def endings_on_qpus(
        self, codes: Collection[int]
    ) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
        """Return how many jobs have ended how on each QPU, and cancelled ones with some codes."""
        with self._reading() as connection:
            return workload_queries.endings_on_qpus(connection, codes)

    def closed_on_qpus(self) -> dict[tuple[str, str], int]:
        """Return how many sessions and batches are closed, by QPU and mode."""
        wanted = select(workloads.c.qpu, workloads.c.mode, func.count()).group_by(
            workloads.c.qpu, workloads.c.mode
        )
        with self._reading() as connection:
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
        with self._reading() as connection:
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
        with self._reading() as connection:
            sums = [UsageRow("", 0, *row) for row in connection.execute(before)]
            return sums + [UsageRow(**row._mapping) for row in connection.execute(later)]  # noqa: SLF001 - its public name

    def instances(self) -> dict[str, Mapping[str, Any]]:
        """Return what is known of each instance, by its name."""
        with self._reading() as connection:
            return {name: facts for name, facts in connection.execute(select(instances))}  # noqa: C416 - rows are no pairs to mypy

    # -- heads and secrets -----------------------------------------------------------------------

    def heads(self) -> list[HeadRow]:
        """Return the processes that have not written down their end, the oldest first."""
        wanted = select(heads).where(heads.c.ended_at.is_(None)).order_by(heads.c.began_at)
        with self._reading() as connection:
            return [HeadRow(**row._mapping) for row in connection.execute(wanted)]  # noqa: SLF001 - its public name

    def secret(self, name: str, new: bytes) -> bytes:
        """Return a secret; the first who asks for it has given it.

        Args:
            name: Of the secret.
            new: What it is to be, if there is none yet.
        """
        with self.writing() as changes:
            changes.add_secret(name, new)
        with self._reading() as connection:
            value = connection.scalar(select(secrets.c.value).where(secrets.c.name == name))
        assert value is not None, "it was added, unless it was there"
        return bytes(value)

    # -- upkeep ----------------------------------------------------------------------------------

    @contextmanager
    def inspecting(self) -> Iterator[Connection]:
        """Read by statements of one's own; for `qiskit_modes.store.upkeep`."""
        with self._reading() as connection:
            yield connection

    def version(self) -> str:
        """Return the version of its tables."""
        with self._reading() as connection:
            return version_of(connection) or ""

    def tidy(self) -> None:
        """Give the room of what was deleted back to the disk; others wait meanwhile."""
        with self._errors("tidied"), self._engine.connect() as connection:
            if self.is_sqlite:
                connection.connection.driver_connection.execute("VACUUM")  # type: ignore[union-attr]
            else:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.execute(text("VACUUM"))


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then writes could be refused in the midst of it.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
