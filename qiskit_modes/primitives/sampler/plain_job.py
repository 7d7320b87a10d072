"""A sampler's job as steps: PUBs to a program, and samples to a result."""

from __future__ import annotations

import copy
import math
import secrets
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import BackendV2

from qiskit_modes.exceptions import QiskitModesWarning
from qiskit_modes.primitives.backends.simulated_backend import (
    refusals_with_noise,
    simulated_backend,
)
from qiskit_modes.primitives.inputs.isa import warn_of_broken
from qiskit_modes.primitives.inputs.job_limits import check_results
from qiskit_modes.primitives.inputs.pubs import SamplerInput, coerce_sampler_pubs
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions, resolve_sampler_options
from qiskit_modes.primitives.prepared_job import PreparedJob
from qiskit_modes.primitives.programs.sweeps import Sweep, compile_sweep
from qiskit_modes.primitives.sampler.metadata import job_metadata
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan, Steps
from qiskit_modes.simulation import Program, RunSamples, Samples, compile_circuit
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.circuits.durations import with_durations
from qiskit_modes.simulation.elsewhere import Elsewhere, here
from qiskit_modes.warn import unsupported_options, warn

__all__ = [
    "check_sampler_options",
    "count_sampler_executions",
    "draw_seed",
    "prepare_sampler_job",
    "sampler_steps",
    "warn_of_empty_results",
]


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
    # Before anything is made of their shapes.
    rows = [sum(-(-register.size // 8) for register in each.circuit.cregs) for each in inputs]
    shots_of_pubs = [each.shots * each.pub.size for each in inputs]
    check_results(zip(shots_of_pubs, rows, strict=True), "PUB")
    check_sampler_options(inputs, resolved, backend)
    warn_of_broken((each.fingerprint for each in inputs), backend)
    return PreparedJob(
        "sampler",
        resolved,
        sampler_steps(inputs, resolved, backend),
        tuple(each.pub for each in inputs),
        count_sampler_executions(inputs, resolved),
    )


def warn_of_empty_results(pubs: Sequence[SamplerPub]) -> None:
    """Warn of PUBs whose result holds no bits, because their circuits have no registers.

    Args:
        pubs: The PUBs.
    """
    for index, pub in enumerate(pubs):
        if not any(register.size for register in pub.circuit.cregs):
            warn(
                f"PUB {index}: the circuit has no classical registers with bits in them, so its "
                "result is empty. Add measurements, for example with circuit.measure_all(); bits "
                "without a register are not in the result.",
                QiskitModesWarning,
            )


def sampler_steps(
    inputs: Sequence[SamplerInput], options: ResolvedSamplerOptions, backend: BackendV2
) -> Steps:
    """Return the steps of a sampler's job.

    The result is what Qiskit's `BackendSamplerV2` and the service return: a `PrimitiveResult` of
    `SamplerPubResult`, one `BitArray` for each classical register, each of its PUB's shape. The
    metadata has, beside their keys, ``"simulation"``: for the job the seed that reproduces it, for
    a PUB what noise and method its circuit was simulated with.

    Args:
        inputs: The PUBs, as `coerce_sampler_pubs` returns them.
        options: What of the user's options acts.
        backend: The backend to simulate.
    """
    seed = draw_seed(options.seed, backend)
    if options.changes_circuits or options.angle_decimals is not None:
        from qiskit_modes.primitives.sampler.randomised_job import randomised_sampler_steps

        return randomised_sampler_steps(inputs, options, backend, seed)
    backend = simulated_backend(backend, options.noise_model)
    job = _SamplerJob(tuple(inputs), seed, options, backend)
    return Steps(
        compile=job.compile,
        post_process=job.post_process,
        executions=lambda: _sampler_executions(inputs),
    )


def _sampler_executions(inputs: Sequence[SamplerInput]) -> list[CircuitExecutions]:
    """Return which circuits are executed for some PUBs, and how often."""
    return [
        CircuitExecutions(
            index, fixed.circuit, fixed.content or each.fingerprint, each.shots * len(fixed.values)
        )
        for index, each in enumerate(inputs)
        if _is_run(each)
        for fixed in with_durations(each.circuit, each.fingerprint, each.parameter_values)
    ]


def check_sampler_options(
    inputs: Sequence[SamplerInput],
    options: ResolvedSamplerOptions,
    backend: BackendV2,
) -> None:
    """Raise if PUBs, options and backend do not go together.

    Args:
        inputs: The PUBs.
        options: The options.
        backend: The backend that the job is for.

    Raises:
        UnsupportedOptionError: If an option would have no effect.
        InvalidInputError: Naming the PUB and what to change.
    """
    unsupported_options(refusals_with_noise(backend, options.noise_model))
    if options.layer_noise_model is not None and not options.twirling.enabled:
        sentence = (
            "simulator.layer_noise_model has no effect: its noise acts on twirled layers, and "
            "nothing is twirled. Set twirling.enable_gates=True, or leave it unset."
        )
        unsupported_options([sentence])
    if options.changes_circuits:
        from qiskit_modes.primitives.sampler.randomised_job import check_randomised_sampling

        check_randomised_sampling(inputs, options, backend)


def count_sampler_executions(
    inputs: Sequence[SamplerInput], options: ResolvedSamplerOptions
) -> int:
    """Return how often a circuit is executed for all PUBs, parameter sets and shots."""
    return sum(
        len(each.parameter_values) * math.prod(options.twirling.divide(each.shots))
        for each in inputs
    )


def draw_seed(seed: int | None, backend: BackendV2 | None = None) -> int:
    """Return the seed of a job: the user's (0 is one), that of the backend, or a new random one.

    Args:
        seed: What the options say, or None.
        backend: Where the job runs: a simulator of Aer's may have a seed of its own.
    """
    if seed is None and backend is not None:
        seed = describe(backend).seed
    return secrets.randbits(63) if seed is None else seed


class _SamplerJob:
    """Facts that compilation finds out and post-processing needs."""

    def __init__(
        self,
        inputs: tuple[SamplerInput, ...],
        seed: int,
        options: ResolvedSamplerOptions,
        backend: BackendV2,
    ) -> None:
        self._inputs = inputs
        self._seed = seed
        self._options = options
        self._backend = backend
        self._sweeps: list[Sweep | None] = []

    def compile(self, elsewhere: Elsewhere = here) -> Program:
        compiling = partial(compile_circuit, backend=self._backend, elsewhere=elsewhere)
        self._sweeps = [
            compile_sweep(
                each.circuit, each.fingerprint, each.parameter_values, each.shots, compiling
            )
            if _is_run(each)
            else None
            for each in self._inputs
        ]
        sweeps = [sweep for sweep in self._sweeps if sweep is not None]
        circuits = {key: each for sweep in sweeps for key, each in sweep.circuits.items()}
        return Program(circuits, tuple(run for sweep in sweeps for run in sweep.runs), self._seed)

    def post_process(
        self, samples: Samples, span: ExecutionSpan
    ) -> PrimitiveResult[SamplerPubResult]:
        runs = iter(samples.runs)
        results = [
            _pub_result(each, sweep, runs)
            for each, sweep in zip(self._inputs, self._sweeps, strict=True)
        ]
        metadata = job_metadata(self._options, self._inputs, self._seed, span)
        return PrimitiveResult(results, metadata)


def _is_run(pub: SamplerInput) -> bool:
    """Return False for a PUB that has nothing to sample: no parameter sets."""
    return pub.pub.size > 0


def _pub_result(
    pub: SamplerInput, sweep: Sweep | None, runs: Iterator[RunSamples]
) -> SamplerPubResult:
    data = {}
    recorded = None if sweep is None else sweep.recorded(runs)
    for register in pub.circuit.cregs:
        lead = (*pub.shape, pub.shots, -(-register.size // 8))
        packed = np.zeros(lead, dtype=np.uint8) if recorded is None else recorded[register.name]
        data[register.name] = BitArray(packed.reshape(lead), register.size)
    metadata = {
        "shots": pub.shots,
        "circuit_metadata": copy.deepcopy(pub.circuit.metadata),
        "executor": None,
        "simulation": {} if sweep is None else sweep.simulation,
    }
    return SamplerPubResult(DataBin(**data, shape=pub.shape), metadata=metadata)
