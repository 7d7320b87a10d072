"""A database that goes away: who asks is told so, and what had to be written is written later."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import fields
from queue import SimpleQueue

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from sqlalchemy import event

from qiskit_modes import Batch, Budget, Instance, LocalService, Plan, SamplerV2, Session
from qiskit_modes.exceptions import NotStorableError, StoreError
from qiskit_modes.modes.backends import charge_to
from qiskit_modes.runtime.keeping import stored_archive
from qiskit_modes.runtime.keeping.writer import Change, Writer
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.step_runner import StepRunner
from qiskit_modes.runtime.steps import Durations, ScriptedSteps
from qiskit_modes.server import serve
from qiskit_modes.store.rows import JobQuery, WorkloadQuery
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.upkeep import check
from tests import programs
from tests.server.asking import ask
from tests.server.conftest import Http
from tests.store.conftest import empty
from tests.wire.encoding import sampler_params

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


@pytest.fixture
def full(monkeypatch):
    """Tells whether the disk of a store is full, whatever is written to it."""
    full, write = threading.Event(), SqlStore.writing

    @contextmanager
    def writing(store, **more):
        with write(store, **more) as changes:
            sqlite = changes._connection.connection.driver_connection
            before = sqlite.total_changes
            yield changes
            if full.is_set() and sqlite.total_changes > before:  # nothing can always be written
                raise StoreError(f"the store {store.name} cannot be written: disk is full")

    monkeypatch.setattr(stored_archive, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(SqlStore, "writing", writing)
    return full


def when_it_says(ask, status):
    """Ask until an answer has a status, and return it."""
    comes = threading.Event()
    for _ in range(int(SECONDS / 0.05)):
        answer = ask()
        if answer.status == status:
            return answer
        comes.wait(0.05)
    raise AssertionError(f"{answer.status} {answer.text}")


def test_a_full_disk_is_told_once_and_keeps_nothing_else_from_being_read(
    tmp_path, full, caplog, monkeypatch
):
    """What ended meanwhile is neither lost nor told of, and the server serves what it can."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    params = json.loads(sampler_params(circuit))
    body = {"program_id": "sampler", "backend": "ibm_manila", "params": params}
    goes_on, keys = threading.Event(), iter(["before"])
    may_end, post_process = threading.Event(), StepRunner._post_process
    may_end.set()

    def when_it_may(runner, job):
        assert may_end.wait(SECONDS)
        post_process(runner, job)

    monkeypatch.setattr(StepRunner, "_post_process", when_it_may)
    with serve(backends=["ibm_manila"], store=tmp_path / "jobs.sqlite") as server:
        http = Http(server)

        def get(path):
            return ask(server.port, "GET", path)

        def submit():
            return http("POST", "/jobs", body, Idempotency_Key=next(keys))

        before = submit().json["id"]
        assert server.platform.api().wait_for_job(before, SECONDS)
        keys = iter(["of one", "refused", "refused"])
        may_end.clear()
        waits = submit().json["id"]
        full.set()
        may_end.set()
        refused = submit()
        assert (refused.status, "disk is full" in refused.message) == (503, True)
        assert int(refused.headers["retry-after"]) > 0
        assert "store" in when_it_says(lambda: get("/readyz"), 503).text
        said = when_it_says(lambda: http("GET", f"/jobs/{waits}?exclude_params=true"), 503)
        assert "ask again" in said.message
        listed = {job["id"]: job["status"] for job in http("GET", "/jobs").json["jobs"]}
        assert listed == {before: "Completed", waits: "Running"}
        assert http("GET", f"/jobs/{before}/results").status == 200
        assert [get(path).status for path in ("/livez", "/ui", "/metrics")] == [200, 200, 200]
        for _ in range(10):  # signs of life come and fail, and lists wait for a change of nothing
            goes_on.wait(0.05)
            assert http("GET", "/jobs").status == 200
            assert get("/readyz").status == 503
        # Of this store: one of an example in the docs, which may still be there, is full as well.
        said = [each for each in caplog.records if str(tmp_path) in each.getMessage()]
        beats = [each for each in said if "Nothing can be written" in each.getMessage()]
        assert [each.exc_info for each in beats] == [None], "one line, whatever fails meanwhile"
        full.clear()
        assert when_it_says(lambda: get("/readyz"), 200).text == "ready\n"
        when_it_says(lambda: http("GET", f"/jobs/{waits}/results"), 200)
        assert {job["status"] for job in http("GET", "/jobs").json["jobs"]} == {"Completed"}
        again = submit().json["id"]  # with the key of what was refused
        assert server.platform.api().wait_for_job(again, SECONDS)
        assert http("GET", f"/jobs/{again}/results").status == 200


