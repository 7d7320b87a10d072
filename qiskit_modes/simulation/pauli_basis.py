"""Density matrices and channels as real numbers, in the basis of Pauli matrices.

A state ρ of n qubits is the vector r with entries r_P = Tr(P ρ) for the 4^n Pauli strings P, and a
channel E is the real matrix R_PQ = Tr(P E(Q)) / 2^n, its Pauli transfer matrix. Compared with
complex matrices this halves the memory, and a channel is applied by one real matrix product.

Order: strings are numbered with I, X, Y, Z = 0, 1, 2, 3, the first qubit the most significant
digit. Qiskit's matrices have their first qubit least significant; `_reverse_qubits` translates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from qiskit_modes.caches import read_only

__all__ = [
    "FRESH",
    "MEASURE",
    "RESET",
    "TRACE",
    "depolarizing",
    "from_kraus",
    "from_superoperator",
    "from_unitary",
    "pauli_rates",
    "pauli_strings",
    "prepared",
    "relaxation",
    "rotation",
    "tensor",
    "to_superoperator",
]

RealArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

PAULIS: ComplexArray = np.array(
    [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=complex
)

FRESH: RealArray = np.array([[1.0], [0.0], [0.0], [1.0]])
"""(4, 1): the qubit |0⟩ out of nothing."""

TRACE: RealArray = np.array([[1.0, 0.0, 0.0, 0.0]])
"""(1, 4): forget a qubit."""

RESET: RealArray = FRESH @ TRACE
"""(4, 4): whatever the qubit was, it is |0⟩ now."""

MEASURE: RealArray = np.array([[0.5, 0.0, 0.0, 0.5], [0.5, 0.0, 0.0, -0.5]])
"""(2, 4): the weights of outcome 0 and outcome 1."""


@cache
def pauli_strings(num_qubits: int) -> ComplexArray:
    """Return all Pauli strings as flattened matrices, shape (4^n, 4^n), one string a row."""
    strings = np.ones((1, 1, 1), dtype=complex)
    for _ in range(num_qubits):
        dim = 2 * strings.shape[1]
        strings = np.einsum("aij,bkl->abikjl", strings, PAULIS).reshape(-1, dim, dim)
    return read_only(strings.reshape(len(strings), -1))


def _reverse_qubits(matrix: ComplexArray) -> ComplexArray:
    """Turn a matrix on n qubits from Qiskit's order of qubits to ours, or back."""
    num_qubits = len(matrix).bit_length() - 1
    axes = [*reversed(range(num_qubits)), *reversed(range(num_qubits, 2 * num_qubits))]
    return matrix.reshape((2,) * (2 * num_qubits)).transpose(axes).reshape(matrix.shape)


def from_kraus(operators: Iterable[ComplexArray]) -> RealArray:
    """Return the Pauli transfer matrix of ρ → Σ K ρ K†, shape (4^n, 4^n).

    Args:
        operators: The Ks, shape (2^n, 2^n) each, in Qiskit's order of qubits.
    """
    ordered = [_reverse_qubits(np.asarray(operator, dtype=complex)) for operator in operators]
    superoperator = sum(np.kron(operator, operator.conj()) for operator in ordered)
    return _from_row_major(np.asarray(superoperator))


def from_unitary(unitary: ComplexArray) -> RealArray:
    """Return the Pauli transfer matrix of a unitary, shape (4^n, 4^n).

    Args:
        unitary: Shape (2^n, 2^n), in Qiskit's order of qubits.
    """
    return from_kraus([unitary])


