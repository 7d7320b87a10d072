"""State vectors: how the amplitudes of an ideal component come about, and its outcomes.

The state has one axis for each qubit that was acted upon so far. A step moves the axes of its
qubits to the end, multiplies, and leaves them there; a qubit that is acted upon for the first time
enters with it. So a step is one rearranged copy and one product of matrices, whose speed is that of
the machine's BLAS, and the fewer steps the better: see `blocks`.

Large states are worked on in parts, which several threads may share. Parts are divided by the size
of the state alone, so that every amplitude is computed in the same way however many threads there
are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qiskit_modes._mutex import cached_property
from qiskit_modes.caches import read_only
from qiskit_modes.simulation.pauli_basis import ComplexArray, RealArray
from qiskit_modes.simulation.run.ideal.towers import Table, Tower
from qiskit_modes.simulation.run.products_of_rows import product
from qiskit_modes.simulation.run.share import Share, alone

__all__ = ["StateEvolution", "StateStep", "evolution_steps", "marginal"]

PART_ELEMENTS = 1 << 15
"""A part of a large state: 512 kB, within a core's cache together with its copy."""

LARGE_ELEMENTS = 2 * PART_ELEMENTS
"""As of so many amplitudes a state is worked on in parts."""

KEPT_AMPLITUDES = 1 << 10
"""A state without parameters that has no more is kept, of 16 kB: it is the same for every job."""


@dataclass(frozen=True)
class StateStep:
    """One matrix and the qubits that it is applied to."""

    width: int
    index: int
    """Which of the matrices of that width."""
    before: int
    """How many axes the state has before."""
    order: tuple[int, ...] | None
    """How to arrange the axes first; None if they are right as they are."""
    entering: tuple[int, ...]
    """Which of the matrix's qubits are |0⟩ and have no axis yet."""


def evolution_steps(
    blocks: Sequence[tuple[tuple[int, ...], int]], axes: Sequence[int] = ()
) -> tuple[tuple[StateStep, ...], tuple[int, ...]]:
    """Return the steps that apply matrices one after the other, and the axes at the end.

    Args:
        blocks: Qubits of each matrix, and its index among those of its width.
        axes: Qubits of the state before, in the order of the axes.
    """
    steps = []
    now = list(axes)
    for qubits, index in blocks:
        others = [qubit for qubit in now if qubit not in qubits]
        arranged = [*others, *(qubit for qubit in qubits if qubit in now)]
        order = None if arranged == now else tuple(map(now.index, arranged))
        entering = tuple(place for place, qubit in enumerate(qubits) if qubit not in now)
        steps.append(StateStep(len(qubits), index, len(now), order, entering))
        now = [*others, *qubits]
    return tuple(steps), tuple(now)


@dataclass(frozen=True, eq=False)
class StateEvolution:
    """All steps from one state to another."""

    tower: Tower
    """Where their matrices come from."""
    steps: tuple[StateStep, ...]
    axes: tuple[int, ...]
    """Qubits of the state at the end."""

    @property
    def is_kept(self) -> bool:
        """Tell whether what it leads to is the same each time, and small."""
        return self.tower.is_constant and 1 << len(self.axes) <= KEPT_AMPLITUDES

    @cached_property
    def kept(self) -> ComplexArray:
        """State that it leads to from nothing, shape (1, amplitudes), if it `is_kept`."""
        return read_only(self.from_nothing())

    def from_nothing(self) -> ComplexArray:
        """Return the state that it leads to if it has no parameters, shape (1, amplitudes)."""
        return self.apply(np.ones((1, 1), dtype=complex), np.empty((1, 0)), alone)

    @property
    def moved(self) -> int:
        """Return how many amplitudes the states after all steps have for one parameter set."""
        return sum(1 << step.before + len(step.entering) for step in self.steps)

    def apply(self, state: ComplexArray, angles: RealArray, share: Share) -> ComplexArray:
        """Return the state after all steps.

        Args:
            state: Shape (num_sets, amplitudes); is not changed.
            angles: Shape (num_sets, num_angles).
            share: Divides the work on large states.
        """
        table = self.tower.evaluate(angles)
        given, spare = state, None
        for step in self.steps:
            before = state
            state = _apply(step, table, before, spare, share)
            # Fresh memory costs as much as the work in it, so two states take turns.
            spare = None if before is given else before
        return state


