"""Telling apart the lives of a qubit: from one reset to the next it is as good as another qubit.

What it was before a reset has no bearing on what it is afterwards, so the state need not hold it in
between, and nothing says that one life is over before the next begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from qiskit_modes.simulation.operations import (
    Block,
    Branch,
    Channel,
    Loop,
    Measure,
    Operation,
    Rotation,
)

__all__ = ["lives_apart"]


def lives_apart(block: Block) -> Block:
    """Return a component in which every life of a qubit has a number of its own.

    A reset that may or may not happen begins no new life.
    """
    if not any(isinstance(each, Channel) and each.forgets for each in block.operations):
        return block
    stride = 1 + max(block.qubits)
    now = {qubit: qubit for qubit in block.qubits}
    begun: set[int] = set()
    operations = []
    for operation in block.operations:
        if isinstance(operation, Channel) and operation.forgets:
            for qubit in begun.intersection(operation.qubits):
                now[qubit] += stride
        operations.append(_renamed(operation, now))
        begun.update(_qubits(operation))
    return Block(tuple(operations))


def _qubits(operation: Operation) -> frozenset[int]:
    return Block((operation,)).qubits


def _renamed(operation: Operation, now: Mapping[int, int]) -> Operation:
    match operation:
        case Channel(qubits) | Rotation(qubits):
            return replace(operation, qubits=tuple(now[qubit] for qubit in qubits))
        case Measure(qubit):
            return replace(operation, qubit=now[qubit])
        case Branch(arms):
            return Branch(tuple((condition, _inside(body, now)) for condition, body in arms))
        case Loop(condition, body):
            return Loop(condition, _inside(body, now))
    return operation


def _inside(block: Block, now: Mapping[int, int]) -> Block:
    return Block(tuple(_renamed(operation, now) for operation in block.operations))
