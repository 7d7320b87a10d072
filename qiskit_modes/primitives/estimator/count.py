"""Executions of an estimator's job, counted before it is submitted."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.measurement.bases import measurements_of
from qiskit_modes.primitives.options.resilience import (
    calibration_randomisations,
    calibration_shots,
    noise_factors_of,
)
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions

__all__ = ["count_executions"]


def count_executions(inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions) -> int:
    """Return how often a circuit is executed for all PUBs, bases, parameter sets and shots.

    What probabilistic error cancellation adds is not known before its circuits are prepared, and
    is not counted; nor is what learning the noise of layers takes.

    Args:
        inputs: The PUBs.
        options: The options.
    """
    resilience = options.resilience
    copies = len(noise_factors_of(resilience)) if resilience.zne_mitigation else 1
    executions = 0
    calibrations = {}
    for each in inputs:
        number, shots = options.divide(each.shots)
        sets = measurements_of(each.observables, each.parameter_shape).sets
        executions += number * shots * sum(map(len, sets)) * copies
        if resilience.measure_mitigation:
            calibrations[each.shots] = calibration_shots(
                resilience, shots
            ) * calibration_randomisations(resilience, number)
    return executions + sum(calibrations.values())
