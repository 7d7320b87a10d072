"""Sums of Pauli strings on up to hundreds of qubits, and what a channel makes of them.

Terms are columns of numbers: their strings packed, two bits a letter, and a number for each string
by which equal ones are found. That is the exclusive or of random numbers, one for each letter on
each qubit, so that it changes with the letters that a channel acts on and with nothing else. Two
strings of a sum of a million share it once in a million sums.

A sum that becomes too long is thinned at random: a coefficient below a threshold becomes the
threshold or nothing, with the chances that keep its mean. So what is computed in the end has the
right mean, however much was thinned. Its variance is at most what all those chances add up to,
because no string has a value beyond ±1 in any state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from qiskit_modes.caches import read_only
from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = ["PauliTerms", "propagated"]

LETTERS_PER_WORD = 32
FILLED_TO = 0.7
"""A sum that is too long is thinned to so much of what it may have, so that it can grow again."""
BISECTIONS = 40
NEGLIGIBLE = 1e-15
"""What is smaller beside the whole is a 0 that was computed."""

Words = npt.NDArray[np.uint64]
_TWO = np.uint64(3)
_EVEN = np.uint64(0x5555555555555555)


@dataclass
class PauliTerms:
    """A sum of Pauli strings."""

    words: Words
    """Shape (words, terms): letter of qubit q in bits 2q and 2q + 1, I, X, Y, Z = 0, 1, 2, 3."""
    names: Words
    """Shape (terms,): equal for equal strings."""
    coefficients: RealArray
    """Shape (terms,)."""

    @classmethod
    def of_z(cls, num_qubits: int, terms: Sequence[tuple[float, Sequence[int]]]) -> PauliTerms:
        """Return a sum of products of Z.

        Args:
            num_qubits: On how many qubits.
            terms: The coefficient of each, and the qubits that have a Z.
        """
        words = np.zeros((-(-num_qubits // LETTERS_PER_WORD), len(terms)), dtype=np.uint64)
        names = np.zeros(len(terms), dtype=np.uint64)
        for number, (_, qubits) in enumerate(terms):
            for qubit in qubits:
                words[qubit // LETTERS_PER_WORD, number] |= _TWO << _shift(qubit)
                names[number] ^= _names_of(qubit)[3]
        return cls(words, names, np.array([weight for weight, _ in terms], dtype=float))

    def __len__(self) -> int:
        return len(self.coefficients)

    def applied(self, qubits: Sequence[int], transfer: RealArray) -> tuple[PauliTerms, PauliTerms]:
        """Return the terms that a channel leaves alone, and what those before it come from.

        Args:
            qubits: Those on which it acts, the first the most significant.
            transfer: Its Pauli transfer matrix, shape (4^n, 4^n); the strings are what is measured
                after it.
        """
        size = 4 ** len(qubits)
        local = np.zeros(len(self), dtype=np.intp)
        for qubit in qubits:
            letters = self.words[qubit // LETTERS_PER_WORD] >> _shift(qubit) & _TWO
            local = 4 * local + letters.astype(np.intp)
        acted = np.flatnonzero(local)
        if not len(acted):
            return self, self._some(acted)
        letters_of, names_of = _local(tuple(qubits))
        local = local[acted]
        elsewhere = self.names[acted] ^ names_of[local]
        order = np.argsort(elsewhere)
        ordered = elsewhere[order]
        is_first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        rows = np.empty(len(order), dtype=np.intp)
        rows[order] = np.cumsum(is_first) - 1
        first = acted[order[is_first]]
        places = rows * size + local
        table: RealArray = np.bincount(places, self.coefficients[acted], len(first) * size).astype(
            float
        )
        found = (table.reshape(-1, size) @ transfer).ravel()
        kept = np.flatnonzero(found)
        row, column = np.divmod(kept, size)
        words = self.words[:, first]
        for qubit in qubits:
            words[qubit // LETTERS_PER_WORD] &= ~(_TWO << _shift(qubit))
        words = words[:, row]
        for qubit, letters in zip(qubits, letters_of, strict=True):
            words[qubit // LETTERS_PER_WORD] |= letters[column] << _shift(qubit)
        made = PauliTerms(words, ordered[is_first][row] ^ names_of[column], found[kept])
        left = np.ones(len(self), dtype=np.bool_)
        left[acted] = False
        return self._some(np.flatnonzero(left)), made

    def joined(self, others: PauliTerms) -> PauliTerms:
        """Return both sums as one; equal strings stay apart."""
        return PauliTerms(
            np.concatenate([self.words, others.words], axis=1),
            np.concatenate([self.names, others.names]),
            np.concatenate([self.coefficients, others.coefficients]),
        )

    def merged(self) -> PauliTerms:
        """Return the sum with equal strings added up."""
        _, first, which = np.unique(self.names, return_index=True, return_inverse=True)
        sums: RealArray = np.bincount(which, self.coefficients, len(first)).astype(float)
        return PauliTerms(self.words[:, first], self.names[first], sums)

    def thinned(self, threshold: float, generator: np.random.Generator) -> tuple[PauliTerms, float]:
        """Return a sum with the same mean and no coefficient below a threshold.

        Returns:
            The sum, and the most by which the variance of its value in any state grows.
        """
        sizes = np.abs(self.coefficients)
        small = np.flatnonzero(sizes < threshold)
        if not len(small):
            return self, 0.0
        variance = float(np.sum(sizes[small] * (threshold - sizes[small])))
        stays = generator.random(len(small)) * threshold < sizes[small]
        coefficients = self.coefficients.copy()
        coefficients[small] = np.copysign(np.where(stays, threshold, 0.0), coefficients[small])
        whole = PauliTerms(self.words, self.names, coefficients)
        return whole._some(np.flatnonzero(coefficients)), variance

    def threshold_for(self, most: int) -> float:
        """Return the threshold below which coefficients are to be thinned to be so many."""
        sizes = np.abs(self.coefficients)
        low, high = 0.0, float(sizes.sum()) / most
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            if np.minimum(sizes / middle, 1.0).sum() > most:
                low = middle
            else:
                high = middle
        return high

    @property
    def value(self) -> float:
        """Return the expectation value where every qubit is |0⟩."""
        odd = np.zeros(len(self), dtype=np.bool_)
        for words in self.words:
            odd |= (words ^ words >> np.uint64(1)) & _EVEN != 0  # an X or a Y
        return float(self.coefficients[~odd].sum())

    def _some(self, which: npt.NDArray[np.intp]) -> PauliTerms:
        return PauliTerms(self.words[:, which], self.names[which], self.coefficients[which])


def propagated(
    terms: PauliTerms,
    steps: Sequence[tuple[Sequence[int], RealArray]],
    max_terms: int,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Return the expectation value of a sum after some channels, and its standard error at most.

    Args:
        terms: What is measured at the end.
        steps: Qubits and Pauli transfer matrix, shape (4^n, 4^n), of each channel in the order of
            time; all qubits are |0⟩ before them.
        max_terms: A sum of more is thinned.
        generator: Where chances come from.

    Returns:
        A value whose mean is the exact one, and a bound of its standard deviation: 0 if nothing
        was thinned. The bound is drawn along with the value; its square has no smaller mean than
        the variance.
    """
    negligible = NEGLIGIBLE * float(np.abs(terms.coefficients).sum())
    threshold, variance = 0.0, 0.0
    for qubits, transfer in reversed(steps):
        others, made = terms.applied(qubits, transfer)
        if not len(made):
            continue
        if threshold:
            made, more = made.thinned(threshold, generator)
            variance += more
        else:
            made = made._some(np.flatnonzero(np.abs(made.coefficients) > negligible))  # noqa: SLF001
        terms = others.joined(made)
        if len(terms) > max_terms:
            terms = terms.merged()
        if len(terms) > max_terms:
            threshold = max(threshold, terms.threshold_for(max(1, int(FILLED_TO * max_terms))))
            terms, more = terms.thinned(threshold, generator)
            variance += more
    return terms.value, variance**0.5


def _shift(qubit: int) -> np.uint64:
    return np.uint64(2 * (qubit % LETTERS_PER_WORD))


@lru_cache(maxsize=1024)
def _names_of(qubit: int) -> Words:
    """Return the random numbers of a qubit's letters, that of I being 0."""
    names = np.random.default_rng(qubit).integers(1 << 63, size=4, dtype=np.uint64)
    names[0] = 0
    return read_only(names)


@lru_cache(maxsize=1024)
def _local(qubits: tuple[int, ...]) -> tuple[tuple[Words, ...], Words]:
    """Return the letters of all strings on some qubits, and the numbers of these strings."""
    strings = np.arange(4 ** len(qubits))
    letters = [strings >> 2 * (len(qubits) - 1 - at) & 3 for at in range(len(qubits))]
    names = np.zeros(len(strings), dtype=np.uint64)
    for qubit, own in zip(qubits, letters, strict=True):
        names ^= _names_of(qubit)[own]
    return tuple(own.astype(np.uint64) for own in letters), names
