"""``qiskit-modes store``: what is kept, what may go, a copy of it, and whether it is whole."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest

from qiskit_modes.cli import main
from qiskit_modes.store.heads import now_microseconds
from qiskit_modes.store.rows import JobRow, UsageRow, WorkloadRow
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.upkeep import check

DAY = 86_400 * 10**6


@pytest.fixture
def path(tmp_path, monkeypatch):
    path = tmp_path / "jobs.sqlite"
    monkeypatch.setenv("QISKIT_MODES_STORE", str(path))
    return path


@pytest.fixture
def store(path):
    """Jobs that ended 1 to 5 days ago with a KiB each, and one that has not."""
    opened = SqlStore(f"sqlite:///{path}")
    now = now_microseconds()
    row = JobRow("", "head", "lab", "fake_torino", "sampler", 0, facts={"mode": "batch"})
    text = json.dumps("x" * 1_022)
    with opened.writing() as changes:
        for days in range(1, 6):
            at = now - days * DAY
            ended = replace(row, id=f"job {days}", created_at=at - DAY, workload=f"batch {days}")
            ended = replace(ended, ending="completed", is_final=True, ended_at=at)
            changes.add_job(ended, {"result": text})
            changes.charge([UsageRow(ended.id, 0, "lab", at, 1.5)])
            changes.save_workload(
                WorkloadRow(f"batch {days}", "head", "lab", "fake_torino", "batch", at - DAY, at)
            )
        waiting = replace(row, id="waiting", created_at=now - 9 * DAY, workload="open")
        changes.add_job(waiting, {"params": "{}"})
        changes.save_workload(
            WorkloadRow("open", "head", "lab", "fake_torino", "batch", now - 9 * DAY)
        )
    yield opened
    opened.close()


def run(capsys, *arguments):
    code = main(["store", *arguments])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_show(store, capsys):
    code, said = run(capsys, "show")
    assert code == 0
    assert "jobs: 5 completed, 1 unfinished" in said
    assert "inputs and results: 5.0 KiB" in said
    assert "usage of lab: 7.500 s" in said
    assert "sessions and batches: 6 batch" in said
    code, said = run(capsys, "show", "--json")
    assert json.loads(said)["jobs"] == {"completed": 5, "unfinished": 1}


def test_prune_by_age(store, capsys):
    assert (
        "would drop 3 jobs with 3.0 KiB, and 3 sessions"
        in run(capsys, "prune", "--older-than", "2d 12h", "--dry-run")[1]
    )
    assert store.job("job 5") is not None
    code, said = run(capsys, "prune", "--older-than", "2d 12h")
    assert (code, "dropped 3 jobs" in said) == (0, True)
    assert [store.job(f"job {days}") is not None for days in range(1, 6)] == [True] * 2 + [
        False
    ] * 3
    assert store.job("waiting") is not None
    assert {row.id for row in store.workloads()} == {"batch 1", "batch 2", "open"}
    assert sum(row.seconds for row in store.usage(0)) == 7.5


def test_prune_by_size(store, capsys):
    assert "dropped 3 jobs" in run(capsys, "prune", "--keep", "2.1K")[1]
    assert store.job("job 3") is store.job("job 4") is store.job("job 5") is None
    assert store.job("job 2") is not None
    assert "dropped 0 jobs" in run(capsys, "prune", "--keep", "1G")[1]


def test_prune_wants_to_be_told_what(store, capsys):
    code, said = run(capsys, "prune")
    assert (code, "--older-than" in said) == (2, True)
    for wrong in (["--older-than", "soon"], ["--keep", "much"]):
        with pytest.raises(SystemExit) as end:
            main(["store", "prune", *wrong])
        assert end.value.code == 2


def test_export(store, capsys, tmp_path):
    file = tmp_path / "jobs.jsonl"
    assert "wrote 6 jobs" in run(capsys, "export", str(file))[1]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["waiting", *(f"job {k}" for k in (5, 4, 3, 2, 1))]
    assert lines[0]["params"] == "{}"
    assert lines[1]["result"] == store.body("job 5", "result")
    code, said = run(capsys, "export", "-")
    assert (code, said) == (0, file.read_text())


def test_check_of_a_whole_store(store, capsys):
    with store.writing() as changes:
        changes.delete_jobs(["waiting"])
    assert run(capsys, "check") == (0, "the store is whole\n")


def test_check_says_what_is_wrong(store, path, capsys):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE bodies SET data = x'79' WHERE job = 1")
        connection.execute("DELETE FROM bodies WHERE job = 2")
    connection.close()
    code, said = run(capsys, "check")
    assert code == 1
    assert "the result of job job 1 is not what was written" in said
    assert "job job 2 has completed, and has no result" in said
    assert "job waiting has not ended, and its process is gone" in said


def test_what_is_no_json_is_found(store):
    row = JobRow("odd", "head", "lab", "q", "sampler", 1, facts={"result_lost": "of no use"})
    with store.writing() as changes:
        changes.add_job(replace(row, ending="completed", is_final=True), {"params": "{"})
    assert "the params of job odd is not JSON" in check(store)


def test_a_store_that_there_is_not(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("QISKIT_MODES_STORE", "memory")
    code, said = run(capsys, "show", "--store", str(tmp_path / "nothing.sqlite"))
    assert (code, "there is no store" in said) == (2, True)
    assert not (tmp_path / "nothing.sqlite").exists()
    code, said = run(capsys, "show")
    assert (code, "in memory" in said) == (2, True)
