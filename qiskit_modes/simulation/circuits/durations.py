"""Delays whose durations are parameters: one circuit for each choice of durations.

Parameters of rotations stay open in a compiled circuit, because a rotation is known without its
angle. What relaxes during a delay is not known without its duration, so parameter sets are sorted
by the values of those parameters, and each value is put into a circuit of its own.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Delay, Instruction, Parameter, ParameterExpression, QuantumCircuit

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = [
    "Durations",
    "FixedCircuit",
    "OpenDelay",
    "check_duration",
    "open_delays",
    "with_durations",
    "with_loop_values",
]


class OpenDelay(NamedTuple):
    """A delay whose duration is known once parameters have values."""

    duration: ParameterExpression
    """Without the parameters of loops around."""

    unit: str
    """Qiskit's: dt, s, ms, us, ns or ps."""


class FixedCircuit(NamedTuple):
    """A circuit in which every delay has a duration, and for which parameter sets it stands."""

    circuit: QuantumCircuit
    content: bytes | None
    """Its fingerprint; None if that of the whole circuit was not given."""
    values: RealArray
    """(num_sets, num_parameters): of the parameters that it still has."""
    rows: npt.NDArray[np.intp] | None
    """Which of all parameter sets these are; None for all."""


def open_delays(circuit: QuantumCircuit) -> list[OpenDelay]:
    """Return the delays of a circuit, and of bodies in it, whose durations depend on parameters.

    Those that depend on the parameters of loops alone are none of them.
    """
    return list(_open_delays(circuit, {}))


def _open_delays(circuit: QuantumCircuit, loops: Mapping[Parameter, float]) -> Iterator[OpenDelay]:
    for step in circuit.data:
        if step.name == "delay" and step.is_parameterized():
            delay = with_loop_values(step.operation, loops)
            if isinstance(delay.duration, ParameterExpression):
                yield OpenDelay(delay.duration, delay.unit)
        elif step.is_control_flow():
            operation = step.operation
            if step.name == "for_loop" and isinstance(operation.params[1], Parameter):
                values, parameter, body = operation.params
                for value in values:
                    yield from _open_delays(body, {**loops, parameter: value})
            else:
                for body in operation.blocks:
                    yield from _open_delays(body, loops)


def with_loop_values(delay: Instruction, loops: Mapping[Parameter, float]) -> Any:
    """Return a delay with the values that loops around have given their parameters.

    Raises:
        InvalidInputError: If that makes a duration that there is not.
    """
    duration = delay.params[0]
    if not isinstance(duration, ParameterExpression):
        return delay
    known = {each: loops[each] for each in duration.parameters if each in loops}
    bound = duration.bind(known) if known else duration
    if not bound.parameters:
        number = bound.numeric()
        check_duration(number, delay.unit)
        return Delay(number if delay.unit != "dt" else int(number), delay.unit)
    return Delay(bound, delay.unit) if known else delay


def check_duration(duration: Any, unit: str) -> None:
    """Check that something can be the duration of a delay.

    Raises:
        InvalidInputError: If it is not a number of at least 0, or in dt not a whole one.
    """
    plain = complex(duration) if isinstance(duration, int | float | complex) else complex("nan")
    real = plain.real
    if plain.imag or not math.isfinite(real) or real < 0:
        raise InvalidInputError(
            f"A delay has the duration {duration} {unit}; expected a finite number that is not "
            "negative."
        )
    if unit == "dt" and real != int(real):
        raise InvalidInputError(
            f"A delay has the duration {duration} dt; samples are counted by whole numbers. Round "
            "it, or give durations in seconds, as in circuit.delay(duration, qubit, unit='s')."
        )


class Durations:
    """The parameters of one circuit on which the durations of its delays depend.

    Args:
        circuit: The circuit.
    """

    def __init__(self, circuit: QuantumCircuit) -> None:
        self.delays = open_delays(circuit)
        deciding = {parameter for delay in self.delays for parameter in delay.duration.parameters}
        self.columns = [
            column for column, each in enumerate(circuit.parameters) if each in deciding
        ]
        """Where they stand among the circuit's parameters."""
        self._parameters = list(circuit.parameters)

    def check(self, values: RealArray) -> None:
        """Check the durations for all parameter sets.

        Args:
            values: Shape (num_sets, num_parameters).

        Raises:
            InvalidInputError: Naming the expression, the set and the duration.
        """
        column = {parameter: at for at, parameter in enumerate(self._parameters)}
        for duration, unit in self.delays:
            used = list(duration.parameters)
            for index, row in enumerate(values[:, [column[each] for each in used]]):
                try:
                    number = duration.bind(dict(zip(used, row, strict=True))).numeric()
                except (RuntimeError, ZeroDivisionError, TypeError):  # it has no value there
                    number = math.nan
                try:
                    check_duration(number, unit)
                except InvalidInputError as error:
                    raise InvalidInputError(
                        f"{error.message} It comes from the expression {duration} with the "
                        f"parameter values of set {index}."
                    ) from None


def with_durations(
    circuit: QuantumCircuit, content: bytes | None, values: RealArray
) -> list[FixedCircuit]:
    """Return a circuit as one or more that have no open durations.

    Args:
        circuit: The circuit, not modified.
        content: Its fingerprint; None if the caller does not have it.
        values: Shape (num_sets, num_parameters), columns ordered as ``circuit.parameters``.

    Returns:
        One for each choice of durations, in the order in which they come first; the circuit
        itself if none is open.
    """
    columns = Durations(circuit).columns if _has_open_delays(circuit) else []
    if not columns:
        return [FixedCircuit(circuit, content, values, None)]
    parameters = list(circuit.parameters)
    others = [at for at in range(len(parameters)) if at not in set(columns)]
    chosen = np.ascontiguousarray(values[:, columns]) + 0.0  # -0.0 is 0.0
    places: dict[bytes, list[int]] = {}
    for row, each in enumerate(chosen):
        places.setdefault(each.tobytes(), []).append(row)
    fixed = []
    for packed, rows in places.items():
        given = dict(zip([parameters[at] for at in columns], chosen[rows[0]], strict=True))
        key = None
        if content is not None:
            described = content + repr(columns).encode() + packed
            key = hashlib.blake2b(described, digest_size=16).digest()
        fixed.append(
            FixedCircuit(
                circuit.assign_parameters(given),
                key,
                values[np.ix_(rows, others)],
                np.array(rows, dtype=np.intp),
            )
        )
    return fixed


def _has_open_delays(circuit: QuantumCircuit) -> bool:
    """Tell whether there may be any, in no time for nearly all circuits."""
    if not circuit.num_parameters:
        return False
    names = circuit.count_ops()
    return "delay" in names or circuit.has_control_flow_op()
