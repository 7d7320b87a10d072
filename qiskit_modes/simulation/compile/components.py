"""Leaving out what no outcome depends on, and splitting the rest into what nothing joins."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from qiskit_modes.simulation.operations import (
    Block,
    Channel,
    Measure,
    Operation,
    Rotation,
    touched,
)
from qiskit_modes.simulation.read.read_ideal import IdealGate

__all__ = ["Part", "final_measurements", "parts_of", "places_of", "prune", "pruned", "split"]

DEPHASE = np.diag([1.0, 0.0, 0.0, 1.0])
"""What a measurement does to a qubit when nobody will ever read the outcome."""


def prune(block: Block, recorded: Iterable[int], *, drop: bool = True) -> Block:
    """Drop operations that do not change the joint distribution of the recorded bits.

    Walks backwards. A channel on qubits that no later measurement depends on does nothing that
    could be seen, because channels preserve the trace. A measurement whose bit is written again
    before it is read records nothing and becomes a channel; without feed-forward no bit is
    written twice after that.

    Args:
        block: A whole circuit.
        recorded: The classical bits that are read at the end.
        drop: With False, only such measurements are replaced.
    """
    kept: list[Operation] = []
    qubits: set[int] = set()
    clbits = set(recorded)
    for operation in reversed(block.operations):
        match operation:
            case Measure(qubit, clbit):
                if clbit in clbits:
                    clbits.discard(clbit)  # whatever was recorded before is overwritten
                    qubits.add(qubit)
                elif drop and qubit not in qubits:
                    continue
                else:
                    operation = Channel((qubit,), DEPHASE)
            case Channel(on, forgets=forgets):
                if drop and qubits.isdisjoint(on):
                    continue
                if forgets:
                    qubits.difference_update(on)
                else:
                    qubits.update(on)
            case Rotation(on):
                if drop and qubits.isdisjoint(on):
                    continue
                qubits.update(on)
            case _:
                more_qubits, more_clbits = touched(operation)
                qubits.update(more_qubits)
                clbits.update(more_clbits)
        kept.append(operation)
    return Block(tuple(reversed(kept)))


def split(block: Block) -> list[Block]:
    """Split a circuit into components: blocks that share neither qubits nor classical bits.

    Joined are the qubits and bits of one operation; two measurements into one bit are joined by
    that bit.

    Returns:
        The components in the order of their first operations, so that the same circuit is always
        split in the same way. Components without classical bits are left out.
    """
    # A qubit by its number, a classical bit by a negative one.
    leader: dict[int, int] = {}

    def find(bit: int) -> int:
        above = leader.setdefault(bit, bit)
        while above != bit:
            leader[bit] = leader[above]
            bit = leader[bit]
            above = leader[bit]
        return bit

    first_bits: list[int | None] = []
    for operation in block.operations:
        first = None
        for bit in _bits_of(operation):
            if first is None:
                first = bit
            else:
                leader[find(bit)] = find(first)
        first_bits.append(first)
    parts: dict[int, list[Operation]] = {}
    for operation, first in zip(block.operations, first_bits, strict=True):
        if first is not None:
            parts.setdefault(find(first), []).append(operation)
    blocks = [Block(tuple(operations)) for operations in parts.values()]
    return [block for block in blocks if block.clbits]


def final_measurements(block: Block) -> tuple[list[Operation], list[Measure]]:
    """Separate the measurements after which nothing happens to their qubits and bits."""
    kept: list[Operation] = []
    finals: list[Measure] = []
    qubits: set[int] = set()
    clbits: set[int] = set()
    for operation in reversed(block.operations):
        if isinstance(operation, Channel | Rotation):  # nearly all of them
            kept.append(operation)
            qubits.update(operation.qubits)
            continue
        on, recorded = touched(operation)
        if isinstance(operation, Measure) and qubits.isdisjoint(on) and clbits.isdisjoint(recorded):
            finals.append(operation)
        else:
            kept.append(operation)
        qubits |= on
        clbits |= recorded
    return kept[::-1], finals[::-1]


def _bits_of(operation: Operation) -> Sequence[int]:
    """Return the qubits of an operation, and its classical bits below zero."""
    if isinstance(operation, Channel | Rotation):
        return operation.qubits
    qubits, clbits = touched(operation)
    return [*qubits, *(-1 - bit for bit in clbits)]


class Part(NamedTuple):
    """Gates of an ideal circuit that nothing joins with others."""

    gates: Sequence[IdealGate]
    qubits: frozenset[int]
    """All that they act on."""
    places: Collection[tuple[int, ...]]
    """The qubits of each gate, once where several act on the same."""


def places_of(gates: Sequence[IdealGate]) -> Collection[tuple[int, ...]]:
    """Return the qubits of all gates, each group once: few where gates are many."""
    return set(map(itemgetter(0), gates))


def pruned(gates: Sequence[IdealGate], kept: frozenset[int]) -> Sequence[IdealGate]:
    """Return the gates of an ideal circuit on which what is measured depends."""
    needed, result = set(kept), []
    for gate in reversed(gates):
        if not needed.isdisjoint(gate[0]):
            needed.update(gate[0])
            result.append(gate)
    return result[::-1]


def parts_of(
    gates: Sequence[IdealGate], places: Collection[tuple[int, ...]], *, split: bool
) -> list[Part]:
    """Sort the gates of an ideal circuit by the qubits that they join.

    Args:
        gates: The gates.
        places: The qubits of all of them.
        split: Whether to do so; otherwise all are of one part.
    """
    joined: dict[int, set[int]] = {}
    """Of each qubit all those that it is joined with, itself among them: one set for all these."""
    whole: set[int] = set()
    for on in places:
        whole = joined.get(on[0]) or joined.setdefault(on[0], {on[0]})
        for qubit in on[1:]:
            other = joined.get(qubit)
            if other is None:
                joined[qubit] = whole
                whole.add(qubit)
            elif other is not whole:
                whole, other = (whole, other) if len(whole) > len(other) else (other, whole)
                whole |= other
                joined.update(dict.fromkeys(other, whole))
    if not split or len(whole) == len(joined):
        return [Part(gates, frozenset(joined), places)] if gates else []
    parts: dict[int, list[IdealGate]] = {}
    for gate in gates:
        parts.setdefault(id(joined[gate[0][0]]), []).append(gate)
    return [
        Part(part, frozenset(joined[part[0][0][0]]), places_of(part)) for part in parts.values()
    ]
