"""Quantum programs on a large device: randomisations, and what is learned of a layer."""

import numpy as np
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import QuantumProgram
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke
from samplomatic import Twirl, build

from qiskit_modes import Executor, NoiseLearnerV3, Session
from tests.benchmarks.timing import Row, median_ms, timed, times
from tests.benchmarks.workloads import VQE

__all__ = ["quantum_program"]

RANDOMISATIONS, SHOTS_EACH = 32, 32
REPETITIONS = 5
BROKEN = 0.5
"""Gates with a larger error than this leave nothing to learn."""


def quantum_program():
    """E1: a program as resilience level 1 makes one, and a layer that covers the device."""
    backend = FakeSherbrooke()
    vqe = VQE(backend)
    template, samplex = build(_measuring_everything(vqe.circuit))

    def program():
        prepared = QuantumProgram(SHOTS_EACH)
        arguments = {"parameter_values": vqe.pub()[2]}
        prepared.append_samplex_item(template, samplex, arguments, shape=(RANDOMISATIONS,))
        return prepared

    with Session(backend) as session:
        executor = Executor(session)
        first = timed(lambda: executor.run(program()).result())
        ours = median_ms(times(lambda: executor.run(program()).result(), REPETITIONS))
        learner = NoiseLearnerV3(session)
        layer = [_covering_layer(backend)]
        learning = median_ms(times(lambda: learner.run(layer).result(), REPETITIONS))
    yield Row(
        "E1",
        "127 qubits twirled and measured, 32 randomisations, fake_sherbrooke",
        f"{ours:.0f} ms",
        "<= 1 s",
        ours <= 1000,
        f"first {first * 1e3:.0f} ms; the noise of a layer on all qubits {learning:.0f} ms",
    )


def _measuring_everything(circuit):
    """Return a circuit followed by a twirled measurement of every qubit of the device."""
    whole = QuantumCircuit(*circuit.qregs)
    whole.compose(circuit, inplace=True, copy=False)
    measured = whole.copy()
    measured.measure_all(inplace=True)
    (register,) = measured.cregs
    whole.add_register(register)
    with whole.box([Twirl()]):
        whole.measure(range(whole.num_qubits), range(whole.num_qubits))
    return whole


def _covering_layer(backend):
    """Return a layer of two-qubit gates on as many qubits as have a partner, and all others."""
    circuit = QuantumCircuit(backend.num_qubits)
    busy = set()
    with circuit.box([Twirl()]):
        for pair, properties in backend.target["ecr"].items():
            if properties.error < BROKEN and busy.isdisjoint(pair):
                circuit.ecr(*pair)
                busy.update(pair)
        circuit.noop(*np.arange(backend.num_qubits).tolist())
    return circuit.data[0]
