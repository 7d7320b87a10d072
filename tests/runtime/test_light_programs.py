"""Programs that take less than the way to a worker: executed in a lane, by every rule."""

import threading

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes import SamplerV2
from qiskit_modes.runtime import LocalRuntime, WorkerPool, step_runner
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.runtime.workers.worker_process import Execution
from qiskit_modes.scheduling.job import Ready
from qiskit_modes.simulation.run import division
from tests.runtime.conftest import DEADLINE, Gate, Machine, finished, runtime_is_gone
from tests.threads import wait_until


@pytest.fixture
def light():
    """A machine that executes light programs itself, and has not started a worker."""
    before = set(threading.enumerate())
    with LocalRuntime(workers=WorkerPool(1)) as runtime:
        yield Machine(runtime)
        assert not runtime.executor.workers._workers
    runtime_is_gone(before)


@pytest.fixture
def on_qpu(monkeypatch):
    """A gate on the QPU, and the threads that have come to it."""
    gate, threads, original = Gate(), [], step_runner.run_whole

    def run_whole(program):
        threads.append(threading.current_thread().name)
        gate()
        return original(program)

    monkeypatch.setattr(step_runner, "run_whole", run_whole)
    gate.threads = threads
    return gate


def until_ready(job):
    """Wait until a job is compiled, and it is known where it will be executed."""
    wait_until(lambda: isinstance(job.core.state, Ready))


def test_it_has_the_qpu_while_it_is_executed_and_is_charged_for_it(light, on_qpu):
    first = light.submit()
    assert on_qpu.entered.wait(DEADLINE)
    assert type(first.core.state).__name__ == "Executing"
    second = light.submit()
    until_ready(second)
    on_qpu.opened.set()
    assert finished(first, second) == ["DONE", "DONE"]
    assert all(
        name.startswith(("qiskit_modes-lane", "qiskit_modes-calls")) for name in on_qpu.threads
    )
    for job in (first, second):
        assert job.core.executing_at <= job.worker_stamps[0] <= job.worker_stamps[1]
        assert job.worker_stamps[1] <= job.core.released_at
    assert first.core.released_at <= second.core.executing_at
    assert first.core.charged_seconds(0.0) > 0


def test_it_can_be_cancelled_and_keeps_the_qpu_until_it_returns(light, on_qpu):
    job = light.submit()
    assert on_qpu.entered.wait(DEADLINE)
    light.runtime.executor.cancel(job)
    after = light.submit()
    assert finished(job) == ["CANCELLED"]
    assert after.status == "RUNNING"
    on_qpu.opened.set()
    assert finished(after) == ["DONE"]
    assert job.result is None


def test_its_limit_holds(light, on_qpu):
    job = light.job()
    light.runtime.submit(job, max_execution_seconds=0.02)
    assert finished(job) == ["ERROR"]
    assert "too long" in job.reason
    on_qpu.opened.set()
    assert finished(light.submit()) == ["DONE"]


@pytest.mark.parametrize("error", [ValueError("wrong"), MemoryError(), KeyboardInterrupt()])
def test_its_errors_are_the_jobs(light, monkeypatch, error):
    def fail(program):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(step_runner, "run_whole", fail)
        assert finished(light.submit()) == ["ERROR"]
    assert finished(light.submit()) == ["DONE"]


def test_one_that_was_cancelled_before_it_began_is_not_executed(light, monkeypatch):
    begun = []
    monkeypatch.setattr(step_runner, "run_whole", begun.append)
    runner = light.runtime.executor._runner
    do = runner._threads.do

    def cancelled_on_the_way(step, *, job, otherwise):
        if step.func == runner._execute_here:
            light.runtime.executor.cancel(job)
        do(step, job=job, otherwise=otherwise)

    monkeypatch.setattr(runner._threads, "do", cancelled_on_the_way)
    assert finished(light.submit()) == ["CANCELLED"]
    assert not begun


def ladder(num_qubits):
    circuit = QuantumCircuit(num_qubits)
    circuit.ry(0.7, range(num_qubits))
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def test_what_is_heavy_goes_to_a_worker_and_what_is_light_has_the_same_bits_there():
    backend, circuit = AerSimulator(), ladder(5)
    bits = []
    for light_seconds, started in ((1e-3, 0), (0.0, 1)):
        pool = WorkerPool(1, light_seconds=light_seconds)
        with LocalRuntime(workers=pool) as runtime, use_runtime(runtime):
            sampler = SamplerV2(backend, options={"simulator": {"seed_simulator": 5}})
            bits.append(sampler.run([circuit], shots=300).result()[0].data.meas)
            assert len(pool._workers) == started
            if not started:
                sampler.run([ladder(19)], shots=10).result()
                assert len(pool._workers) == 1
    assert bits[0] == bits[1]


def test_one_that_is_alone_may_be_twice_as_long(monkeypatch):
    """What it would hold up is not there; with another job beside it, it goes to a worker."""
    pool = WorkerPool(1)
    monkeypatch.setattr(division, "seconds_here", lambda _: 1.5 * pool.light_seconds)
    gate, executed_here = Gate(), []

    def run_whole(program):
        executed_here.append(program)
        gate()
        return run_here(program)

    run_here = step_runner.run_whole
    monkeypatch.setattr(step_runner, "run_whole", run_whole)
    with LocalRuntime(workers=pool) as runtime:
        machine = Machine(runtime)
        alone = machine.submit()
        assert gate.entered.wait(DEADLINE)
        beside = machine.submit()
        until_ready(beside)
        gate.opened.set()
        assert finished(alone, beside) == ["DONE", "DONE"]
        assert len(executed_here) == len(pool._workers) == 1
        monkeypatch.setattr(division, "seconds_here", lambda _: 2.5 * pool.light_seconds)
        assert finished(machine.submit()) == ["DONE"]
        assert len(executed_here) == 1


def test_executors_of_a_user_get_every_program():
    from concurrent.futures import ThreadPoolExecutor

    pool = WorkerPool(1, new_executor=lambda: ThreadPoolExecutor(1))
    assert pool.light_seconds == 0
    with LocalRuntime(workers=pool) as runtime, use_runtime(runtime):
        SamplerV2(AerSimulator()).run([ladder(2)], shots=10).result()
        assert pool._workers


def test_light_programs_overlap_nothing_on_one_qpu(light, monkeypatch):
    """Many at once, from many threads: one at a time has the lock."""
    inside, most = [], []

    def run_whole(program):
        inside.append(program)
        most.append(len(inside))
        inside.pop()
        return Execution("samples", 0.0, 0.0)

    monkeypatch.setattr(step_runner, "run_whole", run_whole)
    jobs = [light.submit() for _ in range(200)]
    assert set(finished(*jobs)) == {"DONE"}
    assert max(most) == 1
