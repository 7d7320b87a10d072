"""Expectation values of Pauli terms from sampled bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["expectation_values"]

_POPCOUNT = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)
_SIGN = 1.0 - 2.0 * (_POPCOUNT & 1)
_MAX_UNPACKED_BYTES = 1 << 25  # 32 MiB: larger blocks of samples are worked through in parts


def expectation_values(
    samples: NDArray[np.uint8], supports: Sequence[tuple[int, ...]]
) -> NDArray[np.float64]:
    """Return the mean of the product of ±1 outcomes over the bits of each support.

    Args:
        samples: Shape (num_sets, shots, num_bytes), packed as `BitArray` packs them: bit 0 is the
            lowest bit of the last byte.
        supports: For each term the bits whose outcomes are multiplied.

    Returns:
        Shape (num_terms, num_sets).
    """
    if samples.shape[-1] == 1:
        return _from_histograms(samples[..., 0], supports)
    return _from_bit_planes(samples, supports)


def _from_histograms(
    values: NDArray[np.uint8], supports: Sequence[tuple[int, ...]]
) -> NDArray[np.float64]:
    """Count the 256 values of each set once, and weigh the counts by each term's signs."""
    counts = np.stack([np.bincount(row, minlength=256) for row in values]).astype(np.float64)
    masks = np.array([sum(1 << bit for bit in support) for support in supports], dtype=np.uint8)
    signs = _SIGN[np.arange(256, dtype=np.uint8) & masks[:, np.newaxis]]
    return signs @ counts.T / values.shape[-1]


def _from_bit_planes(
    samples: NDArray[np.uint8], supports: Sequence[tuple[int, ...]]
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
            parity = np.bitwise_xor.reduce(planes[list(support)], axis=0)
            odd = _POPCOUNT[parity].sum(axis=-1, dtype=np.int64)
            means[row, part] = 1.0 - 2.0 * odd / shots
    return means
