"""A database that holds a store: how it is opened, read and written, whatever is in it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError, StatementError

from qiskit_modes.exceptions import NotStorableError, StoreError, StoreWarning
from qiskit_modes.store.migrations import migrate, version_of
from qiskit_modes.store.network_file_system import network_file_system
from qiskit_modes.store.writing import Transaction
from qiskit_modes.warn import warn

__all__ = ["Database"]

_BUSY_SECONDS = 30.0
"""How long one process waits for another's transaction; each takes some milliseconds."""

_WRITES = "qiskit_modes_writes"

_APPLICATION_ID = 0x716D6F64
"""By which ``file`` and others recognise a store in SQLite: "qmod"."""

_TOO_LARGE = "54"
"""Class of PostgreSQL's errors that say that a limit of its own is exceeded."""

_LOCK = 0x716D6F6465730001
"""Of PostgreSQL, held while tables are changed."""


class Database:
    """SQLite or PostgreSQL with the tables of a store. May be used from any thread.

    Its methods wait for the database.

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
            StoreError: If the database does not take them; then nothing has changed. A
                `NotStorableError` if it never will.
        """
        what = "opened" if changes_tables else "written"
        with self._errors(what), self._engine.connect() as connection:
            changing = connection.execution_options(**{_WRITES: True})
            with changing.begin():
                if changes_tables:
                    self._migrate(changing)
                yield Transaction(changing)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read by statements of one's own.

        Raises:
            StoreError: If the database cannot be read.
        """
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
        except (SQLAlchemyError, OSError, sqlite3.Error, UnicodeError, OverflowError) as error:
            said = str(getattr(error, "orig", None) or error).strip().splitlines()
            kind = NotStorableError if what == "written" and _never_fits(error) else StoreError
            raise kind(
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
            return create_engine(self._address, pool_pre_ping=True, json_serializer=_as_json)
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
        engine = create_engine(
            self._address, connect_args={"timeout": _BUSY_SECONDS}, json_serializer=_as_json
        )
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

    # -- upkeep ----------------------------------------------------------------------------------

    def version(self) -> str:
        """Return the version of its tables."""
        with self.reading() as connection:
            return version_of(connection) or ""

    def tidy(self) -> None:
        """Give the room of what was deleted back to the disk; others wait meanwhile."""
        with self._errors("tidied"), self._engine.connect() as connection:
            if self.is_sqlite:
                connection.connection.driver_connection.execute("VACUUM")  # type: ignore[union-attr]
            else:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.execute(text("VACUUM"))


_NO_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')


def _as_json(value: Any) -> str:
    """Return a value as JSON that every database takes: Python writes limits that there are not, as
    of a plan, as a word that is none; a number that is too large for any is read as the same.
    """
    text = json.dumps(value)
    if "Infinity" not in text and "NaN" not in text:
        return text
    words = {"Infinity": "1e999", "-Infinity": "-1e999", "NaN": "null"}
    return _NO_NUMBER.sub(lambda found: words.get(found[0], found[0]), text)


def _never_fits(error: Exception) -> bool:
    """Return whether what was to be written is to blame, and not the state of the database."""
    match error:
        case DataError() | UnicodeError() | OverflowError():
            return True
        case DBAPIError(orig=said):
            return str(getattr(said, "sqlstate", "")).startswith(_TOO_LARGE)
        case StatementError():  # it is no value of its column's type
            return True
        case _:
            return False


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then writes could be refused in the midst of it.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
