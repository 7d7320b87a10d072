"""Circuits of Clifford gates: their outcomes are uniform over an affine space, found once.

The state is the one that 2n signed Pauli strings leave as it is, its *stabilizer generators*. They
are kept qubit by qubit, as integers in which bit k belongs to generator k, so that a gate is a few
operations on integers however many generators there are. At the end those that flip bits span the
directions in which outcomes differ, and those that do not are the equations that all of them obey.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.pauli_basis import ComplexArray

__all__ = ["Words", "outcome_space", "words_of"]

Word = tuple[tuple[str, tuple[int, ...]], ...]
"""A gate as a sequence of H, S and CX, each at some of the gate's qubits."""

Words = Sequence[tuple[tuple[int, ...], Word]]
"""A circuit: the qubits of each gate, and the gate."""

_H: ComplexArray = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
_S: ComplexArray = np.diag([1, 1j])
_CX: ComplexArray = np.eye(4)[[0, 1, 3, 2]].astype(complex)


def words_of(
    gates: Sequence[tuple[tuple[int, ...], object]],
) -> list[tuple[tuple[int, ...], Word]] | None:
    """Return the gates of a circuit as words; None if one is not known to be a Clifford gate.

    Args:
        gates: Qubits and matrix of each, the first qubit the most significant digit.
    """
    known: dict[bytes, Word | None] = {}
    words = []
    for qubits, matrix in gates:
        if not isinstance(matrix, np.ndarray) or len(qubits) > 2:
            return None
        content = matrix.tobytes()
        if content not in known:
            known[content] = _table(len(qubits)).get(_signature(matrix))
        word = known[content]
        if word is None:
            return None
        words.append((qubits, word))
    return words


def _signature(matrix: ComplexArray) -> bytes:
    """Return a key that is equal for unitaries that differ by a phase, or by rounding."""
    flat = matrix.reshape(-1)
    first = flat[np.argmax(np.abs(flat) > 1e-3)]
    rounded = np.round(flat * (abs(first) / first), 6) + 0.0  # no zero is negative
    return np.asarray(rounded, dtype=complex).tobytes()


@cache
def _table(num_qubits: int) -> dict[bytes, Word]:
    """Return the words of the Clifford gates on one qubit, and of common ones on two."""
    singles: dict[bytes, Word] = {}
    matrices: list[tuple[ComplexArray, Word]] = [(np.eye(2, dtype=complex), ())]
    for matrix, word in matrices:  # grows while it is gone through
        if _signature(matrix) not in singles:
            singles[_signature(matrix)] = word
            matrices += [
                (letter @ matrix, (*word, (name, (0,)))) for name, letter in (("h", _H), ("s", _S))
            ]
    if num_qubits == 1:
        return singles
    pairs: dict[bytes, Word] = {}
    for text in _PAIRS:
        for swapped in (False, True):
            word = _read(text, swapped=swapped)
            pairs.setdefault(_signature(_matrix(word)), word)
    return pairs


_PAIRS = (
    *("", "cx", "h1 cx h1", "s1 s1 s1 cx s1"),  # nothing, CX, CZ, CY
    *("cx xc cx", "cx xc", "s0 s1 h0 cx xc h1"),  # swap, DCX, iSWAP
    "s0 h1 s1 h1 cx h0 s0 s0 h0",  # ECR
    *("cx s1 cx", "cx s1 s1 s1 cx"),  # a quarter turn about ZZ, either way; about ZX, XX, YY
    *("h1 cx s1 cx h1", "h1 cx s1 s1 s1 cx h1"),
    *("h0 h1 cx s1 cx h0 h1", "h0 h1 cx s1 s1 s1 cx h0 h1"),
    "s0 s0 s0 h0 s1 s1 s1 h1 cx s1 cx h0 s0 h1 s1",
    "s0 s0 s0 h0 s1 s1 s1 h1 cx s1 s1 s1 cx h0 s0 h1 s1",
)
"""Gates on two qubits; ``xc`` is a CX the other way round."""


def _read(text: str, *, swapped: bool) -> Word:
    word = []
    for letter in text.split():
        places = {"cx": (0, 1), "xc": (1, 0)}.get(letter) or (int(letter[1]),)
        name = "cx" if len(places) == 2 else letter[0]
        word.append((name, tuple(1 - place for place in places) if swapped else places))
    return tuple(word)


