"""Jobs of wide circuits are jobs like any other: they say how long they take, and can be ended."""

import threading
from unittest import mock

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke

from qiskit_modes import EstimatorV2, SamplerV2
from qiskit_modes.primitives.estimator.mitigated_job import MitigatedEstimatorJob
from qiskit_modes.primitives.programs.width import NEVER_TOO_WIDE
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from qiskit_modes.runtime.progress.outlook import take_outlook
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.compile.window.outlook import may_be_too_wide
from tests.simulation.devices import path_through, placed_on
from tests.threads import wait_until

DEADLINE = 60.0


def brickwork(size: int, layers: int) -> QuantumCircuit:
    circuit = QuantumCircuit(size)
    for layer in range(layers):
        for qubit in range(size):
            circuit.rx(0.3 + layer + qubit, qubit)
        for qubit in range(layer % 2, size - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


@pytest.mark.filterwarnings("ignore:fake_sherbrooke reports an error of 1")
def test_a_job_in_a_window_says_how_long_it_takes_and_is_cancelled_while_it_draws(caplog):
    backend = FakeSherbrooke()
    line = path_through(backend, 30)
    wide = placed_on(backend, brickwork(30, 12), line)
    small = placed_on(backend, brickwork(2, 1), line[:2])
    with LocalRuntime(workers=WorkerPool(1)) as runtime, use_runtime(runtime):
        sampler = SamplerV2(backend)
        with caplog.at_level("INFO", logger="qiskit_modes"):
            job = sampler.run([wide], shots=200_000)
            wait_until(lambda: job.on_qpu() or job.in_final_state())  # it is compiled first
            assert job.on_qpu()
        assert "trajectories in a window of 13 qubits" in caplog.text
        outlook = take_outlook(runtime.job(job.job_id()), runtime.clock.now(), ended=0)
        assert outlook.holder.startswith("this job")
        job.cancel()
        assert job.status() == "CANCELLED"
        with pytest.raises(RuntimeInvalidStateError, match="cancelled"):
            job.result(timeout=DEADLINE)
        # What it was doing is stopped: minutes of work are not waited for.
        after = sampler.run([small], shots=10)
        assert after.result(timeout=DEADLINE)[0].data.meas.num_shots == 10


PEC = {"resilience_level": 2, "resilience": {"zne_mitigation": False, "pec_mitigation": True}}


def mitigated(size: int, layers: int) -> tuple[EstimatorV2, tuple[QuantumCircuit, SparsePauliOp]]:
    """An estimator with PEC, and a line of joined qubits of which it reads two."""
    line = [[qubit, qubit + 1] for qubit in range(size - 1)]
    backend = GenericBackendV2(
        size, basis_gates=["cx", "rz", "sx", "x", "rx", "id"], coupling_map=line, seed=1
    )
    circuit = brickwork(size, layers).remove_final_measurements(inplace=False)
    observable = SparsePauliOp.from_sparse_list([("ZZ", [size // 2 - 1, size // 2], 1)], size)
    estimator = EstimatorV2(backend, options=PEC)
    estimator.options.simulator.seed_simulator = 1
    estimator.options.twirling.num_randomizations = 4
    return estimator, (circuit, observable)


@pytest.mark.parametrize("size", [30, pytest.param(100, marks=pytest.mark.slow)])
def test_a_mitigated_job_says_how_long_it_takes_and_is_cancelled_while_it_executes(size, caplog):
    with LocalRuntime(workers=WorkerPool(1)) as runtime, use_runtime(runtime):
        estimator, pub = mitigated(size, 12)
        _, small = mitigated(size, 1)
        with caplog.at_level("WARNING", logger="qiskit_modes"):
            job = estimator.run([pub], precision=0.002)
            wait_until(lambda: job.on_qpu() or job.in_final_state())
            assert job.on_qpu()
        for words in (f"Job {job.job_id()} will take about", "to simulate, by ", "fewer shots"):
            assert words in caplog.text
        job.cancel()
        assert job.status() == "CANCELLED"
        with pytest.raises(RuntimeInvalidStateError, match="cancelled"):
            job.result(timeout=DEADLINE)
        after = estimator.run([small], precision=0.5)
        assert after.result(timeout=DEADLINE)[0].data.stds > 0


def test_a_mitigated_job_is_cancelled_while_it_is_evaluated():
    begun, go_on = threading.Event(), threading.Event()
    evaluate = MitigatedEstimatorJob.post_process

    def held(*arguments):
        if not begun.is_set():
            begun.set()
            assert go_on.wait(DEADLINE)
        return evaluate(*arguments)

    with LocalRuntime(workers=WorkerPool(1)) as runtime, use_runtime(runtime):
        estimator, small = mitigated(100, 1)
        with mock.patch.object(MitigatedEstimatorJob, "post_process", held):
            try:
                job = estimator.run([small], precision=0.5)
                assert begun.wait(DEADLINE)
                job.cancel()
                assert job.status() == "CANCELLED"
                # The evaluation still goes on, and holds up nobody.
                after = estimator.run([small], precision=0.5)
                assert after.result(timeout=DEADLINE)[0].data.stds > 0
            finally:
                go_on.set()
        with pytest.raises(RuntimeInvalidStateError, match="cancelled"):
            job.result(timeout=DEADLINE)


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("method", [None, "statevector", "density_matrix"])
def test_few_qubits_fit_into_the_least_memory_that_can_be_set(method, density):
    least = SimulatorChoice(method=method, density=density, max_memory_mb=1)
    few, many = (path(number) for number in (NEVER_TOO_WIDE, 20))
    assert not may_be_too_wide(few, least)
    assert may_be_too_wide(many, least)


def path(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    return circuit
