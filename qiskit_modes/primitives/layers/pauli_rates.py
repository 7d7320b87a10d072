"""Turns Pauli fidelities into the rates of Pauli-Lindblad generators.

A Pauli channel multiplies each Pauli string Q by a fidelity f_Q. As a Pauli-Lindblad channel with
a rate r_P for each string P it has -ln f_Q = 2 Σ r_P, summed over the P that anticommute with Q:
linear equations, which a Walsh-Hadamard transform solves where all 4^n - 1 strings of n qubits may
be generators. Strings are numbered with I, X, Y, Z = 0, 1, 2, 3, the first qubit most significant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from scipy.optimize import nnls

from qiskit_modes.caches import read_only
from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = ["Rates", "rates_from_fidelities"]

ROUNDING = 1e-12
"""Rates between minus this and 0 are 0, rounded."""


@dataclass(frozen=True)
class Rates:
    """The generators of a Pauli channel on a few qubits."""

    strings: tuple[str, ...]
    """All Pauli strings but the identity, one letter a qubit, the first qubit first."""
    values: RealArray
    """The rate of each, from 0."""
    residual: float
    """By how much the fidelity that the rates give is off, for the string for which it is most;
    0 if the channel is of Pauli-Lindblad form."""


def rates_from_fidelities(fidelities: RealArray) -> Rates:
    """Return the rates whose channel has these Pauli fidelities, or comes closest to them.

    Closest means: the logarithms of the fidelities differ by the least squares, while no rate is
    negative.

    Args:
        fidelities: Shape (4^n,), positive; the first, of the identity, is 1.

    Raises:
        ValueError: If a fidelity is not positive; then no finite rates give it.
    """
    num_qubits = (len(fidelities).bit_length() - 1) // 2
    if not (fidelities > 0).all():
        raise ValueError(f"a Pauli fidelity is {fidelities.min()}, which no finite rates give")
    logs = -np.log(fidelities)
    signs = _signs(num_qubits)
    rates = -(signs @ logs)[1:] / 4**num_qubits
    residual = 0.0
    if (rates < -ROUNDING).any():
        anticommuting = (1 - signs[1:, 1:]) / 2
        rates, _ = nnls(2 * anticommuting, logs[1:])
        given = np.exp(-2 * anticommuting @ rates)
        residual = float(abs(given - fidelities[1:]).max())
    return Rates(_strings(num_qubits)[1:], np.maximum(rates, 0.0), residual)


@cache
def _strings(num_qubits: int) -> tuple[str, ...]:
    return tuple("".join(letters) for letters in product("IXYZ", repeat=num_qubits))


@cache
def _signs(num_qubits: int) -> RealArray:
    """Return 1 for each pair of strings that commute and -1 for each that do not."""
    single = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=float)
    signs = np.ones((1, 1))
    for _ in range(num_qubits):
        signs = np.kron(signs, single)
    return read_only(signs)
