"""Preparation of a sampler's job: the arguments of ``run()``, read, checked and counted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.primitives.inputs.pubs import SamplerInput, coerce_sampler_pubs
from qiskit_modes.primitives.options.resolve import (
    ResolvedSamplerOptions,
    resolve_sampler_options,
)
from qiskit_modes.primitives.prepared_job import PreparedJob
from qiskit_modes.primitives.programs.memory import check_randomisations
from qiskit_modes.primitives.sampler.checks import check_sampled, check_sampling
from qiskit_modes.primitives.sampler.steps import sampler_steps

__all__ = ["prepare_sampler_job"]


def prepare_sampler_job(
    pubs: Iterable[Any],
    options: Any,
    backend: BackendV2,
    *,
    shots: int | None,
) -> PreparedJob:
    """Check everything that a sampler is given, and return its job.

    Args:
        pubs: See `coerce_sampler_pubs`.
        options: See `resolve_sampler_options`.
        backend: The backend to simulate.
        shots: For PUBs that have none of their own.

    Raises:
        InvalidInputError: If something cannot be run; the message names the PUB.
        NotISAError: If a circuit is not in the backend's instruction set.
        UnsupportedOptionError: If an option was set that cannot be honoured.
    """
    resolved = resolve_sampler_options(options)
    inputs = coerce_sampler_pubs(pubs, backend, shots=shots, default_shots=resolved.default_shots)
    check_sampling(inputs, resolved, backend)
    # Lists and loops: what is asked of few things is sooner asked without generators.
    executions, circuits, empty = 0, [], []
    for index, each in enumerate(inputs):
        circuit = each.circuit
        executions += each.num_sets * math.prod(resolved.twirling.divide(each.shots))
        circuits.append((f"the circuit of PUB {index}", circuit))
        if not sum([register.size for register in circuit.cregs]):
            empty.append(
                f"PUB {index}: the circuit has no classical registers with bits in them, so its "
                "result is empty. Add measurements, for example with circuit.measure_all(); bits "
                "without a register are not in the result."
            )
    return PreparedJob(
        primitive="sampler",
        options=resolved,
        steps=sampler_steps(inputs, resolved, backend),
        inputs={"pubs": [each.pub for each in inputs], "options": resolved.given},
        circuits=circuits,
        executions=executions,
        remarks=tuple(empty),
        check_simulation=partial(_check_simulation, inputs, resolved, backend),
    )


def _check_simulation(
    inputs: Sequence[SamplerInput], options: ResolvedSamplerOptions, backend: BackendV2
) -> None:
    """Raise if what is sampled is too wide, or too much."""
    check_randomisations(inputs, options)
    check_sampled(inputs, backend, options.noise_model)
