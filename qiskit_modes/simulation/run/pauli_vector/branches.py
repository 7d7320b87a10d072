"""Following a circuit through what its measurements may record.

A *branch* is one value of the classical memory together with the state of the qubits given that
this was recorded, unnormalised: its weight is the probability. What is not recorded is not told
apart: a readout error leaves a mixture of what was true. Two branches whose memories become equal
are one from then on.

When there would be too many branches, the shots themselves are divided: every branch holds a whole
number of shots, a measurement divides it by a binomial draw, and a branch without shots is gone.
That is exact sampling, shot by shot, at the cost of at most one branch for each shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.classical import Expression, write
from qiskit_modes.simulation.operations import Measure, Store
from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = ["Branches"]

NEGLIGIBLE = 1e-14
"""A branch of less weight than this is not followed; exact results are good to 1e-9."""


@dataclass(frozen=True, eq=False)
class Branches:
    """All branches at one point of a circuit."""

    memories: tuple[int, ...]
    """Bit k is the circuit's classical bit k."""
    state: RealArray
    """(num_sets, branches, 4^n); its first element along the last axis is the weight."""
    shots: npt.NDArray[np.int64] | None = None
    """(branches,), when shots are divided; then there is one parameter set."""
    generator: np.random.Generator | None = None
    """Divides the shots."""

    def __len__(self) -> int:
        return len(self.memories)

    def weight(self) -> float:
        """Return the probability of being in one of these branches, or how many shots are."""
        if self.shots is not None:
            return float(self.shots.sum())
        return float(self.state[:, :, 0].sum(axis=1).max(initial=0.0))

    def chosen(self, places: Sequence[int]) -> Branches:
        """Return some of the branches."""
        picked = list(places)
        return Branches(
            tuple(self.memories[place] for place in picked),
            self.state[:, picked],
            None if self.shots is None else self.shots[picked],
            self.generator,
        )

    def evolved(self, state: RealArray) -> Branches:
        """Return the branches with their qubits in another state, of the same shape."""
        return Branches(self.memories, state, self.shots, self.generator)

    def nobody(self) -> Branches:
        """Return no branch at all."""
        return self.chosen([])

    def stored(self, store: Store) -> Branches:
        """Return the branches after a value was written into their memories."""
        memories = (
            write(memory, store.clbits, store.value.evaluate(memory)) for memory in self.memories
        )
        return Branches(tuple(memories), self.state, self.shots, self.generator).merged()

    def divided(self, condition: Expression) -> tuple[Branches, Branches]:
        """Return the branches in which a condition holds, and the others."""
        holds = np.array([bool(condition.evaluate(each)) for each in self.memories], dtype=bool)
        return (
            self.chosen(np.flatnonzero(holds).tolist()),
            self.chosen(np.flatnonzero(~holds).tolist()),
        )

    def joined(self, others: Sequence[Branches]) -> Branches:
        """Return the branches of all, those of equal memory made one."""
        return concatenate([self, *others])

    def measured(self, measure: Measure, axis: int, num_qubits: int) -> Branches:
        """Return the branches after a measurement.

        Args:
            measure: Which qubit, into which bit.
            axis: Where the qubit stands among the state's qubits.
            num_qubits: How many these are.
        """
        num_sets = len(self.state)
        split = self.state.reshape(num_sets, len(self), 4**axis, 4, 4 ** (num_qubits - axis - 1))
        unit, parity = split[..., 0, :], split[..., 3, :]
        true = [(unit + parity) / 2, (unit - parity) / 2]
        memories: list[int] = []
        states = []
        for recorded in (0, 1):
            zero, one = (measure.confusion[recorded, value] * true[value] for value in (0, 1))
            state = np.zeros_like(split)
            state[..., 0, :], state[..., 3, :] = zero + one, zero - one
            states.append(state.reshape(self.state.shape))
            memories += [write(memory, (measure.clbit,), recorded) for memory in self.memories]
        state = np.concatenate(states, axis=1)
        if self.shots is None:
            return Branches(tuple(memories), state).without_negligible().merged()
        return self._divided(tuple(memories), state)

    def merged(self) -> Branches:
        """Return the branches with those of equal memory made one.

        Divided shots are left apart: what a branch without shots would have added to a mixture
        is gone, so a mixture of the others would not be the right state.
        """
        if self.shots is not None or len(set(self.memories)) == len(self):
            return self
        places: dict[int, int] = {}
        for memory in self.memories:
            places.setdefault(memory, len(places))
        state = np.zeros((len(self.state), len(places), self.state.shape[2]))
        for place, memory in enumerate(self.memories):
            state[:, places[memory]] += self.state[:, place]
        return Branches(tuple(places), state)

    def without_negligible(self) -> Branches:
        """Return the branches that have any weight."""
        kept = np.flatnonzero((self.state[:, :, 0] > NEGLIGIBLE).any(axis=0))
        return self if len(kept) == len(self) else self.chosen(kept.tolist())

    def _divided(self, memories: tuple[int, ...], state: RealArray) -> Branches:
        assert self.shots is not None
        assert self.generator is not None
        zeros, ones = np.maximum(state[0, :, 0], 0.0).reshape(2, -1)
        recorded_one = self.generator.binomial(self.shots, ones / (zeros + ones))
        shots = np.concatenate([self.shots - recorded_one, recorded_one])
        split = Branches(memories, state / state[:, :, :1].clip(NEGLIGIBLE), shots, self.generator)
        return split.chosen(np.flatnonzero(shots).tolist())


def concatenate(parts: Sequence[Branches]) -> Branches:
    """Return the branches of all parts, those of equal memory made one."""
    filled = [part for part in parts if len(part)] or parts[:1]
    if len(filled) == 1:
        return filled[0]
    first = filled[0]
    shots = None
    if first.shots is not None:
        shots = np.concatenate([part.shots for part in filled if part.shots is not None])
    return Branches(
        tuple(memory for part in filled for memory in part.memories),
        np.concatenate([part.state for part in filled], axis=1),
        shots,
        first.generator,
    ).merged()
