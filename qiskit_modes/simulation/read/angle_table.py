"""Reading the angles of a circuit's rotations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import Parameter, ParameterExpression

from qiskit_modes.caches import read_only
from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.angles import Angles, sorted_parameters

__all__ = ["AngleTable", "number"]


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
        if isinstance(expression, Parameter):  # as all angles of a twirled circuit are
            self._rows.append((0.0, {self._columns[expression]: 1.0}))
            return len(self._rows) - 1
        parameters = sorted_parameters(expression)
        slopes = {parameter: expression.gradient(parameter) for parameter in parameters}
        if all(isinstance(slope, int | float) for slope in slopes.values()):
            terms = {self._columns[p]: float(slope) for p, slope in slopes.items()}
            offset = float(expression.bind(dict.fromkeys(parameters, 0.0)))
            self._rows.append((offset, terms))
        else:
            columns = tuple(self._columns[p] for p in sorted_parameters(expression))
            self._others.append((len(self._rows), expression, columns))
            self._rows.append((0.0, {}))
        return len(self._rows) - 1

    def finish(self) -> Angles:
        """Return the collected angles."""
        if not self._rows:
            return _NO_ANGLES
        terms = max((len(row) for _, row in self._rows), default=0)
        columns = np.zeros((len(self._rows), terms), dtype=np.intp)
        coefficients = np.zeros((len(self._rows), terms))
        for index, (_, row) in enumerate(self._rows):
            columns[index, : len(row)] = list(row)
            coefficients[index, : len(row)] = list(row.values())
        offsets = np.array([offset for offset, _ in self._rows], dtype=float)
        return Angles(offsets, columns, coefficients, tuple(self._others))


_NO_ANGLES = Angles(
    read_only(np.zeros(0)), read_only(np.zeros((0, 0), dtype=np.intp)), read_only(np.zeros((0, 0)))
)


def number(value: Any, where: str, loop_values: Mapping[Parameter, float]) -> Any:
    """Return a parameter of an instruction as a float, or as an expression if it stays open.

    Args:
        value: A number or a ``ParameterExpression``.
        where: The instruction, for the error message.
        loop_values: What the loops around have given their parameters.

    Raises:
        UnsupportedCircuitError: If the value is neither a finite real number nor an expression.
    """
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
        raise UnsupportedCircuitError(
            f"{where}: expected a finite real number or an expression of parameters as its "
            f"parameter, found {value!r}."
        )
    return plain.real
