"""A circuit's own measurements, where an estimator measures in bases of its own.

Those with which it ends upstream's client-side estimator takes away, its older one leaves them.
"""

from __future__ import annotations

from collections.abc import Iterator

from qiskit.circuit import CircuitInstruction, ClassicalRegister, Clbit, QuantumCircuit, Qubit
from qiskit.circuit.classical import expr
from qiskit.circuit.library import RZGate

__all__ = [
    "final_measurements",
    "held_measurements",
    "with_unread_bits",
    "without_final_measurements",
]


def without_final_measurements(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit without its final measurements; itself if it has none.

    Final is what Qiskit's ``remove_final_measurements`` calls so: a ``measure`` that nothing
    follows on its qubit but such measurements, and barriers behind which no qubit has anything
    else. One whose bit decides about what comes later stays, which Qiskit would take away.
    Registers stay as they are.

    Args:
        circuit: The circuit, not modified.
    """
    final = final_measurements(circuit)
    if not final:
        return circuit
    rest = circuit.copy_empty_like()
    for place, step in enumerate(circuit.data):
        if place not in final:
            rest.append(step, copy=False)
    return rest


def held_measurements(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit that Qiskit's ``remove_final_measurements`` takes nothing from.

    Each final measurement is followed by a rotation about Z by nothing.

    Args:
        circuit: The circuit, not modified.
    """
    final = final_measurements(circuit)
    if not final:
        return circuit
    held = circuit.copy()
    for qubit in {circuit.data[place].qubits[0] for place in final}:
        held.append(RZGate(0.0), [qubit])
    return held


def with_unread_bits(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit in which each measurement has a bit that nothing else has to do with.

    An estimator's result has no place for bits, so without feed-forward nobody reads them or
    variables, which are left out; and what twirls measurements takes but one for each bit.

    Args:
        circuit: The circuit, not modified. With control flow it is returned as it is.
    """
    measured = [step for step in circuit.data if step.clbits]
    if circuit.has_control_flow_op() or circuit.num_stretches:
        return circuit
    if not circuit.clbits and not circuit.num_vars:
        return circuit
    bits = ClassicalRegister(sum(len(step.clbits) for step in measured), _UNREAD)
    rest = QuantumCircuit(circuit.qubits, bits, global_phase=circuit.global_phase)
    fresh = iter(bits)
    for step in circuit.data:
        if step.name == "store":
            continue
        clbits = [next(fresh) for _ in step.clbits]
        rest.append(step.replace(clbits=clbits) if clbits else step, copy=False)
    return rest


_UNREAD = "unread"
"""The name of a register that nobody reads."""


def final_measurements(circuit: QuantumCircuit) -> set[int]:
    """Return the places of the final measurements among the instructions of a circuit.

    See `without_final_measurements` for which these are.
    """
    if "measure" not in circuit.count_ops():
        return set()
    final = set()
    going_on: set[Qubit] = set()
    read: set[Clbit] = set()
    for place in range(len(circuit.data) - 1, -1, -1):
        step = circuit.data[place]
        match step.name:
            case "measure" if going_on.isdisjoint(step.qubits) and read.isdisjoint(step.clbits):
                final.add(place)
            case "barrier" if going_on.isdisjoint(step.qubits):
                pass
            case name:
                going_on.update(step.qubits)
                if name != "measure":
                    read.update(_bits_of(step))
        if len(going_on) == circuit.num_qubits:
            break  # nothing before can be final
    return final


def _bits_of(step: CircuitInstruction) -> Iterator[Clbit]:
    """Yield the classical bits that an instruction may read."""
    yield from step.clbits
    if step.name == "store":  # its bits are not among those of the instruction
        for side in (step.operation.lvalue, step.operation.rvalue):
            for variable in expr.iter_vars(side):
                if not variable.standalone:
                    yield from [variable.var] if isinstance(variable.var, Clbit) else variable.var
