"""The matrices that depend on angles, computed for all parameter sets and all of them at once.

Each is a product of factors ``F0 + cos(θ) F1 + sin(θ) F2``; constant gates and errors between two
rotations have been multiplied into these three matrices when the circuit was compiled. Products
whose factors have the same shapes are stacked, so that a layer of rotations on a hundred qubits is
a handful of array operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = ["ProductStack", "Products"]


@dataclass(frozen=True)
class ProductStack:
    """Products of the same number of factors, of the same shapes."""

    angles: npt.NDArray[np.intp]
    """(products, factors): index of each factor's angle."""
    factors: tuple[RealArray, ...]
    """One for each factor, in order of application: (products, 3, rows * columns)."""
    shapes: tuple[tuple[int, int], ...]
    """(rows, columns) of each factor."""


@dataclass(frozen=True)
class Products:
    """All products of a circuit."""

    stacks: tuple[ProductStack, ...]

    @property
    def elements(self) -> int:
        """Return how many float64 numbers all factors have for one parameter set."""
        return sum(
            len(stack.angles) * sum(rows * columns for rows, columns in stack.shapes)
            for stack in self.stacks
        )

    def evaluate(self, angles: RealArray) -> list[RealArray]:
        """Return the products for every parameter set.

        Args:
            angles: Shape (num_sets, num_angles).

        Returns:
            For each stack an array of shape (num_sets, products, columns, rows): transposed, as
            steps multiply from the right.
        """
        if not self.stacks:
            return []
        weights = np.empty((*angles.shape, 1, 3))
        weights[..., 0, 0] = 1.0
        np.cos(angles, out=weights[..., 0, 1])
        np.sin(angles, out=weights[..., 0, 2])
        return [self._evaluate_stack(stack, weights) for stack in self.stacks]

    @staticmethod
    def _evaluate_stack(stack: ProductStack, weights: RealArray) -> RealArray:
        result: RealArray | None = None
        for place, (factor, (rows, columns)) in enumerate(
            zip(stack.factors, stack.shapes, strict=True)
        ):
            chosen = weights[:, stack.angles[:, place]]
            matrices = (chosen @ factor).reshape(*chosen.shape[:2], columns, rows)
            result = matrices if result is None else result @ matrices
        assert result is not None
        return result
