"""Turning groups of operations into the steps of a contraction: which axis comes and goes when."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qiskit_modes.simulation.compile.merge import Group
from qiskit_modes.simulation.compile.product_pool import Factor, ProductPool
from qiskit_modes.simulation.operations import Measure
from qiskit_modes.simulation.pauli_basis import FRESH, MEASURE, TRACE, tensor
from qiskit_modes.simulation.run.pauli_vector.contraction import Axis, Contraction, Step

__all__ = ["build_contraction", "largest_state"]


def _axis_size(axis: Axis) -> int:
    return 4 if axis[0] == "qubit" else 2


class ContractionBuilder:
    """Turns groups into steps, keeping track of the axes.

    Args:
        present: Axes of the state before the first step.
        pool: Collects the products that depend on angles.
    """

    def __init__(self, present: Sequence[Axis], pool: ProductPool) -> None:
        self.axes = list(present)
        self._pool = pool
        self._steps: list[Step] = []
        self._peak = self._size(self.axes)
        self._moved = 0

    def apply(
        self, factors: Sequence[Factor], inputs: Sequence[Axis], outputs: Sequence[Axis]
    ) -> None:
        """Add a step: a product of factors from some of the axes to others in their place."""
        shape = tuple(_axis_size(axis) for axis in self.axes)
        others = [axis for axis in self.axes if axis not in inputs]
        arranged = [*others, *inputs]
        order = tuple(self.axes.index(axis) for axis in arranged)
        matrix, product = None, None
        if len(factors) == 1 and factors[0].angle is None:
            matrix = np.ascontiguousarray(factors[0].matrix.T)
        else:
            product = self._pool.add(factors)
        columns = self._size(inputs)
        self._steps.append(
            Step(shape, None if arranged == self.axes else order, columns, matrix, product)
        )
        before = self._size(self.axes)
        self.axes = [*others, *outputs]
        after = self._size(self.axes)
        self._peak = max(self._peak, after)
        self._moved += max(before, after)

    def finish(self, last_qubits: Sequence[int]) -> Contraction:
        """Return the contraction, with some qubits as the last axes of its result."""
        last: list[Axis] = [("qubit", qubit) for qubit in last_qubits]
        arranged = [*(axis for axis in self.axes if axis not in last), *last]
        arrangement = None
        if arranged != self.axes:
            shape = tuple(map(_axis_size, self.axes))
            arrangement = (shape, tuple(map(self.axes.index, arranged)))
        return Contraction(
            tuple(self._steps), arrangement, tuple(arranged), self._peak, self._moved
        )

    @staticmethod
    def _size(axes: Sequence[Axis]) -> int:
        return math.prod(_axis_size(axis) for axis in axes)


def build_contraction(
    groups: Sequence[Group],
    pool: ProductPool,
    *,
    present: Sequence[int] = (),
    finals: Sequence[Measure] = (),
    staying: Sequence[int] = (),
    lazy: bool = True,
) -> Contraction:
    """Return the steps for a component, or for a stretch of one.

    Args:
        groups: What happens, in an order in which it may be applied.
        pool: Collects the products that depend on angles.
        present: Qubits that the state has an axis for before, in the order of the axes; any
            other begins in |0⟩.
        finals: Measurements at the end, of different qubits into different bits.
        staying: Qubits that keep their axis, as the last axes and in this order; any other is
            measured at the end or dropped.
        lazy: Whether qubits enter and leave the state as late and as early as they can.
    """
    builder = ContractionBuilder([("qubit", qubit) for qubit in present], pool)
    closing = {measure.qubit: measure for measure in finals}
    before = {qubit: group for group in groups for qubit in group.qubits}
    everything = sorted(before.keys() | {*closing, *staying, *present})

    def needs_carrier(qubit: int) -> bool:
        """Tell whether no group can bring this qubit in or read it out."""
        if qubit not in before:
            return qubit not in present or qubit not in staying
        return before[qubit].lone is not None and qubit in closing and qubit not in staying

    if lazy:
        groups = [*groups, *(_identity(qubit) for qubit in everything if needs_carrier(qubit))]
    else:
        fresh = [qubit for qubit in everything if qubit not in present]
        groups = [*map(_identity, fresh), *groups, *map(_identity, everything)]
    last = {qubit: index for index, group in enumerate(groups) for qubit in group.qubits}
    here = set(present)
    for index, group in enumerate(groups):
        leaving = [q for q in group.qubits if last[q] == index and q not in staying]
        if group.lone is None:
            _add_group(builder, group, here, leaving, closing)
        else:
            assert isinstance(group.lone, Measure), f"{group.lone} depends on measured values"
            _add_measurement(builder, group.lone, group.qubits[0] not in here, leaving)
        here.update(group.qubits)
    return builder.finish(staying)


def largest_state(groups: Sequence[Group], finals: Sequence[Measure]) -> int:
    """Return how many numbers the largest state has that a contraction leads through, at least.

    Args:
        groups: In the order in which they are applied; of all that is no linear map there are
            measurements alone.
        finals: Measurements at the end.
    """
    recorded = {measure.qubit for measure in finals}
    last = {qubit: number for number, group in enumerate(groups) for qubit in group.qubits}
    here: set[int] = set()
    bits, largest = 0, 1
    for number, group in enumerate(groups):
        leaving = {qubit for qubit in group.qubits if last[qubit] == number}
        here.update(group.qubits)
        here -= leaving
        bits += len(leaving & recorded) + (group.lone is not None)
        largest = max(largest, 1 << 2 * len(here) + bits)
    return largest


def _identity(qubit: int) -> Group:
    return Group((qubit,), [Factor(np.eye(4))])


def _add_group(
    builder: ContractionBuilder,
    group: Group,
    here: set[int],
    leaving: Sequence[int],
    closing: dict[int, Measure],
) -> None:
    """Add a group as a step; fresh qubits come in with it and leaving ones are read out."""
    entering = tensor(*(np.eye(4) if qubit in here else FRESH for qubit in group.qubits))
    exits = []
    outputs: list[Axis] = []
    for qubit in group.qubits:
        if qubit not in leaving:
            exits.append(np.eye(4))
            outputs.append(("qubit", qubit))
        elif qubit in closing:
            exits.append(closing[qubit].confusion @ MEASURE)
            outputs.append(("clbit", closing[qubit].clbit))
        else:
            exits.append(TRACE)
    whole = Group(group.qubits, [Factor(entering)])
    for factor in group.factors:
        whole.append(factor)
    whole.append(Factor(tensor(*exits)))
    inputs = [("qubit", qubit) for qubit in group.qubits if qubit in here]
    builder.apply(whole.factors, inputs, outputs)


def _add_measurement(
    builder: ContractionBuilder, measure: Measure, is_fresh: bool, leaving: Sequence[int]
) -> None:
    """Add a measurement, as a map from a qubit to a bit, and to a qubit if it lives on."""
    projections = np.zeros((2, 4, 4))
    for outcome in (0, 1):
        # The qubit is left as what it truly is; the recorded value may be wrong about it.
        collapsed = np.outer(FRESH[:, 0] * [1, 1, 1, 1 - 2 * outcome], MEASURE[outcome])
        projections += measure.confusion[:, outcome, None, None] * collapsed
    outputs: list[Axis] = [("clbit", measure.clbit)]
    if leaving:
        matrix = measure.confusion @ MEASURE
    else:
        matrix = projections.reshape(8, 4)
        outputs.append(("qubit", measure.qubit))
    if is_fresh:
        matrix = matrix @ FRESH
    inputs: list[Axis] = [] if is_fresh else [("qubit", measure.qubit)]
    builder.apply([Factor(matrix)], inputs, outputs)
