"""Gates as rotations and matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from qiskit.circuit import CircuitError, CircuitInstruction, Gate

from qiskit_modes.caches import BoundedCache, read_only
from qiskit_modes.simulation.pauli_basis import RealArray, from_unitary, rotation

__all__ = [
    "ROTATIONS",
    "RotationList",
    "as_rotations",
    "constant_matrix",
    "is_standard",
    "rotation_matrix",
    "standard_matrix",
]

RotationList = list[tuple[str, tuple[int, ...], Any]]

_ONE, _TWO = (0,), (0, 1)

_RECIPES: dict[str, Callable[..., RotationList]] = {
    "rx": lambda angle: [("X", _ONE, angle)],
    "ry": lambda angle: [("Y", _ONE, angle)],
    "rz": lambda angle: [("Z", _ONE, angle)],
    "p": lambda angle: [("Z", _ONE, angle)],
    "u1": lambda angle: [("Z", _ONE, angle)],
    "rxx": lambda angle: [("XX", _TWO, angle)],
    "ryy": lambda angle: [("YY", _TWO, angle)],
    "rzz": lambda angle: [("ZZ", _TWO, angle)],
    "rzx": lambda angle: [("ZX", _TWO, angle)],
    "r": lambda theta, phi: [("Z", _ONE, -phi), ("X", _ONE, theta), ("Z", _ONE, phi)],
    "u": lambda theta, phi, lam: [("Z", _ONE, lam), ("Y", _ONE, theta), ("Z", _ONE, phi)],
    "u3": lambda theta, phi, lam: [("Z", _ONE, lam), ("Y", _ONE, theta), ("Z", _ONE, phi)],
    "u2": lambda phi, lam: [("Z", _ONE, lam), ("Y", _ONE, math.pi / 2), ("Z", _ONE, phi)],
    "cp": lambda angle: [
        ("Z", (0,), angle / 2),
        ("Z", (1,), angle / 2),
        ("ZZ", _TWO, -angle / 2),
    ],
    "crz": lambda angle: [("Z", (1,), angle / 2), ("ZZ", _TWO, -angle / 2)],
    "crx": lambda angle: [("X", (1,), angle / 2), ("ZX", _TWO, -angle / 2)],
    "cry": lambda angle: [("Y", (1,), angle / 2), ("ZY", _TWO, -angle / 2)],
}


ROTATIONS = frozenset(_RECIPES)
"""The names of gates that are made of Pauli rotations."""


def as_rotations(name: str, parameters: list[Any]) -> RotationList | None:
    """Return a standard gate as Pauli rotations, up to a global phase; None if it is not made so.

    Returns:
        For each rotation, in order of application: the Pauli string, the positions of its
        qubits among the gate's, and the angle, computed with whatever arithmetic the given
        parameters have.
    """
    recipe = _RECIPES.get(name)
    return recipe(*parameters) if recipe else None


@lru_cache(maxsize=4096)
def rotation_matrix(paulis: str, angle: float) -> RealArray:
    """Return the transfer matrix of a rotation by a known angle, shape (4^n, 4^n)."""
    constant, cosine, sine = rotation(paulis)
    return read_only(constant + math.cos(angle) * cosine + math.sin(angle) * sine)


_fixed_matrices: BoundedCache[str, RealArray] = BoundedCache(64)
"""Of standard gates without parameters, by their names."""


def constant_matrix(gate: Gate) -> RealArray:
    """Return the transfer matrix of a gate that has a matrix of numbers, shape (4^n, 4^n).

    Raises:
        CircuitError: If it has none.
    """
    step = CircuitInstruction(gate, range(gate.num_qubits))
    if not step.is_standard_gate():
        # Whatever its name: that may be anybody's.
        return from_unitary(np.asarray(gate.to_matrix()))
    matrix = standard_matrix(step)
    if matrix is None:
        raise CircuitError(f"{step.name} has no matrix of numbers")
    return matrix


def standard_matrix(step: CircuitInstruction) -> RealArray | None:
    """Return the transfer matrix of a standard gate, shape (4^n, 4^n); None if it has none."""
    if step.params:
        unitary = step.matrix
        return None if unitary is None else from_unitary(np.asarray(unitary))
    known = _fixed_matrices.get(step.name)
    if known is None:
        unitary = step.matrix
        if unitary is None:
            return None
        known = read_only(from_unitary(np.asarray(unitary)))
        _fixed_matrices.put(step.name, known)
    return known


def is_standard(gate: Gate) -> bool:
    """Tell whether a gate is the standard one of its name, which may be anybody's."""
    return bool(CircuitInstruction(gate, range(gate.num_qubits)).is_standard_gate())
