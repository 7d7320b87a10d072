"""Few ideal qubits without parameters: their amplitudes, number by number, and what they record.

For up to sixteen amplitudes a call of numpy's costs more than the arithmetic in it, so matrices of
gates are taken as numbers of Python. What comes of it is a distribution, which is all that is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple

import numpy as np

from qiskit_modes.caches import read_only
from qiskit_modes.simulation.pauli_basis import ComplexArray
from qiskit_modes.simulation.run.component import DrawnFromOutcomes, ParameterSets
from qiskit_modes.simulation.run.cost import Cost
from qiskit_modes.simulation.run.outcomes import Outcomes

__all__ = ["FEW_QUBITS", "FewQubits", "KnownComponent", "known_component"]

FEW_QUBITS = 4
"""For more, numpy is faster."""

Gate = tuple[tuple[int, ...], ComplexArray]
"""One qubit or two, of which the first is the most significant digit of the matrix, and that."""

_PAIRS = {
    (size, place): [(at, at | 1 << place) for at in range(1 << size) if not at >> place & 1]
    for size in range(1, FEW_QUBITS + 1)
    for place in range(size)
}
"""By the number of qubits and one of them: amplitudes that a gate on it mixes."""

_QUADS = {
    (size, first, second): [
        (at, at | 1 << second, at | 1 << first, at | 1 << first | 1 << second)
        for at in range(1 << size)
        if not at >> first & 1 and not at >> second & 1
    ]
    for size in range(2, FEW_QUBITS + 1)
    for first in range(size)
    for second in range(size)
    if first != second
}
"""The same for two qubits, the first the more significant."""

_ZERO = (1.0 + 0.0j, 0.0j)
"""Amplitudes of a qubit on which nothing has acted."""

_BYTES_OF_FOUR = np.zeros((4, 4), dtype=complex).nbytes


class FewQubits(NamedTuple):
    """A state of few qubits."""

    qubits: tuple[int, ...]
    """Each has a digit of the index of an amplitude: the first the lowest."""
    amplitudes: tuple[complex, ...]
    axes: tuple[int, ...] = ()
    """Those that were acted upon, in the order in which outcomes are counted: the last ones are
    those that were joined last."""

    @classmethod
    def nothing(cls) -> FewQubits:
        """Return the state of no qubits; gates add theirs, each of which is 0 before."""
        return cls((), (1.0 + 0.0j,))

    def after(self, gates: Iterable[Gate]) -> FewQubits:
        """Return the state after some gates, each on one or two qubits.

        A qubit that nothing has joined with another one has amplitudes of its own.
        """
        place = {qubit: number for number, qubit in enumerate(self.qubits)}
        state = list(self.amplitudes)
        joined: list[tuple[int, ...]] = []
        waiting: dict[int, tuple[complex, ...]] = {}
        """Of a qubit that has a place a matrix, of any other one its two amplitudes."""
        unread = 0j
        for on, matrix in gates:
            if len(on) == 1:
                (qubit,), ((a, b), (c, d)) = on, matrix.tolist()
                before = waiting.get(qubit)
                if before is None:
                    if qubit in place:
                        waiting[qubit] = a, b, c, d
                    else:
                        waiting[qubit] = a, c
                        unread += b + d
                elif len(before) == 2:
                    e, f = before
                    waiting[qubit] = a * e + b * f, c * e + d * f
                else:
                    e, f, g, h = before
                    waiting[qubit] = a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h
                continue
            for qubit in on:
                if qubit in waiting or qubit not in place:
                    state = _turned(state, place, qubit, waiting.pop(qubit, _ZERO))
            first, second = map(place.__getitem__, on)
            order = _exchange(matrix.tobytes())
            if order is None:
                _join(state, _QUADS[len(place), first, second], matrix.tolist())
            else:
                state = list(_exchanged(len(place), first, second, order)(state))
            joined.append(on)
        for qubit, turn in waiting.items():
            state = _turned(state, place, qubit, turn)
        # What a gate would do to a |1⟩ that is none has been left out; not so if it is no number.
        state[0] += 0 * unread
        return FewQubits(tuple(place), tuple(state), _axes(self.axes, joined, waiting))

    def weights(self, measured: Sequence[int]) -> list[float]:
        """Return the probabilities of what some qubits are found in, the first most significant."""
        places = tuple(map(self.qubits.index, measured))
        weights = [0.0] * (1 << len(places))
        outcomes = _outcomes(len(self.qubits), places)
        for outcome, amplitude in zip(outcomes, self.amplitudes, strict=True):
            x, y = amplitude.real, amplitude.imag
            weights[outcome] += x * x + y * y
        return weights


def _axes(
    axes: Iterable[int], joined: Iterable[tuple[int, ...]], turned: Iterable[int]
) -> tuple[int, ...]:
    """Return the order of a state's qubits after gates: as that of larger states comes about.

    Args:
        axes: The order before.
        joined: The qubits of each gate on two.
        turned: Those with a gate of their own after these.
    """
    now = dict.fromkeys(axes)
    last: dict[int, int] = {}
    for number, (first, second) in enumerate(joined):
        latest = last.get(first)
        if latest is None or latest != last.get(second):  # else it is the same block still
            now.pop(first, None)
            now.pop(second, None)
            now[first] = now[second] = None
            last[first] = last[second] = number
    for qubit in turned:
        if qubit not in last:
            now.pop(qubit, None)
            now[qubit] = None
    return tuple(now)


def _turned(
    state: list[complex], place: dict[int, int], qubit: int, turn: Sequence[complex]
) -> list[complex]:
    """Return a state after a gate on one qubit, or with one more qubit.

    Args:
        state: Amplitudes; may be changed.
        place: Of each qubit of the state. A new one is added.
        qubit: Which one.
        turn: The matrix; of a new one its amplitudes.
    """
    at = place.get(qubit)
    if at is None:
        place[qubit] = len(place)
        zero, one = turn
        return [zero * each for each in state] + [one * each for each in state]
    a, b, c, d = turn
    for low, high in _PAIRS[len(place), at]:
        x, y = state[low], state[high]
        state[low], state[high] = a * x + b * y, c * x + d * y
    return state


def _join(
    state: list[complex],
    quads: Iterable[tuple[int, int, int, int]],
    matrix: Sequence[Sequence[complex]],
) -> None:
    for quad in quads:
        p, q, r, s = quad
        w, x, y, z = state[p], state[q], state[r], state[s]
        for at, (a, b, c, d) in zip(quad, matrix, strict=True):
            state[at] = a * w + b * x + c * y + d * z


@lru_cache(maxsize=64)
def _exchange(matrix: bytes) -> tuple[int, ...] | None:
    """Return from where each of four amplitudes comes, if a matrix makes them change places.

    Args:
        matrix: The bytes of complex numbers, shape (4, 4).
    """
    if len(matrix) != _BYTES_OF_FOUR:
        return None  # numbers of another kind, from a user's own gate
    rows = np.frombuffer(matrix, dtype=complex).reshape(4, 4)
    order = (rows == 1).argmax(axis=1)
    return tuple(order.tolist()) if np.array_equal(rows, np.eye(4)[order]) else None


@cache
def _exchanged(size: int, first: int, second: int, order: tuple[int, ...]) -> Any:
    """Return what picks the amplitudes of a state in the order after such a gate."""
    picked = list(range(1 << size))
    for quad in _QUADS[size, first, second]:
        for at, source in zip(quad, order, strict=True):
            picked[at] = quad[source]
    return itemgetter(*picked)


@cache
def _outcomes(size: int, places: tuple[int, ...]) -> tuple[int, ...]:
    """Return the outcome that each amplitude of a state belongs to.

    Args:
        size: How many qubits it has.
        places: Of the measured qubits, the first the most significant digit of an outcome.
    """
    return tuple(
        sum((index >> place & 1) << digit for digit, place in enumerate(reversed(places)))
        for index in range(1 << size)
    )


@dataclass(frozen=True, eq=False)
class KnownComponent(DrawnFromOutcomes):
    """Joined qubits whose distribution is known, and is the same for all parameter sets."""

    known: Outcomes
    """For one parameter set."""
    key: bytes
    """All that is recorded."""
    cost: Cost
    method: ClassVar[str] = "state vector"
    holds_up_others: ClassVar[bool] = False

    @property
    def clbits(self) -> tuple[int, ...]:
        """Bits of an outcome, most significant first."""
        return self.known.clbits

    @property
    def peak(self) -> int:
        """Largest number of float64 numbers held for one parameter set."""
        return self.known.weights.size

    def outcomes(self, sets: ParameterSets) -> Outcomes:
        """Return the exact distribution for every parameter set."""
        if len(sets) == 1:
            return self.known
        return Outcomes(self.known.weights.repeat(len(sets), axis=0), self.known.clbits)


def known_component(
    state: FewQubits, measured: Sequence[int], clbits: tuple[int, ...], cost: Cost
) -> KnownComponent | None:
    """Return a component that records some qubits of a state; None if that is not finite.

    Args:
        state: The state.
        measured: Which qubits, the first the most significant digit of an outcome.
        clbits: Where each of them is recorded.
        cost: What it costs.
    """
    numbers = state.weights(measured)
    if not math.isfinite(sum(numbers)):
        return None
    # None of them is less than 0, and Python adds up so few before numpy has begun.
    rows = read_only(np.array([numbers, list(accumulate(numbers))]))
    known = Outcomes(rows[:1], clbits)
    vars(known)["stairs"] = rows[1:]
    return KnownComponent(known, repr(clbits).encode() + known.weights.tobytes(), cost)