def _matrix(word: Word) -> ComplexArray:
    matrix = np.eye(4, dtype=complex)
    identity = np.eye(2)
    for name, places in word:
        if name == "cx":
            factor = _CX if places == (0, 1) else np.eye(4)[[0, 3, 2, 1]].astype(complex)
        else:
            letter = _H if name == "h" else _S
            factor = np.kron(letter, identity) if places == (0,) else np.kron(identity, letter)
        matrix = factor @ matrix
    return matrix


def outcome_space(
    words: Words, qubits: Sequence[int], measured: Sequence[int]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return the outcomes of measuring some qubits after a circuit of Clifford gates.

    Args:
        words: The circuit, on qubits that are |0⟩ before.
        qubits: All that it acts upon.
        measured: Some of these.

    Returns:
        One outcome, shape (measured,), and directions, shape (directions, measured): outcomes are
        that one plus any sum of directions, modulo 2, all of them equally likely.
    """
    flips, phases, signs = _evolved(words, qubits)
    rows = [
        _Row(
            sum((flips[qubit] >> k & 1) << place for place, qubit in enumerate(qubits)),
            sum((phases[qubit] >> k & 1) << place for place, qubit in enumerate(qubits)),
            signs >> k & 1,
        )
        for k in range(len(qubits))
    ]
    directions, equations = _separated(rows)
    start = _solution(equations)
    places = [list(qubits).index(qubit) for qubit in measured]
    return (
        np.array([start >> place & 1 for place in places], dtype=np.bool_),
        _independent([_gathered(row.flips, places) for row in directions], len(places)),
    )


def _evolved(words: Words, qubits: Sequence[int]) -> tuple[dict[int, int], dict[int, int], int]:
    """Return of the generators at the end which have X, which have Z, and which a minus sign."""
    flips = dict.fromkeys(qubits, 0)
    phases = {qubit: 1 << k for k, qubit in enumerate(qubits)}
    signs = 0
    for on, word in words:
        for name, places in word:
            one = on[places[0]]
            if name == "h":
                signs ^= flips[one] & phases[one]
                flips[one], phases[one] = phases[one], flips[one]
            elif name == "s":
                signs ^= flips[one] & phases[one]
                phases[one] ^= flips[one]
            else:
                other = on[places[1]]
                signs ^= flips[one] & phases[other] & ~(flips[other] ^ phases[one])
                flips[other] ^= flips[one]
                phases[one] ^= phases[other]
    return flips, phases, signs


class _Row:
    """One generator: a product of X and Z, qubit k in bit k, with a power of i before it."""

    def __init__(self, flips: int, phases: int, sign: int) -> None:
        self.flips, self.phases = flips, phases
        self.power = 2 * sign + (flips & phases).bit_count()  # Y is i times X times Z

    def times(self, other: _Row) -> None:
        """Multiply another generator into this one, from the right."""
        self.power += other.power + 2 * (self.phases & other.flips).bit_count()
        self.flips ^= other.flips
        self.phases ^= other.phases


def _separated(rows: list[_Row]) -> tuple[list[_Row], list[tuple[int, int]]]:
    """Return generators whose flips are independent, and the equations of those without flips."""
    directions: list[_Row] = []
    equations = []
    for row in rows:
        for other in directions:
            if row.flips >> (other.flips.bit_length() - 1) & 1:
                row.times(other)
        if row.flips:
            directions.append(row)
            directions.sort(key=lambda each: -each.flips)
        else:
            equations.append((row.phases, row.power >> 1 & 1))
    return directions, equations


def _solution(equations: list[tuple[int, int]]) -> int:
    """Return bits whose parity over each mask is the one that is given."""
    reduced: list[tuple[int, int]] = []
    for mask, parity in equations:
        for other, its in reduced:
            if mask >> (other.bit_length() - 1) & 1:
                mask, parity = mask ^ other, parity ^ its
        if mask:
            reduced.append((mask, parity))
            reduced.sort(reverse=True)
    found = 0
    for mask, parity in reversed(reduced):  # the smallest leading bit first
        if (mask & found).bit_count() & 1 != parity:
            found |= 1 << (mask.bit_length() - 1)
    return found


def _gathered(bits: int, places: Sequence[int]) -> int:
    return sum((bits >> place & 1) << k for k, place in enumerate(places))


def _independent(vectors: Sequence[int], length: int) -> npt.NDArray[np.bool_]:
    """Return a basis of what some vectors span."""
    basis: list[int] = []
    for vector in vectors:
        for other in basis:
            vector = min(vector, vector ^ other)
        if vector:
            basis.append(vector)
            basis.sort(reverse=True)
    return np.array(
        [[vector >> k & 1 for k in range(length)] for vector in basis], dtype=np.bool_
    ).reshape(len(basis), length)
