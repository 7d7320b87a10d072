"""A runtime whose programs do what a test says, when the test says it."""

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from qiskit_modes.runtime import (
    JobMode,
    JobRecord,
    LocalRuntime,
    StepFunctions,
    WorkerPool,
    session_executor,
)
from qiskit_modes.runtime.workers.dask.clients import local_cluster
from qiskit_modes.runtime.workers.work_items import Import
from qiskit_modes.scheduling import Instance, Mode
from qiskit_modes.scheduling.events import WorkloadOpened
from qiskit_modes.simulation.run.program import Program
from tests.runtime import heavy_functions
from tests.runtime.controlled import Exploration
from tests.runtime.stand_ins import stand_in_for_threading

DRAWN, MOST = 80, int(os.environ.get("QISKIT_MODES_ORDERS", "6000"))
"""Runs of a case that has too many for every day, and the most that the full check makes. Where
there are still more, as of three threads, it draws half as many again, wherever they lie. With a
larger number in the environment they are all made: three threads that submit can meet in 64,467
orders, which takes ten minutes."""

DEADLINE = 30.0
"""Seconds after which a wait in a test has failed."""


class Backend:
    """Stands for a machine; nothing is asked of it but its name."""

    name = "stand-in"


class Gate:
    """A step that can be held back."""

    def __init__(self):
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, *_):
        self.entered.set()
        assert self.opened.wait(DEADLINE)


def program(seed=0):
    """A program without any circuit."""
    return Program({}, (), seed)


class Machine:
    """A runtime, its one QPU, and short ways to submit."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.backend = Backend()
        self.qpu = runtime.qpu(self.backend)

    def job(self, *, compile=program, post_process=lambda *_: "result", workload=None):
        mode = Mode.JOB if workload is None else workload.core.mode
        return JobRecord(
            id=str(uuid.uuid4()),
            qpu=self.qpu,
            steps=StepFunctions(lambda _: compile(), post_process),
            backend=self.backend,
            instance=Instance(),
            mode=JobMode(mode, "the test says so"),
            workload=workload,
        )

    def submit(self, job=None, **more):
        job = job or self.job(**more)
        self.runtime.submit(job)
        return job

    def open(self, mode=Mode.SESSION, **more):
        event = WorkloadOpened(str(uuid.uuid4()), mode, Instance(), **more)
        return self.runtime.open_workload(event, self.backend)


@pytest.fixture(scope="module")
def cluster():
    """Two workers of Dask in processes of this machine, which are started anew when they die."""
    pytest.importorskip("distributed")
    with local_cluster(2) as cluster:
        yield cluster


@pytest.fixture
def machine():
    """A machine with real worker processes."""
    before = set(threading.enumerate())
    with LocalRuntime(workers=WorkerPool(1, light_seconds=0)) as runtime:
        yield Machine(runtime)
    runtime_is_gone(before)


@pytest.fixture
def machine_with_places():
    """A machine with two worker processes, of which one is ready for heavy steps of tests."""
    before = set(threading.enumerate())
    with LocalRuntime(workers=WorkerPool(2, light_seconds=0)) as runtime:
        pool, imported = runtime.executor.workers, threading.Event()
        pool.warm_up(2)
        item = Import(heavy_functions.__name__, pool._placement, lambda _: imported.set())
        *_, worker = pool._workers
        item.worker = worker
        worker.item = item
        pool._send([(worker, item)])
        assert imported.wait(DEADLINE)
        assert worker.ready_for
        yield Machine(runtime)
    runtime_is_gone(before)


@pytest.fixture
def threaded():
    """A machine whose programs run in a thread: quick to start, and impossible to kill."""
    before = set(threading.enumerate())
    pool = WorkerPool(1, new_executor=lambda: ThreadPoolExecutor(1, "staged-worker"))
    with LocalRuntime(workers=pool) as runtime:
        yield Machine(runtime)
    runtime_is_gone(before)


def runtime_is_gone(before):
    """No thread is left that was not there before; those that end by themselves are joined."""
    for thread in set(threading.enumerate()) - before:
        if thread.ident is None:
            continue  # interrupted before it began: Python lists it for ever
        thread.join(DEADLINE)
        assert not thread.is_alive(), f"{thread.name} was left behind"


def finished(*jobs):
    for job in jobs:
        assert job.finished.wait(DEADLINE), f"job is {job.core.state}"
    return [job.status for job in jobs]


@pytest.fixture
def explore(monkeypatch):
    """Call with a scenario, and how many runs there are to be; patches are made for each run."""

    def not_only_in_the_log(*_):
        raise  # what the code under test would catch and write down

    monkeypatch.setattr(session_executor.logger, "exception", not_only_in_the_log)

    def explore(scenario, *, least, seed=None):
        def patched(run):
            with monkeypatch.context() as for_this_run:

                def patch(module, *, leaves):
                    stand_in = stand_in_for_threading(run, leaves=leaves)
                    for_this_run.setattr(module, "threading", stand_in)

                scenario(run, patch)

        if seed is not None:
            Exploration(most=DRAWN, seed=seed).of(patched)
            return
        exploration = Exploration(most=MOST).of(patched)
        runs, drawn = exploration.runs, 0
        if not exploration.complete:
            drawn = Exploration(most=MOST // 2, seed=0).of(patched).runs
        print(  # noqa: T201
            f"{runs} orders, which are {'all' if exploration.complete else 'not all'}, "
            f"{exploration.redundant} that were like one of them, and {drawn} drawn"
        )
        assert runs >= least, f"{runs} orders were seen, which is fewer than there are"

    return explore