@pytest.fixture
def locked(monkeypatch):
    """Tells whether a store is locked by somebody else, for longer than this one waits."""
    locked, writing = threading.Event(), SqlStore.writing

    @contextmanager
    def while_locked(store, **more):
        with writing(store, **more) as changes:
            yield changes
            if locked.is_set():
                raise StoreError("database is locked")

    monkeypatch.setattr(SqlStore, "writing", while_locked)
    return locked


@pytest.mark.parametrize("mode", [Session, Batch])
def test_a_session_that_was_refused_is_none_later(tmp_path, locked, mode):
    location = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with LocalRuntime(store=location) as runtime:
        backend = LocalService(runtime=runtime).backend("fake_manila")
        locked.set()
        with pytest.raises(StoreError, match="database is locked"):
            mode(backend)
        locked.clear()
        opened = mode(backend).session_id  # by it the store is seen to take changes again
        assert [each.id for each in runtime.find_workloads(WorkloadQuery())[0]] == [opened]
    store = SqlStore(location)
    assert [row.id for row in store.workloads()] == [opened]
    store.close()


def test_a_submission_that_was_refused_is_no_job_when_the_next_change_is_written(
    tmp_path, locked, monkeypatch
):
    """Its end is written in the moment in which its sender is told: the lock was let go then."""
    write = Writer.write

    def ends_before_it_is_told(writer, change, **more):
        try:
            write(writer, change, **more)
        except StoreError:
            locked.clear()
            runtime.cancel(*change.args)
            writer.flush()
            raise

    circuit = QuantumCircuit(1)
    circuit.measure_all()
    location = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    lasts = ScriptedSteps(Durations(0, 3600, 0))
    with LocalRuntime(store=location, simulate=lambda _: lasts) as runtime:
        backend = LocalService(runtime=runtime).backend("fake_manila")
        monkeypatch.setattr(Writer, "write", ends_before_it_is_told)
        locked.set()
        with pytest.raises(StoreError, match="database is locked"):
            SamplerV2(backend).run([circuit])
        assert runtime.find_jobs(JobQuery()) == ([], 0)


def test_submissions_that_were_refused_are_not_counted(tmp_path, locked):
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    me = Instance("lab", budget=Budget(max_jobs=2))
    with LocalRuntime(store=tmp_path / "jobs.sqlite", instance=me) as runtime:
        sampler = SamplerV2(LocalService(runtime=runtime).backend("fake_manila"))
        locked.set()
        for _ in range(3):
            with pytest.raises(StoreError, match="database is locked"):
                sampler.run([circuit])
        locked.clear()
        for jobs in (1, 2):
            sampler.run([circuit]).result()
            assert runtime.budget_used(me).jobs == jobs


