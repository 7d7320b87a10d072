"""Qubits of a circuit on which something happens."""

from __future__ import annotations

from qiskit.circuit import QuantumCircuit

__all__ = ["used_qubits"]

_WAITING = frozenset({"barrier", "delay"})


def used_qubits(circuit: QuantumCircuit) -> set[int]:
    """Return the indices of the qubits on which something happens."""
    used = {
        qubit
        for instruction in circuit.data
        if instruction.name not in _WAITING
        for qubit in instruction.qubits
    }
    return {circuit.find_bit(qubit).index for qubit in used}
