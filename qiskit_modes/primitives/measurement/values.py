"""Values and variances of a PUB's observables, from samples in the bases of its measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiskit_modes.primitives.measurement.bases import Family, Measurements, ObservableAssembly
from qiskit_modes.primitives.measurement.expectation_values import means_and_squares, term_weights

__all__ = ["values_and_variances"]


def values_and_variances(
    measurements: Measurements,
    coefficients: NDArray[np.float64],
    samples: Sequence[NDArray[np.uint8]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the expectation values of observables, and their variances in a single shot.

    Args:
        measurements: What was measured.
        coefficients: The coefficients of all terms of all observables, one after another.
        samples: What was recorded in each basis, packed, shape (num_sets, shots, bytes).

    Returns:
        Two flat arrays, with an element for each expectation value.
    """
    size = math.prod(measurements.shape)
    values = np.zeros(size)
    variances = np.zeros(size)
    for number, family in enumerate(measurements.families):
        mine = [assembly for assembly in measurements.assemblies if assembly.family == number]
        means, spread = _of_family(family, mine, coefficients, samples)
        for row, assembly in enumerate(mine):
            weights = coefficients[assembly.coefficients]
            values[assembly.results] = (
                weights @ means[assembly.terms[:, np.newaxis], assembly.columns]
            )
            variances[assembly.results] = spread[row, assembly.columns]
    return values, variances


def _of_family(
    family: Family,
    assemblies: Sequence[ObservableAssembly],
    coefficients: NDArray[np.float64],
    samples: Sequence[NDArray[np.uint8]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return expectation values of a family's terms, and variances of observables in one shot.

    The shapes are (num_terms, num_sets) and (num_assemblies, num_sets).
    """
    lengths = [len(assembly.terms) for assembly in assemblies]
    weights = term_weights(
        np.concatenate([coefficients[assembly.coefficients] for assembly in assemblies]),
        np.concatenate([assembly.terms for assembly in assemblies]),
        np.arange(len(assemblies)).repeat(lengths),
        (len(family.terms), len(assemblies)),
    )
    means = np.ones((len(family.terms), len(family.sets)))  # an identity stays 1, exactly
    variances = np.zeros((len(assemblies), len(family.sets)))
    for part in family.contributions:
        # Terms that are read in the same shots vary together.
        own = weights[part.terms]
        found, squares = means_and_squares(samples[part.basis][part.rows], part.supports, own)
        means[part.terms] = found
        variances += np.maximum(squares - (own.T @ found) ** 2, 0.0)
    return means, variances
