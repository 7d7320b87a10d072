"""Copies of a store, made while it is used by the commands of the documentation, and opened."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from qiskit import QuantumCircuit

from qiskit_modes import LocalService, SamplerV2
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.upkeep import check
from tests.store.conftest import empty
from tests.store.postgresql import PostgreSQL, binaries

SERVICE = Path(__file__).parents[2] / "docs" / "howto" / "service.md"


def work(service: LocalService) -> str:
    """Run a job, and return its id."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    sampler = SamplerV2(service.backend("ibm_manila"))
    sampler.options.environment.job_tags = ["before"]
    job = sampler.run([circuit], shots=9)
    job.result()
    return job.job_id()


def assert_is_whole(original: str, copy: str, job_id: str) -> None:
    """The job is in the copy as in the store, byte for byte, and can be used on."""
    stores = [SqlStore(each) for each in (original, copy)]
    rows = [each.job(job_id) for each in stores]
    assert rows[0] == rows[1]
    for kind in ("params", "result"):
        assert stores[0].body(job_id, kind) == stores[1].body(job_id, kind) is not None
    assert stores[0].usage(0) == stores[1].usage(0) != []
    for each in stores:
        each.close()
    with LocalRuntime(store=copy) as runtime:
        service = LocalService(runtime=runtime)
        job = service.job(job_id)
        assert (job.result()[0].data.c.num_shots, job.tags) == (9, ["before"])
        work(service)
        assert len(service.jobs()) == 2
    store = SqlStore(copy)
    assert check(store) == []
    store.close()


def test_of_sqlite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (command,) = [
        line for line in SERVICE.read_text().splitlines() if ".backup(sqlite3.connect(" in line
    ]
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with LocalRuntime(store=url) as runtime:
        job_id = work(LocalService(runtime=runtime))
        subprocess.run([sys.executable, *shlex.split(command)[1:]], check=True)
    assert_is_whole(url, f"sqlite:///{tmp_path / 'copy.sqlite'}", job_id)


def test_of_postgresql(postgresql: PostgreSQL):
    folder = binaries()
    assert folder is not None, "the server was started from there"
    empty(postgresql.url)
    address = postgresql.url.replace("+psycopg", "")
    copy = address.replace("/postgres", "/copy")

    def ask(program: str, *arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            [folder / program, *arguments], input=given, capture_output=True, check=True
        )
        return done.stdout

    ask("psql", address, "-c", "CREATE DATABASE copy")
    try:
        with LocalRuntime(store=postgresql.url) as runtime:
            job_id = work(LocalService(runtime=runtime))
            dumped = ask("pg_dump", address)
        ask("psql", copy, "-v", "ON_ERROR_STOP=1", given=dumped)
        assert_is_whole(postgresql.url, copy.replace(":", "+psycopg:", 1), job_id)
    finally:
        ask("psql", address, "-c", "DROP DATABASE copy WITH (FORCE)")