def test_tags_that_could_not_be_kept_are_not_shown(tmp_path, locked):
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with LocalRuntime(store=tmp_path / "jobs.sqlite") as runtime:
        job = SamplerV2(LocalService(runtime=runtime).backend("fake_manila")).run([circuit])
        job.result()
        assert job.update_tags(["first"]) == ["first"]
        locked.set()
        with pytest.raises(StoreError, match="database is locked"):
            job.update_tags(["second"])
        locked.clear()
        assert job.tags == ["first"]


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
        programs.Popen(
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


def test_whether_a_store_is_well_is_told_by_signs_of_life(tmp_path):
    """What fails alone is its own matter, however often it is tried again."""
    store = SqlStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    lives, judged, told, writers = threading.Event(), SimpleQueue(), [], []
    lives.set()

    def beat():
        judged.put(all(each.works for each in writers))
        if not lives.is_set():
            raise StoreError("gone")

    def fails(_):
        raise StoreError("this one")

    def until(works):
        while judged.get(timeout=SECONDS) is not works:
            pass

    writer = Writer(store, committed=lambda _: None, beat=beat, beat_seconds=0.02)
    writers.append(writer)
    writer.put(Change(fails, told.append, must=True))
    assert {judged.get(timeout=SECONDS) for _ in range(6)} == {True}
    assert len(told) == 1
    lives.clear()
    writer.put(Change(fails, told.append))
    until(False)
    lives.set()
    until(True)
    writer.close()
    store.close()


@pytest.mark.parametrize("name", ["half \ud800", "nul \0"])
def test_what_no_store_can_keep_is_refused_and_is_no_fault_of_the_store(url, name, caplog):
    """A backend's name is the user's; nothing tries for ever to write it."""
    if "\0" in name and url.startswith("sqlite"):
        pytest.skip("SQLite keeps it")
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    odd = AerSimulator()
    odd.name = name
    lasts = ScriptedSteps(Durations(0, 3600, 0))
    with LocalRuntime(
        store=url, simulate=lambda job: lasts if job.qpu.name == name else None
    ) as runtime:
        service = LocalService(runtime=runtime)
        backend = service.backend("fake_manila")
        with pytest.raises(NotStorableError, match="cannot be written"):
            Session(odd, runtime=runtime)
        batch = Batch(backend, runtime=runtime)
        with pytest.raises(NotStorableError, match="cannot be written"):
            SamplerV2(charge_to(odd, runtime.instance, runtime=runtime)).run([circuit])
        assert runtime.takes_jobs
        job = SamplerV2(batch).run([circuit])
        assert job.result()[0].data.c.num_shots == 4096
        batch.close()
        assert [each.job_id() for each in service.jobs()] == [job.job_id()]
        assert all(each.core.ending is not None for each in runtime.jobs_at_hand())
        runtime.archive._writer.flush()
        assert not runtime.archive._writer._again, "it is tried for ever"
    assert "Nothing can be written" not in caplog.text
    with LocalRuntime(store=url) as runtime:
        assert [each.status() for each in LocalService(runtime=runtime).jobs()] == ["DONE"]


def test_a_result_that_is_too_large_for_the_database_ends_its_job_without_it(tmp_path, caplog):
    """As SQLite has it with a thousand million bytes; it can be read where it was made."""
    url, most = f"sqlite:///{tmp_path / 'jobs.sqlite'}", 20_000
    circuit = QuantumCircuit(8)
    circuit.h(range(8))
    circuit.measure_all()
    with LocalRuntime(store=url) as runtime:

        def limit(connection, *_):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)

        runtime.archive.store._engine.dispose()
        event.listen(runtime.archive.store._engine, "connect", limit)
        sampler = SamplerV2(LocalService(runtime=runtime).backend("aer_simulator"))
        large, small = sampler.run([circuit], shots=100_000), sampler.run([circuit], shots=10)
        for job, shots in ((large, 100_000), (small, 10)):
            assert job.result()[0].data.meas.num_shots == shots
        assert runtime.takes_jobs
        assert not runtime.archive._writer._again
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    (said,) = errors
    assert f"result of job {large.job_id()} cannot be kept" in said
    with LocalRuntime(store=url) as runtime:
        service = LocalService(runtime=runtime)
        assert service.job(small.job_id()).result()[0].data.meas.num_shots == 10
        again = service.job(large.job_id())
        assert again.status() == "DONE"
        with pytest.raises(StoreError, match=r"was not kept: .*too big"):
            again.result()
    store = SqlStore(url)
    assert check(store) == []
    store.close()


@pytest.mark.parametrize("seconds", [float("inf"), 1e300])
def test_limits_that_never_come_can_be_kept_and_read(url, seconds):
    names = [each.name for each in fields(Plan) if each.name.endswith("_seconds")]
    plan = Plan("endless", **dict.fromkeys(names, seconds))
    me = Instance("me", plan, allocation_seconds=seconds, limit_seconds=seconds)
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with LocalRuntime(store=url, instance=me) as runtime:
        service = LocalService(runtime=runtime)
        with Session(service.backend("fake_manila")) as session:
            SamplerV2().run([circuit]).result()
        details = session.details()
        assert service.usage()["usage_remaining_seconds"] > 9e8
    for _ in range(2):  # the second reads what the first has taken over
        with LocalRuntime(store=url) as runtime:
            service = LocalService(runtime=runtime)
            assert runtime.used(me) > 0
            assert Session.from_id(session.session_id, service).details() == details
