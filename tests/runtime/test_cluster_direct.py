"""Pieces that go to the workers of a cluster directly, and what shares the workers with them."""

import asyncio
import os
import pickle
import signal
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from qiskit_modes.runtime import LocalRuntime, WorkerPool, use_runtime
from qiskit_modes.runtime.workers.dask import child, inbox
from qiskit_modes.runtime.workers.dask import direct as dask_direct
from qiskit_modes.runtime.workers.dask.clients import connect
from qiskit_modes.runtime.workers.dask.engine import DaskEngine
from qiskit_modes.runtime.workers.dask.host import DaskHost, DaskWorker, DaskWorkerLost
from qiskit_modes.simulation.run import division
from tests.runtime.conftest import DEADLINE, Machine
from tests.runtime.test_cluster import stand_in_programs
from tests.runtime.test_cluster_bits import here, sampler, trajectories
from tests.runtime.test_disasters import in_a_worker, on_the_qpu
from tests.threads import wait_until

pytest.importorskip("distributed")

KINDS = (sampler, trajectories)


@pytest.fixture
def submitted(monkeypatch):
    """What tasks of Dask's call that somebody has submitted."""
    from distributed import Client

    functions, submit = [], Client.submit

    def noted(client, function, *args, **more):
        functions.append(function)
        return submit(client, function, *args, **more)

    monkeypatch.setattr(Client, "submit", noted)
    return functions


@contextmanager
def running(cluster):
    pool = WorkerPool(engine=DaskEngine(connect(cluster.scheduler_address)), light_seconds=0)
    with LocalRuntime(workers=pool) as runtime, use_runtime(runtime):
        yield runtime


def bits(kinds=KINDS):
    return {kind: kind(3).tobytes() for kind in kinds}


def expected(kinds=KINDS):
    return {kind: here(kind, 3) for kind in kinds}


def pieces_of(runtime):
    return sum(count for count, _ in runtime.executor.workers.tally.totals().values())


def test_pieces_are_no_tasks_of_dasks(cluster, submitted, monkeypatch):
    monkeypatch.setattr(division, "PIECE_SECONDS", 1e-4)
    with running(cluster) as runtime:
        assert all(host.is_direct for host in runtime.executor.workers.engine.hosts())
        assert bits() == expected()
        assert pieces_of(runtime) > 5
    assert child.do not in submitted
    assert submitted.count(inbox.attend) < pieces_of(runtime)


def answering(patch, answer):
    """Have something else answer when a worker is sent a piece directly."""
    from distributed.core import PooledRPCCall

    call = PooledRPCCall.__getattr__
    patch.setattr(
        PooledRPCCall,
        "__getattr__",
        lambda there, key: answer if key == inbox.NAME else call(there, key),
    )


def cannot_be_reached(patch):
    async def refused(**_):
        raise OSError("a firewall")

    answering(patch, refused)


def does_not_say_so(patch):
    async def silent(**_):
        await asyncio.Event().wait()

    answering(patch, silent)
    patch.setattr(dask_direct, "OPEN_SECONDS", 0.2)


def are_too_many(patch):
    patch.setattr(dask_direct, "MOST_DIRECT", 1)


@pytest.mark.parametrize("workers", [cannot_be_reached, does_not_say_so, are_too_many])
def test_workers_that_cannot_be_reached_get_their_pieces_from_the_scheduler(
    workers, cluster, submitted, monkeypatch
):
    monkeypatch.setattr(division, "PIECE_SECONDS", 1e-4)
    workers(monkeypatch)
    with running(cluster) as runtime:
        ways = sorted(host.is_direct for host in runtime.executor.workers.engine.hosts())
        assert ways == [False, workers is are_too_many]
        assert bits() == expected()
    assert child.do in submitted


@contextmanager
def short_whiles(cluster, seconds):
    """Let the workers' threads do pieces for so long, before Dask may give them to others."""
    client = connect(cluster.scheduler_address)

    def take(seconds):
        inbox.MOST_SECONDS, was = seconds, inbox.MOST_SECONDS
        return was

    try:
        was = client.run(take, seconds)
        yield client
        for address, before in was.items():
            client.run(take, before, workers=[address])
    finally:
        client.close()


def test_a_while_that_is_over_is_followed_by_another(cluster, submitted, monkeypatch):
    monkeypatch.setattr(division, "PIECE_SECONDS", 1e-4)
    with short_whiles(cluster, 0), running(cluster) as runtime:
        assert bits() == expected()
        assert submitted.count(inbox.attend) >= pieces_of(runtime) > 5


