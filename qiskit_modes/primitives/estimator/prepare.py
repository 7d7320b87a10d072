"""Preparation of an estimator's job: the arguments of ``run()``, read, checked and counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.primitives.backends.seed import draw_seed
from qiskit_modes.primitives.estimator.checks import check_estimation, check_measured
from qiskit_modes.primitives.estimator.count import count_executions
from qiskit_modes.primitives.estimator.memory import check_memory
from qiskit_modes.primitives.estimator.steps import estimator_steps
from qiskit_modes.primitives.inputs.pubs import EstimatorInput, coerce_estimator_pubs
from qiskit_modes.primitives.mitigation.simulated_noise import with_noise_of_layers
from qiskit_modes.primitives.options.resilience import (
    folded_factors_of,
)
from qiskit_modes.primitives.options.resolve import (
    ResolvedEstimatorOptions,
    resolve_estimator_options,
)
from qiskit_modes.primitives.prepared_job import PreparedJob

__all__ = ["prepare_estimator_job"]


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
    resolved = with_noise_of_layers(resolved, backend)
    if older:
        resolved = replace(resolved, older=True)
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
        inputs={"pubs": [each.pub for each in inputs], "options": resolved.given},
        circuits=[(f"the circuit of PUB {n}", each.pub.circuit) for n, each in enumerate(inputs)],
        executions=count_executions(inputs, resolved) + learning,
        folded=folded_factors_of(resolved.resilience),
        check_simulation=partial(_check_simulation, inputs, final, backend, seed),
    )


def _check_simulation(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    seed: int,
) -> None:
    """Raise if what is estimated is too wide, or too much; nothing is for Pauli propagation."""
    if options.pauli_propagation_max_terms is None:
        check_memory(inputs, options, backend, seed)
        check_measured(inputs, backend, options.noise_model)
