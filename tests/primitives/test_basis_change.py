from __future__ import annotations

import pytest
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.measurement.basis_change import measured_in

BASIS = ((0, 1, 2), "XYZ")


def _names(circuit: QuantumCircuit, qubit: int) -> list[str]:
    return [each.name for each in circuit.data if circuit.find_bit(each.qubits[0]).index == qubit]


def test_a_basis_is_changed_in_the_backends_own_gates(ideal, torino):
    circuit = QuantumCircuit(3)
    simulated = measured_in(circuit, b"", BASIS, instruction_set_of(ideal))[0]
    assert [_names(simulated, qubit) for qubit in range(3)] == [
        ["h", "measure"],
        ["sdg", "h", "measure"],
        ["measure"],
    ]
    device = measured_in(circuit, b"", BASIS, instruction_set_of(torino))[0]
    assert {each.name for each in device.data} <= {"rz", "sx", "x", "measure"}
    assert len(circuit.data) == 0
    model = NoiseModel(basis_gates=["sx", "rz", "cx"])
    restricted = instruction_set_of(AerSimulator(noise_model=model))
    assert {each.name for each in measured_in(circuit, b"", BASIS, restricted)[0].data} <= {
        "rz",
        "sx",
        "measure",
    }


def test_a_simulator_whose_noise_model_has_no_such_gates_executes_ideal_ones():
    backend = AerSimulator(noise_model=NoiseModel(basis_gates=["x", "cx"]))
    measured = measured_in(QuantumCircuit(3), b"", BASIS, instruction_set_of(backend))[0]
    assert _names(measured, 1) == ["sdg", "h", "measure"]


def test_a_backend_that_cannot_change_the_basis_is_named():
    backend = GenericBackendV2(3, basis_gates=["x", "cx"])
    with pytest.raises(UnsupportedCircuitError, match=r"no gates on qubit 0 .* X or Y"):
        measured_in(QuantumCircuit(3), b"", BASIS, instruction_set_of(backend))[0]


def test_the_new_register_takes_a_free_name_and_ascending_qubits(ideal):
    circuit = QuantumCircuit(4)
    circuit.add_register(ClassicalRegister(1, "basis"))
    measured = measured_in(circuit, b"", ((1, 3), "ZZ"), instruction_set_of(ideal))[0]
    assert [(register.name, register.size) for register in measured.cregs] == [
        ("basis", 1),
        ("basis_", 2),
    ]
    found = [
        (measured.find_bit(each.qubits[0]).index, measured.cregs[1].index(each.clbits[0]))
        for each in measured.data
    ]
    assert found == [(1, 0), (3, 1)]
