"""Aer's quantum errors with as few terms as say the same.

Aer converts every error of a circuit anew in every run, 40 µs for each term of it, and the error
of a device's two-qubit gate has 144 terms: 16 Pauli strings, and for each qubit three ways to
relax. Most of them do the same, so that 25 are left.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Instruction

from qiskit_modes.caches import BoundedCache

__all__ = ["compact"]

_compact: BoundedCache[Hashable, Any] = BoundedCache(4096)

RESET = "R"

_AFTER: Mapping[str, str] = {
    **{a + b: "IXYZ"[("IXYZ".index(a)) ^ ("IXYZ".index(b))] for a in "IXYZ" for b in "IXYZ"},
    **{a + RESET: RESET for a in "IXYZ" + RESET},
    **{RESET + a: RESET for a in "IZ"},
}
"""What two steps on a qubit do together, up to a phase; X after a reset is not among them."""


def compact(error: Any) -> Any:
    """Return a ``QuantumError`` that is the same channel, with equal terms made one.

    The same error always gives the same object, by which Aer knows that it has it already.
    """
    key = (error.id, tuple(error.probabilities))
    known = _compact.get(key)
    if known is None:
        known = _merged(error)
        _compact.put(key, known)
    return known


def _merged(error: Any) -> Any:
    from qiskit_aer.noise import QuantumError

    circuits: dict[Hashable, QuantumCircuit] = {}
    weights: dict[Hashable, float] = {}
    for circuit, weight in zip(error.circuits, error.probabilities, strict=True):
        steps = _steps(circuit)
        key: Hashable = id(circuit)
        if steps is not None:
            key = tuple(tuple(_identity(step) for step in line) for line in steps)
        if key not in circuits:
            circuits[key] = circuit if steps is None else _written(steps)
            weights[key] = 0.0
        weights[key] += weight
    return QuantumError([(circuits[key], weight) for key, weight in weights.items()])


def _steps(circuit: QuantumCircuit) -> list[list[str | Instruction]] | None:
    """Return what happens to each qubit, in letters as far as possible; None if they interact."""
    lines: list[list[str | Instruction]] = [[] for _ in circuit.qubits]
    for step in circuit.data:
        places = [circuit.find_bit(qubit).index for qubit in step.qubits]
        letters: list[str | Instruction]
        if step.name == "pauli":
            letters = list(reversed(step.operation.params[0]))
        elif step.name in {"id", "x", "y", "z", "reset"}:
            letters = ["I" if step.name == "id" else step.name[0].upper()] * len(places)
        elif len(places) == 1:
            letters = [step.operation]
        else:
            return None
        for place, letter in zip(places, letters, strict=True):
            _append(lines[place], letter)
    return lines


def _append(line: list[str | Instruction], step: str | Instruction) -> None:
    if step == "I":
        return
    before = line[-1] if line else None
    if isinstance(before, str) and isinstance(step, str) and before + step in _AFTER:
        line.pop()
        step = _AFTER[before + step]
        if step == "I":
            return
    line.append(step)


def _identity(step: str | Instruction) -> Hashable:
    if isinstance(step, str):
        return step
    # Matrices by their content: each term of an error has objects of its own.
    return step.name, tuple(
        value.tobytes() if hasattr(value, "tobytes") else repr(value) for value in step.params
    )


def _written(lines: list[list[str | Instruction]]) -> QuantumCircuit:
    circuit = QuantumCircuit(len(lines))
    for qubit, line in enumerate(lines):
        for step in line:
            if not isinstance(step, str):
                circuit.append(step, [qubit])
            elif step == RESET:
                circuit.reset(qubit)
            else:
                getattr(circuit, step.lower())(qubit)
    if not circuit.data:
        circuit.id(0)  # Aer wants something in every term
    return circuit
