"""Shots on their way through a circuit: what each has recorded, and the state of its window.

There are two ways to hold the state. As a *Pauli vector* it is the density matrix given what was
recorded, noise and all; shots that have recorded the same are one row until they part. As a *state
vector* the noise is drawn as well, each shot is a row of its own, and the state has 2^n numbers
where the other has 4^n.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.classical import Expression
from qiskit_modes.simulation.operations import Store
from qiskit_modes.simulation.pauli_basis import ComplexArray, RealArray
from qiskit_modes.simulation.run.products_of_rows import product
from qiskit_modes.simulation.run.window.kraus import least_likelihood
from qiskit_modes.simulation.run.window.steps import ArrangeStep, DrawStep, LinearStep

__all__ = ["PauliRows", "PauliRowsOfSets", "Rows", "StateMap", "StateRows"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rows(ABC):
    """Some of the shots; see the two kinds of them."""

    columns: Mapping[int, int]
    """For each classical bit of the component its column in ``memory``."""
    memory: Bools
    """(rows, bits)."""
    shots: Ints
    """(rows,): how many shots each row stands for."""
    state: npt.NDArray[Any]
    """(rows, numbers): of each row, given what it has recorded."""
    generator: np.random.Generator

    axis_size: ClassVar[int]
    """How many numbers one qubit has."""
    dtype: ClassVar[type]

    @classmethod
    def beginning(
        cls, columns: Mapping[int, int], shots: int, generator: np.random.Generator
    ) -> Self:
        """Return so many shots before anything has happened."""
        rows = cls.rows_of(shots)
        memory = np.zeros((len(rows), len(columns)), dtype=np.bool_)
        return cls(columns, memory, rows, np.ones((len(rows), 1), dtype=cls.dtype), generator)

    @staticmethod
    @abstractmethod
    def rows_of(shots: int) -> Ints:
        """Return how many shots each row stands for when nothing has happened yet."""

    @abstractmethod
    def applied(self, step: LinearStep, what: Any) -> Self:
        """Return the rows after a linear map, in the form that belongs to the state."""

    @abstractmethod
    def drawn(self, step: DrawStep) -> Self:
        """Return the rows after a qubit was measured."""

    def __len__(self) -> int:
        return len(self.shots)

    def weight(self) -> float:
        """Return how many shots these are."""
        return float(self.shots.sum())

    def nobody(self) -> Self:
        """Return no row at all."""
        return self._picked(np.zeros(len(self), dtype=np.bool_))

    def stored(self, store: Store) -> Self:
        """Return the rows after a value was written into their memories."""
        values = self._evaluated(store.value)
        memory = self.memory.copy()
        for place, clbit in enumerate(store.clbits):
            memory[:, self.columns[clbit]] = [bool(value >> place & 1) for value in values]
        return replace(self, memory=memory)

    def divided(self, condition: Expression) -> tuple[Self, Self]:
        """Return the rows in which a condition holds, and the others."""
        holds = np.array([bool(value) for value in self._evaluated(condition)], dtype=np.bool_)
        return self._picked(holds), self._picked(~holds)

    def joined(self, others: Sequence[Self]) -> Self:
        """Return these rows and others."""
        parts = [part for part in (self, *others) if len(part)] or [self]
        if len(parts) == 1:
            return parts[0]
        return replace(
            self,
            memory=np.concatenate([part.memory for part in parts]),
            shots=np.concatenate([part.shots for part in parts]),
            state=np.concatenate([part.state for part in parts]),
        )

    def arranged(self, step: ArrangeStep) -> Self:
        """Return the rows with the axes of their states in another order."""
        return replace(self, state=self._transposed(len(step.order), step.order))

    def recorded(self, clbits: Sequence[int]) -> Bools:
        """Return what every shot has recorded, shape (shots, bits)."""
        bits = self.memory[:, [self.columns[clbit] for clbit in clbits]]
        return np.repeat(bits, self.shots, axis=0)

    def _transposed(self, axes: int, order: Sequence[int] | None) -> npt.NDArray[Any]:
        """Return the state with its axes in another order, shape (rows, numbers)."""
        if order is None:
            return self.state
        shape = (len(self), *(self.axis_size,) * axes)
        moved = self.state.reshape(shape).transpose(0, *(place + 1 for place in order))
        return moved.reshape(self.state.shape)

    def _around(self, step: DrawStep) -> npt.NDArray[Any]:
        """Return the state with what is before and after an axis: (rows, before, axis, after)."""
        size = self.axis_size
        return self.state.reshape(
            len(self), size**step.axis, size, size ** (step.axes - step.axis - 1)
        )

    def _evaluated(self, expression: Expression) -> list[int]:
        """Return the value of an expression in each row."""
        read = sorted(expression.clbits())
        bits = self.memory[:, [self.columns[clbit] for clbit in read]]
        patterns, which = np.unique(bits, axis=0, return_inverse=True)
        values = [
            expression.evaluate(sum(1 << bit for bit, one in zip(read, row, strict=True) if one))
            for row in patterns.tolist()
        ]
        return [values[place] for place in which.reshape(-1).tolist()]

    def _picked(self, which: Any) -> Self:
        """Return some of the rows, by a mask, numbers or a slice."""
        return replace(
            self, memory=self.memory[which], shots=self.shots[which], state=self.state[which]
        )


class PauliRows(Rows):
    """Density matrices as Pauli vectors; their first number is kept at 1."""

    axis_size = 4
    dtype = float

    @staticmethod
    def rows_of(shots: int) -> Ints:
        """Return one row that stands for all shots."""
        return np.array([shots], dtype=np.int64)

    def applied(self, step: LinearStep, what: RealArray) -> Self:
        """Return the rows after a linear map, a matrix of shape (before, after) on the right."""
        state = product(self._transposed(step.axes, step.order).reshape(-1, len(what)), what)
        return replace(self, state=state.reshape(len(self), -1))

    def drawn(self, step: DrawStep) -> Self:
        """Return the rows after a qubit was measured, those divided that may record both."""
        split = self._around(step)
        if step.clbit is None and not step.stays:
            return replace(self, state=split[:, :, 0].reshape(len(self), -1))
        if step.clbit is None:
            state = np.zeros_like(split)
            state[:, :, [0, 3]] = split[:, :, [0, 3]]
            return replace(self, state=state.reshape(self.state.shape))
        assert step.confusion is not None
        # The weights of what is recorded, from those of what is true.
        half, polarisation = step.confusion / 2, split[:, 0, 3, 0]
        true_zero, true_one = 1 + polarisation, 1 - polarisation
        weights = np.maximum(half @ np.stack([true_zero, true_one]), 0.0)
        ones = self._binomial(weights[1] / weights.sum(axis=0))
        parts = []
        for recorded, shots in enumerate((self.shots - ones, ones)):
            kept = shots > 0
            if not kept.any():
                continue
            scale = 1 / weights[recorded, kept, None, None]
            zero, one = half[recorded]
            unit, parity = split[kept, :, 0], split[kept, :, 3]
            taken = ((zero + one) * unit + (zero - one) * parity) * scale
            if step.stays:
                state = np.zeros_like(split[kept])
                state[:, :, 0] = taken
                state[:, :, 3] = ((zero - one) * unit + (zero + one) * parity) * scale
                taken = state
            rows = self._picked(kept)
            rows.memory[:, self.columns[step.clbit]] = bool(recorded)
            state = taken.reshape(len(rows), -1)
            parts.append(replace(rows, shots=shots[kept], state=state))
        return parts[0].joined(parts[1:])

    def _binomial(self, probabilities: RealArray) -> Ints:
        """Return for each row how many of its shots do what each does with a probability."""
        return self.generator.binomial(self.shots, probabilities)


@dataclass(frozen=True, eq=False)
class PauliRowsOfSets(PauliRows):
    """Density matrices of several parameter sets, each set's rows one after another.

    What happens to all sets alike is done to all at once. What each set draws comes from its own
    stream, and in the same order as if it were alone.
    """

    sets: Ints = field(kw_only=True)
    """(rows,): of which parameter set each row is, ascending."""
    streams: Sequence[np.random.Generator] = field(kw_only=True)
    """Of each set."""

    @classmethod
    def beginning_all(
        cls, columns: Mapping[int, int], shots: int, streams: Sequence[np.random.Generator]
    ) -> Self:
        """Return so many shots of each parameter set before anything has happened."""
        count = len(streams)
        return cls(
            columns,
            np.zeros((count, len(columns)), dtype=np.bool_),
            np.full(count, shots, dtype=np.int64),
            np.ones((count, 1)),
            streams[0],
            sets=np.arange(count),
            streams=streams,
        )

    def applied(self, step: LinearStep, what: RealArray) -> Self:
        """Return the rows after a linear map, of each set its own: shape (sets, before, after)."""
        if what.ndim == 2:
            return super().applied(step, what)
        moved = self._transposed(step.axes, step.order)
        before, after = what.shape[1:]
        into = np.empty((len(self), moved.shape[1] // before * after))
        for which, part in self._parts():
            rows = moved[part].reshape(-1, before)
            np.matmul(rows, what[which], out=into[part].reshape(-1, after))
        return replace(self, state=into)

    def joined(self, others: Sequence[Self]) -> Self:
        """Return these rows and others, those of each set one after another."""
        parts = [part for part in (self, *others) if len(part)] or [self]
        if len(parts) == 1:
            return parts[0]
        sets = np.concatenate([part.sets for part in parts])
        together = replace(super().joined(others), sets=sets)
        order = np.argsort(sets, kind="stable")
        return together._picked(order)  # noqa: SLF001 - of this class

    def of_each(self, clbits: Sequence[int]) -> list[Bools]:
        """Return what the shots of each set have recorded, shape (shots, bits)."""
        return [self._picked(part).recorded(clbits) for _, part in self._parts()]

    def _parts(self) -> Iterator[tuple[int, slice]]:
        """Yield each set that has rows here, and which these are."""
        bounds = np.searchsorted(self.sets, np.arange(len(self.streams) + 1)).tolist()
        for which, (first, last) in enumerate(pairwise(bounds)):
            if last > first:
                yield which, slice(first, last)

    def _picked(self, which: Any) -> Self:
        return replace(super()._picked(which), sets=self.sets[which])

    def _binomial(self, probabilities: RealArray) -> Ints:
        drawn = [
            self.streams[which].binomial(self.shots[part], probabilities[part])
            for which, part in self._parts()
        ]
        return np.concatenate(drawn)


@dataclass(frozen=True, eq=False)
class StateMap:
    """A channel, ready to be drawn from."""

    first: ComplexArray
    """Its likeliest operator, shape (columns, rows), to be multiplied from the right."""
    least: float
    """How likely that is at least."""
    operators: ComplexArray
    """All of them: (operators, columns, rows)."""
    effects: ComplexArray
    """(columns * columns, operators): from density matrices to likelihoods."""

    @classmethod
    def all_of(cls, kraus: ComplexArray) -> list[StateMap]:
        """Prepare channels of shape (channels, operators, 2^n, 2^n); see `kraus_operators`."""
        count, operators = kraus.shape[:2]
        effects = (kraus.conj().swapaxes(2, 3) @ kraus).swapaxes(2, 3).reshape(count, operators, -1)
        transposed = np.ascontiguousarray(kraus.swapaxes(2, 3))
        return [
            cls(own[0], float(least), own, effect.T)
            for own, least, effect in zip(transposed, least_likelihood(kraus), effects, strict=True)
        ]


class StateRows(Rows):
    """State vectors, one for each shot; they need not be normalised."""

    axis_size = 2
    dtype = complex

    @staticmethod
    def rows_of(shots: int) -> Ints:
        """Return a row for every shot."""
        return np.ones(shots, dtype=np.int64)

    def applied(self, step: LinearStep, what: StateMap) -> Self:
        """Return the rows after a channel, of which each draws one operator."""
        columns, rows = what.first.shape
        points = self.generator.random(len(self))
        before = self._transposed(step.axes, step.order).reshape(-1, columns)
        met = before.reshape(len(self), -1, columns)
        doubtful = np.flatnonzero(points >= what.least)
        if 2 * len(doubtful) > len(self):  # a coupler that hardly works
            after = _chosen(met, what, points)
        else:
            after = product(before, what.first).reshape(len(self), -1, rows)
            if len(doubtful):
                after[doubtful] = _chosen(met[doubtful], what, points[doubtful])
        return replace(self, state=after.reshape(len(self), -1))

    def drawn(self, step: DrawStep) -> Self:
        """Return the rows after a qubit was measured; a readout error is drawn as well."""
        around = self._around(step)
        split = np.ascontiguousarray(around.transpose(0, 2, 1, 3)).reshape(len(self), 2, -1)
        numbers = split.view(float)
        weights = np.einsum("rbn,rbn->rb", numbers, numbers)
        ones = self.generator.random(len(self)) * weights.sum(axis=1) >= weights[:, 0]
        true = ones.astype(np.intp)
        each = np.arange(len(self))
        taken = split[each, true]
        taken /= np.sqrt(weights[each, true])[:, None]
        if step.stays:
            state = np.zeros_like(around)
            state[each, :, true] = taken.reshape(len(self), around.shape[1], -1)
            taken = state
        memory = self.memory
        if step.clbit is not None:
            assert step.confusion is not None
            wrong = step.confusion[[1, 0], [0, 1]][true]
            memory = memory.copy()
            memory[:, self.columns[step.clbit]] = ones ^ (self.generator.random(len(self)) < wrong)
        return replace(self, memory=memory, state=taken.reshape(len(self), -1))


def _chosen(before: ComplexArray, channel: StateMap, points: RealArray) -> ComplexArray:
    """Return what rows become that may not draw the first operator, normalised.

    Args:
        before: (rows, others, columns), what they are.
        channel: From which they draw.
        points: (rows,), where in the interval from 0 to 1.
    """
    count, _, columns = before.shape
    # The density matrices of the qubits, from products of real numbers: what is complex would be
    # copied to be conjugated.
    numbers = np.ascontiguousarray(before).view(float)
    gram = (numbers.transpose(0, 2, 1) @ numbers).reshape(count, columns, 2, columns, 2)
    density = np.empty((count, columns, columns), dtype=complex)
    density.real = gram[:, :, 0, :, 0] + gram[:, :, 1, :, 1]
    density.imag = gram[:, :, 1, :, 0] - gram[:, :, 0, :, 1]
    weights = (density.reshape(count, -1) @ channel.effects).real.clip(0.0)
    levels = weights.cumsum(axis=1)
    which = (levels <= (points * levels[:, -1])[:, None]).sum(axis=1)
    which = np.minimum(which, weights.shape[1] - 1)
    norms = np.sqrt(weights[np.arange(count), which])
    return before @ (channel.operators[which] / norms[:, None, None])
