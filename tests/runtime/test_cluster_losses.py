"""Workers of a cluster that are killed, stopped, or come back: jobs go on or end, nothing hangs."""

import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from types import SimpleNamespace

import psutil
import pytest

from qiskit_modes.exceptions import ClusterError, WorkerDiedError
from qiskit_modes.runtime import LocalRuntime, WorkerPool, use_runtime
from qiskit_modes.runtime.step_runner import StepRunner
from qiskit_modes.runtime.workers.dask import direct, silence
from qiskit_modes.runtime.workers.dask import engine as dask_engine
from qiskit_modes.runtime.workers.dask import examine as dask_examine
from qiskit_modes.runtime.workers.dask.clients import connect, local_cluster
from qiskit_modes.runtime.workers.dask.engine import DaskEngine
from qiskit_modes.runtime.workers.dask.host import DaskHost, DaskWorker, DaskWorkerLost
from qiskit_modes.runtime.workers.dask.silence import Silence
from qiskit_modes.simulation.run import division
from tests.runtime.clusters import started_scheduler, started_worker
from tests.runtime.conftest import DEADLINE, Machine
from tests.runtime.test_cluster import stand_in_programs
from tests.runtime.test_cluster_bits import here, mitigated, sampler, trajectories
from tests.runtime.test_disasters import in_a_worker, on_the_qpu
from tests.threads import wait_until

pytest.importorskip("distributed")


@pytest.fixture
def scheduler():
    """The address of a scheduler without workers."""
    with started_scheduler() as (_, address):
        yield address


@pytest.fixture
def machine(scheduler, monkeypatch):
    """A machine whose cluster has no worker yet; programs are stand-ins, of two pieces each."""
    stand_in_programs(monkeypatch)
    monkeypatch.setattr(StepRunner, "_divide", lambda _, program: [program] * 2)
    pool = WorkerPool(engine=DaskEngine(connect(scheduler)), light_seconds=0)
    with LocalRuntime(workers=pool) as runtime:
        yield Machine(runtime)


def qpus_are_free(runtime):
    return all(qpu.scheduler.locks.qpu.idle for qpu in runtime.qpus())


def pids(client):
    """The processes of all workers, and of their children that compute."""
    workers = list(client.run(os.getpid).values())
    children = [c.pid for pid in workers for c in psutil.Process(pid).children(recursive=True)]
    return workers, children


def test_jobs_go_on_when_all_workers_were_killed_at_once_and_others_come(cluster, monkeypatch):
    monkeypatch.setattr(division, "PIECE_SECONDS", 0.002)
    client = connect(cluster.scheduler_address)
    client.wait_for_workers(2, timeout=2 * DEADLINE)
    pool = WorkerPool(engine=DaskEngine(client), light_seconds=0)
    kinds, results, executes = (sampler, trajectories), {}, threading.Event()
    submit = WorkerPool.submit

    def noted(*what, **more):
        item = submit(*what, **more)
        executes.set()
        return item

    monkeypatch.setattr(WorkerPool, "submit", noted)
    with LocalRuntime(workers=pool) as runtime, use_runtime(runtime):

        def work():
            for kind in kinds:
                results[kind] = kind(3).tobytes()

        workers, _ = pids(client)
        worker = threading.Thread(target=work)
        worker.start()
        assert executes.wait(DEADLINE)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        worker.join(2 * DEADLINE)
        assert not worker.is_alive()
        assert qpus_are_free(runtime)
    assert results == {kind: here(kind, 3) for kind in kinds}


def test_jobs_end_with_an_error_when_all_workers_were_killed_and_nobody_comes(
    machine, scheduler, monkeypatch
):
    monkeypatch.setattr(dask_engine, "ALONE_SECONDS", 1.0)
    with started_worker(scheduler) as worker:
        jobs = [machine.submit(compile=lambda: in_a_worker(signal.pause))]
        on_the_qpu(jobs[0])
        jobs += [machine.submit(compile=lambda: in_a_worker(signal.pause)) for _ in range(2)]
        worker.kill()
    assert all(job.finished.wait(DEADLINE) for job in jobs)
    assert [type(job.error) for job in jobs] == [ClusterError] * 3
    assert "has no workers any more" in str(jobs[0].error)
    assert qpus_are_free(machine.runtime)
    with started_worker(scheduler):
        monkeypatch.setattr(dask_engine, "ALONE_SECONDS", 2 * DEADLINE)
        after = machine.submit()
        assert after.finished.wait(DEADLINE)
        assert after.status == "DONE"


