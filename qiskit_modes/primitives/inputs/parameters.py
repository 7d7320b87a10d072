"""Parameter values of a PUB: checked, and laid out as one table of plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives.containers.bindings_array import BindingsArray

from qiskit_modes.caches import read_only
from qiskit_modes.exceptions import InvalidInputError

__all__ = ["read_parameter_values"]

_NO_VALUES = read_only(np.zeros((1, 0)))
"""One set of no parameters."""
_NO_BINDINGS = BindingsArray({(): _NO_VALUES.reshape(0)}, shape=())
_MAX_NAMES = 8  # a message lists so many parameters, then dots


def read_parameter_values(
    values: Any, circuit: QuantumCircuit, where: str
) -> tuple[NDArray[np.float64], BindingsArray]:
    """Copy whatever a PUB gives as parameter values into one table of numbers.

    Args:
        values: None, numbers in the order of ``circuit.parameters`` (last axis), a mapping from
            parameters to numbers, or a `BindingsArray`.
        circuit: The circuit that the values are for.
        where: The PUB, for messages ("PUB 0").

    Returns:
        The table, shape (num_sets, num_parameters), C order: the sets in the order of the flattened
        shape, the columns in that of ``circuit.parameters``. And a `BindingsArray` of the original
        shape over it. Both are read-only and share no memory with what the user passed, because
        optimizers reuse their arrays.

    Raises:
        InvalidInputError: If the values do not fit the circuit's parameters, or are not finite
            real numbers.
    """
    if values is None and not circuit.num_parameters:
        return _NO_VALUES, _NO_BINDINGS
    parameters = tuple(circuit.parameters)
    if values is None or isinstance(values, (BindingsArray, Mapping)):
        bindings = _as_bindings(values, where)
        _check_names(bindings, parameters, where)
        shape = tuple(bindings.shape)
        array = bindings.as_array(parameters)
    else:
        array = _as_array(values, parameters, where)
        # With exactly one parameter Qiskit lets the last axis be left off.
        given_last = len(parameters) != 1 or array.shape[-1:] == (1,)
        shape = array.shape[:-1] if given_last else array.shape
    table = array.reshape(math.prod(shape), len(parameters))
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise InvalidInputError(
            f"{where}: parameter '{parameters[column].name}' has the value {table[row, column]} in "
            f"parameter set {row}; every value must be a finite number."
        )
    table.flags.writeable = False
    names = tuple(parameter.name for parameter in parameters)
    return table, BindingsArray({names: table.reshape(*shape, len(names))}, shape=shape)


def _as_bindings(values: BindingsArray | Mapping[Any, Any] | None, where: str) -> BindingsArray:
    if isinstance(values, BindingsArray):
        return values
    data = dict(values or {})
    for value in data.values():
        _refuse_complex(value, where)
    try:
        return BindingsArray(data)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{where}: the parameter values cannot be read as arrays of numbers: {error}"
        ) from error


def _as_array(values: Any, parameters: tuple[Parameter, ...], where: str) -> NDArray[np.float64]:
    """Read values given by position: the last axis runs over the circuit's parameters."""
    _refuse_complex(values, where)
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{where}: the parameter values cannot be read as an array of numbers: {error}"
        ) from error
    count = len(parameters)
    if count != 1 and array.shape[-1:] != (count,):
        raise InvalidInputError(
            f"{where}: {_expected(parameters)}, but the values have shape {array.shape}. The last "
            "axis must have one value per parameter, in the order of circuit.parameters."
        )
    return array


def _check_names(bindings: BindingsArray, parameters: tuple[Parameter, ...], where: str) -> None:
    given = [name for names in bindings.data for name in names]
    expected = [parameter.name for parameter in parameters]
    if given == expected:
        return
    if not given:
        raise InvalidInputError(
            f"{where}: {_expected(parameters)}, but no values were given. Give one value per "
            "parameter, as in (circuit, values)."
        )
    if unknown := sorted(set(given) - set(expected)):
        raise InvalidInputError(
            f"{where}: values are given for {_names(unknown)}, but {_expected(parameters)}."
        )
    if missing := sorted(set(expected) - set(given)):
        raise InvalidInputError(
            f"{where}: {_expected(parameters)}, but no values are given for {_names(missing)}."
        )
    if len(given) != len(expected):
        twice = sorted({name for name in given if given.count(name) > 1})
        raise InvalidInputError(f"{where}: values are given twice for {_names(twice)}.")


def _refuse_complex(values: Any, where: str) -> None:
    try:
        kind = np.asarray(values).dtype.kind
    except (TypeError, ValueError):
        return  # not an array at all: reading it as numbers fails with the reason
    if kind == "c":
        raise InvalidInputError(
            f"{where}: the parameter values are complex numbers, but parameters are real. Give "
            "their real parts, as in values.real."
        )


def _expected(parameters: tuple[Parameter, ...]) -> str:
    if not parameters:
        return "the circuit has no parameters"
    noun = "1 parameter" if len(parameters) == 1 else f"{len(parameters)} parameters"
    return f"the circuit has {noun} ({_names([p.name for p in parameters])})"


def _names(names: list[str]) -> str:
    return ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")
