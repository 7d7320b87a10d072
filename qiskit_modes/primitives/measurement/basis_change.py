"""A circuit followed by the measurement of some of its qubits in a Pauli basis."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

from qiskit.circuit import CircuitInstruction, ClassicalRegister, Gate, Measure, QuantumCircuit
from qiskit.circuit.library import HGate, SdgGate
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.passes import Optimize1qGatesDecomposition

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.primitives.backends.instruction_set import InstructionSet
from qiskit_modes.primitives.inputs.observables import PauliTerm
from qiskit_modes.simulation import fingerprint

__all__ = ["kept_measured_in", "measured_in", "measurement_register_name"]

_REGISTER_NAME = "basis"


def measurement_register_name(circuit: QuantumCircuit) -> str:
    """Return a register name that the circuit does not use, the same one for equal circuits."""
    taken = {register.name for register in circuit.cregs}
    name = _REGISTER_NAME
    while name in taken:
        name += "_"
    return name


def kept_measured_in(
    circuit: QuantumCircuit, content: bytes, basis: PauliTerm, instructions: InstructionSet
) -> tuple[QuantumCircuit, bytes]:
    """Return what `measured_in` returns; it is made once while the backend lives.

    Args:
        circuit: The circuit, not modified.
        content: Its fingerprint.
        basis: The qubits to measure, and the letter of each.
        instructions: What the backend can execute, and what is kept with it.
    """
    key = (content, basis)
    measured = instructions.measured_circuits.get(key)
    if measured is None:
        measured = measured_in(circuit, content, basis, instructions)
        instructions.measured_circuits.put(key, measured)
    return measured


def measured_in(
    circuit: QuantumCircuit, content: bytes, basis: PauliTerm, instructions: InstructionSet
) -> tuple[QuantumCircuit, bytes]:
    """Return a copy of ``circuit`` with a measurement in ``basis`` at its end, and its fingerprint.

    What the circuit measures itself stays as it is. The bits of the new register are those of the
    basis' qubits in ascending order; no other qubit is touched.

    Args:
        circuit: The circuit, not modified.
        content: Its fingerprint, of which that of the result is made.
        basis: The qubits to measure, and the letter of each.
        instructions: What the backend can execute; the basis is changed with its gates only.

    Raises:
        UnsupportedCircuitError: If the backend's gates cannot change the basis.
    """
    qubits, letters = basis
    measured = circuit.copy()
    name = measurement_register_name(circuit)
    register = ClassicalRegister(len(qubits), name)
    measured.add_register(register)
    turned = [each for each in zip(qubits, letters, strict=True) if each[1] != "Z"]
    gates = [(gate, qubit) for qubit, letter in turned for gate in _CHANGES[letter]]
    written = repr((qubits, letters, name)).encode()
    if all(instructions.is_native(gate.name, (qubit,)) for gate, qubit in gates):
        steps: list[tuple[Any, int]] = gates
    else:
        change = _basis_change(gates, circuit.num_qubits, instructions)
        steps = [(step.operation, change.find_bit(step.qubits[0]).index) for step in change.data]
        written += fingerprint(change)
    # Without looking for whole registers to spread over: that takes longer than all else here.
    bits, append = circuit.qubits, measured._append  # noqa: SLF001
    for operation, qubit in steps:
        append(CircuitInstruction(operation, (bits[qubit],)))
    for qubit, clbit in zip(qubits, register, strict=True):
        append(CircuitInstruction(_MEASURE, (bits[qubit],), (clbit,)))
    return measured, hashlib.blake2b(content + written, digest_size=16).digest()


_CHANGES = {"X": (HGate(),), "Y": (SdgGate(), HGate())}
"""What turns a Pauli into Z, in order of application."""
_MEASURE = Measure()


def _basis_change(
    gates: Collection[tuple[Gate, int]], num_qubits: int, instructions: InstructionSet
) -> QuantumCircuit:
    """Return the gates that change a basis in the backend's own gates, which these are not."""
    change = QuantumCircuit(num_qubits)
    for gate, qubit in gates:
        change.append(gate, [qubit])
    # The target tells the pass which gates each qubit has; the basis is for targets without
    # one-qubit gates of their own on some qubit.
    target = _gates_of(instructions, dict.fromkeys(qubit for _, qubit in gates), num_qubits)
    decompose = Optimize1qGatesDecomposition(basis=list(target.operation_names), target=target)
    change = PassManager([decompose]).run(change)
    for instruction in change.data:
        qubit = change.find_bit(instruction.qubits[0]).index
        if not instructions.supports(instruction.name, (qubit,)):
            raise UnsupportedCircuitError(
                f"{instructions.name} has no gates on qubit {qubit} that Qiskit can turn a "
                "measurement of X or Y into one of Z with. Use observables of I and Z only, or a "
                "backend with a universal set of one-qubit gates, such as rz and sx."
            )
    return change


def _gates_of(instructions: InstructionSet, qubits: Collection[int], num_qubits: int) -> Target:
    """Return a target with the gates on one qubit that some qubits have.

    It has no errors: the shortest sequence of gates is taken, whatever the calibration of the day,
    so that measured circuits may be kept when that changes.
    """
    part = Target(num_qubits=num_qubits)
    for name in instructions.written_in.operation_names:
        operation = instructions.written_in.operation_from_name(name)
        places = {(q,): None for q in qubits if instructions.is_native(name, (q,))}
        if isinstance(operation, Gate) and operation.num_qubits == 1 and places:
            part.add_instruction(operation, places, name=name)
    return part
