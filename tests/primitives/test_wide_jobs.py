"""Jobs of wide circuits are jobs like any other: they say how long they take, and can be ended."""

import threading

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke

from qiskit_modes import SamplerV2
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from qiskit_modes.runtime.progress.outlook import take_outlook
from qiskit_modes.runtime.shared_runtime import use_runtime
from tests.simulation.devices import path_through, placed_on

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
            pause = threading.Event()
            while not job.on_qpu():  # it is compiled first
                assert job.status() in {"QUEUED", "RUNNING"}
                pause.wait(0.01)
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
