"""Drawing shots from exact distributions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = ["draw", "draw_bits", "draw_rows", "stairs"]

FEW_OUTCOMES = 16
"""Up to so many, steps are compared with all points: each shot is another one, so that a search
guesses its way wrong at every step. For four outcomes that takes a fifteenth of the time."""

FEW_SHOTS = 256
"""Up to so many, what comparing takes is its calls: 67 us in a job that finds the processor's
caches empty, where searching takes 30."""


def stairs(weights: RealArray) -> RealArray:
    """Return distributions as `draw` needs them: the sum of all weights up to each outcome.

    Args:
        weights: Shape (num_sets, outcomes); need not be normalised. Rounding may have left values
            of -1e-17, which count as 0.

    Returns:
        Shape (num_sets, outcomes).
    """
    return np.maximum(weights, 0.0).cumsum(axis=-1)


def draw(
    cumulative: RealArray, shots: int, generator: np.random.Generator
) -> npt.NDArray[np.integer]:
    """Draw outcomes, each shot independently of the others.

    Args:
        cumulative: Shape (outcomes,), see `stairs`.
        shots: How many.
        generator: Where the random numbers come from.

    Returns:
        Indices of outcomes, shape (shots,).
    """
    points = generator.random(shots) * cumulative[-1]
    if shots <= FEW_SHOTS:
        return cumulative[:-1].searchsorted(points, "right")
    if len(cumulative) <= FEW_OUTCOMES:
        passed = points >= cumulative[:-1, np.newaxis]
        return np.add.reduce(passed, axis=0, dtype=np.uint8)
    # side="right" so that an outcome of weight 0 is never drawn, not even by a point at 0.
    outcomes = cumulative.searchsorted(points, side="right")
    return np.minimum(outcomes, len(cumulative) - 1)


def draw_bits(
    weights: RealArray, shots: int, generator: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Draw many independent bits for each shot.

    Args:
        weights: Shape (bits, 2), the weights of 0 and 1.
        shots: How many.
        generator: Where the random numbers come from.

    Returns:
        Shape (shots, bits).
    """
    positive = np.maximum(weights, 0.0)
    ones = positive[:, 1] / positive.sum(axis=1)
    return generator.random((shots, len(weights))) < ones


def draw_rows(
    weights: RealArray, rows: npt.NDArray[np.intp], generator: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Draw one outcome from each of many distributions.

    Args:
        weights: Shape (distributions, outcomes).
        rows: Shape (shots,): from which distribution each shot is drawn, in ascending order.
        generator: Where the random numbers come from.

    Returns:
        Indices of outcomes, shape (shots,).
    """
    cumulative = np.cumsum(np.maximum(weights, 0.0), axis=1)
    # One long staircase: each distribution is scaled to 1 and stands on top of the one before.
    stairs = (cumulative / cumulative[:, -1:] + np.arange(len(weights))[:, None]).reshape(-1)
    points = rows + generator.random(len(rows))
    outcomes = stairs.searchsorted(points, side="right") - rows * weights.shape[1]
    return np.clip(outcomes, 0, weights.shape[1] - 1)
