"""A seed gives the same bits on any number of workers, also when they are killed on the way."""

import os
import signal
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp, random_pauli_list
from qiskit_ibm_runtime import QuantumProgram
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeMontrealV2

from qiskit_modes import EstimatorV2, Executor, SamplerV2
from qiskit_modes.runtime import LocalRuntime, WorkerPool, use_runtime
from qiskit_modes.runtime.workers.dask import direct
from qiskit_modes.runtime.workers.dask.clients import connect, local_cluster
from qiskit_modes.runtime.workers.dask.host import DaskHost, DaskWorker
from qiskit_modes.simulation.run import division
from tests.examples import examples
from tests.runtime.clusters import SomeWorkers
from tests.simulation.devices import path_through, placed_on

pytest.importorskip("distributed")

SMALL, LARGE = FakeManilaV2(), FakeMontrealV2()


def options(seed, **more):
    return {"simulator": {"seed_simulator": seed}, **more}


def ladder(size, layers):
    circuit, angle = QuantumCircuit(size), Parameter("angle")
    for layer in range(layers):
        for qubit in range(size):
            circuit.sx(qubit)
            circuit.rz(angle * (layer + 1), qubit)
        for qubit in range(layer % 2, size - 1, 2):
            circuit.cx(qubit, qubit + 1)
    return circuit


def sampled(backend, circuit, values, shots, seed):
    measured = circuit.copy()
    measured.measure_all()
    job = SamplerV2(backend, options=options(seed)).run([(measured, values)], shots=shots)
    return job.result()[0].data.meas.array


def drawn(seed, least, most):
    """Numbers that make one program differ from another one, by its seed."""
    return (int(each) for each in np.random.default_rng(seed).integers(least, most, endpoint=True))


def sampler(seed):
    size, layers, sets, shots = drawn(seed, (2, 1, 1, 1), (5, 4, 16, 400))
    return sampled(SMALL, ladder(size, layers), np.linspace(0, 1, sets)[:, None], shots, seed)


def estimator(seed, level=0):
    size, layers, sets = drawn(seed, (2, 1, 1), (5, 3, 3))
    observables = SparsePauliOp(random_pauli_list(size, 3, seed=seed, phase=False))
    job = EstimatorV2(SMALL, options=options(seed, resilience_level=level)).run(
        [(ladder(size, layers), observables, np.linspace(0, 1, sets)[:, None])]
    )
    return job.result()[0].data.evs


def mitigated(seed):
    return estimator(seed, level=2)


def executor(seed):
    size, layers, sets, shots = drawn(seed, (2, 1, 1, 1), (5, 3, 8, 200))
    measured = ladder(size, layers)
    measured.measure_all()
    program = QuantumProgram(shots)
    program.append_circuit_item(measured, circuit_arguments=np.linspace(0, 1, sets)[:, None])
    return Executor(SMALL, options=options(seed)).run(program).result()[0]["meas"]


def trajectories(seed):
    layers, shots = drawn(seed, (2, 20), (5, 120))
    circuit = placed_on(LARGE, ladder(11, layers), path_through(LARGE, 11))
    return sampled(LARGE, circuit, [0.7], shots, seed)


def wide(seed):
    size, shots = drawn(seed, (14, 1), (20, 300))
    circuit = QuantumCircuit(size)
    circuit.sx(0)
    for qubit in range(size - 1):
        circuit.cx(qubit, qubit + 1)
    return sampled(LARGE, placed_on(LARGE, circuit, path_through(LARGE, size)), None, shots, seed)


KINDS = (sampler, estimator, mitigated, executor, trajectories, wide)

_known = {}


def here(kind, seed):
    """What comes of it on one process of this machine."""
    if (kind, seed) not in _known:
        with LocalRuntime(workers=1) as runtime, use_runtime(runtime):
            _known[kind, seed] = kind(seed).tobytes()
    return _known[kind, seed]


@contextmanager
def killing(engine, numbers):
    """Kill the worker that is given a piece, for the pieces of some numbers; yields who was."""
    killed = []
    pids = engine._client.run(os.getpid)
    run, count = DaskWorker.run, iter(range(10**6))

    def run_and_kill(worker, *what):
        answer = run(worker, *what)
        pid = pids.pop(worker.host.address, None) if next(count) in numbers else None
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DaskWorker, "run", run_and_kill)
        yield killed


def check(cluster, kinds, workers, kills, seed, most_direct=direct.MOST_DIRECT):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "MOST_DIRECT", most_direct)  # the others have the scheduler between
        patch.setattr(division, "PIECE_SECONDS", 0.002)  # enough pieces to be given away
        client = connect(cluster.scheduler_address)
        client.wait_for_workers(len(cluster.workers), timeout=60)  # who was killed before is back
        engine = SomeWorkers(client, workers)
        pool = WorkerPool(engine=engine, light_seconds=0)
        with (
            LocalRuntime(workers=pool) as runtime,
            use_runtime(runtime),
            killing(engine, kills) as killed,
        ):
            found = {kind: kind(seed).tobytes() for kind in kinds}
    assert found == {kind: here(kind, seed) for kind in kinds}
    return killed


def test_every_kind_of_job_on_one_and_on_two_workers(cluster):
    for workers, most_direct in ((1, 2), (2, 2), (2, 0)):
        check(cluster, KINDS, workers, set(), 5, most_direct)


@pytest.mark.parametrize("most_direct", [0, 2])
def test_a_worker_that_is_killed_costs_no_job_and_no_bit(most_direct, cluster):
    """Its pieces are done elsewhere; Dask starts it anew."""
    assert len(check(cluster, (trajectories, sampler), 2, {0, 1}, 7, most_direct)) == 2


def test_an_answer_whose_worker_dies_before_it_is_fetched_is_computed_again(cluster):
    """One thread fetches all answers: it must not wait for one that nobody has any more."""
    arrived, killed = DaskWorker._arrived, []

    def late(worker, answer, piece, sent):
        if not killed:
            killed.extend(worker.host.client.run(os.getpid, workers=[worker.host.address]).values())
            os.kill(killed[0], signal.SIGKILL)
            assert gone.wait(60)
        arrived(worker, answer, piece, sent)

    gone, go = threading.Event(), DaskHost.go

    def told(host):
        gone.set()
        go(host)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DaskWorker, "_arrived", late)
        patch.setattr(DaskHost, "go", told)
        check(cluster, (sampler,), 2, set(), 5, most_direct=0)
    assert killed


cases = given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    workers=st.integers(1, 4),
    kills=st.sets(st.integers(0, 30), max_size=2),
    seed=st.integers(0, 2**32 - 1),
    most_direct=st.integers(0, 4),
)
"""Jobs, how many workers, which pieces kill theirs, two at most: a third death is an error; and how
many workers get theirs directly."""


def settled(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=False,
    )


@cases
@settled(examples(daily=1, full=2))
def test_some_jobs_on_some_workers_with_some_kills(
    cluster, kinds, workers, kills, seed, most_direct
):
    check(cluster, kinds, min(workers, 2), kills, seed, most_direct)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_any_jobs_on_any_workers_with_any_kills():
    @cases
    @settled(30)
    def any_jobs(kinds, workers, kills, seed, most_direct):
        check(four, kinds, workers, kills, seed, most_direct)

    with local_cluster(4) as four:
        for workers in (1, 2, 4):
            check(four, KINDS, workers, set(), workers)
        any_jobs()
