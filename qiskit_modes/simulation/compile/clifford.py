"""Tells whether a component may be of Clifford gates and Pauli errors, before Aer's circuit is.

Aer's stabilizer method needs hardly any memory, so that nothing is refused for want of it before
this is known. To write a circuit for Aer takes seconds where it is large, for the errors above all.
"""

from __future__ import annotations

import numpy as np

from qiskit_modes.simulation.operations import Block, Branch, Channel, Loop, Rotation
from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = ["may_be_clifford"]

ROUNDING = 1e-9


def may_be_clifford(block: Block, *, clifford_angles: bool) -> bool:
    """Tell whether Aer's stabilizer method may simulate a block; False only where it cannot.

    Args:
        block: With its noise.
        clifford_angles: Whether open angles will be multiples of π/2.
    """
    seen: set[int] = set()
    return _may_be(block, clifford_angles, seen)


def _may_be(block: Block, clifford_angles: bool, seen: set[int]) -> bool:
    for operation in block.operations:
        match operation:
            case Rotation() if not clifford_angles:
                return False
            case Channel(matrix=matrix):
                if id(matrix) not in seen and not _is_of_stabilizers(matrix):
                    return False
                seen.add(id(matrix))  # the block keeps it alive
            case Branch(arms):
                if not all(_may_be(inner, clifford_angles, seen) for _, inner in arms):
                    return False
            case Loop(_, inner):
                if not _may_be(inner, clifford_angles, seen):
                    return False
    return True


def _is_of_stabilizers(matrix: RealArray) -> bool:
    """Tell whether a channel is a Clifford gate, or may be a mixture of Pauli strings and resets.

    A Clifford gate permutes Pauli strings and changes their signs. A mixture of Pauli strings and
    resets scales each, and adds to those with a Z what they are with I in its place.
    """
    rounded = np.where(np.abs(matrix) > ROUNDING, matrix, 0.0)
    nonzero = rounded != 0
    permutes = (nonzero.sum(axis=0) == 1).all() and (nonzero.sum(axis=1) == 1).all()
    if permutes and np.allclose(np.abs(rounded[nonzero]), 1.0, atol=ROUNDING):
        return True
    num_qubits = (len(matrix).bit_length() - 1) // 2
    weights = _weights(matrix, num_qubits)
    return weights is not None and bool((weights >= -ROUNDING).all())


_ONE: RealArray = np.array(
    # I, X, Y, Z, reset: the entries (I, I), (X, X), (Y, Y), (Z, Z) and (Z, I) of each.
    [
        [1.0, 1.0, 1.0, 1.0, 1.0],
        [1.0, 1.0, -1.0, -1.0, 0.0],
        [1.0, -1.0, 1.0, -1.0, 0.0],
        [1.0, -1.0, -1.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ]
)
_INVERSE: RealArray = np.asarray(np.linalg.inv(_ONE), dtype=np.float64)
_ENTRIES = ((0, 0), (1, 1), (2, 2), (3, 3), (3, 0))


def _weights(matrix: RealArray, num_qubits: int) -> RealArray | None:
    """Return with which weights a channel is a sum of Pauli strings and resets; None if not."""
    form = matrix.reshape((4,) * (2 * num_qubits))
    places = np.indices((5,) * num_qubits).reshape(num_qubits, -1)
    rows, columns = np.array(_ENTRIES).T
    where = (*(rows[each] for each in places), *(columns[each] for each in places))
    entries = np.asarray(form[where], dtype=float)
    rest = form.copy()
    rest[where] = 0.0
    if np.abs(rest).max() > ROUNDING:
        return None
    weights: RealArray = entries.reshape((5,) * num_qubits)
    for axis in range(num_qubits):
        solved = np.tensordot(_INVERSE, weights, axes=(1, axis))
        weights = np.asarray(np.moveaxis(solved, 0, axis), dtype=float)
    return weights
