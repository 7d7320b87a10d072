"""The tables of every version that there was become those of today, with what is in them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from qiskit_modes.exceptions import StoreError
from qiskit_modes.store.migrations import revisions
from qiskit_modes.store.rows import JobQuery, ListedJob
from qiskit_modes.store.schema import VERSION_TABLE, metadata
from qiskit_modes.store.sql_store import SqlStore

RELEASED = Path(__file__).parent / "released"
"""A dump of a store in SQLite for each version; `python -m tests.store.dump` writes the newest."""


def test_there_is_a_dump_of_every_version():
    assert [path.stem for path in sorted(RELEASED.glob("*.sql"))] == revisions()


@pytest.fixture(params=revisions())
def old_store(request, tmp_path):
    """A store as a release has left it."""
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript((RELEASED / f"{request.param}.sql").read_text())
    connection.close()
    return f"sqlite:///{path}"


def test_an_old_store_is_brought_to_the_newest_version(old_store, request):
    store = SqlStore(old_store)
    assert store.version() == revisions()[-1]
    assert not differences(store)
    jobs, count = store.find_jobs(JobQuery())
    assert count == len(jobs) == 3
    done, failed, waiting = jobs
    assert (done.ending, failed.ending, waiting.ending) == ("completed", "failed", "unfinished")
    assert store.body(done.id, "result") == '{"answer": 42}'
    assert done.tags == ("a", "b")
    listed, _ = store.list_jobs(JobQuery(), 1)
    is_kept = request.node.callspec.params["old_store"] >= "0004"  # lists have it since then
    assert listed == [ListedJob('{"id": "done"}', ("a", "b")) if is_kept else done, failed, waiting]
    assert [row.seconds for row in store.usage(0)] == [1.25, 0.5]
    assert store.workload("session").facts["windows"] == [[2, 3]]
    store.close()


def test_a_new_store_has_the_tables_that_the_code_has(url):
    store = SqlStore(url)
    assert not differences(store)
    store.close()
    SqlStore(url).close()  # opening it again changes nothing


def differences(store: SqlStore):
    with store.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        return compare_metadata(context, metadata)


def test_a_store_of_a_newer_version_is_refused(url):
    store = SqlStore(url)
    with store.reading() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        connection.commit()
    store.close()
    with pytest.raises(StoreError, match=r"version 9999.*newer.*update"):
        SqlStore(url)


def test_tables_of_somebody_else_are_left_alone(tmp_path):
    path = tmp_path / "mine.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE jobs (mine TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="tables jobs that are not of a store"):
        SqlStore(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert found == [("jobs",)]
