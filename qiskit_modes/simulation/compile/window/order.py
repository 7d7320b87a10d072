"""The order in which what commutes is done, so that few qubits are in the state at a time.

Operations on different qubits commute, and a circuit does not say in which order they are done. A
qubit enters the state at its first operation and leaves it after its last, so the order decides how
many are in it at a time: the *window*. A chain of gates through a hundred qubits has a window of
two in one order and of a hundred in another.

The narrowest order is hard to find (it is the pathwidth of a graph). A greedy rule comes close:
finish the qubit that needs the fewest new ones. It looks at what depends on what and at nothing
else, so that however the instructions of a circuit happen to stand, the order is the same.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from qiskit_modes.simulation.compile.merge import Group
from qiskit_modes.simulation.operations import Measure, Operation, Store, touched
from qiskit_modes.simulation.run.cost import doubled

__all__ = ["MOST_STARTS", "ordered"]

STARTS_BITS = 1 << 28
"""How much work goes into trying other qubits to begin with: bits looked at, a few milliseconds for
each 2^25. One sweep looks at the operations of every qubit as often as a qubit is finished."""

MOST_STARTS = 16
"""So many other qubits are tried at most."""

LARGEST_RECORD = 40
"""From so many recorded bits on, a state that has an axis for each is as good as impossible."""


def ordered(
    groups: Sequence[Group], recorded: Collection[int] = (), *, most_starts: int = MOST_STARTS
) -> list[Group]:
    """Return groups in an order in which few qubits are in the state at a time.

    Args:
        groups: In any order in which they may be applied.
        recorded: Qubits that leave an axis of two values behind when they leave the state, where
            the state is to be the distribution of what they record.
        most_starts: How many other qubits to begin with are tried.
    """
    if len(groups) < 2:
        return list(groups)
    needs = _Needs(groups, recorded)
    starts = needs.starts()
    sweep_bits = len(starts) ** 2 * len(groups)
    best = _Sweep(needs, None, math.inf)
    for start in starts[: min(most_starts, STARTS_BITS // sweep_bits)]:
        # Not for the rounding of a sum: the same cost must mean the same order.
        other = _Sweep(needs, start, best.cost * (1 - 1e-9))
        if other.is_complete:
            best = other
    return [groups[number] for number in best.done]


@dataclass(frozen=True)
class _Need:
    """Work before a qubit can leave; sets are integers, one bit each."""

    groups: int
    qubits: int


class _Needs:
    """Needs of each group and of each qubit.

    Args:
        groups: In any order in which they may be applied.
        recorded: See `ordered`.
    """

    def __init__(self, groups: Sequence[Group], recorded: Collection[int]) -> None:
        self.groups = groups
        self.recorded = recorded
        self.before: list[list[int]] = []
        """The groups right before each, by their numbers."""
        self.level: list[int] = []
        """The longest way to each group from the beginning; groups of one level share nothing."""
        self.of_qubit: dict[int, _Need] = {}
        self._of_bit: dict[int, _Need] = {}
        self._read: dict[int, _Need] = {}
        last: dict[int, int] = {}
        wrote: dict[int, int] = {}
        readers: dict[int, list[int]] = {}
        for number, group in enumerate(groups):
            reads, writes = _classical(group.lone)
            before = {last[qubit] for qubit in group.qubits if qubit in last}
            before |= {wrote[bit] for bit in reads | writes if bit in wrote}
            before |= {reader for bit in writes for reader in readers.get(bit, ())}
            self.before.append(sorted(before))
            self.level.append(1 + max((self.level[each] for each in before), default=-1))
            self._note(number, group, reads, writes)
            last.update(dict.fromkeys(group.qubits, number))
            for bit in reads:
                readers.setdefault(bit, []).append(number)
            for bit in writes:
                wrote[bit] = number
                readers[bit] = []
        self.last = last

    def _note(
        self, number: int, group: Group, reads: frozenset[int], writes: frozenset[int]
    ) -> None:
        """Note what has to be done up to a group, for all that comes after it."""
        done, qubits = 1 << number, 0
        for qubit in group.qubits:
            qubits |= 1 << qubit
        needs = [self.of_qubit.get(qubit) for qubit in group.qubits]
        needs += [self._of_bit.get(bit) for bit in reads | writes]
        needs += [self._read.get(bit) for bit in writes]
        for need in needs:
            if need is not None:
                done |= need.groups
                qubits |= need.qubits
        mine = _Need(done, qubits)
        self.of_qubit.update(dict.fromkeys(group.qubits, mine))
        for bit in reads:
            other = self._read.get(bit, mine)
            self._read[bit] = _Need(other.groups | done, other.qubits | qubits)
        for bit in writes:
            self._of_bit[bit] = mine
            self._read.pop(bit, None)

    def starts(self) -> list[int]:
        """Return qubits to begin with, those first that need the fewest others."""
        needs = self.of_qubit
        return sorted(
            needs,
            key=lambda q: (needs[q].qubits.bit_count(), needs[q].groups.bit_count(), q),
        )

    def place(self, number: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """Return what tells a group from all others, wherever it stands."""
        group = self.groups[number]
        return self.level[number], tuple(sorted(group.qubits)), _written(group.lone)


class _Sweep:
    """One way through a circuit.

    Args:
        needs: What depends on what.
        start: Which qubit to finish first; None for that which needs the fewest others.
        most: The sweep ends when it costs more.
    """

    def __init__(self, needs: _Needs, start: int | None, most: float) -> None:
        self._needs = needs
        self._is_done = bytearray(len(needs.groups))
        self._done = 0
        self._entered = 0
        self._live: set[int] = set()
        self._recorded_bits = 0
        self.done: list[int] = []
        """The numbers of the groups in order."""
        self.cost = 0.0
        """How many numbers the states have that the order leads through, added up."""
        left = sorted(needs.last)
        chosen = start
        while (self._live or left) and self.cost <= most:
            if chosen is None:
                chosen = self._easiest(self._live or left)
            self._finish(chosen)
            chosen = None
            if not self._live:
                left = [qubit for qubit in left if not self._is_done[needs.last[qubit]]]
        if self.cost <= most:
            rest = [number for number, is_done in enumerate(self._is_done) if not is_done]
            for number in sorted(rest, key=needs.place):  # what has no qubits
                self._do(number)
        self.is_complete = len(self.done) == len(needs.groups) and self.cost <= most

    def _easiest(self, qubits: Collection[int]) -> int:
        """Return the qubit that needs the fewest new ones, then the fewest operations."""
        needs, entered, done = self._needs.of_qubit, ~self._entered, ~self._done

        def effort(qubit: int) -> tuple[int, int, int]:
            need = needs[qubit]
            new = (need.qubits & entered).bit_count()
            return new, (need.groups & done).bit_count(), qubit

        return min(qubits, key=effort)

    def _finish(self, qubit: int) -> None:
        """Do all that a qubit needs, each group as late as it can be."""
        needs = self._needs
        waiting: list[tuple[int, Iterator[int]]] = []

        def visit(number: int) -> None:
            before = [each for each in needs.before[number] if not self._is_done[each]]
            if len(before) > 1:
                before.sort(key=lambda each: (-needs.level[each], needs.place(each)))
            waiting.append((number, iter(before)))

        visit(needs.last[qubit])
        while waiting:
            number, before = waiting[-1]
            following = next((each for each in before if not self._is_done[each]), None)
            if following is None:
                waiting.pop()
                self._do(number)
            else:
                visit(following)

    def _do(self, number: int) -> None:
        needs = self._needs
        qubits = needs.groups[number].qubits
        self.done.append(number)
        self._is_done[number] = 1
        self._done |= 1 << number
        self._live.update(qubits)
        self.cost += doubled(2 * len(self._live) + min(self._recorded_bits, LARGEST_RECORD))
        for qubit in qubits:
            self._entered |= 1 << qubit
            if needs.last[qubit] == number:
                self._live.discard(qubit)
                self._recorded_bits += qubit in needs.recorded


def _classical(lone: Operation | None) -> tuple[frozenset[int], frozenset[int]]:
    """Return the classical bits that an operation reads, and those that it may write."""
    match lone:
        case None:
            return frozenset(), frozenset()
        case Measure(_, clbit):
            return frozenset(), frozenset([clbit])
        case Store(clbits, value):
            return value.clbits(), frozenset(clbits)
    bits = touched(lone)[1]
    return bits, bits


def _written(lone: Operation | None) -> tuple[int, ...]:
    return tuple(sorted(_classical(lone)[1]))
