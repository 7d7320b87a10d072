"""The angles of a circuit's rotations as functions of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.pauli_basis import RealArray

if TYPE_CHECKING:
    from qiskit.circuit import Parameter, ParameterExpression

__all__ = ["Angles", "sorted_parameters"]


@dataclass(frozen=True)
class Angles:
    """All angles at once: linear in the parameters as a rule, anything else as an exception."""

    offsets: RealArray
    """(num_angles,), in radians."""
    columns: npt.NDArray[np.intp]
    """(num_angles, terms): which parameters an angle depends on; padded with 0."""
    coefficients: RealArray
    """(num_angles, terms); padded with 0."""
    others: tuple[tuple[int, Any, tuple[int, ...]], ...] = ()
    """Angles that are not linear: index, expression, columns of its ``parameters`` in order of
    their names."""

    def evaluate(self, values: RealArray) -> RealArray:
        """Return every angle for every parameter set.

        Args:
            values: Shape (num_sets, num_parameters).

        Returns:
            Shape (num_sets, num_angles).
        """
        if self.columns.shape[1] == 0:
            angles = np.empty((len(values), len(self.offsets)))
            if len(self.offsets):
                angles[:] = self.offsets
        elif self.columns.shape[1] == 1:
            angles = values[:, self.columns[:, 0]] * self.coefficients[:, 0] + self.offsets
        else:
            angles = (values[:, self.columns] * self.coefficients).sum(axis=2) + self.offsets
        for index, expression, columns in self.others:
            names = sorted_parameters(expression)
            for row, given in enumerate(values):
                bound = expression.bind(dict(zip(names, given[list(columns)], strict=True)))
                angles[row, index] = float(bound)
        return angles


def sorted_parameters(expression: ParameterExpression) -> list[Parameter]:
    """Return the parameters of an expression, in the same order in every process."""
    return sorted(expression.parameters, key=lambda p: (p.name, p.uuid.int))
