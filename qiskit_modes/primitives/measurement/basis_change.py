"""A circuit followed by the measurement of some of its qubits in a Pauli basis."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from qiskit.circuit import Gate, QuantumCircuit
from qiskit.circuit.library import HGate, SdgGate
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.passes import Optimize1qGatesDecomposition

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.primitives.backends.instruction_set import InstructionSet
from qiskit_modes.primitives.inputs.observables import PauliTerm
from qiskit_modes.simulation import fingerprint
from qiskit_modes.simulation.circuits.ending import Ending

__all__ = ["ending_in", "measured_in", "measurement_register_name"]

_REGISTER_NAME = "basis"


def measurement_register_name(circuit: QuantumCircuit) -> str:
    """Return a register name that the circuit does not use, the same one for equal circuits."""
    taken = {register.name for register in circuit.cregs}
    name = _REGISTER_NAME
    while name in taken:
        name += "_"
    return name


def ending_in(basis: PauliTerm, register: str, instructions: InstructionSet) -> Ending:
    """Return the measurement of some qubits in a Pauli basis; it is made once for all circuits.

    The bits of the register are those of the basis' qubits in ascending order; no other qubit is
    touched.

    Args:
        basis: The qubits to measure, and the letter of each.
        register: The name of a register that the circuit does not have.
        instructions: What the backend can execute, and what is kept with it; the basis is changed
            with its gates only.

    Raises:
        UnsupportedCircuitError: If the backend's gates cannot change the basis.
    """
    key = (basis, register)
    ending = instructions.endings.get(key)
    if ending is None:
        ending = _ending_in(basis, register, instructions)
        instructions.endings.put(key, ending)
    return ending


def measured_in(
    circuit: QuantumCircuit, content: bytes, basis: PauliTerm, instructions: InstructionSet
) -> tuple[QuantumCircuit, bytes]:
    """Return a copy of ``circuit`` with a measurement in ``basis`` at its end, and its fingerprint.

    What the circuit measures itself stays as it is.

    Args:
        circuit: The circuit, not modified.
        content: Its fingerprint, of which that of the result is made.
        basis: The qubits to measure, and the letter of each.
        instructions: See `ending_in`.

    Raises:
        UnsupportedCircuitError: If the backend's gates cannot change the basis.
    """
    ending = ending_in(basis, measurement_register_name(circuit), instructions)
    return ending.written_after(circuit), ending.content_after(content)


_CHANGES = {"X": (HGate(),), "Y": (SdgGate(), HGate())}
"""What turns a Pauli into Z, in order of application."""


def _ending_in(basis: PauliTerm, register: str, instructions: InstructionSet) -> Ending:
    qubits, letters = basis
    turned = [each for each in zip(qubits, letters, strict=True) if each[1] != "Z"]
    gates: list[tuple[Gate, int]]
    gates = [(gate, qubit) for qubit, letter in turned for gate in _CHANGES[letter]]
    written = repr((qubits, letters, register)).encode()
    if not all(instructions.is_native(gate.name, (qubit,)) for gate, qubit in gates):
        change = _basis_change(gates, max(qubits) + 1, instructions)
        gates = [(step.operation, change.find_bit(step.qubits[0]).index) for step in change.data]
        written += fingerprint(change)
    content = hashlib.blake2b(written, digest_size=16).digest()
    return Ending(tuple(gates), qubits, register, content)


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
