"""The order of operations among which some depend on measured values.

Where shots part, linear maps end: those between two such places are one stretch. Of all orders that
do the same, the one chosen has few stretches, and lets states part as late as they can and maps
come as early as they can. It looks at what shares a bit with what and at nothing else, so that
however the instructions of a circuit happen to stand, the order is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from qiskit_modes.simulation.operations import (
    Block,
    Branch,
    Channel,
    Jump,
    Loop,
    Measure,
    Operation,
    Rotation,
    Store,
    touched,
)

__all__ = ["staged"]


def staged(block: Block) -> Block:
    """Return a block that does the same in an order of few stretches, and so do its bodies."""
    found: list[Operation] = []
    # Whether what follows a jump is done hangs on it, so nothing is moved across.
    for jumps, run in groupby(map(_with_staged_bodies, block.operations), key=_levels_left):
        operations = list(run)
        found += operations if jumps else _staged_run(operations)
    return Block(tuple(found))


def _with_staged_bodies(operation: Operation) -> Operation:
    match operation:
        case Branch(arms):
            return Branch(tuple((condition, staged(body)) for condition, body in arms))
        case Loop(_, body):
            return replace(operation, body=staged(body))
    return operation


def _levels_left(operation: Operation) -> int:
    """Return how many of the loops around it an operation may leave."""
    match operation:
        case Jump(levels):
            return levels
        case Branch(arms):
            return max((_levels_left_in(body) for _, body in arms), default=0)
        case Loop(_, body):
            return max(0, _levels_left_in(body) - 1)
    return 0


def _levels_left_in(block: Block) -> int:
    return max(map(_levels_left, block.operations), default=0)


def _staged_run(operations: Sequence[Operation]) -> list[Operation]:
    """Return operations of which none leaves a loop.

    They are done in turns, counted from the end: linear maps in the odd ones, what is none in the
    even ones. What is no map has the last turn that it can have, and then each map the first.
    """
    bits = [_bits(operation) for operation in operations]
    is_map = [isinstance(operation, Channel | Rotation) for operation in operations]
    turns = [0] * len(operations)
    next_on: dict[int, int] = {}
    for number in reversed(range(len(operations))):
        turn = max((next_on.get(bit, 0) for bit in bits[number]), default=0)
        turns[number] = turn + (turn % 2 != is_map[number])
        next_on.update(dict.fromkeys(bits[number], turns[number]))
    first = max(turns, default=0)
    last_on: dict[int, tuple[int, int]] = {}
    places = []
    for number, operation in enumerate(operations):
        before = [last_on[bit] for bit in bits[number] if bit in last_on]
        if is_map[number]:
            turn = min((turn for turn, _ in before), default=first)
            turns[number] = turn - (turn % 2 == 0)
        level = 1 + max((level for _, level in before), default=0)
        last_on.update(dict.fromkeys(bits[number], (turns[number], level)))
        # What is of one turn and one level shares no bit: only the names of bits tell it apart.
        is_measurement = isinstance(operation, Measure | Store)
        places.append((-turns[number], level, is_measurement, sorted(bits[number])))
    return [operations[number] for number in sorted(range(len(places)), key=places.__getitem__)]


def _bits(operation: Operation) -> frozenset[int]:
    """Return the qubits of an operation, and its classical bits below zero."""
    qubits, clbits = touched(operation)
    return qubits.union(-1 - bit for bit in clbits)