def _apply(
    step: StateStep, table: Table, state: ComplexArray, spare: ComplexArray | None, share: Share
) -> ComplexArray:
    """Return the state after a step.

    Args:
        step: What is applied.
        table: All matrices.
        state: The state before.
        spare: Memory that nobody needs any more, for the result if it fits.
        share: Divides the work on large states.
    """
    matrix = table[step.width][:, step.index]
    if step.entering:
        # Only the columns in which the new qubits are |0⟩ meet anything.
        bits = matrix.reshape(*matrix.shape[:2], *(2,) * step.width)
        met = (0 if place in step.entering else slice(None) for place in range(step.width))
        matrix = bits[(slice(None), slice(None), *met)].reshape(*matrix.shape[:2], -1)
    factor = matrix.transpose(0, 2, 1)
    num_sets, columns = len(state), factor.shape[1]
    if num_sets == 1 and state.size >= LARGE_ELEMENTS and step.before > step.width:
        return _apply_in_parts(step, factor[0], state, spare, share)
    if step.order is not None:
        axes = (0, *(place + 1 for place in step.order))
        state = state.reshape(num_sets, *(2,) * step.before).transpose(axes)
    if len(factor) == 1:
        return product(state.reshape(-1, columns), factor[0]).reshape(num_sets, -1)
    return (state.reshape(num_sets, -1, columns) @ factor).reshape(num_sets, -1)


def _apply_in_parts(
    step: StateStep,
    factor: ComplexArray,
    state: ComplexArray,
    spare: ComplexArray | None,
    share: Share,
) -> ComplexArray:
    order = step.order or tuple(range(step.before))
    arranged = state.reshape((2,) * step.before).transpose(order)
    free = step.before - (step.width - len(step.entering))
    split = min(free, (state.size // PART_ELEMENTS).bit_length() - 1)
    before, after = factor.shape
    size = state.size // before * after
    into = spare if spare is not None and spare.size == size else np.empty(size, dtype=complex)
    result = into.reshape(1 << split, -1, after)
    factor = np.ascontiguousarray(factor)

    def work(part: int) -> None:
        where = tuple(part >> place & 1 for place in reversed(range(split)))
        np.matmul(arranged[where].reshape(-1, before), factor, out=result[part])

    share(work, 1 << split)
    return result.reshape(1, -1)


def marginal(
    state: ComplexArray, axes: Sequence[int], measured: Sequence[int], share: Share
) -> RealArray:
    """Return the probabilities of what some qubits are found in.

    Args:
        state: Shape (num_sets, amplitudes).
        axes: Its qubits.
        measured: Some of them, in the order of ``axes``.
        share: Divides the work on large states.

    Returns:
        Shape (num_sets, 2^measured), the first qubit the most significant digit.
    """
    num_sets = len(state)
    if state.size < 4 * PART_ELEMENTS:
        weights = state.real**2
        weights += state.imag**2
    else:
        weights = np.empty(state.shape)
        flat, into = state.reshape(-1), weights.reshape(-1)

        def work(part: int) -> None:
            of = slice(part * PART_ELEMENTS, (part + 1) * PART_ELEMENTS)
            np.square(flat[of].real, out=into[of])
            into[of] += flat[of].imag ** 2

        share(work, -(-flat.size // PART_ELEMENTS))
    others = tuple(place + 1 for place, qubit in enumerate(axes) if qubit not in measured)
    if others:
        weights = weights.reshape(num_sets, *(2,) * len(axes)).sum(axis=others)
    return weights.reshape(num_sets, -1)
