"""Quantum programs to try, in the gates of `fake_manila`."""

from __future__ import annotations

import numpy as np
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit_ibm_runtime import QuantumProgram
from samplomatic import Tag, Twirl, build
from samplomatic.samplex import Samplex

SHOTS = 40


def boxed(num_qubits: int = 3) -> QuantumCircuit:
    """X by an angle on qubit 0, copied along a chain by tagged layers, all of it twirled."""
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits - 1):
        with circuit.box([Twirl(), Tag(f"gate{qubit}")]):
            if qubit == 0:
                circuit.rx(Parameter("angle"), 0)
            circuit.cx(qubit, qubit + 1)
    with circuit.box([Twirl(), Tag("measure")]):
        circuit.measure_all()
    return circuit


def template(num_qubits: int = 3) -> tuple[QuantumCircuit, Samplex]:
    return build(boxed(num_qubits))


def flipped() -> QuantumCircuit:
    """Qubits 0 and 8 of 9 are 1 in one register; a qubit turned by an angle in the other."""
    circuit = QuantumCircuit(
        QuantumRegister(10), ClassicalRegister(9, "wide"), ClassicalRegister(1, "narrow")
    )
    circuit.x([0, 8])
    circuit.rz(Parameter("angle"), 9)
    circuit.x(9)
    circuit.measure(range(9), range(9))
    circuit.measure(9, 9)
    return circuit


def plain() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.x(0)
    circuit.measure_all()
    return circuit


def sweep(shape: tuple[int, ...] = (4, 2)) -> QuantumProgram:
    """A samplex item: two angles along the last axis, randomisations along the others."""
    program = QuantumProgram(SHOTS)
    circuit, samplex = template()
    program.append_samplex_item(
        circuit,
        samplex,
        samplex_arguments={"parameter_values": np.array([[0.0], [np.pi]])},
        shape=shape,
    )
    return program


def one_randomisation() -> QuantumProgram:
    program = QuantumProgram(SHOTS)
    circuit, samplex = template()
    program.append_samplex_item(circuit, samplex, {"parameter_values": [np.pi]})
    return program


def grid_of_angles() -> QuantumProgram:
    """A samplex item of shape (2, 5, 3): a sweep along the first and last axis."""
    program = QuantumProgram(SHOTS)
    circuit, samplex = template(2)
    angles = np.pi * np.arange(6).reshape(2, 1, 3, 1)
    program.append_samplex_item(circuit, samplex, {"parameter_values": angles}, shape=(2, 5, 3))
    return program


def circuits() -> QuantumProgram:
    """Circuit items: without parameters, with a grid of them, with two registers."""
    program = QuantumProgram(SHOTS, passthrough_data={"list": [1, "two", None]})
    program.append_circuit_item(plain())
    turned = QuantumCircuit(1)
    turned.rz(Parameter("angle"), 0)
    turned.measure_all()
    program.append_circuit_item(turned, np.zeros((2, 3, 1)))
    return program


def wide() -> QuantumProgram:
    program = QuantumProgram(SHOTS)
    program.append_circuit_item(flipped(), [[0.5], [1.5]])
    return program


ON_FIVE_QUBITS = [sweep, one_randomisation, grid_of_angles, circuits]
ANYWHERE = [*ON_FIVE_QUBITS, wide]
