"""A database that goes away: who asks is told so, and what had to be written is written later."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from qiskit import QuantumCircuit

from qiskit_modes import LocalService, SamplerV2, Session
from qiskit_modes.exceptions import StoreError
from qiskit_modes.runtime.keeping import stored_archive
from qiskit_modes.runtime.keeping.writer import Change, Writer
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.store.rows import JobQuery
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.upkeep import check
from tests.store.conftest import empty

SECONDS = 60.0


def test_a_server_that_is_restarted_loses_nothing(postgresql, monkeypatch):
    """One job ends while the database is away; one is refused; one follows."""
    empty(postgresql.url)
    monkeypatch.setattr(stored_archive, "BEAT_SECONDS", 0.2)
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with LocalRuntime(store=postgresql.url) as runtime:
        backend = LocalService(runtime=runtime).backend("fake_manila")
        first = SamplerV2(backend).run([circuit])
        first.result()
        session = Session(backend)
        SamplerV2(session).run([circuit]).result()
        waits = SamplerV2(backend).run([circuit])
        postgresql.stop()
        try:
            with pytest.raises(StoreError, match="cannot be written"):
                SamplerV2(session).run([circuit])
            session.close()
            with pytest.raises(StoreError, match=r"not in the store yet.*; ask again"):
                waits.result(SECONDS)
        finally:
            postgresql.start()
        result = when_it_is_written(waits)
        last = SamplerV2(backend).run([circuit])
        last.result()
    with LocalRuntime(store=postgresql.url) as runtime:
        again = LocalService(runtime=runtime).job(waits.job_id()).result()
        assert again[0].data.meas.get_counts() == result[0].data.meas.get_counts()
    store = SqlStore(postgresql.url)
    endings = {row.id: row.ending for row in store.find_jobs(JobQuery())[0]}
    assert [endings[job.job_id()] for job in (first, waits, last)] == ["completed"] * 3
    assert "unfinished" not in endings.values()
    assert [row.closed_at is None for row in store.workloads()] == [False]
    assert len({(row.source, row.part) for row in store.usage(0)}) == len(store.usage(0))
    assert check(store) == []
    store.close()


def when_it_is_written(job):
    """Ask again, as the error says, until there is an answer."""
    written = threading.Event()
    for _ in range(int(SECONDS / 0.1)):
        try:
            return job.result()
        except StoreError:
            written.wait(0.1)
    raise AssertionError("it is not written")


WRITER = """
import sys
from qiskit_modes.store.rows import JobRow, UsageRow
from qiskit_modes.store.sql_store import SqlStore
url, first = sys.argv[1], int(sys.argv[2])
store = SqlStore(url)
print("ready", flush=True)
sys.stdin.readline()
for number in range(first, first + 50):
    row = JobRow(f"j{number}", "head", "lab", "manila", "sampler", number)
    with store.writing() as changes:
        changes.add_job(row, {"params": "x" * 1000})
    with store.writing() as changes:
        changes.charge([UsageRow("common", number % 100, "lab", 0, 1.0)])
"""


def test_two_processes_write_at_once(url):
    """Each adds jobs of its own, and both the same charges, which are there once."""
    SqlStore(url).close()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        for first in (100, 200)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n", writer.stderr.read()
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, said = writer.communicate(timeout=SECONDS)
        assert writer.returncode == 0, said
    store = SqlStore(url)
    assert store.find_jobs(JobQuery(limit=1))[1] == 100
    assert len(store.usage(-1)) == 50
    store.close()


def test_what_can_never_be_written_keeps_nothing_else_from_being_written(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    fails, told, at_last = threading.Event(), [], threading.Event()
    fails.set()

    def never(_):
        raise ValueError("not to be written")

    def later(_):
        if fails.is_set():
            raise ValueError("not yet")

    writer = Writer(store, committed=lambda _: None, beat=lambda: None, beat_seconds=0.05)
    writer.put(Change(never, told.append, must=True))
    writer.put(Change(later, told.append, must=True, at_last=at_last.set))
    writer.flush()
    assert [str(error) for error in told] == ["not to be written", "not yet"]
    fails.clear()
    assert at_last.wait(SECONDS)
    writer.close()
    store.close()
