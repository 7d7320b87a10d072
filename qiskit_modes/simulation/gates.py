"""Gates as rotations and matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from qiskit.circuit import Gate

from qiskit_modes.simulation.pauli_basis import RealArray, from_unitary, rotation

__all__ = ["as_rotations", "constant_matrix", "rotation_matrix"]

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


def as_rotations(name: str, parameters: list[Any]) -> RotationList | None:
    """Return a gate as Pauli rotations, up to a global phase, or None if it is not made so.

    Returns:
        For each rotation, in order of application: the Pauli string, the positions of its
        qubits among the gate's, and the angle, computed with whatever arithmetic the given
        parameters have.
    """
    recipe = _RECIPES.get(name)
    return recipe(*parameters) if recipe else None


@lru_cache(maxsize=4096)
def rotation_matrix(paulis: str, angle: float) -> RealArray:
    """Return the transfer matrix of a rotation by a known angle."""
    constant, cosine, sine = rotation(paulis)
    return constant + math.cos(angle) * cosine + math.sin(angle) * sine


_FIXED_GATES = frozenset(
    {"id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg"}
    | {"cx", "cy", "cz", "ch", "cs", "csdg", "csx", "swap", "iswap", "dcx", "ecr"}
    | {"ccx", "ccz", "cswap"}
)
"""Gates that their name alone describes."""
_fixed_matrices: dict[str, RealArray] = {}


def constant_matrix(gate: Gate) -> RealArray:
    """Return the transfer matrix of a gate that has a matrix of numbers."""
    if gate.name not in _FIXED_GATES:
        return from_unitary(np.asarray(gate.to_matrix()))
    if gate.name not in _fixed_matrices:
        _fixed_matrices[gate.name] = from_unitary(np.asarray(gate.to_matrix()))
    return _fixed_matrices[gate.name]
