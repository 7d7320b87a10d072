"""Stores to test: a SQLite file, and a PostgreSQL server that the tests start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import create_engine, text

from tests.store.postgresql import PostgreSQL, running_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server; skips where there is none."""
    with ExitStack() as running:
        try:
            server = running.enter_context(running_server())
        except OSError as error:
            pytest.skip(f"PostgreSQL cannot be started here: {error}")
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> Iterator[str]:
    """The URL of an empty store, of each kind that there is."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.sqlite'}"
        return
    server = request.getfixturevalue("postgresql")
    empty(server.url)
    yield server.url


def empty(server: str) -> None:
    """Drop everything that is in the database of a server."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
