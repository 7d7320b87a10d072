"""A circuit followed by the measurement of some of its qubits in a Pauli basis."""

from __future__ import annotations

from collections.abc import Collection

from qiskit.circuit import ClassicalRegister, Gate, QuantumCircuit
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.passes import Optimize1qGatesDecomposition

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.primitives.inputs.isa import InstructionSet
from qiskit_modes.primitives.inputs.observables import PauliTerm

__all__ = ["measured_in", "measurement_register_name"]

_REGISTER_NAME = "basis"


def measurement_register_name(circuit: QuantumCircuit) -> str:
    """Return a register name that the circuit does not use, the same one for equal circuits."""
    taken = {register.name for register in circuit.cregs}
    name = _REGISTER_NAME
    while name in taken:
        name += "_"
    return name


def measured_in(
    circuit: QuantumCircuit, basis: PauliTerm, instructions: InstructionSet
) -> QuantumCircuit:
    """Return a copy of ``circuit`` with a measurement in ``basis`` at its end.

    What the circuit measures itself stays as it is. The bits of the new register are those of the
    basis' qubits in ascending order; no other qubit is touched.

    Args:
        circuit: The circuit, not modified.
        basis: The qubits to measure, and the letter of each.
        instructions: What the backend can execute; the basis is changed with its gates only.

    Raises:
        UnsupportedCircuitError: If the backend's gates cannot change the basis.
    """
    qubits, letters = basis
    measured = circuit.copy()
    register = ClassicalRegister(len(qubits), measurement_register_name(circuit))
    measured.add_register(register)
    turned = [(qubit, letter) for qubit, letter in zip(qubits, letters, strict=True)]
    change = _basis_change(
        [(qubit, letter) for qubit, letter in turned if letter != "Z"],
        circuit.num_qubits,
        instructions,
    )
    for instruction in change.data:
        qubit = circuit.qubits[change.find_bit(instruction.qubits[0]).index]
        measured.append(instruction.operation, [qubit])
    measured.measure(list(qubits), register)
    return measured


def _basis_change(
    turned: Collection[tuple[int, str]], num_qubits: int, instructions: InstructionSet
) -> QuantumCircuit:
    """Return the gates that turn X or Y of some qubits into Z, in the backend's own gates."""
    change = QuantumCircuit(num_qubits)
    native = True
    for qubit, letter in turned:
        if letter == "Y":
            change.sdg(qubit)
            native &= instructions.is_native("sdg", (qubit,))
        change.h(qubit)
        native &= instructions.is_native("h", (qubit,))
    if native:
        return change
    # The target tells the pass which gates each qubit has; the basis is for targets without
    # one-qubit gates of their own on some qubit.
    target = _gates_of(instructions, [qubit for qubit, _ in turned], num_qubits)
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
