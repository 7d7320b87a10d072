"""Steps of an estimator's job: with error mitigation, or without."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.providers import BackendV2

from qiskit_modes.primitives.backends.seed import draw_seed
from qiskit_modes.primitives.estimator.plain_job import PlainEstimatorJob
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.runtime.steps import Steps

__all__ = ["estimator_steps"]


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
    if options.pauli_propagation_max_terms is not None:
        from qiskit_modes.primitives.estimator.propagated_job import PropagatedEstimatorJob

        return PropagatedEstimatorJob(tuple(inputs), options, backend, seed)
    return PlainEstimatorJob(tuple(inputs), options, backend, seed)
