"""Multiplying many rows by one small matrix, in one thread."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["product"]

Array = npt.NDArray[Any]

SINGLE_THREADED = 1 << 15
"""Products of matrices with so many multiplications are done by one thread in OpenBLAS; twice as
many may not be."""
FEWEST_ROWS = 32
"""... but not fewer rows at a time, however wide a unitary is."""


def product(rows: Array, factor: Array) -> Array:
    """Return ``rows @ factor``, so many rows at a time that BLAS starts no threads of its own.

    It would divide the work by the number of cores, and its threads wait for each other at full
    speed: where cores are busy with other things, that takes many times as long as the work. In a
    worker it has one thread anyway, and what is not small goes there.

    Args:
        rows: Shape (num_rows, before).
        factor: Shape (before, after).
    """
    at_once = max(FEWEST_ROWS, SINGLE_THREADED // factor.size)
    into = np.empty((len(rows), factor.shape[1]), dtype=rows.dtype)
    for start in range(0, len(rows), at_once):
        part = slice(start, start + at_once)
        np.matmul(rows[part], factor, out=into[part])
    return into
