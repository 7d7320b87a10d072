"""Channels as the few operators of which a trajectory draws one.

Of all ways to write a channel as ρ → Σ K ρ K†, that of its Choi matrix's eigenvectors has the
likeliest first operator: of a gate with the errors of a device it is drawn 99 times of a hundred,
whatever the state. So most rows take the same operator, by one product of matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qiskit_modes.simulation.pauli_basis import ComplexArray, RealArray, pauli_strings

__all__ = ["kraus_operators", "least_likelihood"]

NEGLIGIBLE = 1e-13
"""An operator that is drawn less often than this, whatever the state, is left out."""


def kraus_operators(transfer: RealArray, entering: Sequence[int] = ()) -> ComplexArray:
    """Return the operators of channels, the likeliest first.

    Args:
        transfer: Pauli transfer matrices, shape (channels, 4^n, 4^n).
        entering: Which of the n qubits are |0⟩ before.

    Returns:
        Shape (channels, operators, 2^n, 2^(n - entering)), the first qubit the most significant
        digit of an index; channels of fewer operators have zeros at the end.
    """
    count, size = len(transfer), 1 << ((transfer.shape[1].bit_length() - 1) // 2)
    width = size.bit_length() - 1
    strings = pauli_strings(width)  # rows: strings; columns: the elements of their matrices
    # Σ R_PQ P_mn Q_ji / 2^n is what becomes of the matrix |i⟩⟨j|, element (m, n).
    choi = strings.T @ (transfer @ strings) / size
    met = [index for index in range(size) if not _is_any(index, entering, width)]
    choi = choi.reshape(count, size, size, size, size)[:, :, :, :, met][:, :, :, met]
    # (m, n, j, i) to (m, i), (n, j)
    rows = size * len(met)
    choi = choi.transpose(0, 1, 4, 2, 3).reshape(count, rows, rows)
    weights, vectors = np.linalg.eigh((choi + choi.conj().transpose(0, 2, 1)) / 2)
    weights, vectors = weights[:, ::-1], vectors[:, :, ::-1]
    used = max(1, int((weights > NEGLIGIBLE).sum(axis=1).max(initial=0)))
    scaled = vectors * np.sqrt(weights.clip(0.0) * (weights > NEGLIGIBLE))[:, None, :]
    operators = scaled[:, :, :used].transpose(0, 2, 1)
    return np.ascontiguousarray(operators).reshape(count, used, size, len(met))


def least_likelihood(kraus: ComplexArray) -> RealArray:
    """Return how likely the first operator of channels is at least, whatever the state.

    Args:
        kraus: Shape (channels, operators, rows, columns).
    """
    first = kraus[:, 0]
    levels = np.linalg.eigvalsh(first.conj().transpose(0, 2, 1) @ first)
    return np.asarray(levels[:, 0], dtype=float)


def _is_any(index: int, places: Sequence[int], width: int) -> bool:
    """Tell whether any of some qubits is 1 in a basis state."""
    return any(index >> (width - 1 - place) & 1 for place in places)
