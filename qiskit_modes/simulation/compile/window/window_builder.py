"""Turns the ordered groups of a component into the steps of its window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qiskit_modes.simulation.compile.costs import ROUNDS, WindowWork
from qiskit_modes.simulation.compile.merge import Group
from qiskit_modes.simulation.compile.product_pool import ProductPool
from qiskit_modes.simulation.operations import (
    Block,
    Branch,
    Jump,
    Loop,
    Measure,
    Operation,
    Store,
)
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.run.pauli_vector.feed_forward import BranchNode, LoopNode, Node
from qiskit_modes.simulation.run.window.component import entered
from qiskit_modes.simulation.run.window.kraus import kraus_operators
from qiskit_modes.simulation.run.window.steps import ArrangeStep, DrawStep, LinearStep

__all__ = ["WindowBuilder", "window_work"]

_IDENTITY: RealArray = np.eye(4)

Merge = Callable[[Sequence[Operation]], list[Group]]


def window_work(groups: Sequence[Group], finals: Sequence[Measure]) -> WindowWork:
    """Return how much there is to do, without preparing it.

    Args:
        groups: In the order in which they are done.
        finals: Measurements at the end.
    """
    work = WindowWork()
    last = {qubit: number for number, group in enumerate(groups) for qubit in group.qubits}
    recorded = {measure.qubit for measure in finals}
    here: set[int] = set()
    for number, group in enumerate(groups):
        here.update(group.qubits)
        leaving = {qubit for qubit in group.qubits if last[qubit] == number}
        if group.lone is None:
            work.add_map(len(here))
        else:
            _add_work(group.lone, len(here), 1.0, work)
        for qubit in leaving:
            work.add_draw(len(here), records=qubit in recorded)
            here.discard(qubit)
    return work


def _add_work(operation: Operation, width: int, share: float, work: WindowWork) -> None:
    """Add what an operation does that is no linear map, to which a share of the shots come."""
    match operation:
        case Measure():
            work.add_draw(width, records=True, share=share)
        case Branch(arms):
            for _, body in arms:
                _add_inside(body, width, share / 2, work)
        case Loop(condition, body):
            rounds = 1 if condition is None else ROUNDS
            _add_inside(body, width, share * rounds, work)
        case Store() | Jump():
            pass


def _add_inside(block: Block, width: int, share: float, work: WindowWork) -> None:
    for operation in block.operations:
        if isinstance(operation, Measure | Branch | Loop | Store | Jump):
            _add_work(operation, width, share, work)
        else:
            work.add_map(width, share=share)


@dataclass
class WindowBuilder:
    """Turns groups into steps, keeping track of which qubits are in the window."""

    pool: ProductPool
    """Collects the products that depend on angles."""
    as_vector: bool
    """How the state will be held."""
    merge: Merge
    """Makes groups of the operations in a body of control flow."""
    maps: list[LinearStep] = field(default_factory=list)
    _nodes: list[Node] = field(default_factory=list)
    _axes: list[int] = field(default_factory=list)
    _constants: dict[int, RealArray] = field(default_factory=dict)

    def build(self, groups: Sequence[Group], finals: Sequence[Measure]) -> tuple[Node, ...]:
        """Return what happens, from an empty state to an empty state; ``maps`` are complete then.

        Args:
            groups: In the order in which they are done.
            finals: Measurements at the end, of different qubits into different bits.
        """
        closing = {measure.qubit: measure for measure in finals}
        touched = {qubit for group in groups for qubit in group.qubits}
        idle = [Group((qubit,)) for qubit in sorted(closing.keys() - touched)]
        groups = [*groups, *idle]
        last = {qubit: number for number, group in enumerate(groups) for qubit in group.qubits}
        for number, group in enumerate(groups):
            leaving = [qubit for qubit in group.qubits if last[qubit] == number]
            if isinstance(group.lone, Measure) and group.lone.qubit not in closing and leaving:
                closing[group.lone.qubit] = group.lone
                self._enter(group.qubits)
            elif group.lone is not None:
                self._enter(group.qubits)
                self._add_lone(group.lone, tuple(self._axes))
            else:
                self._add_group(group)
            for qubit in leaving:
                self._draw(qubit, closing.get(qubit), stays=False)
        self._finish_maps()
        return tuple(self._resolved(self._nodes))

    def _enter(self, qubits: Iterable[int]) -> None:
        for qubit in qubits:
            if qubit not in self._axes:
                self._add_map((qubit,), _IDENTITY, None)

    def _add_group(self, group: Group) -> None:
        if not group.factors:
            self._enter(group.qubits)
        elif group.is_constant:
            self._add_map(group.qubits, group.factors[0].matrix, None)
        else:
            self._add_map(group.qubits, None, self.pool.add(group.factors))

    def _add_map(
        self, qubits: tuple[int, ...], matrix: RealArray | None, product: tuple[int, int] | None
    ) -> None:
        others = [qubit for qubit in self._axes if qubit not in qubits]
        arranged = [*others, *(qubit for qubit in qubits if qubit in self._axes)]
        order = None if arranged == self._axes else tuple(map(self._axes.index, arranged))
        entering = tuple(place for place, qubit in enumerate(qubits) if qubit not in self._axes)
        number = len(self.maps)
        step = LinearStep(number, len(self._axes), order, len(qubits), entering, product)
        if matrix is not None:
            self._constants[number] = matrix
        self.maps.append(step)
        self._nodes.append(step)
        self._axes = [*others, *qubits]

    def _draw(self, qubit: int, measure: Measure | None, *, stays: bool) -> None:
        axis = self._axes.index(qubit)
        clbit = None if measure is None else measure.clbit
        confusion = None if measure is None else measure.confusion
        self._nodes.append(DrawStep(len(self._axes), axis, clbit, confusion, stays))
        if not stays:
            del self._axes[axis]

    def _add_lone(self, operation: Operation, home: tuple[int, ...]) -> None:
        """Add what is no linear map.

        Args:
            operation: Its qubits are in the window.
            home: The order of the axes where shots part and meet.
        """
        match operation:
            case Measure(qubit):
                self._draw(qubit, operation, stays=True)
            case Store():
                self._nodes.append(operation)
            case Jump():
                self._arrange(home)
                self._nodes.append(operation)
            case Branch(arms):
                self._arrange(home)
                bodies = [(condition, self._body(body, home)) for condition, body in arms]
                self._nodes.append(BranchNode(tuple(bodies)))
            case Loop(condition, body):
                self._arrange(home)
                self._nodes.append(LoopNode(condition, self._body(body, home)))
            case _:
                raise AssertionError(f"{operation} is a linear map")

    def _body(self, block: Block, home: tuple[int, ...]) -> tuple[Node, ...]:
        """Return the nodes of a body, from the axes at home and back to them."""
        around, self._nodes = self._nodes, []
        for group in self.merge(block.operations):
            if group.lone is None:
                self._add_group(group)
            else:
                self._add_lone(group.lone, home)
        self._arrange(home)
        nodes, self._nodes = self._nodes, around
        return tuple(nodes)

    def _arrange(self, home: tuple[int, ...]) -> None:
        if tuple(self._axes) != home:
            self._nodes.append(ArrangeStep(tuple(map(self._axes.index, home))))
            self._axes = list(home)

    def _finish_maps(self) -> None:
        """Give constant maps their matrices, those of one shape by one call."""
        if not self.as_vector:
            for number, matrix in self._constants.items():
                step = self.maps[number]
                transfer = np.ascontiguousarray(entered(matrix, step).T)
                self.maps[number] = replace(step, transfer=transfer)
            return
        alike: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for number in self._constants:
            step = self.maps[number]
            alike.setdefault((step.width, step.entering), []).append(number)
        for (_, entering), numbers in alike.items():
            matrices = np.stack([self._constants[number] for number in numbers])
            for number, kraus in zip(numbers, kraus_operators(matrices, entering), strict=True):
                used = 1 + int(np.flatnonzero(kraus.any(axis=(1, 2)))[-1])
                self.maps[number] = replace(self.maps[number], kraus=kraus[:used].copy())

    def _resolved(self, nodes: Iterable[Node]) -> list[Node]:
        """Return nodes with their maps as they are now."""
        result: list[Node] = []
        for node in nodes:
            match node:
                case LinearStep(number=number):
                    result.append(self.maps[number])
                case BranchNode(arms):
                    bodies = [(each, tuple(self._resolved(body))) for each, body in arms]
                    result.append(BranchNode(tuple(bodies)))
                case LoopNode(condition, body):
                    result.append(LoopNode(condition, tuple(self._resolved(body))))
                case _:
                    result.append(node)
        return result
