"""The angles of a circuit's rotations as functions of its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.pauli_basis import RealArray

if TYPE_CHECKING:
    from qiskit.circuit import Parameter, ParameterExpression

__all__ = ["AngleTable", "Angles", "number"]


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
            angles = np.broadcast_to(self.offsets, (len(values), len(self.offsets))).copy()
        elif self.columns.shape[1] == 1:
            angles = values[:, self.columns[:, 0]] * self.coefficients[:, 0] + self.offsets
        else:
            angles = (values[:, self.columns] * self.coefficients).sum(axis=2) + self.offsets
        for index, expression, columns in self.others:
            names = _sorted_parameters(expression)
            for row, given in enumerate(values):
                bound = expression.bind(dict(zip(names, given[list(columns)], strict=True)))
                angles[row, index] = float(bound)
        return angles


class AngleTable:
    """Collects the angles of one circuit while it is read.

    Args:
        parameters: The circuit's parameters in the order in which values will come.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._columns = {parameter: column for column, parameter in enumerate(parameters)}
        self._rows: list[tuple[float, dict[int, float]]] = []
        self._others: list[tuple[int, Any, tuple[int, ...]]] = []

    def add(self, expression: ParameterExpression) -> int:
        """Return the index of an angle, in radians, given by an expression."""
        parameters = _sorted_parameters(expression)  # in the same order in every process
        slopes = {parameter: expression.gradient(parameter) for parameter in parameters}
        if all(isinstance(slope, int | float) for slope in slopes.values()):
            terms = {self._columns[p]: float(slope) for p, slope in slopes.items()}
            offset = float(expression.bind(dict.fromkeys(parameters, 0.0)))
            self._rows.append((offset, terms))
        else:
            columns = tuple(self._columns[p] for p in _sorted_parameters(expression))
            self._others.append((len(self._rows), expression, columns))
            self._rows.append((0.0, {}))
        return len(self._rows) - 1

    def finish(self) -> Angles:
        """Return the collected angles."""
        terms = max((len(row) for _, row in self._rows), default=0)
        columns = np.zeros((len(self._rows), terms), dtype=np.intp)
        coefficients = np.zeros((len(self._rows), terms))
        for index, (_, row) in enumerate(self._rows):
            columns[index, : len(row)] = list(row)
            coefficients[index, : len(row)] = list(row.values())
        offsets = np.array([offset for offset, _ in self._rows], dtype=float)
        return Angles(offsets, columns, coefficients, tuple(self._others))


def _sorted_parameters(expression: ParameterExpression) -> list[Parameter]:
    return sorted(expression.parameters, key=lambda p: (p.name, p.uuid.int))


def number(value: Any, where: str, loop_values: Mapping[Parameter, float]) -> Any:
    """Return a parameter of an instruction as a float, or as an expression if it stays open.

    Args:
        value: A number or a ``ParameterExpression``.
        where: The instruction, for the error message.
        loop_values: What the loops around have given their parameters.

    Raises:
        UnsupportedCircuitError: If the value is neither a finite real number nor an expression.
    """
    # Here and not above: a worker that runs programs needs no Qiskit.
    from qiskit.circuit import ParameterExpression

    if isinstance(value, ParameterExpression):
        known = {p: loop_values[p] for p in value.parameters if p in loop_values}
        bound = value.bind(known) if known else value
        if bound.parameters:
            return bound
        value = bound.numeric()
    try:
        plain = complex(value)
    except TypeError:
        plain = complex("nan")
    if plain.imag or not math.isfinite(plain.real):
        from qiskit_modes.exceptions import UnsupportedCircuitError

        raise UnsupportedCircuitError(
            f"{where}: expected a finite real number or an expression of parameters as its "
            f"parameter, found {value!r}."
        )
    return plain.real
