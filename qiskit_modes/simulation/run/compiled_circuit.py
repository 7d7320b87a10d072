"""A compiled circuit: all that is needed to run it, without Qiskit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit_modes.simulation.angles import Angles
from qiskit_modes.simulation.packing import Layout
from qiskit_modes.simulation.run.component import Component
from qiskit_modes.simulation.run.ideal.state_component import StateComponent
from qiskit_modes.simulation.run.pauli_vector.products import Products
from qiskit_modes.simulation.run.window.component import MOST_SETS_TOGETHER

__all__ = ["CompiledCircuit"]

MOST_PRODUCT_ELEMENTS = 1 << 25
"""Where shots of several parameter sets are drawn together, the factors of their products have up
to so many numbers: 256 MB."""


@dataclass(frozen=True, eq=False)
class CompiledCircuit:
    """A circuit with its noise, ready to run with any parameter values."""

    key: str
    """Digest of the circuit's content and its noise: the same in every process."""
    num_parameters: int
    num_clbits: int
    layout: Layout
    """The classical registers."""
    angles: Angles
    products: Products
    components: tuple[Component, ...]
    batch_elements: int
    """How many float64 numbers of state to work on at once."""
    metadata: Mapping[str, Any]
    """For the result's metadata: "noise", where it came from; "method", how it is simulated."""

    @property
    def registers(self) -> dict[str, int]:
        """Return name and number of bits of each classical register."""
        return {name: len(clbits) for name, clbits in self.layout.registers}

    @property
    def shared_states(self) -> tuple[bytes, ...]:
        """Return keys of the states that other circuits may share; equal where all of them are."""
        return tuple(
            component.body_key
            for component in self.components
            if isinstance(component, StateComponent) and component.body_key is not None
        )

    @property
    def shared_seconds(self) -> float:
        """Return what one parameter set does not cost where those states are known already."""
        return sum(
            component.shared_seconds
            for component in self.components
            if isinstance(component, StateComponent)
        )

    def seconds(self, shots: int) -> float:
        """Return roughly how long so many shots of one parameter set take on one core."""
        return sum(component.chosen(shots).cost.seconds(shots) for component in self.components)

    @property
    def sets_at_once(self) -> int:
        """Return how many parameter sets are simulated together."""
        largest = max((component.peak for component in self.components), default=1)
        fitting = max(1, self.batch_elements // max(largest, self.products.elements))
        if self.products.elements * MOST_SETS_TOGETHER <= MOST_PRODUCT_ELEMENTS:
            # Products are small beside what it costs to draw the shots of each set for itself.
            together = max((each.chosen(1).sets_together(1) for each in self.components), default=1)
            return max(fitting, together)
        return fitting

    def sets_together(self, shots: int) -> int:
        """Return of how many parameter sets so many shots are best drawn together."""
        chosen = [component.chosen(shots) for component in self.components]
        together = max((each.sets_together(shots) for each in chosen), default=1)
        return min(together, self.sets_at_once)
