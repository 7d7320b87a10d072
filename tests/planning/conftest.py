"""What the tests of planning share: who is planned for, and what the jobs execute."""

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator


@pytest.fixture
def backend():
    """A QPU of its own for each test."""
    return AerSimulator()


@pytest.fixture
def circuit():
    """The smallest circuit that a sampler takes."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return circuit
