"""Reading instructions: a standard gate is read in the circuit, others by their objects."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, ParameterVector
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.simulation.circuits.expressions import Scope
from qiskit_modes.simulation.noise.device import DeviceNoise
from qiskit_modes.simulation.operations import Channel
from qiskit_modes.simulation.read.read_circuit import CircuitReader

GATES = {
    name: gate
    for name, gate in get_standard_gate_name_mapping().items()
    if isinstance(gate, Gate) and gate.num_qubits
}


def circuit_of(name, *, is_open, label):
    """Return a circuit of one standard gate, on qubits of another order."""
    kind = GATES[name].base_class
    number = len(GATES[name].params)
    values = ParameterVector("a", number) if is_open else np.linspace(0.3, 1.1, number).tolist()
    circuit = QuantumCircuit(5)
    gate = kind(*values, label=label)
    circuit.append(gate, list(range(gate.num_qubits))[::-1])
    return circuit


def readers(circuit):
    """Return two new readers, each with a scope."""
    for _ in range(2):
        scope = Scope({qubit: at for at, qubit in enumerate(circuit.qubits)}, {}, {})
        yield CircuitReader(circuit, DeviceNoise(FakeManilaV2())), scope


@pytest.mark.parametrize("label", [None, "sx", "cx"])
@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("name", sorted(GATES))
def test_standard_gates_are_read_as_their_objects_are(name, is_open, label):
    circuit = circuit_of(name, is_open=is_open, label=label)
    (step,) = circuit.data
    assert step.is_standard_gate()
    (one, scope), (other, other_scope) = readers(circuit)
    found = one.operations([step], scope)
    qubits = tuple(scope.qubits[qubit] for qubit in step.qubits)
    expected = list(other._gate(step.operation, qubits, other_scope))
    assert len(found) == len(expected) > 0
    for mine, theirs in zip(found, expected, strict=True):
        assert type(mine) is type(theirs)
        assert mine.qubits == theirs.qubits
        if isinstance(mine, Channel):
            np.testing.assert_array_equal(mine.matrix, theirs.matrix)
        else:
            assert mine == theirs
    assert one.noise.facts == other.noise.facts
    angles, other_angles = one.angles.finish(), other.angles.finish()
    np.testing.assert_array_equal(angles.coefficients, other_angles.coefficients)
