"""Mitigated expectation values and their standard errors, from what was read.

A value is a function of the mean values of many terms at several noise factors, and of how reliable
each qubit's measurement was found to be. Its error follows from how it moves with each of these,
and from how they varied, together, from one randomisation to the next. So terms that were measured
in the same shots, the calibration that all of them share, and a fit that is not linear are all
accounted for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qiskit_modes.primitives.measurement.assembly import Part, ResultAssembly
from qiskit_modes.primitives.measurement.readings import Readings
from qiskit_modes.primitives.mitigation.extrapolation import Extrapolated, extrapolated, select

__all__ = ["Estimates", "Extrapolation", "Readout", "estimates"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Readout:
    """Reliability of measurements: the outcomes of a state that is known."""

    readings: Readings

    def fidelities(self) -> Array:
        """Return each qubit's 1 - 2 p, where p is the part of its outcomes that was wrong.

        Shape (num_qubits,). What so many shots cannot tell from nothing is taken for what they can.
        """
        return np.maximum(self._means().mean(axis=0), 1 / self.readings.shots)

    def variances(self, gradients: Array) -> tuple[Array, Array]:
        """Return the variance that comes of not knowing the fidelities better.

        Args:
            gradients: By how much each value moves with each fidelity, shape (num_values,
                num_qubits).

        Returns:
            That from the spread over randomisations, and that of all shots taken together; both of
            shape (num_values,).
        """
        part = Part(0, self._supports, slice(None), np.arange(len(gradients)), gradients.T)
        ones = np.ones((1, gradients.shape[-1]))
        spread, shot = _variances(self.readings, part, ones, self._means())
        return spread[:, 0], shot[:, 0]

    @property
    def _supports(self) -> list[tuple[int, ...]]:
        return [(qubit,) for qubit in range(8 * self.readings.bits.shape[-1])]

    def _means(self) -> Array:
        return self.readings.means(0, self._supports)


@dataclass(frozen=True)
class Extrapolation:
    """Extrapolation of values to zero noise."""

    factors: tuple[float, ...]
    names: tuple[str, ...]
    """The extrapolators, the preferred one first."""
    points: tuple[float, ...]
    """Noise factors at which all of them are evaluated beside."""


@dataclass(frozen=True)
class Estimates:
    """Some values of each result of a PUB."""

    values: Array
    """Shape (num_results, num_values)."""
    stds: Array
    """Their standard errors, from the spread over randomisations."""
    ensemble: Array
    """Their standard errors were all shots of one ensemble."""
    selected: tuple[tuple[str, ...], ...] = ()
    """For each result the extrapolator of each of its terms, where values are extrapolated."""


def estimates(
    assembly: ResultAssembly,
    coefficients: Array,
    readings: Sequence[Readings],
    *,
    gamma: float = 1.0,
    readout: Readout | None = None,
    extrapolation: Extrapolation | None = None,
) -> Estimates:
    """Estimate the results of a PUB.

    Args:
        assembly: Where its terms were measured, and what they are parts of.
        coefficients: Those of its observables, shape (num_terms,).
        readings: What was read, at each noise factor.
        gamma: By what signed values are multiplied.
        readout: How reliable measurements are, to be mitigated; None if that is not.
        extrapolation: How values are extrapolated; None if there is one noise factor.

    Returns:
        One value of each result; with extrapolation that at zero noise, then one for each
        extrapolator and point, then one for each noise factor.
    """
    means = [
        [each.means(number, supports) for number, supports in enumerate(assembly.supports)]
        for each in readings
    ]
    fidelities = None if readout is None else readout.fidelities()
    scales = np.where(assembly.identities, 1.0, gamma)
    if fidelities is not None:
        scales = scales * np.exp(-assembly.incidence @ np.log(fidelities[: assembly.num_qubits]))
    measured = np.stack([np.concatenate(each, axis=1).mean(axis=0) for each in means], axis=-1)
    measured = np.where(assembly.identities[:, np.newaxis], 1.0, measured) * scales[:, np.newaxis]

    selected: tuple[tuple[str, ...], ...] = ()
    if extrapolation is None:
        wanted = Extrapolated(measured, np.ones((*measured.shape, 1)))
    else:
        errors = _term_errors(readings, means, measured, scales, extrapolation.factors)
        wanted, chosen = _extrapolate(extrapolation, measured, errors, assembly.identities)
        names = [extrapolation.names[number] for number in chosen]
        selected = tuple(tuple(names[row] for row in rows) for rows in assembly.rows_of_results())

    num_values = wanted.values.shape[-1]
    values = np.zeros((assembly.size, num_values))
    between, ensemble = np.zeros_like(values), np.zeros_like(values)
    slopes = np.zeros((assembly.size, num_values, 0 if fidelities is None else len(fidelities)))
    for part in assembly.parts(coefficients):
        weights = part.coefficients  # (num_terms, num_results), dense or sparse
        values[part.results] += weights.T @ wanted.values[part.rows]
        gradients = wanted.gradients[part.rows] * scales[part.rows, np.newaxis, np.newaxis]
        gradients[assembly.identities[part.rows]] = 0.0
        for number, (each, found) in enumerate(zip(readings, means, strict=True)):
            spread, shot = _variances(
                each, part, gradients[..., number].T, found[part.configuration]
            )
            between[part.results] += spread
            ensemble[part.results] += shot
        if fidelities is not None:
            moved = np.einsum("tvf,tf->tv", wanted.gradients[part.rows], measured[part.rows])
            for value in range(num_values):
                by_qubit = moved[:, value, np.newaxis] * assembly.incidence[part.rows]
                slopes[part.results, value, : assembly.num_qubits] -= weights.T @ by_qubit
    if readout is not None and fidelities is not None:
        slopes /= fidelities
        spread, shot = readout.variances(slopes.reshape(-1, len(fidelities)))
        between += spread.reshape(between.shape)
        ensemble += shot.reshape(ensemble.shape)
    # What randomisations have in common can only add to what the shots alone leave open.
    stds = np.sqrt(np.maximum(between, ensemble))
    return Estimates(values, stds, np.sqrt(ensemble), selected)


def _variances(readings: Readings, part: Part, moves: Array, means: Array) -> tuple[Array, Array]:
    """Return the variances of weighted sums of terms that were measured together.

    Args:
        readings: What was read.
        part: The terms, and their weights in each sum.
        moves: By what the terms are multiplied besides, for each value, (num_values, num_terms).
        means: The terms' means in each randomisation.

    Returns:
        Two arrays (num_sums, num_values): the variance from the spread over randomisations, and
        that of all shots taken together. Both are that of all shots where there is but one.
    """
    middle = means.mean(axis=0)
    number = readings.randomisations
    weights = [each[:, np.newaxis] * part.coefficients for each in moves]
    squares = readings.mean_squares(part.configuration, part.supports, weights)
    shot = squares - ((middle * moves) @ part.coefficients) ** 2
    shot = np.maximum(shot, 0.0).T / readings.shots
    if number == 1:
        return shot, shot
    spread = np.empty_like(shot)
    for value, each in enumerate(moves):
        apart = ((means - middle) * each) @ part.coefficients
        spread[:, value] = (apart**2).sum(axis=0) / (number * (number - 1))
    return spread, shot


def _term_errors(
    readings: Sequence[Readings],
    means: Sequence[Sequence[Array]],
    measured: Array,
    scales: Array,
    factors: Sequence[float],
) -> Array:
    """Return standard errors of terms at each noise factor, all positive.

    They weigh what is fitted, so they are those of all shots, and not of a term's few
    randomisations, times by how much randomisations spread further, see `_widened`. Two shots more,
    one of each kind, keep an outcome that never varied from counting as certain.
    """
    errors = np.empty_like(measured)
    wider = np.ones(len(readings))
    for number, (each, found) in enumerate(zip(readings, means, strict=True)):
        together = np.concatenate(found, axis=1)
        plain = together.mean(axis=0) * each.shots / (each.shots + 2)
        shot = (1 - plain**2) / each.shots
        if each.randomisations > 1:
            spread = together.var(axis=0, ddof=1) / each.randomisations
            wider[number] = spread.mean() / shot.mean()
        errors[:, number] = np.sqrt(shot) * np.abs(scales)
    widened: Array = errors * np.sqrt(_widened(wider, np.asarray(factors, dtype=np.float64)))
    return widened


def _widened(wider: Array, factors: Array) -> Array:
    """Return by how much variances are larger than that of the shots at each noise factor.

    What was found at each is not taken as it is. Few randomisations meet an error that is injected
    rarely: where none has, the value would count for too much, and where one has, which moved the
    value too, for too little, so that fits spread further than the errors say that are propagated
    through them. It is in proportion to the noise that is added, which is what randomisations
    differ by, and how much that is, is told by all of them together.

    Args:
        wider: What was found, on average over the terms; shape (num_factors,).
        factors: The noise factors, of the same shape.
    """
    added = factors - factors.min()
    if not added.any():
        return np.maximum(1.0, wider)
    return 1.0 + added * max(0.0, (wider - 1.0).sum() / added.sum())


def _extrapolate(
    extrapolation: Extrapolation,
    measured: Array,
    errors: Array,
    identities: npt.NDArray[np.bool_],
) -> tuple[Extrapolated, npt.NDArray[np.intp]]:
    """Return the values that `estimates` returns, and which extrapolator each term's is of."""
    factors, points = extrapolation.factors, (0.0, *extrapolation.points)
    all_of_them = [
        extrapolated(name, factors, measured, errors, points) for name in extrapolation.names
    ]
    chosen = select(
        [each.values[:, 0] for each in all_of_them],
        [each.errors(errors)[:, 0] for each in all_of_them],
    )
    chosen[identities] = 0
    terms = np.arange(len(measured))
    at_zero = np.stack([each.values[:, 0] for each in all_of_them])[chosen, terms]
    moves = np.stack([each.gradients[:, 0] for each in all_of_them])[chosen, terms]
    num_factors = len(factors)
    values = [at_zero[:, np.newaxis], *(each.values[:, 1:] for each in all_of_them), measured]
    gradients = [
        moves[:, np.newaxis],
        *(each.gradients[:, 1:] for each in all_of_them),
        np.broadcast_to(np.eye(num_factors), (len(measured), num_factors, num_factors)),
    ]
    return Extrapolated(np.concatenate(values, axis=1), np.concatenate(gradients, axis=1)), chosen