def test_tasks_of_other_people_have_their_turns(cluster):
    """Dask gives a thread to the next one only if it gets it back."""
    with short_whiles(cluster, 0.2) as client, running(cluster) as runtime:
        host, over, done = runtime.executor.workers.engine.hosts()[0], threading.Event(), []

        def keep_busy():
            berth = DaskWorker(host)
            while not over.is_set():
                done.append(berth.call(time.sleep, 0.02).result(DEADLINE))
            berth.stop()

        threads = [threading.Thread(target=keep_busy) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(done) > 2)
        other = client.submit(int, workers=[host.address], pure=False)
        assert other.result(timeout=DEADLINE) == 0
        before = len(done)
        wait_until(lambda: len(done) > before)
        over.set()
        for thread in threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()


def test_an_idle_worker_gives_its_thread_back(cluster):
    with running(cluster) as runtime:
        sampler(3)
        hosts = runtime.executor.workers.engine.hosts()
        wait_until(lambda: not any(host._attending for host in hosts))
        assert not any(host.sent for host in hosts)


def test_a_connection_that_breaks_costs_a_piece_its_worker_and_nothing_else(cluster, monkeypatch):
    monkeypatch.setattr(division, "PIECE_SECONDS", 1e-4)
    send, broken = dask_direct.Direct.send, []

    def sent(way, address, piece, call, arrived):
        found = send(way, address, piece, call, arrived)
        if not broken:
            broken.append(address)
            comms = way._client.rpc.occupied

            def cut():
                for comm in list(comms[address]):
                    comm.abort()

            wait_until(lambda: comms.get(address))
            way._client.loop.add_callback(cut)
        return found

    monkeypatch.setattr(dask_direct.Direct, "send", sent)
    with running(cluster) as runtime:
        assert bits() == expected()
        engine = runtime.executor.workers.engine
        wait_until(lambda: len(engine.hosts()) == 2)
        assert [host.is_direct for host in engine.hosts() if host.address in broken] == [False]
        assert bits() == expected()


def test_what_a_dead_worker_had_is_not_sent_there_again(cluster, monkeypatch):
    """The scheduler tells of a death later than a connection does that breaks."""
    monkeypatch.setattr(division, "PIECE_SECONDS", 1e-4)
    heard, untold = DaskEngine._heard, []

    def late(engine, event):
        is_death = isinstance(event[1], dict) and event[1].get("action") == "remove-worker"
        untold.append(event) if is_death else heard(engine, event)

    monkeypatch.setattr(DaskEngine, "_heard", late)
    with running(cluster) as runtime, connect(cluster.scheduler_address) as client:
        engine = runtime.executor.workers.engine
        first = engine.hosts()[0]
        (pid,) = client.run(os.getpid, workers=[first.address]).values()
        send = dask_direct.Direct.send

        def kill(way, address, *what):
            found = send(way, address, *what)
            if address == first.address:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return found

        monkeypatch.setattr(dask_direct.Direct, "send", kill)
        assert bits((sampler,)) == expected((sampler,))
        assert first.is_gone
        for event in untold:
            heard(engine, event)
        client.wait_for_workers(2, timeout=DEADLINE)


def test_a_piece_is_cancelled_while_it_waits_for_a_thread(cluster, monkeypatch):
    """Its worker's thread is somebody else's, so nothing of it has begun."""
    from distributed import Event

    def hold(begun):
        Event(begun).set()
        Event("over").wait(DEADLINE)

    stand_in_programs(monkeypatch)
    with running(cluster) as runtime, connect(cluster.scheduler_address) as client:
        engine = runtime.executor.workers.engine
        for host in engine.hosts():
            wait_until(host.prepared.done)
        over, taken = Event("over", client=client), []
        for host in engine.hosts():
            taken.append(client.submit(hold, host.address, workers=[host.address]))
            assert Event(host.address, client=client).wait(DEADLINE)
        machine = Machine(runtime)
        job = machine.submit(compile=lambda: in_a_worker(signal.pause))
        on_the_qpu(job)
        wait_until(lambda: any(host.sent for host in engine.hosts()))
        began = time.monotonic()
        runtime.cancel(job)
        assert job.finished.wait(DEADLINE)
        assert time.monotonic() - began < 2
        over.set()
        after = machine.submit()
        assert after.finished.wait(DEADLINE)
        assert after.status == "DONE"


# -- the inbox, without a cluster ------------------------------------------------------------------


@pytest.fixture
def done(monkeypatch):
    """What has been done, by threads of this process."""
    names = []
    monkeypatch.setattr(inbox, "LINGER_SECONDS", 0.01)
    monkeypatch.setattr(child, "do", lambda name, call: names.append(name) or call)
    return names


def waiting(name, *, is_closed=False):
    piece = inbox._Piece(name, b"call", SimpleNamespace(closed=lambda: is_closed))
    inbox._waiting.append(piece)
    return piece


