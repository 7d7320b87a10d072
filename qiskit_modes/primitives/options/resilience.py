"""Reads an estimator's options ``resilience``: techniques, and numbers for "auto"."""

from __future__ import annotations

from typing import Literal

from qiskit_ibm_runtime.options_models import ResilienceOptions

from qiskit_modes.primitives.options.models import LocalResilienceOptions

__all__ = [
    "Technique",
    "calibration_randomisations",
    "calibration_shots",
    "folded_factors_of",
    "needs_layer_noise",
    "noise_factors_of",
    "technique_of",
]

Technique = Literal["none", "gate_folding", "pea", "pec"]

_NOISE_FACTORS = (1.0, 3.0, 5.0)
"""Upstream's, where nothing is said."""


def noise_factors_of(resilience: ResilienceOptions) -> tuple[float, ...]:
    """Return by which factors zero-noise extrapolation amplifies the noise.

    Example:
        >>> noise_factors_of(ResilienceOptions())
        (1.0, 3.0, 5.0)
    """
    factors = resilience.zne.noise_factors
    return _NOISE_FACTORS if factors == "auto" else tuple(float(factor) for factor in factors)


def folded_factors_of(resilience: ResilienceOptions) -> tuple[float, ...]:
    """Return by which factors gates on two qubits are folded; ``(1.0,)`` if none are.

    Example:
        >>> folded_factors_of(ResilienceOptions(zne_mitigation=True, pec_mitigation=False))
        (1.0, 3.0, 5.0)
        >>> folded_factors_of(ResilienceOptions(pec_mitigation=True, zne_mitigation=False))
        (1.0,)
    """
    folds = technique_of(resilience) == "gate_folding"
    return noise_factors_of(resilience) if folds else (1.0,)


def calibration_randomisations(resilience: ResilienceOptions, usual: int) -> int:
    """Return how many randomisations the calibration of measurements has.

    Args:
        resilience: The options.
        usual: How many the circuits have that are measured.
    """
    number = resilience.measure_noise_learning.num_randomizations
    return usual if number == "auto" else int(number)


def calibration_shots(resilience: LocalResilienceOptions, usual: int) -> int:
    """Return how many shots each randomisation of the calibration of measurements has.

    Args:
        resilience: The options.
        usual: How many those of the circuits have that are measured.
    """
    number = resilience.measure_noise_learning.shots_per_randomization
    return usual if number == "auto" else int(number)


def technique_of(resilience: ResilienceOptions) -> Technique:
    """Return the technique that finalized options ask for, beside measurement mitigation."""
    if resilience.pec_mitigation:
        return "pec"
    if resilience.zne_mitigation:
        return "pea" if resilience.zne.amplifier == "pea" else "gate_folding"
    return "none"


def needs_layer_noise(resilience: ResilienceOptions) -> bool:
    """Return whether finalized options ask for a technique that works with the noise of layers."""
    return technique_of(resilience) in ("pec", "pea")
