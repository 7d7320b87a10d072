"""Expectation values of terms from sampled bits, and what their errors are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["expectation_values", "mean_squares", "means_and_squares", "term_weights"]

_POPCOUNT = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)
_SIGN = 1.0 - 2.0 * (_POPCOUNT & 1)
_MAX_DENSE = 1 << 16  # weights; 512 KiB
_MAX_SUMS = 1 << 23  # 64 MiB: values of sums in outcomes that are held at a time
_MAX_UNPACKED_BYTES = 1 << 25  # 32 MiB: larger blocks of samples are worked through in parts


Support = tuple[int | tuple[int, int], ...]
"""The bits of a term. One that stands alone is multiplied as ±1; one with a number belongs to a
projector: shots in which it is not that number count as 0."""


def expectation_values(
    samples: NDArray[np.uint8], supports: Sequence[Support]
) -> NDArray[np.float64]:
    """Return the mean of the product of ±1 outcomes over the bits of each support.

    Args:
        samples: Shape (num_sets, shots, num_bytes), packed as `BitArray` packs them: bit 0 is the
            lowest bit of the last byte.
        supports: The bits of each term.

    Returns:
        Shape (num_terms, num_sets).
    """
    if samples.shape[-1] == 1:
        counts, signs = _tally(samples[..., 0], supports)
        return signs @ counts.T / samples.shape[1]
    return _from_bit_planes(samples, supports)


def term_weights(
    weights: NDArray[np.float64],
    terms: NDArray[np.intp],
    sums: NDArray[np.intp],
    shape: tuple[int, int],
) -> Any:
    """Return the weights of terms in sums, shape (num_terms, num_sums), dense or sparse.

    Args:
        weights: One for each part of a sum; those of the same term and sum are added.
        terms: Which term each is of.
        sums: Which sum each is in.
        shape: How many terms and sums there are.
    """
    if shape[0] * shape[1] <= _MAX_DENSE:  # small products are faster with zeros than without
        places = terms * shape[1] + sums
        return np.bincount(places, weights, shape[0] * shape[1]).reshape(shape)
    from scipy import sparse  # takes a while to load, and few jobs are so large

    return sparse.csr_array((weights, (terms, sums)), shape=shape)


def mean_squares(
    samples: NDArray[np.uint8],
    supports: Sequence[Support],
    weights: Sequence[Any],
) -> NDArray[np.float64]:
    """Return the mean squares, over all shots, of weighted sums of terms of the same shot.

    Args:
        samples: As for `expectation_values`.
        supports: As for `expectation_values`.
        weights: Of each term in each sum, (num_terms, num_sums); several such.

    Returns:
        Shape (len(weights), num_sums, num_sets).
    """
    squares = np.zeros((len(weights), weights[0].shape[1], len(samples)))
    for first, signs, often in _outcomes(samples, supports):
        for number, each in enumerate(weights):
            _add_squares(squares[number, :, first : first + len(often)], signs, often, each)
    squares /= samples.shape[1]
    return squares


def _add_squares(
    into: NDArray[np.float64], signs: NDArray[np.float64], often: NDArray[np.float64], weights: Any
) -> None:
    """Add the squares of weighted sums over some shots, see `_outcomes`; shape (num_sums, sets)."""
    sums_at_once = max(1, _MAX_SUMS // len(signs))
    for start in range(0, weights.shape[1], sums_at_once):
        sums = slice(start, start + sums_at_once)
        into[sums] += (often @ (signs @ weights[:, sums]) ** 2).T


def means_and_squares(
    samples: NDArray[np.uint8], supports: Sequence[Support], weights: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what `expectation_values` and `mean_squares` do, looking at the shots once.

    Args:
        samples: As for both.
        supports: As for both.
        weights: Of each term in each sum, (num_terms, num_sums).

    Returns:
        Shapes (num_terms, num_sets) and (num_sums, num_sets).
    """
    shots = samples.shape[1]
    if samples.shape[-1] > 1:
        means = np.zeros((len(supports), len(samples)))
        squares = np.zeros((weights.shape[1], len(samples)))
        for first, signs, often in _outcomes(samples, supports):
            own = slice(first, first + len(often))
            means[:, own] += (often @ signs).T  # sums of whole numbers: they are exact
            _add_squares(squares[:, own], signs, often, weights)
        return means / shots, squares / shots
    counts, signs = _tally(samples[..., 0], supports)
    # In the memory order in which `mean_squares` has them, so that sums are rounded alike.
    squares = (counts @ (np.ascontiguousarray(signs.T) @ weights) ** 2).T
    return signs @ counts.T / shots, squares / shots


