"""The steps that a circuit's key was read of are compiled, if they are those of the circuit."""

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.circuit.library import UnitaryGate

from qiskit_modes.simulation.circuits import latest_steps as latest
from qiskit_modes.simulation.circuits.content import fingerprint
from qiskit_modes.simulation.circuits.latest_steps import take_steps
from qiskit_modes.simulation.read.read_ideal import read_ideal_circuit


def measured(angle: float = 0.3) -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2, "a"), ClassicalRegister(3))
    circuit.ry(angle, 2)
    circuit.ccx(2, 0, 1)
    circuit.cx(1, 0)
    circuit.barrier()
    circuit.reset(1)
    circuit.measure([2, 0], [4, 0])
    return circuit


def told(ideal):
    gates = [(on, matrix.tolist()) for on, matrix in ideal.gates]
    return gates, dict(ideal.measured)


@pytest.mark.parametrize("rest", [(), ("reset",)])
def test_what_is_read_with_them_is_what_is_read_without(rest):
    circuit = measured()
    circuit.data = [step for step in circuit.data if step.name != "reset" or rest]
    wanted = frozenset(range(5))
    latest._latest.clear()
    without = read_ideal_circuit(circuit, wanted)
    key = fingerprint(circuit)
    kept = read_ideal_circuit(circuit, wanted, key)
    assert take_steps(key) is None  # they were used, and are let go
    if rest:  # of a qubit that something has acted on
        assert without is kept is None
    else:
        assert told(kept) == told(without)


def test_they_are_those_of_one_content():
    circuit = measured()
    before = fingerprint(circuit)
    circuit.x(0)
    after = fingerprint(circuit)
    assert take_steps(before) is None
    assert len(take_steps(after).steps) == len(circuit.data)
    assert take_steps(after) is None
    fingerprint(circuit)
    fingerprint(measured(0.4))
    assert take_steps(after) is None


def open_circuit():
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    return circuit


def with_a_matrix():
    circuit = QuantumCircuit(1)
    circuit.append(UnitaryGate(np.eye(2)), [0])
    return circuit


@pytest.mark.parametrize("make", [open_circuit, with_a_matrix])
def test_parameters_and_objects_are_not_kept(make):
    assert take_steps(fingerprint(make())) is None


def test_nothing_large_is_kept(monkeypatch):
    monkeypatch.setattr(latest, "_MOST_STEPS", 3)
    assert take_steps(fingerprint(measured())) is None
