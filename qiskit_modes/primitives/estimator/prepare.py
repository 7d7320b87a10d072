"""Preparation of an estimator's job: the arguments of ``run()``, read, checked and counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.primitives.backends.seed import draw_seed
from qiskit_modes.primitives.estimator.checks import check_estimation
from qiskit_modes.primitives.estimator.plain_job import PlainEstimatorJob
from qiskit_modes.primitives.inputs.pubs import EstimatorInput, coerce_estimator_pubs
from qiskit_modes.primitives.measurement.bases import measurements_of
from qiskit_modes.primitives.mitigation.simulated_noise import with_noise_of_layers
from qiskit_modes.primitives.options.resilience import (
    calibration_randomisations,
    calibration_shots,
    folded_factors_of,
    noise_factors_of,
)
from qiskit_modes.primitives.options.resolve import (
    ResolvedEstimatorOptions,
    resolve_estimator_options,
)
from qiskit_modes.primitives.prepared_job import PreparedJob
from qiskit_modes.runtime.steps import Steps

__all__ = ["estimator_steps", "prepare_estimator_job"]


def prepare_estimator_job(
    pubs: Iterable[Any],
    options: Any,
    backend: BackendV2,
    *,
    precision: float | None,
    older: bool = False,
) -> PreparedJob:
    """Check everything that an estimator is given, and return its job.

    Args:
        pubs: See `coerce_estimator_pubs`.
        options: See `resolve_estimator_options`.
        backend: The backend to simulate.
        precision: For PUBs that have none of their own.
        older: See `EstimatorV2.older`.

    Raises:
        InvalidInputError: If something cannot be run; the message names the PUB.
        NotISAError: If a circuit is not in the backend's instruction set.
        UnsupportedOptionError: If an option was set that cannot be honoured.
    """
    resolved = resolve_estimator_options(options)
    resolved = replace(with_noise_of_layers(resolved, backend), older=older)
    seed = draw_seed(resolved.seed, backend)
    inputs = coerce_estimator_pubs(
        pubs,
        backend,
        precision=precision,
        default_precision=resolved.default_precision,
        default_shots=resolved.default_shots,
        older=older,
    )
    final, learning = check_estimation(inputs, resolved, backend, seed)
    return PreparedJob(
        primitive="estimator",
        options=resolved,
        steps=estimator_steps(inputs, final, backend, seed),
        inputs={"pubs": [each.pub for each in inputs]},
        circuits=[(f"the circuit of PUB {n}", each.pub.circuit) for n, each in enumerate(inputs)],
        executions=_count(inputs, resolved) + learning,
        folded=folded_factors_of(resolved.resilience),
    )


def estimator_steps(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    seed: int | None = None,
) -> Steps:
    """Return the steps of an estimator's job.

    Args:
        inputs: The PUBs, as `coerce_estimator_pubs` returns them.
        options: What of the user's options acts.
        backend: The backend to simulate.
        seed: From which all is drawn; None for the options' own, or a new one.
    """
    if seed is None:
        seed = draw_seed(options.seed, backend)
    if options.mitigates:
        # Loaded late: an estimator that mitigates nothing does not need what this brings along.
        from qiskit_modes.primitives.estimator.mitigated_job import MitigatedEstimatorJob

        return MitigatedEstimatorJob(tuple(inputs), options, backend, seed)
    return PlainEstimatorJob(tuple(inputs), options, backend, seed)


def _count(inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions) -> int:
    """Return how often a circuit is executed for all PUBs, bases, parameter sets and shots.

    What probabilistic error cancellation adds is not known before its circuits are prepared, and
    is not counted.
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