def _multiplied(support: Support) -> list[int]:
    return [bit for bit in support if isinstance(bit, int)]


def _kept(support: Support) -> list[tuple[int, int]]:
    return [each for each in support if not isinstance(each, int)]


def _outcomes(
    samples: NDArray[np.uint8], supports: Sequence[Support]
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Yield outcomes of some sets: the first set, the terms' signs, and how often each set has it.

    A sign is 0 where a projector takes the shot out.

    The arrays have the shapes (num_outcomes, num_terms) and (some_sets, num_outcomes).
    """
    if samples.shape[-1] == 1:
        counts, found = _tally(samples[..., 0], supports)
        yield 0, np.ascontiguousarray(found.T), counts
        return
    num_bits = 8 * samples.shape[-1]
    incidence = np.zeros((num_bits, len(supports)), dtype=np.float32)
    against = np.zeros((2, num_bits, len(supports)), dtype=np.float32)
    for column, support in enumerate(supports):
        incidence[_multiplied(support), column] = 1.0
        for bit, value in _kept(support):
            against[value, bit, column] = 1.0
    projects = against.any()

    def signs(outcomes: NDArray[np.uint8]) -> NDArray[np.float64]:
        bits = np.unpackbits(outcomes[:, ::-1], axis=-1, bitorder="little").astype(np.float32)
        # Of whole numbers: a remainder of floats takes ten times as long.
        odd = (bits @ incidence).astype(np.int32) & 1
        found = np.subtract(1.0, 2.0 * odd, dtype=np.float64)
        if projects:
            found[bits @ against[0] + (1 - bits) @ against[1] > 0] = 0.0
        return found

    step = max(1, _MAX_UNPACKED_BYTES // (4 * max(num_bits, len(supports))))
    for number, rows in enumerate(samples):
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            yield number, signs(part), np.ones((1, len(part)))


def _histograms(values: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how often each set has each of the 256 values."""
    counts = np.empty((len(values), 256))
    for into, row in zip(counts, values, strict=True):
        into[:] = np.bincount(row, minlength=256)
    return counts


def _tally(
    values: NDArray[np.uint8], supports: Sequence[Support]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how often each set has each value that any has, and the signs of terms for these.

    The shapes are (num_sets, num_values) and (num_terms, num_values).
    """
    counts = _histograms(values)
    (found,) = np.nonzero(counts.any(axis=0))
    multiplied = map(_multiplied, supports)
    masks = np.array([sum(1 << bit for bit in each) for each in multiplied], dtype=np.intp)
    signs = _SIGN[found & masks[:, np.newaxis]]
    for row, support in enumerate(supports):
        for bit, value in _kept(support):
            signs[row] *= (found >> bit & 1) == value
    return counts[:, found], signs


def _from_bit_planes(
    samples: NDArray[np.uint8], supports: Sequence[Support]
) -> NDArray[np.float64]:
    """Turn the samples by 90 degrees, so that eight shots of one bit share a byte."""
    num_sets, shots, num_bytes = samples.shape
    means = np.empty((len(supports), num_sets))
    step = max(1, _MAX_UNPACKED_BYTES // (shots * num_bytes * 8))
    for first in range(0, num_sets, step):
        part = slice(first, min(first + step, num_sets))
        bits = np.unpackbits(samples[part], axis=-1)[..., ::-1]
        planes = np.packbits(np.moveaxis(bits, -1, 0), axis=-1)  # zeros fill the last byte
        for row, support in enumerate(supports):
            parity = np.bitwise_xor.reduce(planes[_multiplied(support)], axis=0)
            counted: NDArray[np.int64] | int = shots
            kept = _kept(support)
            if kept:
                against = [planes[bit] if value == 0 else ~planes[bit] for bit, value in kept]
                dropped = np.bitwise_or.reduce(against, axis=0)
                dropped[..., -1] |= (1 << 8 * planes.shape[-1] - shots) - 1  # what fills the byte
                counted = _ones(~dropped)
                parity &= ~dropped
            means[row, part] = (counted - 2.0 * _ones(parity)) / shots
    return means


def _ones(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.asarray(_POPCOUNT[planes].sum(axis=-1, dtype=np.int64))