def from_superoperator(matrix: ComplexArray) -> RealArray:
    """Return the Pauli transfer matrix of a superoperator as Qiskit's ``SuperOp`` holds it.

    Args:
        matrix: Shape (4^n, 4^n), acting on density matrices flattened column by column.
    """
    dim = 1 << ((len(matrix).bit_length() - 1) // 2)
    num_qubits = dim.bit_length() - 1
    # Axes of the tensor: output column, output row, input column, input row, n bits each.
    tensor_form = np.asarray(matrix, dtype=complex).reshape((2,) * (4 * num_qubits))
    axes = [
        axis
        for group in (1, 0, 3, 2)
        for axis in reversed(range(group * num_qubits, (group + 1) * num_qubits))
    ]
    return _from_row_major(tensor_form.transpose(axes).reshape(matrix.shape))


def _from_row_major(superoperator: ComplexArray) -> RealArray:
    """Change the basis of a superoperator on density matrices flattened row by row."""
    dim_squared = len(superoperator)
    strings = pauli_strings((dim_squared.bit_length() - 1) // 2)
    transfer = strings.conj() @ superoperator @ strings.T / np.sqrt(dim_squared)
    return np.ascontiguousarray(transfer.real)


def to_superoperator(transfer: RealArray) -> ComplexArray:
    """Return what `from_superoperator` makes a Pauli transfer matrix of; both (4^n, 4^n)."""
    num_qubits = (len(transfer).bit_length() - 1) // 2
    strings = pauli_strings(num_qubits)
    row_major = strings.T @ transfer @ strings.conj() / np.sqrt(len(transfer))
    # The same exchange of axes as there, which undoes itself.
    axes = [
        axis
        for group in (1, 0, 3, 2)
        for axis in reversed(range(group * num_qubits, (group + 1) * num_qubits))
    ]
    return row_major.reshape((2,) * (4 * num_qubits)).transpose(axes).reshape(transfer.shape)


_COMMUTES: RealArray = (
    np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) * 1.0
)
"""Whether Paulis I, X, Y, Z commute (1) or not (-1)."""


def pauli_rates(transfer: RealArray) -> dict[str, float] | None:
    """Return the probabilities with which a channel applies Pauli strings; None if it does others.

    Args:
        transfer: Its Pauli transfer matrix, shape (4^n, 4^n).

    Returns:
        By strings in Qiskit's order: the last letter is for the first qubit.
    """
    diagonal = np.diagonal(transfer)
    if not np.array_equal(transfer, np.diag(diagonal)):
        return None
    num_qubits = (len(transfer).bit_length() - 1) // 2
    rates = tensor(*(_COMMUTES / 4 for _ in range(num_qubits))) @ diagonal
    letters = ["".join(reversed(each)) for each in product("IXYZ", repeat=num_qubits)]
    return dict(zip(letters, rates.tolist(), strict=True))


def tensor(*matrices: RealArray) -> RealArray:
    """Return the tensor product of matrices of any shape, the first factor on the first qubit."""
    if not matrices:
        return np.ones((1, 1))
    product, *others = matrices
    for matrix in others:
        # numpy.kron does the same, and takes ten times as long for matrices as small as these.
        rows, columns = len(product) * len(matrix), product.shape[1] * matrix.shape[1]
        blocks = product[:, None, :, None] * matrix[None, :, None, :]
        product = blocks.reshape(rows, columns)
    return product


@cache
def rotation(paulis: str) -> RealArray:
    """Return exp(-i θ/2 P) as a trigonometric polynomial of θ, for the Pauli string ``paulis``.

    Returns:
        Shape (3, 4^n, 4^n): the transfer matrix is ``r[0] + cos(θ) r[1] + sin(θ) r[2]``. The
        first letter acts on the first qubit.
    """
    matrix = np.ones((1, 1), dtype=complex)
    for letter in reversed(paulis):  # Qiskit's order: the first qubit is least significant
        matrix = np.kron(matrix, PAULIS["IXYZ".index(letter)])
    identity = np.eye(len(matrix))
    at_zero, at_pi = np.eye(len(matrix) ** 2), from_unitary(-1j * matrix)
    at_half_pi = from_unitary((identity - 1j * matrix) / np.sqrt(2))
    mean = (at_zero + at_pi) / 2
    return read_only(np.stack([mean, (at_zero - at_pi) / 2, at_half_pi - mean]))


def relaxation(t1: float, t2: float, seconds: float) -> RealArray:
    """Return thermal relaxation of one qubit towards |0⟩, shape (4, 4).

    Args:
        t1: Relaxation time in seconds; infinity for none.
        t2: Dephasing time in seconds, at most 2 t1.
        seconds: How long the qubit relaxes.
    """
    lost = -np.expm1(-seconds / t1)
    coherence = np.exp(-seconds / t2)
    matrix = np.diag([1.0, coherence, coherence, 1.0 - lost])
    matrix[3, 0] = lost
    return matrix


def depolarizing(parameter: float, num_qubits: int) -> RealArray:
    """Return ρ → (1 - λ) ρ + λ 1/2^n with λ = ``parameter``, shape (4^n, 4^n)."""
    diagonal = np.full(4**num_qubits, 1.0 - parameter)
    diagonal[0] = 1.0
    return np.diag(diagonal)


def prepared(amplitudes: Sequence[complex]) -> RealArray:
    """Return the channel that throws its qubits away and prepares a pure state, (4^n, 4^n).

    Args:
        amplitudes: The 2^n amplitudes in Qiskit's order of qubits.
    """
    vector = np.asarray(amplitudes, dtype=complex)
    density = _reverse_qubits(np.outer(vector, vector.conj()))
    num_qubits = len(vector).bit_length() - 1
    state = (pauli_strings(num_qubits).conj() @ density.reshape(-1)).real
    matrix = np.zeros((len(state), len(state)))
    matrix[:, 0] = state
    return matrix


def embed(matrix: RealArray, qubits: Sequence[int], onto: Sequence[int]) -> RealArray:
    """Return a matrix on some qubits as one on more qubits, or on the same in another order.

    Args:
        matrix: Shape (4^n, 4^n), or (3, 4^n, 4^n) for the terms of a rotation.
        qubits: The n qubits of the matrix.
        onto: The qubits of the result, among them all of ``qubits``.
    """
    if tuple(qubits) == tuple(onto):
        return matrix
    if matrix.ndim == 3:
        return np.stack([embed(term, qubits, onto) for term in matrix])
    others = [qubit for qubit in onto if qubit not in qubits]
    wide = tensor(matrix, _identity(len(others))) if others else matrix
    order = [[*qubits, *others].index(qubit) for qubit in onto]
    axes = [*order, *(place + len(onto) for place in order)]
    return wide.reshape((4,) * (2 * len(onto))).transpose(axes).reshape(wide.shape)


@cache
def _identity(num_qubits: int) -> RealArray:
    """Return the channel that does nothing to some qubits, shape (4^n, 4^n)."""
    return read_only(np.eye(4**num_qubits))
