"""Rows come back as they went in, from every database."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace

import pytest

from qiskit_modes.exceptions import StoreError, StoreWarning
from qiskit_modes.store import database
from qiskit_modes.store.heads import new_head
from qiskit_modes.store.migrations import revisions
from qiskit_modes.store.rows import JobQuery, JobRow, UsageRow, WorkloadRow
from qiskit_modes.store.sql_store import SqlStore


@pytest.fixture
def store(url):
    opened = SqlStore(url)
    yield opened
    opened.close()


def job(number, **changes):
    row = JobRow(
        id=f"job {number}",
        head="head",
        instance="lab",
        qpu="fake_torino",
        program="sampler",
        created_at=number * 1_000_000,
        facts={"mode": "job", "number": number, "none": None, "list": [1, "é"]},
    )
    return replace(row, **changes)


def add(store, *rows, **texts):
    with store.writing() as changes:
        for row in rows:
            changes.add_job(row, texts)


def test_a_job_comes_back(store):
    row = job(1, workload="w", tags=("b", "a", "b2"), submission_key="key")
    add(store, row, params='{"é": "\ud800"}')
    assert store.job("job 1") == replace(row, size=13)
    assert store.body("job 1", "params") == '{"é": "\ud800"}'
    assert store.body("job 1", "result") is store.body("nobody", "params") is None
    assert store.job("nobody") is None


def test_a_job_ends_once(store):
    add(store, job(1))
    ended = job(1, ending="completed", ended_at=5, is_final=True, facts={"a": 1})
    with store.writing() as changes:
        assert changes.end_job(ended, {"result": "[]"})
    with store.writing() as changes:
        assert not changes.end_job(replace(ended, ending="failed"), {"result": "{}"})
    assert store.job("job 1") == replace(ended, size=2)
    assert store.body("job 1", "result") == "[]"


def test_a_job_of_another_head_does_not_end(store):
    add(store, job(1))
    with store.writing() as changes:
        assert not changes.end_job(job(1, head="stranger", ending="completed"), {})
    assert store.job("job 1").ending == "unfinished"


def test_what_fails_in_a_transaction_undoes_all_of_it(store):
    with pytest.raises(StoreError, match="cannot be written"):
        add(store, job(1), job(1))
    assert store.find_jobs(JobQuery()) == ([], 0)


def test_a_key_is_one_job_of_an_instance(store):
    add(store, job(1, submission_key="key"), job(2, instance="other", submission_key="key"))
    with pytest.raises(StoreError):
        add(store, job(3, submission_key="key"))
    assert store.job_of_key("lab", "key").id == "job 1"
    assert store.job_of_key("other", "key").id == "job 2"
    assert store.job_of_key("lab", "nothing") is None


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (JobQuery(), [1, 2, 3, 4]),
        (JobQuery(newest_first=True), [4, 3, 2, 1]),
        (JobQuery(qpu="fake_quito"), [2]),
        (JobQuery(pending=True), [1, 2, 3]),
        (JobQuery(pending=False), [4]),
        (JobQuery(program="estimator"), [3]),
        (JobQuery(instance="other"), [3]),
        (JobQuery(tags=frozenset("a")), [1, 2]),
        (JobQuery(tags=frozenset("ab")), [2]),
        (JobQuery(workload="w"), [4]),
        (JobQuery(beside="w"), [1, 2, 3]),
        (JobQuery(created_from=2_000_000, created_to=3_000_000), [2, 3]),
        (JobQuery(instance="nobody"), []),
    ],
)
def test_jobs_are_found(store, query, numbers):
    add(
        store,
        job(1, tags=("a",)),
        job(2, tags=("b", "a"), qpu="fake_quito"),
        job(3, program="estimator", instance="other"),
        job(4, ending="cancelled", workload="w"),
    )
    found, count = store.find_jobs(query)
    assert [row.facts["number"] for row in found] == numbers
    assert count == len(numbers)


def test_pages(store):
    add(store, *(job(number) for number in range(7)))
    for skip, limit, numbers in [(0, 3, [0, 1, 2]), (5, 3, [5, 6]), (5, None, [5, 6]), (9, 2, [])]:
        found, count = store.find_jobs(JobQuery(skip=skip, limit=limit))
        assert [row.facts["number"] for row in found] == numbers
        assert count == 7


def test_jobs_of_one_moment_keep_their_order(store):
    add(store, *(job(number, created_at=1) for number in range(20)))
    found, _ = store.find_jobs(JobQuery())
    assert [row.facts["number"] for row in found] == list(range(20))


def test_many_jobs_with_tags_are_found_at_once(store):
    add(store, *(job(number, tags=(f"t{number}",)) for number in range(600)))
    found, _ = store.find_jobs(JobQuery())
    assert [row.tags for row in found] == [(f"t{number}",) for number in range(600)]


def test_tags_are_replaced(store):
    add(store, job(1, tags=("a", "b")))
    with store.writing() as changes:
        changes.set_tags("job 1", ["c", "a"])
        changes.set_tags("nobody", ["c"])
    assert store.job("job 1").tags == ("c", "a")


def test_a_deleted_job_leaves_its_charge(store):
    add(store, job(1, tags=("a",)), job(2), result="[]")
    with store.writing() as changes:
        changes.charge([UsageRow("job 1", 0, "lab", 7, 1.5)])
        changes.delete_jobs(["job 1", "nobody"])
    assert store.job("job 1") is store.body("job 1", "result") is None
    assert store.body("job 2", "result") == "[]"
    assert [row.seconds for row in store.usage(0)] == [1.5]


def test_nothing_is_charged_twice(store):
    for seconds in (1.5, 99.0):
        with store.writing() as changes:
            changes.charge([UsageRow("job 1", 0, "lab", 7, seconds)])
            changes.charge([UsageRow("session", k, "lab", 8, seconds) for k in range(2)])
    assert store.usage(0) == [
        UsageRow("job 1", 0, "lab", 7, 1.5),
        UsageRow("session", 0, "lab", 8, 1.5),
        UsageRow("session", 1, "lab", 8, 1.5),
    ]


def test_old_usage_comes_as_a_sum(store):
    with store.writing() as changes:
        changes.charge([UsageRow(f"job {k}", 0, "lab", k, 1.0) for k in range(10)])
    old, *later = store.usage(7)
    assert (old.instance, old.seconds, old.ended_at) == ("lab", 7.0, 6)
    assert [row.source for row in later] == ["job 7", "job 8", "job 9"]


def test_a_body_is_dropped_once(store):
    add(store, job(1), result="[]")
    with store.writing() as changes:
        assert changes.drop_body("job 1", "result")
        assert not changes.drop_body("job 1", "result")
        assert not changes.drop_body("nobody", "result")


def test_workloads(store):
    row = WorkloadRow("w", "head", "lab", "fake_torino", "session", 1, facts={"windows": []})
    other = replace(row, id="o", instance="other")
    with store.writing() as changes:
        changes.save_workload(row)
        changes.save_workload(other)
    closed = replace(row, closed_at=9, facts={"windows": [[1, 9]]})
    with store.writing() as changes:
        changes.save_workload(closed)
        changes.save_workload(replace(other, head="stranger", closed_at=3))
    assert store.workload("w") == closed
    assert store.workloads() == [closed, other]
    assert store.workloads("lab") == [closed]
    assert store.workloads(latest=1) == [other]
    assert store.open_workloads("head") == [other]
    assert store.workload("nobody") is None


def test_heads_and_their_ends(store):
    head = new_head(serves=True)
    with store.writing() as changes:
        changes.add_head(head)
    with store.writing() as changes:
        assert changes.see_head(head.id, 12)
    assert store.heads() == [replace(head, seen_at=12)]
    with store.writing() as changes:
        assert changes.end_head(head.id, 13)
    with store.writing() as changes:
        assert not changes.end_head(head.id, 14)
        assert not changes.see_head(head.id, 15)
    assert store.heads() == []


def test_instances(store):
    for facts in ({"plan": {"name": "open"}}, {"plan": {"name": "premium"}}):
        with store.writing() as changes:
            changes.save_instance("lab", facts)
    assert store.instances() == {"lab": {"plan": {"name": "premium"}}}


def test_the_first_secret_counts(store):
    assert store.secret("key", b"one") == b"one"
    assert store.secret("key", b"two") == b"one"
    assert store.secret("other", b"two") == b"two"


def test_a_store_is_opened_by_several_at_once(url):
    opened, errors = [], []

    def open_it():
        try:
            opened.append(SqlStore(url))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {each.version() for each in opened} == {revisions()[-1]}
    for each in opened:
        each.close()


def test_several_write_at_once(url):
    SqlStore(url).close()
    errors = []

    def write(first):
        store = SqlStore(url)
        try:
            for number in range(first, first + 20):
                add(store, job(number))
        except Exception as error:
            errors.append(error)
        store.close()

    threads = [threading.Thread(target=write, args=(k * 100,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    store = SqlStore(url)
    assert store.find_jobs(JobQuery(limit=1))[1] == 80
    store.close()


def test_room_is_given_back(store):
    add(store, job(1), result="x" * 2_000_000)
    with store.writing() as changes:
        changes.delete_jobs(["job 1"])
    before = store.path.stat().st_size if store.path else 0
    store.tidy()
    if store.path:
        store.close()
        assert store.path.stat().st_size < before


# -- SQLite alone --------------------------------------------------------------------------------


def test_a_file_is_its_users_alone(tmp_path):
    path = tmp_path / "new" / "jobs.sqlite"
    SqlStore(f"sqlite:///{path}").close()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 1000)
    with pytest.raises(StoreError, match="cannot be opened: file is not a database"):
        SqlStore(f"sqlite:///{path}")
    assert path.read_text() == "Dear diary, " * 1000


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        SqlStore(f"sqlite:///{tmp_path / 'file' / 'jobs.sqlite'}")


def test_sqlite_on_a_network_file_system_is_warned_about(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "network_file_system", lambda _: "nfs4")
    with pytest.warns(StoreWarning, match=r"network file system \(nfs4\).*PostgreSQL"):
        store = SqlStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    add(store, job(1))
    with store.reading() as connection:  # no memory that machines do not share
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    store.close()


def test_a_server_that_is_not_there():
    with pytest.raises(StoreError, match="cannot be opened") as info:
        SqlStore("postgresql+psycopg://me:secret@127.0.0.1:1/nothing")
    assert "secret" not in str(info.value)
