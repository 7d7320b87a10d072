"""Leaving out what no outcome depends on, and splitting the rest into what nothing joins."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from qiskit_modes.simulation.operations import (
    Block,
    Channel,
    Measure,
    Operation,
    Rotation,
    touched,
)

__all__ = ["prune", "split"]

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
    leader: dict[tuple[str, int], tuple[str, int]] = {}

    def find(bit: tuple[str, int]) -> tuple[str, int]:
        leader.setdefault(bit, bit)
        while leader[bit] != bit:
            leader[bit] = leader[leader[bit]]
            bit = leader[bit]
        return bit

    bits_of: list[tuple[str, int] | None] = []
    for operation in block.operations:
        qubits, clbits = touched(operation)
        bits = [*(("qubit", qubit) for qubit in qubits), *(("clbit", bit) for bit in clbits)]
        bits_of.append(bits[0] if bits else None)
        for bit in bits[1:]:
            leader[find(bit)] = find(bits[0])
    parts: dict[tuple[str, int], list[Operation]] = {}
    for operation, first in zip(block.operations, bits_of, strict=True):
        if first is not None:
            parts.setdefault(find(first), []).append(operation)
    blocks = [Block(tuple(operations)) for operations in parts.values()]
    return [block for block in blocks if block.clbits]
