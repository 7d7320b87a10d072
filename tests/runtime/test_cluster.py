"""Jobs on a Dask cluster of real processes: the same bits, and what happens when it breaks."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import EstimatorV2, SamplerV2
from qiskit_modes.exceptions import ClusterError, InvalidInputError
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.runtime.step_runner import StepRunner
from qiskit_modes.runtime.workers.dask import child
from qiskit_modes.runtime.workers.dask.engine import DaskEngine, connect, local_cluster
from qiskit_modes.runtime.workers.dask.host import DaskWorker
from qiskit_modes.runtime.workers.loky_process import child_environment
from qiskit_modes.runtime.workers.loky_worker import LokyWorker
from tests.runtime.conftest import DEADLINE, Machine
from tests.runtime.test_disasters import in_a_worker, on_the_qpu

pytest.importorskip("distributed")

BACKEND = FakeManilaV2()


@pytest.fixture(scope="module")
def cluster():
    """Two workers in processes of this machine."""
    with local_cluster(2) as cluster:
        yield cluster


@pytest.fixture
def runtime(cluster):
    before = set(threading.enumerate())
    engine = DaskEngine(connect(cluster.scheduler_address))
    with LocalRuntime(workers=WorkerPool(engine=engine, light_seconds=0)) as runtime:
        yield runtime
    left = {each for each in set(threading.enumerate()) - before if "qiskit_modes" in each.name}
    for thread in left:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in left)


@pytest.fixture
def machine(runtime, monkeypatch):
    """Stand-ins for programs, which are not divided."""
    stand_in_programs(monkeypatch)
    return Machine(runtime)


def stand_in_programs(monkeypatch):
    monkeypatch.setattr(StepRunner, "_divide", lambda _, program: [program])
    monkeypatch.setattr(WorkerPool, "_peak_bytes", lambda *_: 0)


def circuit():
    """A circuit of five noisy qubits, with one parameter, as the backend executes it."""
    circuit, angle = QuantumCircuit(5), Parameter("angle")
    circuit.sx(0)
    for qubit in range(4):
        circuit.cx(qubit, qubit + 1)
        circuit.rz(angle, qubit)
        circuit.sx(qubit)
    return circuit


def digests(*, sets=30):
    """What a sampler and a mitigating estimator give of one seed."""
    measured = circuit()
    measured.measure_all()
    sampler = SamplerV2(BACKEND)
    sampler.options.simulator.seed_simulator = 11
    bits = sampler.run([(measured, [[0.1 * n] for n in range(sets)])], shots=500)
    estimator = EstimatorV2(BACKEND, options={"resilience_level": 2})
    estimator.options.simulator.seed_simulator = 12
    values = estimator.run([(circuit(), SparsePauliOp("ZZZZZ"), [[0.3], [0.4]])])
    arrays = bits.result()[0].data.meas.array, values.result()[0].data.evs
    return [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]


def in_process(workers):
    with LocalRuntime(workers=workers) as runtime, use_runtime(runtime):
        return digests()


def test_a_seed_gives_the_same_bits_as_here(runtime):
    with use_runtime(runtime):
        assert digests() == in_process(1)


def worker_ids(runtime):
    engine = runtime.executor.workers.engine
    return list(engine._client.run(os.getpid).values())


def test_a_worker_that_is_killed_costs_no_job_and_no_bit(runtime):
    """Its pieces are done elsewhere; Dask starts it anew."""
    wanted = in_process(2)
    killed = worker_ids(runtime)[0]
    killer = threading.Timer(0.3, os.kill, (killed, signal.SIGKILL))
    killer.start()
    with use_runtime(runtime):
        assert digests() == wanted
    killer.join()


def test_memory_is_kept_in_workers_as_in_processes_of_this_machine(runtime):
    """Dask has its workers give memory back at once, which costs programs twice the CPU."""
    engine = runtime.executor.workers.engine
    (host, *_) = engine.hosts()
    worker = DaskWorker(host)
    names = [name for name in child_environment() if name.startswith("MALLOC_")]
    there = [worker.call(os.getenv, name).result(DEADLINE) for name in names]
    worker.stop()
    assert there == [child_environment()[name] for name in names]
    assert len(names) == 2


def test_a_cancelled_job_frees_its_qpu_and_its_worker(machine):
    job = machine.submit(compile=lambda: in_a_worker(signal.pause))
    on_the_qpu(job)
    began = time.monotonic()
    machine.runtime.cancel(job)
    assert job.finished.wait(DEADLINE)
    others = [machine.submit() for _ in range(3)]
    assert all(other.finished.wait(DEADLINE) for other in others)
    assert [each.status for each in (job, *others)] == ["CANCELLED", "DONE", "DONE", "DONE"]
    assert time.monotonic() - began < 20


def test_a_piece_that_kills_its_process_is_tried_three_times(machine):
    job = machine.submit(compile=lambda: in_a_worker(os.abort))
    assert job.finished.wait(DEADLINE)
    assert job.status == "ERROR"
    assert type(job.error).__name__ == "WorkerDiedError"
    after = machine.submit()
    assert after.finished.wait(DEADLINE)
    assert after.status == "DONE"


def test_more_memory_than_any_worker_has_is_refused_with_both_numbers(runtime):
    for host in runtime.executor.workers.engine.hosts():
        host.memory_bytes = 1000
    measured = circuit()
    measured.measure_all()
    with use_runtime(runtime):
        job = SamplerV2(BACKEND).run([(measured, [0.1])])
        with pytest.raises(Exception, match="the largest worker of the cluster"):
            job.result()


def test_workers_that_come_are_used(runtime, cluster):
    engine = runtime.executor.workers.engine
    came = threading.Event()
    tell = engine.on_change
    engine.on_change = lambda: (tell(), len(engine.hosts()) == 3 and came.set())
    cluster.scale(3)
    assert came.wait(DEADLINE)
    cluster.scale(2)


@pytest.mark.parametrize(
    ("package", "there", "words"),
    [
        ("qiskit", "1.0", "qiskit 1.0, here "),
        ("qiskit-aer", None, "no qiskit-aer, here "),
    ],
)
def test_workers_that_differ_are_named(cluster, monkeypatch, package, there, words):
    client = connect(cluster.scheduler_address)
    versions = child.versions() | {package: there}
    run = client.run
    monkeypatch.setattr(
        client,
        "run",
        lambda function, *args, **how: (
            dict.fromkeys(how["workers"], versions)
            if function is child.versions
            else run(function, *args, **how)
        ),
    )
    with pytest.raises(ClusterError, match=words):
        DaskEngine(client)


def test_an_address_where_nothing_answers_is_named_soon():
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"tcp://127\.0\.0\.1:1"):
        LocalRuntime(workers="tcp://127.0.0.1:1")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("workers", [0, True, "local:0", object()])
def test_what_is_nothing_of_these_is_refused(workers):
    with pytest.raises(InvalidInputError):
        LocalRuntime(workers=workers)


def test_a_number_is_processes_of_this_machine():
    with LocalRuntime(workers=3) as runtime:
        pool = runtime.executor.workers
        assert pool.size == 3
        assert isinstance(pool.engine.new_worker(), LokyWorker)


def test_a_client_and_the_environment_say_the_same(cluster, monkeypatch):
    from distributed import Client

    monkeypatch.setenv("QISKIT_MODES_CLUSTER", cluster.scheduler_address)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        for workers in (None, client, cluster.scheduler_address):
            with LocalRuntime(workers=workers) as runtime:
                assert len(runtime.executor.workers.engine.hosts()) == 2
        assert client.status == "running", "it is its owner's"


@pytest.fixture
def scheduler():
    """A scheduler and a worker as commands start them, and the scheduler's address."""
    dask = [sys.executable, "-m", "dask"]
    head = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*dask, *head], stderr=subprocess.PIPE, text=True) as scheduler:
        said = (re.search(r"Scheduler at:\s+(tcp://\S+)", line) for line in scheduler.stderr)
        address = next(match[1] for match in said if match)
        hand = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        with subprocess.Popen([*dask, *hand], **quiet) as worker:
            yield scheduler, address
            scheduler.kill()
            worker.kill()


def test_a_scheduler_that_goes_away_ends_every_job_and_locks_no_qpu(scheduler, monkeypatch):
    stand_in_programs(monkeypatch)
    process, address = scheduler
    pool = WorkerPool(engine=DaskEngine(connect(address)), light_seconds=0)
    with LocalRuntime(workers=pool) as runtime:
        machine = Machine(runtime)
        jobs = [machine.submit(compile=lambda: in_a_worker(signal.pause))]
        on_the_qpu(jobs[0])  # before there are others: which of several is compiled first is open
        jobs += [machine.submit(compile=lambda: in_a_worker(signal.pause)) for _ in range(2)]
        process.kill()
        assert all(job.finished.wait(2 * DEADLINE) for job in jobs)
        assert {type(job.error) for job in jobs} == {ClusterError}
        assert machine.qpu.scheduler.locks.qpu.idle
        after = machine.submit()
        assert after.finished.wait(DEADLINE)
        assert isinstance(after.error, ClusterError)