def test_what_nobody_waits_for_any_more_is_not_done(done):
    waiting("lost", is_closed=True)
    assert waiting("cancelled").answer.cancel()
    piece = waiting("wanted")
    inbox.attend()
    assert done == ["wanted"]
    assert piece.answer.result(0) == {"answer": b"call"}
    assert not inbox._waiting


def test_a_thread_that_has_done_pieces_for_long_leaves_the_others(done, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_SECONDS", 0)
    for name in "ab":
        waiting(name)
    inbox.attend()
    assert done == ["a"]
    inbox.attend()
    assert done == ["a", "b"]


class CannotBeReadError(Exception):
    """Pickle writes it, and cannot read it again."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("bad"), ValueError),
        (CannotBeReadError("a", "b"), RuntimeError),
        (type("Local", (Exception,), {})("bad"), RuntimeError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_whatever_a_piece_raises_is_its_answer(error, kind, monkeypatch, done):
    def fail(*_):
        raise error

    monkeypatch.setattr(child, "do", fail)
    piece = waiting("failing")
    inbox.attend()
    found = pickle.loads(piece.answer.result(0)["error"])
    assert type(found) is kind
    assert str(error) in str(found)


# -- the head's side, without a cluster ------------------------------------------------------------


class Way:
    """Stands for the direct way: answers when a test says so."""

    def __init__(self):
        self.sent = []

    def send(self, address, piece, call, arrived):
        """See `Direct`."""
        answer = Future()
        answer.add_done_callback(arrived)
        self.sent.append(answer)
        return answer

    def leave(self, address, *, broken=False):
        """See `Direct`."""


class Client:
    """Stands for Dask's client: its tasks end when a test says so."""

    def __init__(self):
        self.tasks = []

    def submit(self, function, *_, key, **__):
        """See `distributed.Client`."""
        task = SimpleNamespace(key=key, function=function, status="pending", release=lambda: None)
        task.add_done_callback = lambda told: setattr(task, "told", told)
        self.tasks.append(task)
        return task

    def attending(self):
        """The tasks in which pieces are done, as far as they have not ended."""
        return [
            task
            for task in self.tasks
            if task.function is inbox.attend and task.status == "pending"
        ]


def ended(task, status="finished"):
    task.status = status
    task.told(task)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_worker_gives_as_many_threads_as_it_has_pieces(threads):
    client, way = Client(), Way()
    host = DaskHost(client, "tcp://head:1", "one", threads, 0, way)
    answers = [DaskWorker(host).call(int) for _ in range(2)]
    assert len(client.attending()) == min(threads, 2)
    ended(client.attending()[0])  # it had waited in vain, before they came
    assert len(client.attending()) == min(threads, 2)
    for each in way.sent:
        each.set_result({"answer": pickle.dumps(7)})
    assert [each.result(0) for each in answers] == [7, 7]
    for task in client.attending():
        ended(task)
    assert not client.attending()


@pytest.mark.parametrize("status", ["error", "cancelled", "lost"])
def test_pieces_of_a_worker_whose_threads_cannot_be_had_are_done_elsewhere(status):
    client = Client()
    host = DaskHost(client, "tcp://head:1", "one", 1, 0, Way())
    answer = DaskWorker(host).call(int)
    ended(client.attending()[0], status)
    assert isinstance(answer.exception(0), DaskWorkerLost)


def test_errors_of_pieces_and_errors_of_the_way_are_told_apart():
    client, way = Client(), Way()
    host, broken = DaskHost(client, "tcp://head:1", "one", 2, 0, way), []
    host.on_broken = lambda: broken.append(host)
    answers = [DaskWorker(host).call(int) for _ in range(3)]
    of_the_piece, of_the_way, cancelled = way.sent
    of_the_piece.set_result({"error": pickle.dumps(OSError("no file"))})
    assert not broken
    cancelled.cancel()
    assert not broken
    of_the_way.set_exception(OSError("connection lost"))
    assert broken
    kinds = [type(each.exception(0)) for each in answers]
    assert kinds == [OSError, DaskWorkerLost, DaskWorkerLost]
    assert not host.sent


def test_a_way_that_is_closed_takes_no_piece_and_keeps_none():
    class Closed(Way):
        def send(self, *_):
            raise RuntimeError("the loop is closed")

    host = DaskHost(Client(), "tcp://head:1", "one", 1, 0, Closed())
    with pytest.raises(RuntimeError, match="closed"):
        DaskWorker(host).call(int)
    assert not host.sent
    assert not host.client.attending()


def test_threads_of_the_way_end_with_it(cluster):
    before = set(threading.enumerate())
    with running(cluster):
        sampler(3)
    for thread in set(threading.enumerate()) - before:
        if "qiskit_modes" in thread.name:
            thread.join(DEADLINE)
            assert not thread.is_alive(), thread.name
