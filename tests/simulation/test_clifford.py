"""What is left to Aer is refused for want of memory before a circuit is written for it."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    reset_error,
    thermal_relaxation_error,
)

from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.simulation import compile_circuit
from qiskit_modes.simulation.compile import component_builder
from qiskit_modes.simulation.compile.component_builder import ComponentBuilder
from qiskit_modes.simulation.settings import Settings
from tests.examples import examples
from tests.simulation.devices import device
from tests.simulation.strategies import dynamic_circuits, static_circuits, static_devices

WITHOUT_MEMORY = Settings(only="trajectories", max_memory_bytes=1, state_vectors=False)

ERRORS = {
    "none": None,
    "Pauli": pauli_error([("X", 0.1), ("I", 0.9)]),
    "depolarizing": depolarizing_error(0.1, 1),
    "reset": reset_error(0.1, 0.05),
    "relaxation by resets": thermal_relaxation_error(50.0, 30.0, 1.0),
    "relaxation": thermal_relaxation_error(50.0, 80.0, 1.0),
    "damping": amplitude_damping_error(0.1),
    "reset and Pauli": reset_error(0.1).compose(pauli_error([("Y", 0.2), ("I", 0.8)])),
}

GATES = ("h", "s", "sdg", "sx", "x", "y", "z", "cx", "cz", "ecr", "swap", "t", "rz", "rzz", "id")


def outcome(circuit, backend):
    try:
        return compile_circuit(circuit, backend, WITHOUT_MEMORY).metadata["methods"]
    except SimulationTooLargeError:
        return "too large"


def by_the_circuit_written(circuit, backend):
    with mock.patch.object(ComponentBuilder, "_check_memory_before", return_value=None):
        return outcome(circuit, backend)


def simulator(errors):
    model = NoiseModel()
    one, two = (ERRORS[name] for name in errors)
    if one is not None:
        model.add_all_qubit_quantum_error(one, ["h", "sx", "s", "measure", "reset"])
    if two is not None:
        model.add_all_qubit_quantum_error(two.expand(two), ["cx", "cz", "ecr"])
    return AerSimulator(noise_model=model)


def some_circuit(draw):
    circuit = QuantumCircuit(3, 3)
    for name in draw(st.lists(st.sampled_from(GATES), max_size=6)):
        gate = getattr(circuit, name)
        angle = [draw(st.sampled_from([0.0, np.pi / 2, np.pi, -np.pi / 2, 0.3]))]
        qubits = draw(st.permutations(range(3)))
        width = 2 if name in {"cx", "cz", "ecr", "swap", "rzz"} else 1
        gate(*(angle if name in {"rz", "rzz"} else []), *qubits[:width])
    if draw(st.booleans()):
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            getattr(circuit, draw(st.sampled_from(["x", "t", "h"])))(1)
    circuit.measure(range(3), range(3))
    return circuit


@settings(max_examples=examples(daily=40), suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), errors=st.tuples(*[st.sampled_from(sorted(ERRORS))] * 2))
def test_what_is_refused_early_would_be_refused_later(data, errors):
    """Otherwise it would be a circuit that the stabilizer method can simulate without memory."""
    circuit, backend = some_circuit(data.draw), simulator(errors)
    assert outcome(circuit, backend) == by_the_circuit_written(circuit, backend)


@settings(max_examples=examples(daily=10), suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=static_devices, feed_forward=st.booleans())
def test_circuits_of_devices_too(data, name, feed_forward):
    circuit = data.draw((dynamic_circuits if feed_forward else static_circuits)(name))
    assert outcome(circuit, device(name)) == by_the_circuit_written(circuit, device(name))


@pytest.mark.parametrize("errors", [("Pauli", "reset"), ("relaxation by resets", "depolarizing")])
def test_clifford_gates_and_errors_are_not_refused(errors):
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.ecr(1, 2)
    circuit.measure(range(3), range(3))
    assert outcome(circuit, simulator(errors)) == ["Aer's stabilizer"]


@pytest.mark.parametrize("method", [None, "statevector", "density_matrix"])
def test_nothing_is_written_for_aer_that_does_not_fit(monkeypatch, method):
    written = mock.Mock(wraps=component_builder.cut_circuit)
    monkeypatch.setattr(component_builder, "cut_circuit", written)
    backend = AerSimulator.from_backend(device("manila"), **({"method": method} if method else {}))
    circuit = QuantumCircuit(5, 5)
    for qubit in range(4):
        circuit.sx(qubit)
        circuit.rz(0.3, qubit)
        circuit.cx(qubit, qubit + 1)
    circuit.measure(range(5), range(5))
    assert outcome(circuit, backend) == "too large"
    assert not written.called
