"""Noise of layers that is to be mitigated, on a simulator that has no noise of its own."""

from __future__ import annotations

from dataclasses import replace

from qiskit.providers import BackendV2

from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.options.models import layer_errors
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.simulation.backends.kinds import describe

__all__ = ["with_noise_of_layers"]


def with_noise_of_layers(
    options: ResolvedEstimatorOptions, backend: BackendV2
) -> ResolvedEstimatorOptions:
    """Return the options, with noise for a simulator that has none of its own.

    The noise that mitigation is to remove, ``resilience.layer_noise_model``, is simulated where
    nothing else is: on a simulator without noise, as upstream does. A noisy backend has that noise
    already, and it would act twice; upstream adds it there too.
    """
    layers = options.resilience.layer_noise_model
    if options.layer_noise_model is not None or not layers:
        return options
    if layer_errors(layers) is not None:
        return options  # which layers of the circuits they belong to is found out later
    if not describe(simulated_backend(backend, options.noise_model)).is_noiseless:
        return options
    # Whoever gives noise for mitigation gives it for layers of gates; the others are no mistake.
    return replace(options, layer_noise_model=tuple(layers), warn_absent=False)
