"""Ideal joined qubits as a component of a compiled circuit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qiskit_modes._mutex import cached_property
from qiskit_modes.caches import read_only
from qiskit_modes.simulation.run.component import DrawnFromOutcomes, ParameterSets
from qiskit_modes.simulation.run.cost import Cost
from qiskit_modes.simulation.run.ideal.state_vector import LARGE_ELEMENTS, StateEvolution, marginal
from qiskit_modes.simulation.run.outcomes import Outcomes
from qiskit_modes.simulation.run.share import Share, alone

__all__ = ["StateComponent"]


@dataclass(frozen=True, eq=False)
class StateComponent(DrawnFromOutcomes):
    """Joined qubits without noise that are measured at the end."""

    body: StateEvolution
    """From nothing to the state."""
    ending: StateEvolution | None
    """The basis changes after it, where other circuits share the state."""
    measured: tuple[int, ...]
    """Which qubits are measured, in the order of the last state's axes."""
    clbits: tuple[int, ...]
    """Where each of them is recorded: bits of an outcome, most significant first."""
    body_key: bytes | None
    """Equal where the states before the endings are; None where it is not shared."""
    key: bytes
    """Digest of all that is done."""
    shared_seconds: float
    """What of ``cost`` it takes to get the shared state."""
    cost: Cost
    max_threads: int | None
    """Most threads that work on it; None for as many as there are."""
    method: ClassVar[str] = "state vector"

    @property
    def peak(self) -> int:
        """Largest number of float64 numbers held for one parameter set."""
        last = self.body if self.ending is None else self.ending
        matrices = 0 if self.body.tower.is_constant else self.body.tower.elements
        return 2 * ((1 << len(last.axes)) + matrices)

    @property
    def holds_up_others(self) -> bool:
        """Tell whether it is worked on in parts, as is best done in a process of its own."""
        last = self.body if self.ending is None else self.ending
        return 1 << len(last.axes) >= LARGE_ELEMENTS

    def outcomes(self, sets: ParameterSets) -> Outcomes:
        """Return the exact distribution for every parameter set.

        Args:
            sets: Their states are looked up, and put down, by `body_key`.
        """
        if len(sets) == 1 and self._is_kept:
            return self._kept
        share = sets.share
        if self.max_threads is not None:
            share = _by_at_most(self.max_threads, share)
        state = None if self.body_key is None else sets.states.get(self.body_key)
        if state is None:
            begin = np.ones((len(sets), 1), dtype=complex)
            state = self.body.apply(begin, sets.angles, share)
            if self.body_key is not None:
                sets.states[self.body_key] = state
        axes = self.body.axes
        if self.ending is not None:
            state = self.ending.apply(state, sets.angles, share)
            axes = self.ending.axes
        return Outcomes(marginal(state, axes, self.measured, share), self.clbits)

    @property
    def _is_kept(self) -> bool:
        ending = self.ending
        return self.body.is_kept and (ending is None or ending.is_kept)

    @cached_property
    def _kept(self) -> Outcomes:
        """Distribution of one parameter set where no parameter counts."""
        if self.ending is None:
            state, axes = self.body.from_nothing(), self.body.axes
        else:
            state = self.ending.apply(self.body.kept, np.empty((1, 0)), alone)
            axes = self.ending.axes
        return Outcomes(read_only(marginal(state, axes, self.measured, alone)), self.clbits)


def _by_at_most(threads: int, share: Share) -> Share:
    def limited(work: Callable[[int], object], count: int) -> None:
        def portion(which: int) -> None:
            for number in range(which, count, threads):
                work(number)

        share(portion, min(threads, count))

    return limited
