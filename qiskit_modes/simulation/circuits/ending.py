"""Measurements that follow a circuit, as plain data instead of a copy of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from qiskit.circuit import CircuitInstruction, ClassicalRegister, Gate, Measure, QuantumCircuit

from qiskit_modes._mutex import cached_property
from qiskit_modes.caches import read_only
from qiskit_modes.simulation.pauli_basis import ComplexArray

__all__ = ["Ending", "with_ending"]

_MEASURE = Measure()


@dataclass(frozen=True)
class Ending:
    """Gates on single qubits that follow a circuit, then measurements into a register of its own.

    A circuit that is measured in several bases is read and compiled once, with an ending for each;
    a copy of it is written only where one is needed.
    """

    gates: tuple[tuple[Gate, int], ...] = field(compare=False)
    """What is applied, and to which qubit."""
    qubits: tuple[int, ...] = field(compare=False)
    """What is measured then: bit k of the register is the outcome of the k-th."""
    register: str = field(compare=False)
    """The name of the register, which no other of the circuit has."""
    content: bytes
    """Digest of all of it."""

    @property
    def length(self) -> int:
        """Return how many instructions it has."""
        return len(self.gates) + len(self.qubits)

    @cached_property
    def matrices(self) -> Sequence[tuple[tuple[int, ...], ComplexArray]]:
        """Gates as their qubits and matrices of shape (2, 2)."""
        return tuple(
            ((qubit,), read_only(np.array(gate.to_matrix()))) for gate, qubit in self.gates
        )

    def content_after(self, content: bytes) -> bytes:
        """Return the fingerprint of a circuit with this ending, from that of the circuit."""
        return hashlib.blake2b(content + self.content, digest_size=16).digest()

    def written_after(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """Return a copy of a circuit that ends so."""
        written = circuit.copy()
        register = ClassicalRegister(len(self.qubits), self.register)
        written.add_register(register)
        # Without looking for whole registers to spread over: that takes longer than all else here.
        bits, append = circuit.qubits, written._append  # noqa: SLF001
        for gate, qubit in self.gates:
            append(CircuitInstruction(gate, (bits[qubit],)))
        for qubit, clbit in zip(self.qubits, register, strict=True):
            append(CircuitInstruction(_MEASURE, (bits[qubit],), (clbit,)))
        return written


def with_ending(
    circuit: QuantumCircuit, content: bytes, ending: Ending | None
) -> tuple[QuantumCircuit, bytes]:
    """Return a circuit with what follows it, and the fingerprint of that; itself without an ending.

    Args:
        circuit: The circuit, not modified.
        content: Its fingerprint.
        ending: What follows it.
    """
    if ending is None:
        return circuit, content
    return ending.written_after(circuit), ending.content_after(content)
