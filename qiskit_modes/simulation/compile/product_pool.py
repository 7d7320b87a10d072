"""Collecting the matrices that depend on angles, in the form in which they are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.run.pauli_vector.products import Products, ProductStack

__all__ = ["Factor", "ProductPool"]


@dataclass(frozen=True)
class Factor:
    """A matrix, or with an angle a trigonometric polynomial of matrices."""

    matrix: RealArray
    """Shape (rows, columns); with an angle (3, rows, columns), to be weighted by 1, cos, sin."""
    angle: int | None = None


class ProductPool:
    """Collects the products of one circuit while it is planned."""

    def __init__(self) -> None:
        self._stacks: dict[tuple[tuple[int, ...], ...], list[Sequence[Factor]]] = {}

    def add(self, factors: Sequence[Factor]) -> tuple[int, int]:
        """Return where the product of these factors will be found: stack, and place in it.

        Args:
            factors: In order of application, each with an angle.
        """
        signature = tuple(factor.matrix.shape for factor in factors)
        members = self._stacks.setdefault(signature, [])
        members.append(factors)
        return list(self._stacks).index(signature), len(members) - 1

    def mark(self) -> list[int]:
        """Return how much has been collected so far, for `forget_since`."""
        return [len(members) for members in self._stacks.values()]

    def forget_since(self, mark: list[int]) -> None:
        """Drop what was collected after a mark."""
        for place, signature in enumerate(list(self._stacks)):
            if place < len(mark):
                del self._stacks[signature][mark[place] :]
            else:
                del self._stacks[signature]

    def finish(self) -> Products:
        """Return everything that was collected."""
        return Products(tuple(map(_stack, self._stacks.values())))


def _stack(members: Sequence[Sequence[Factor]]) -> ProductStack:
    angles = np.array([[factor.angle for factor in member] for member in members], dtype=np.intp)
    factors, shapes = [], []
    for column in zip(*members, strict=True):
        _, rows, columns = column[0].matrix.shape
        transposed = np.stack([factor.matrix.transpose(0, 2, 1) for factor in column])
        factors.append(np.ascontiguousarray(transposed.reshape(len(members), 3, -1)))
        shapes.append((rows, columns))
    return ProductStack(angles, tuple(factors), tuple(shapes))
