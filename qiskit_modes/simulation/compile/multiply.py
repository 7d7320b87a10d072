"""Multiplying the gates of a circuit that has no parameters, one after the other.

A tower (`run.ideal.towers`) multiplies the gates of all parameter sets at once and is worth its
making only where there are parameters. Without them two numbers by two are multiplied in less time
than it takes to note down that they should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from qiskit_modes.caches import read_only
from qiskit_modes.simulation.pauli_basis import ComplexArray
from qiskit_modes.simulation.read.read_ideal import IdealGate, Turn

__all__ = ["Matrix", "multiplied", "side_by_side"]

Matrix = tuple[tuple[int, ...], ComplexArray]
"""Qubits, of which the first is the most significant digit, and what is applied to them."""

_ONE = read_only(np.eye(2, dtype=complex))


def multiplied(gates: Iterable[IdealGate]) -> list[Matrix] | None:
    """Return gates on one and two qubits as fewer, in which neighbours are multiplied.

    What is on one qubit is taken in by what is on two, as `blocks.dressed` does.

    Args:
        gates: The gates in order of application.

    Returns:
        None if one of them depends on parameters or is on more than two qubits.
    """
    products: list[Matrix] = []
    waiting: dict[int, ComplexArray] = {}
    last: dict[int, int] = {}
    """By qubit the product that is applied to it last."""
    for qubits, matrix in gates:
        if isinstance(matrix, Turn) or len(qubits) > 2:
            return None
        if len(qubits) == 1:
            (qubit,) = qubits
            before = waiting.get(qubit)
            waiting[qubit] = matrix if before is None else np.dot(matrix, before)
            continue
        one, other = qubits
        first, second = waiting.pop(one, None), waiting.pop(other, None)
        if first is not None or second is not None:
            matrix = np.dot(matrix, _beside(first, second))
        place = last.get(one)
        if place is not None and place == last.get(other):
            on, before = products[place]
            if on != qubits:
                matrix = matrix.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
            products[place] = (on, np.dot(matrix, before))
            continue
        last[one] = last[other] = len(products)
        products.append((qubits, matrix))
    return _with_ends(products, waiting, last)


def _with_ends(
    products: list[Matrix], waiting: dict[int, ComplexArray], last: dict[int, int]
) -> list[Matrix]:
    """Take in what is on one qubit and has nothing after it."""
    for qubit, single in waiting.items():
        place = last.get(qubit)
        if place is None:
            products.append(((qubit,), single))
            continue
        on, before = products[place]
        pair = (single, None) if qubit == on[0] else (None, single)
        products[place] = (on, np.dot(_beside(*pair), before))
    return products


def side_by_side(products: Sequence[Matrix], width: int) -> list[Matrix]:
    """Return matrices on one qubit each as fewer, each on up to ``width`` qubits."""
    groups = []
    for start in range(0, len(products), width):
        qubits, matrix = products[start]
        for qubit, single in products[start + 1 : start + width]:
            qubits, matrix = qubits + qubit, _beside(matrix, single)
        groups.append((qubits, matrix))
    return groups


def _beside(one: ComplexArray | None, other: ComplexArray | None) -> ComplexArray:
    """Return matrices on different qubits as one on all of them; None is one qubit left alone."""
    first, second = _ONE if one is None else one, _ONE if other is None else other
    size = len(first) * len(second)
    return (first[:, None, :, None] * second[None, :, None, :]).reshape(size, size)
