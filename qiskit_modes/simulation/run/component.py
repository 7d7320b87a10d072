"""The interface of a component to the run of a program, however it is simulated."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.pauli_basis import ComplexArray, RealArray
from qiskit_modes.simulation.run.cost import Cost, density_bytes
from qiskit_modes.simulation.run.outcomes import Outcomes
from qiskit_modes.simulation.run.share import Share, alone

__all__ = [
    "Bits",
    "Component",
    "DrawnFromOutcomes",
    "OneWay",
    "ParameterSets",
    "SingleComponent",
]

Bits = npt.NDArray[np.bool_]


@dataclass(eq=False, slots=True)
class ParameterSets:
    """Some parameter sets of a circuit, and what follows from them."""

    values: RealArray
    """(num_sets, num_parameters)."""
    angles: RealArray
    """(num_sets, num_angles): see `Angles`."""
    products: Sequence[RealArray]
    """See `Products`; each of shape (num_sets, products, columns, rows)."""
    share: Share = alone
    """Divides the work on large states among threads."""
    states: MutableMapping[bytes, ComplexArray] = field(default_factory=dict)
    """States of these parameter sets that several circuits share, as far as they are known."""
    prepared: dict[int, Any] = field(default_factory=dict)
    """What components have made of these sets before the first shot, by their `id`."""

    def __len__(self) -> int:
        return len(self.values)

    def some(self, which: slice) -> ParameterSets:
        """Return some of them."""
        return ParameterSets(
            self.values[which], self.angles[which], [stack[which] for stack in self.products]
        )


class Component(Protocol):
    """Joined qubits of a compiled circuit; the number of shots may decide how they are simulated.

    One that Qiskit is needed for, as Aer's, is not in this folder: it brings along what it needs.
    """

    @property
    def clbits(self) -> tuple[int, ...]:
        """Return the bits that are recorded, in the order in which they are drawn."""

    @property
    def method(self) -> str:
        """Tell how it is simulated."""

    @property
    def device(self) -> str:
        """Tell where it is simulated, in Aer's words."""

    @property
    def peak(self) -> int:
        """Return the largest number of float64 numbers held for one parameter set."""

    @property
    def exact(self) -> SingleComponent:
        """Return it as it is simulated where exact probabilities are asked for."""

    def chosen(self, shots: int) -> SingleComponent:
        """Return it as it is simulated for so many shots of each parameter set."""


class SingleComponent(Component, Protocol):
    """Joined qubits that are simulated in one way."""

    @property
    def cost(self) -> Cost:
        """Return what one parameter set costs."""

    @property
    def draws_shots(self) -> bool:
        """Tell whether shots are drawn by `sample`; otherwise they are drawn from `outcomes`."""

    @property
    def block_shots(self) -> int | None:
        """Return how many shots are drawn at a time; None if all of them, or none, are."""

    @property
    def records_one_bit(self) -> bool:
        """Tell whether it is one bit of known probability, drawn together with others."""

    @property
    def holds_up_others(self) -> bool:
        """Tell whether a process that simulates it cannot do other things besides."""

    def peak_bytes(self, num_sets: int) -> int:
        """Return the memory for so many parameter sets at once."""

    def outcomes(self, sets: ParameterSets) -> Outcomes:
        """Return the exact distribution for every parameter set.

        Raises:
            UnsupportedCircuitError: If it is not known, or too long.
        """

    def sample(self, sets: ParameterSets, shots: int, generator: np.random.Generator) -> Bits:
        """Draw shots of one parameter set, independently of all other components.

        Returns:
            Shape (shots, bits).
        """

    def sets_together(self, shots: int) -> int:
        """Return of how many parameter sets so many shots can be drawn at a time."""

    def sample_each(
        self, sets: ParameterSets, shots: int, streams: Sequence[np.random.Generator]
    ) -> list[Bits]:
        """Draw the shots of several parameter sets that `sample` would draw of each.

        Args:
            sets: At most `sets_together` many.
            shots: How many of each.
            streams: Where the random numbers of each come from.
        """


class OneWay:
    """Part of a component that is simulated in one way, whatever is asked for."""

    @property
    def exact(self) -> Self:
        """Return itself."""
        return self

    def chosen(self, shots: int) -> Self:
        """Return itself: there is but one way."""
        del shots
        return self

    def sets_together(self, shots: int) -> int:
        """Return 1: shots are drawn for one parameter set at a time."""
        del shots
        return 1

    def sample_each(
        self, sets: ParameterSets, shots: int, streams: Sequence[np.random.Generator]
    ) -> list[Bits]:
        """Fail: shots are drawn for one parameter set at a time."""
        raise NotImplementedError(f"{type(self).__name__} samples one parameter set at a time")


class DrawnFromOutcomes(OneWay):
    """Part of a component whose shots are drawn from its exact distribution, simulated here."""

    device: ClassVar[str] = "CPU"
    block_shots: ClassVar[None] = None
    draws_shots: ClassVar[bool] = False

    @property
    def records_one_bit(self: Component) -> bool:
        """Tell whether it is one bit, drawn together with others."""
        return len(self.clbits) == 1

    def peak_bytes(self: Component, num_sets: int) -> int:
        """Return the memory for so many parameter sets at once."""
        return density_bytes(self.peak * num_sets)

    def sample(self, sets: ParameterSets, shots: int, generator: np.random.Generator) -> Bits:
        """Fail: shots are drawn from the distribution."""
        raise NotImplementedError(f"{type(self).__name__} draws from its distribution")
