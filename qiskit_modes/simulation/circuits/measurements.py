"""Instructions that measure or reset a qubit: devices have several, told apart by name.

Beside ``measure`` and ``reset`` a device may have ``measure_2`` or ``reset_2``, the faster ones for
the middle of a circuit, and ``measure_reset``, which does both. In targets, and in circuits that
came as QPY, they are bare instructions, so the name and the number of bits are all there is to see.
"""

from __future__ import annotations

from qiskit.circuit import CircuitInstruction, Instruction, Measure

__all__ = ["is_measurement", "is_reset", "measures_and_resets"]

_BOTH = "measure_reset"


def is_measurement(step: CircuitInstruction | Instruction) -> bool:
    """Tell whether an instruction records one qubit in one classical bit and does nothing else."""
    if step.name == "measure":
        return True
    operation = step.operation if isinstance(step, CircuitInstruction) else step
    if (operation.num_qubits, operation.num_clbits) != (1, 1):
        return False
    return isinstance(operation, Measure) or (
        _is_kind_of(operation, "measure") and not operation.name.startswith(_BOTH)
    )


def is_reset(step: CircuitInstruction | Instruction) -> bool:
    """Tell whether an instruction puts its qubits into the state 0 and does nothing else."""
    if step.name == "reset":
        return True
    operation = step.operation if isinstance(step, CircuitInstruction) else step
    return operation.num_clbits == 0 and _is_kind_of(operation, "reset")


def measures_and_resets(step: CircuitInstruction | Instruction) -> bool:
    """Tell whether an instruction records a qubit and then puts it into the state 0."""
    if not step.name.startswith(_BOTH):
        return False
    operation = step.operation if isinstance(step, CircuitInstruction) else step
    return (operation.num_qubits, operation.num_clbits) == (1, 1) and operation.definition is None


def _is_kind_of(operation: Instruction, name: str) -> bool:
    """Tell whether an instruction is one of a device's own, and not made of others."""
    return operation.name.startswith(f"{name}_") and operation.definition is None
