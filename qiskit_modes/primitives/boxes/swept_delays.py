"""Delays whose durations are parameters, in circuits that are boxed and randomised.

Samplomatic passes delays through but gives their parameters no values. So while a circuit is boxed
and built, delays of a duration that nobody else has stand for them; in the template they get
parameters of their own, and values beside those that are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Delay, Parameter, ParameterExpression, QuantumCircuit
from samplomatic.quantum_program import SamplexItem

from qiskit_modes.primitives.boxes.draw import PARAMETER_VALUES, draw_randomisations
from qiskit_modes.simulation.circuits.durations import OpenDelay
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["SweptDelays", "SweptItem", "put_back", "set_aside"]

_FIRST_MARK = 2.0**40
"""Seconds: the duration that stands for the first of the delays; the others follow."""


@dataclass(frozen=True)
class SweptDelays:
    """The delays of a circuit that were set aside."""

    delays: tuple[OpenDelay, ...]
    template: QuantumCircuit
    """What the samplex draws angles for: with the marks."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters that stand for the durations."""
        return tuple(_name(number) for number in range(len(self.delays)))

    def durations(
        self, parameters: Sequence[Parameter], values: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return the durations for some parameter sets, (num_sets, num_delays).

        Args:
            parameters: Those of the circuit, in the order of the columns of ``values``.
            values: Shape (num_sets, num_parameters).
        """
        # By name: the circuit may be an equal one with parameters of its own.
        column = {parameter.name: at for at, parameter in enumerate(parameters)}
        durations = np.empty((len(values), len(self.delays)))
        for number, (duration, _) in enumerate(self.delays):
            used = list(duration.parameters)
            for index, row in enumerate(values[:, [column[each.name] for each in used]]):
                bound = duration.bind(dict(zip(used, row, strict=True)))
                durations[index, number] = bound.numeric()
        return durations


@dataclass(frozen=True, eq=False)
class SweptItem:
    """An item of a quantum program whose circuit has parameters beside angles that are drawn."""

    circuit: QuantumCircuit
    drawn: SamplexItem
    """What the samplex draws, for a circuit with the parameters of these angles alone."""
    beside: npt.NDArray[np.float64]
    """Values of the other parameters, to be broadcast to the shape of the item."""
    names: tuple[str, ...]
    """Of the other parameters."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the item, as a samplex item has it."""
        shape: tuple[int, ...] = self.drawn.shape
        return shape

    def values(
        self, generator: np.random.Generator, elsewhere: Elsewhere = here
    ) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[Any]]]:
        """Draw the randomisations; see `draw_randomisations`.

        Returns:
            The values of the circuit's parameters, (*shape, num_parameters), and what else the
            samplex gave.
        """
        outputs = draw_randomisations(self.drawn, generator, elsewhere)
        angles = np.asarray(outputs.pop(PARAMETER_VALUES), dtype=np.float64)
        beside = np.broadcast_to(self.beside, (*self.shape, len(self.names)))
        names = [parameter.name for parameter in self.drawn.circuit.parameters] + [*self.names]
        place = {name: at for at, name in enumerate(names)}
        order = [place[parameter.name] for parameter in self.circuit.parameters]
        return np.concatenate([angles, beside], axis=-1)[..., order], outputs


def set_aside(circuit: QuantumCircuit) -> tuple[QuantumCircuit, tuple[OpenDelay, ...]]:
    """Return a circuit with marks in the places of delays with open durations, and these.

    Args:
        circuit: The circuit, not modified; delays in bodies of control flow stay.
    """
    found: list[OpenDelay] = []
    marked = circuit.copy_empty_like()
    for step in circuit.data:
        if step.name == "delay" and isinstance(step.params[0], ParameterExpression):
            mark = Delay(_FIRST_MARK + len(found), "s")
            found.append(OpenDelay(step.params[0], step.operation.unit))
            step = step.replace(operation=mark)
        marked.append(step, copy=False)
    return (marked, tuple(found)) if found else (circuit, ())


def put_back(circuit: QuantumCircuit, delays: Sequence[OpenDelay]) -> QuantumCircuit:
    """Return a template with parameters for the durations in the places of marks.

    Args:
        circuit: The template, not modified.
        delays: What was set aside.
    """
    parameters = [Parameter(_name(number)) for number in range(len(delays))]
    whole = circuit.copy_empty_like()
    for step in circuit.data:
        if step.name == "delay" and step.operation.unit == "s":
            number = int(step.params[0] - _FIRST_MARK)
            if 0 <= number < len(delays):
                own = Delay(parameters[number], delays[number].unit)
                step = step.replace(operation=own)
        whole.append(step, copy=False)
    return whole


def _name(number: int) -> str:
    return f"_duration{number:06}"
