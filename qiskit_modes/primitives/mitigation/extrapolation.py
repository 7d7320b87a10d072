"""Zero-noise extrapolation: from values at several noise factors to values at others.

Each extrapolator gives values and their gradients with respect to what was measured, so that errors
can be propagated whatever the terms share. They are finite for any data: polynomials are weighted
least squares; the rates of exponentials, which data near zero say nothing about, are held by a weak
prior, so that a fit does not run away where it has nothing to hold on to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["NEEDED", "Extrapolated", "extrapolated", "select"]

Array = npt.NDArray[np.float64]

NEEDED = {"linear": 2, "exponential": 2, "double_exponential": 4, "fallback": 1}
NEEDED |= {f"polynomial_degree_{degree}": degree + 1 for degree in range(1, 8)}
"""How many different noise factors an extrapolator needs."""

_RATE = 0.4
"""Prior standard deviation of a rate, per unit of noise factor."""

_AMPLITUDE = 1.0
"""Prior standard deviation of the amplitudes of a double exponential; values are within ±1."""

_CAUTION = 3.0
"""By how much pairs of rates are less told apart than the data would have it. Four numbers are
hardly ever held by the data, and what decides among them too sharply jumps with the noise."""

_WIDEST = 4 * _RATE
"""Rates beyond are not looked at."""

_MAX_EXPONENT = 300.0
"""Magnitude of exponents that keeps squares of exponentials finite."""

_PLACES = 64
_PLACES_OF_TWO = 32
"""How many rates are looked at; how many for each of those of a double exponential."""

_ZOOMS = 2
"""How often they are placed anew, more closely, where rates are likely."""

_NEGLIGIBLE = 12.0
"""A rate that is exp(-12) times as likely as the best one is left out."""

_APART = 1e-10
"""By how much exponentials differ at least, relatively, so that rounding can tell them apart."""

_ELEMENTS = 1 << 22
"""Numbers that are worked on at a time."""


@dataclass(frozen=True)
class Extrapolated:
    """Values of some terms at some noise factors."""

    values: Array
    """Shape (num_terms, num_points)."""

    gradients: Array
    """By how much each changes with what was measured; (num_terms, num_points, num_factors)."""

    def errors(self, sigmas: Array) -> Array:
        """Return standard errors, shape (num_terms, num_points), of independent measurements."""
        found: Array = np.sqrt(np.einsum("tpf,tf->tp", self.gradients**2, sigmas**2))
        return found


def extrapolated(
    name: str, factors: Sequence[float], values: Array, sigmas: Array, points: Sequence[float]
) -> Extrapolated:
    """Extrapolate the values of terms.

    Args:
        name: The extrapolator; a key of `NEEDED`.
        factors: The noise factors, at least as many different ones as it needs.
        values: What was measured at each, shape (num_terms, num_factors).
        sigmas: The standard errors, all positive, of the same shape.
        points: The noise factors at which values are wanted.
    """
    x, at = np.asarray(factors, dtype=np.float64), np.asarray(points, dtype=np.float64)
    step = max(1, _ELEMENTS // (_PLACES_OF_TWO**2 * len(x)))
    parts = [
        _extrapolated(name, x, values[first : first + step], sigmas[first : first + step], at)
        for first in range(0, max(len(values), 1), step)
    ]
    gradients = np.concatenate([each.gradients for each in parts])
    fitted = np.concatenate([each.values for each in parts])
    # Where noise changes nothing, nothing is to be taken back, to the last bit.
    level = np.ptp(values, axis=-1, keepdims=True) == 0
    return Extrapolated(np.where(level, values[:, :1], fitted), gradients)


def _extrapolated(name: str, x: Array, values: Array, sigmas: Array, at: Array) -> Extrapolated:
    if name == "fallback":
        gradients = np.zeros((len(values), len(at), len(x)))
        gradients[..., int(np.argmin(x))] = 1.0
        return Extrapolated(np.einsum("tpf,tf->tp", gradients, values), gradients)
    if name == "exponential":
        return _exponential(x, values, sigmas, at)
    if name == "double_exponential":
        return _double_exponential(x, values, sigmas, at)
    return _polynomial(NEEDED[name] - 1, x, values, sigmas, at)


def select(candidates: Sequence[Array], errors: Sequence[Array]) -> npt.NDArray[np.intp]:
    """Return which extrapolator counts for each term: the first whose value can be true.

    That is one with a standard error of at most 1, whose value is not further from what a product
    of Paulis can be than that. Where there is none, it is the one with the smallest error.

    Args:
        candidates: For each extrapolator the terms' values at zero noise, shape (num_terms,).
        errors: Their standard errors, of the same shapes.

    Returns:
        Indices of extrapolators, shape (num_terms,).
    """
    value, error = np.stack(candidates), np.stack(errors)
    possible = (error <= 1.0) & (np.abs(value) + error <= 2.0)
    chosen: npt.NDArray[np.intp] = np.where(
        possible.any(axis=0), possible.argmax(axis=0), error.argmin(axis=0)
    )
    return chosen


def _polynomial(degree: int, x: Array, values: Array, sigmas: Array, at: Array) -> Extrapolated:
    """Fit by weighted least squares, which is linear in the values."""
    largest = np.abs(x).max()
    powers = np.arange(degree + 1)
    design = (x[:, np.newaxis] / largest) ** powers
    wanted = (at[:, np.newaxis] / largest) ** powers
    weights = sigmas.min(axis=-1, keepdims=True) / sigmas
    inverse = np.linalg.pinv(weights[..., np.newaxis] * design)
    gradients = wanted @ (inverse * weights[:, np.newaxis, :])
    return Extrapolated(np.einsum("tpf,tf->tp", gradients, values), gradients)


def _exponential(x: Array, values: Array, sigmas: Array, at: Array) -> Extrapolated:
    """Average ``a exp(b x)`` over the rates b, each as often as it is likely."""
    weights = sigmas**-2.0
    end = min(_WIDEST, _MAX_EXPONENT / max(x.max(), at.max(initial=0.0)))
    low, high = np.full(len(values), -end), np.full(len(values), end)
    places = np.linspace(0.0, 1.0, _PLACES)
    for zoom in range(_ZOOMS + 1):
        rates = low[:, np.newaxis] * (1 - places) + high[:, np.newaxis] * places
        exponentials = np.exp(rates[..., np.newaxis] * x)
        fit = _Amplitudes.of(exponentials, np.zeros_like(exponentials), values, weights)
        likely = fit.likely - rates**2 / (2 * _RATE**2)
        likely -= likely.max(axis=-1, keepdims=True)
        if zoom < _ZOOMS:
            low, high = _range(rates, likely > -_NEGLIGIBLE, (high - low) / (_PLACES - 1))
    there = np.exp(rates[..., np.newaxis] * at)
    return fit.averaged(likely, there, np.zeros_like(there))


def _double_exponential(x: Array, values: Array, sigmas: Array, at: Array) -> Extrapolated:
    """Average ``a exp(b x) + c exp(d x)`` over rates up to 0, each as often as it is likely."""
    weights = sigmas**-2.0
    # Rates are negative squares of these, so that there are more of them near 0.
    low, high = np.zeros((2, len(values))), np.full((2, len(values)), _WIDEST**0.5)
    places = (np.arange(_PLACES_OF_TWO) + 0.5) / _PLACES_OF_TWO
    for zoom in range(_ZOOMS + 1):
        roots = low[..., np.newaxis] * (1 - places) + high[..., np.newaxis] * places
        first = np.repeat(roots[0], _PLACES_OF_TWO, axis=-1)
        second = np.tile(roots[1], _PLACES_OF_TWO)
        b, d = -(first**2), -(second**2)
        fit = _Amplitudes.of(
            np.exp(b[..., np.newaxis] * x), np.exp(d[..., np.newaxis] * x), values, weights
        )
        likely = fit.likely + np.log(first * second) - (b**2 + d**2) / (2 * _RATE**2)
        likely -= likely.max(axis=-1, keepdims=True)
        if zoom < _ZOOMS:
            kept = likely > -_NEGLIGIBLE
            margin = (high - low) / _PLACES_OF_TWO
            ends = _range(np.stack([first, second]), kept, margin)
            low, high = np.maximum(ends[0], 0.0), ends[1]
    there = (np.exp(each[..., np.newaxis] * at) for each in (b, d))
    return fit.averaged(likely, *there, caution=_CAUTION)


def _range(places: Array, kept: npt.NDArray[np.bool_], margin: Array) -> tuple[Array, Array]:
    """Return the ends of what is kept for each term, and a margin more."""
    low = np.where(kept, places, np.inf).min(axis=-1) - margin
    high = np.where(kept, places, -np.inf).max(axis=-1) + margin
    return low, high


@dataclass(frozen=True)
class _Amplitudes:
    """Amplitudes of two exponentials with given rates, fitted for each pair of rates."""

    first: Array
    second: Array
    """The exponentials at the noise factors, (num_terms, num_rates, num_factors)."""
    weights: Array
    """Shape (num_terms, num_factors)."""
    inverse: tuple[Array, Array, Array]
    """The three elements of the inverse of the normal matrix, (num_terms, num_rates)."""
    amplitudes: tuple[Array, Array]
    likely: Array
    """The logarithm of how likely the data are with each pair of rates, but for a constant."""

    @classmethod
    def of(cls, first: Array, second: Array, values: Array, weights: Array) -> _Amplitudes:
        prior, apart = _AMPLITUDE**-2.0, 1.0 + _APART
        p11 = np.einsum("tkf,tkf,tf->tk", first, first, weights) * apart + prior
        p12 = np.einsum("tkf,tkf,tf->tk", first, second, weights)
        p22 = np.einsum("tkf,tkf,tf->tk", second, second, weights) * apart + prior
        determinant = p11 * p22 - p12**2
        inverse = p22 / determinant, -p12 / determinant, p11 / determinant
        right = weights * values
        r1 = np.einsum("tkf,tf->tk", first, right)
        r2 = np.einsum("tkf,tf->tk", second, right)
        a = inverse[0] * r1 + inverse[1] * r2
        c = inverse[1] * r1 + inverse[2] * r2
        likely = (a * r1 + c * r2 - np.log(determinant)) / 2
        return cls(first, second, weights, inverse, (a, c), likely)

    def averaged(
        self, likely: Array, first_there: Array, second_there: Array, *, caution: float = 1.0
    ) -> Extrapolated:
        """Return the average over rates, each weighed by how likely it is.

        Args:
            likely: A logarithm, shape (num_terms, num_rates).
            first_there: The first exponential at the points, (num_terms, num_rates, num_points).
            second_there: The second one.
            caution: By what the logarithm is divided.
        """
        share = np.exp(likely / caution)
        share /= share.sum(axis=-1, keepdims=True)
        a, c = (each[..., np.newaxis] for each in self.amplitudes)
        each_value = a * first_there + c * second_there
        values = np.einsum("tk,tkp->tp", share, each_value)
        i11, i12, i22 = (each[..., np.newaxis] for each in self.inverse)
        by_a, by_c = i11 * self.first + i12 * self.second, i12 * self.first + i22 * self.second
        gradients = np.einsum("tk,tkp,tkf->tpf", share, first_there, by_a, optimize=True)
        gradients += np.einsum("tk,tkp,tkf->tpf", share, second_there, by_c, optimize=True)
        # The shares move with the values too.
        fitted = a * self.first + c * self.second
        apart = share[..., np.newaxis] * (each_value - values[:, np.newaxis])
        gradients += np.einsum("tkp,tkf->tpf", apart, fitted) / caution
        return Extrapolated(values, gradients * self.weights[:, np.newaxis, :])