def test_what_a_worker_had_is_answered_when_it_goes_also_by_a_client_that_is_closed():
    """Whose futures say nothing any more, and whose loop takes nothing."""
    silent = SimpleNamespace(add_done_callback=lambda _: None)
    client = SimpleNamespace(submit=lambda *_, **__: silent)
    host = DaskHost(client, "tcp://head:1", "one", 1, 0)
    worker = DaskWorker(host)
    worker.start()
    answer = worker.call(int)
    host.go()
    for each in (answer, worker.up):
        assert isinstance(each.exception(timeout=0), DaskWorkerLost)


def test_a_worker_that_goes_once_its_berths_were_counted_costs_no_job(
    machine, scheduler, monkeypatch
):
    engine, counts = machine.runtime.executor.workers.engine, [1]
    room = engine.room
    monkeypatch.setattr(engine, "room", lambda workers: counts.pop() if counts else room(workers))
    job = machine.submit()
    with started_worker(scheduler):
        assert job.finished.wait(DEADLINE)
    assert not counts
    assert job.status == "DONE", job.error


@pytest.mark.parametrize("answers", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_worker_that_goes_while_it_is_looked_at_gets_no_piece(
    answers, machine, scheduler, monkeypatch
):
    """It has answered, or is yet to be asked; of neither kind its leave would be news."""
    engine, examine, examined = machine.runtime.executor.workers.engine, dask_engine.examine, []
    begun, heard, gone = threading.Event(), threading.Event(), engine._gone

    def examined_while_it_goes(*asked):
        first = not examined
        if first and not answers:
            begun.set()
            assert heard.wait(DEADLINE)
        examined.append(found := examine(*asked))
        if first and answers:
            begun.set()
            assert heard.wait(DEADLINE)
        return found

    monkeypatch.setattr(silence, "PATIENCE_SECONDS", 10 * DEADLINE)
    monkeypatch.setattr(dask_examine, "ANSWER_SECONDS", 10 * DEADLINE)
    monkeypatch.setattr(dask_engine, "examine", examined_while_it_goes)
    monkeypatch.setattr(engine, "_gone", lambda address: (gone(address), heard.set()))
    with started_worker(scheduler) as worker:
        assert begun.wait(DEADLINE)
        worker.kill()
        job = machine.submit()
        with started_worker(scheduler):
            assert job.finished.wait(DEADLINE)
    assert job.status == "DONE", job.error
    assert len(examined) == 2


def test_a_worker_whose_leave_nobody_has_told_is_let_go_when_it_does_not_answer(
    machine, scheduler, monkeypatch
):
    monkeypatch.setattr(silence, "PATIENCE_SECONDS", 0.2)
    engine = machine.runtime.executor.workers.engine
    with started_worker(scheduler) as worker:
        wait_until(engine.hosts)
        told = threading.Event()
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(engine, "_gone", lambda _: told.set())
            worker.kill()
            assert told.wait(DEADLINE)
        job = machine.submit()
        with started_worker(scheduler):
            assert job.finished.wait(DEADLINE)
    assert job.status == "DONE", job.error


def test_a_worker_that_stands_still_is_given_up_and_taken_back(
    machine, scheduler, monkeypatch, caplog
):
    """Dask itself would wait for it for five minutes, and a QPU would be held meanwhile."""
    monkeypatch.setattr(silence, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(silence, "SILENT_SECONDS", 2.0)
    engine = machine.runtime.executor.workers.engine
    with started_worker(scheduler, "--name", "still") as worker:
        job = machine.submit(compile=lambda: in_a_worker(signal.pause))
        on_the_qpu(job)
        wait_until(lambda: sum(len(host.sent) for host in engine.hosts()) == 2)
        worker.send_signal(signal.SIGSTOP)
        others = machine.submit()
        with started_worker(scheduler):
            wait_until(lambda: [host.name for host in engine.hosts() if host.name != "still"])
            wait_until(lambda: "still" not in [host.name for host in engine.hosts()])
            assert "still" in caplog.text
            assert "no sign of life" in caplog.text
            machine.runtime.cancel(job)
            assert job.finished.wait(DEADLINE)
            assert others.finished.wait(DEADLINE)
            assert others.status == "DONE"
        worker.send_signal(signal.SIGCONT)
        wait_until(lambda: [host.name for host in engine.hosts()] == ["still"])
        after = machine.submit()
        assert after.finished.wait(DEADLINE)
        assert after.status == "DONE"


def test_silence_is_counted_on_the_clock_of_who_listens():
    heard = Silence()
    assert heard.seconds("a", 5.0) == 0
    heard.look({"a": 1e9, "b": 1e9}, 5.0)
    heard.look({"a": 1e9, "b": 1e9 + 0.5}, 7.0)
    assert (heard.seconds("a", 8.0), heard.seconds("b", 8.0)) == (3.0, 1.0)
    heard.look({"b": 1e9}, 9.0)
    assert (heard.seconds("a", 10.0), heard.seconds("b", 10.0)) == (0.0, 1.0)


def killed_at_random(count, seed, *, submitters=3, most_direct=1):
    """Have jobs done while workers and their children are killed; return what came of them.

    Args:
        count: How many kills: a quarter of whole workers, the others of children that compute.
        seed: Of who is killed and when, as far as that depends on nothing else.
        submitters: Threads that run jobs, one after another.
        most_direct: Workers that get their pieces directly, of two; the others from the scheduler.
    """
    drawn, over, outcomes, wrong = random.Random(seed), threading.Event(), Counter(), []
    jobs = [(sampler, 1), (trajectories, 2), (sampler, 3), (mitigated, 4), (trajectories, 5)]
    expected = {(kind, number): here(kind, number) for kind, number in jobs}

    def submit(which):
        for turn in range(which, 10**6):
            if over.is_set():
                return
            kind, number = jobs[turn % len(jobs)]
            try:
                if kind(number).tobytes() != expected[kind, number]:
                    wrong.append((kind, number))
                outcomes["DONE"] += 1
            except (ClusterError, WorkerDiedError) as error:
                outcomes[type(error).__name__] += 1
            except Exception as error:  # what a job raises wraps what its step raised
                outcomes[str(error)[:200]] += 1

    with local_cluster(2) as cluster, pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "PIECE_SECONDS", 0.002)
        patch.setattr(direct, "MOST_DIRECT", most_direct)
        client = connect(cluster.scheduler_address)
        pool = WorkerPool(engine=DaskEngine(client), light_seconds=0)
        with LocalRuntime(workers=pool) as runtime, use_runtime(runtime):
            threads = [
                threading.Thread(target=submit, args=(which,), name=f"submitter {which}")
                for which in range(submitters)
            ]
            for thread in threads:
                thread.start()
            pause, kills = threading.Event(), 0
            while kills < count:
                pause.wait(drawn.uniform(0, 0.4))  # it is meant to hit at any moment
                with suppress(Exception):  # those that are killed just now do not answer
                    workers, children = pids(client)
                    victims = workers if drawn.random() < 0.25 else children
                    os.kill(drawn.choice(victims), signal.SIGKILL)
                    kills += 1
            over.set()
            for thread in threads:
                thread.join(2 * DEADLINE)
                assert not thread.is_alive(), f"{thread.name} waits for a job"
            assert qpus_are_free(runtime)
            left = [job for job in runtime.jobs() if job.core.ending is None]
            assert not left
            assert sampler(1).tobytes() == expected[sampler, 1]
    assert not wrong
    return outcomes


def test_random_kills_leave_no_job_and_no_qpu_behind():
    outcomes = killed_at_random(3, seed=1)
    assert outcomes["DONE"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("most_direct", [0, 2])
def test_two_hundred_random_kills_leave_no_job_and_no_qpu_behind(most_direct):
    outcomes = killed_at_random(100, seed=int(time.time()), most_direct=most_direct)
    print(json.dumps(outcomes), file=sys.stderr)  # noqa: T201
    assert outcomes["DONE"]
