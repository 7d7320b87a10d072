"""Sorting the gates of an ideal circuit into few blocks that are applied to the state at once.

To multiply a state by a matrix on five qubits takes hardly longer than by one on two: most of the
time goes into reading and writing the state. So the gates of a circuit are gathered into blocks of
so many qubits, each of them as long as it can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from qiskit_modes.simulation.read.read_ideal import Unitary
from qiskit_modes.simulation.run.ideal.towers import Member, Stage, make_stage

__all__ = ["dressed", "gathered", "runs_of_one"]

LOOK_AHEAD = 32
"""How many of the unitaries that follow a block may fill it up although they do not touch it."""


@dataclass(eq=False)
class _Product:
    qubits: tuple[int, ...]
    members: list[Member] = field(default_factory=list)

    def add(self, unitary: Unitary) -> None:
        qubits, index = unitary
        self.members.append((len(qubits), index, tuple(map(self.qubits.index, qubits))))


def _stage(products: Sequence[_Product]) -> tuple[Stage, list[Unitary]]:
    stage, indices = make_stage([(len(each.qubits), each.members) for each in products])
    unitaries = [(each.qubits, index) for each, index in zip(products, indices, strict=True)]
    return stage, unitaries


def runs_of_one(unitaries: Sequence[Unitary]) -> tuple[Stage, list[Unitary]]:
    """Return the stage that multiplies neighbours on one qubit, and what it leaves to apply.

    Unitaries on more qubits pass through it.
    """
    products: list[_Product] = []
    open_runs: dict[int, _Product] = {}
    for unitary in unitaries:
        qubits = unitary[0]
        if len(qubits) == 1:
            run = open_runs.get(qubits[0])
            if run is None:
                run = open_runs[qubits[0]] = _Product(qubits)
                products.append(run)
            run.add(unitary)
        else:
            for qubit in qubits:
                open_runs.pop(qubit, None)
            alone = _Product(qubits)
            alone.add(unitary)
            products.append(alone)
    return _stage(products)


def dressed(unitaries: Sequence[Unitary]) -> tuple[Stage, list[Unitary]]:
    """Return the stage in which larger gates take in what is on a part of their qubits alone.

    What is left to apply are unitaries on two and more qubits, and single-qubit ones on qubits
    that nothing else acts upon.
    """
    products: list[_Product] = []
    last: dict[int, _Product] = {}
    waiting: dict[int, list[Unitary]] = {}
    for unitary in unitaries:
        qubits = unitary[0]
        if len(qubits) == 1:
            waiting.setdefault(qubits[0], []).append(unitary)
            continue
        before = last.get(qubits[0])
        if (
            before is None
            or not set(qubits) <= set(before.qubits)
            or any(last.get(qubit) is not before for qubit in qubits)
        ):
            before = _Product(qubits)
            products.append(before)
            last.update(dict.fromkeys(qubits, before))
        for qubit in qubits:
            for single in waiting.pop(qubit, ()):
                before.add(single)
        before.add(unitary)
    for qubit, singles in waiting.items():
        product = last.get(qubit)
        if product is None:
            product = _Product((qubit,))
            products.append(product)
        for single in singles:
            product.add(single)
    return _stage(products)


def gathered(unitaries: Sequence[Unitary], width: int) -> tuple[Stage, list[Unitary]]:
    """Return the stage that makes blocks of up to ``width`` qubits, and the blocks in order.

    Each block begins with the earliest unitary that is left, and takes in what it can: first what
    is on its qubits already, then what touches them, then anything else that nothing before
    prevents. A unitary that is wider is a block of its own.
    """
    gathering = _Gathering(unitaries, width)
    products = []
    for number in range(len(unitaries)):
        if not gathering.done[number]:
            qubits, members = gathering.block(number)
            product = _Product(qubits)
            for member in members:
                product.add(unitaries[member])
            products.append(product)
    return _stage(products)


class _Gathering:
    """Unitaries that are left, and those of them that nothing before prevents."""

    def __init__(self, unitaries: Sequence[Unitary], width: int) -> None:
        self._on = [qubits for qubits, _ in unitaries]
        self._width = width
        self.done = [False] * len(unitaries)
        self._queues: dict[int, list[int]] = {}
        """For each qubit what is left on it, the next one last."""
        for number in reversed(range(len(unitaries))):
            for qubit in self._on[number]:
                self._queues.setdefault(qubit, []).append(number)

    def block(self, first: int) -> tuple[tuple[int, ...], list[int]]:
        """Return the block that begins with a unitary: its qubits, and all that it takes in."""
        within: dict[int, None] = {}
        members: list[int] = []
        chosen: int | None = first
        while chosen is not None:
            members.append(chosen)
            self.done[chosen] = True
            for qubit in self._on[chosen]:
                within[qubit] = None
                self._queues[qubit].pop()
            chosen = self._touching(within)
            if chosen is None and len(within) < self._width:
                chosen = self._apart(first, self._width - len(within))
        return tuple(within), members

    def _touching(self, within: Mapping[int, None]) -> int | None:
        """Return what can be taken in next of what touches a block's qubits."""
        best: int | None = None
        for qubit in within:
            queue = self._queues[qubit]
            if not queue or not self._is_next(queue[-1]):
                continue
            number = queue[-1]
            new = sum(each not in within for each in self._on[number])
            if not new:
                return number
            if len(within) + new <= self._width and (best is None or number < best):
                best = number
        return best

    def _apart(self, first: int, room: int) -> int | None:
        """Return what can be taken in next of what is on so many other qubits."""
        for number in range(first, min(first + LOOK_AHEAD, len(self.done))):
            if not self.done[number] and len(self._on[number]) <= room and self._is_next(number):
                return number
        return None

    def _is_next(self, number: int) -> bool:
        return all(self._queues[qubit][-1] == number for qubit in self._on[number])
