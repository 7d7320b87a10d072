"""A sampler's job that changes no circuit: PUBs to a program, and samples to a result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.providers import BackendV2

from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.inputs.circuits import metadata_of
from qiskit_modes.primitives.inputs.pubs import SamplerInput
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions
from qiskit_modes.primitives.programs.sweeps import SweepNotes, compile_sweep, program_of
from qiskit_modes.primitives.sampler.metadata import job_metadata
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan
from qiskit_modes.simulation import Program, RunSamples, Samples, compile_circuit
from qiskit_modes.simulation.circuits.durations import with_durations
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["PlainSamplerJob"]

_Notes = list[SweepNotes | None]
"""Of each PUB; None for one that has nothing to sample: no parameter sets."""


@dataclass(frozen=True)
class PlainSamplerJob:
    """The steps of a sampler's job that changes no circuit.

    The result is what Qiskit's `BackendSamplerV2` and the service return: a `PrimitiveResult` of
    `SamplerPubResult`, one `BitArray` for each classical register, each of its PUB's shape. The
    metadata has, beside their keys, ``"simulation"``: for the job the seed that reproduces it, for
    a PUB what noise and method its circuit was simulated with.
    """

    inputs: tuple[SamplerInput, ...]
    options: ResolvedSamplerOptions
    backend: BackendV2
    """The backend that the job is for; the options may bring another noise along."""
    seed: int
    """From which shots are drawn."""

    def compile(self, elsewhere: Elsewhere = here) -> tuple[Program, _Notes]:
        """Compile each circuit, with noise; see `Steps.compile`."""
        simulated = simulated_backend(self.backend, self.options.noise_model)
        compiling = partial(compile_circuit, backend=simulated, elsewhere=elsewhere)
        sweeps = [
            compile_sweep(
                each.circuit, each.fingerprint, each.parameter_values, each.shots, compiling
            )
            if each.num_sets > 0
            else None
            for each in self.inputs
        ]
        program = program_of([sweep for sweep in sweeps if sweep is not None], self.seed)
        return program, [None if sweep is None else sweep.notes for sweep in sweeps]

    def post_process(
        self, samples: Samples, notes: _Notes, span: ExecutionSpan
    ) -> PrimitiveResult[SamplerPubResult]:
        """Put what was recorded into arrays of the PUBs' shapes; see `Steps.post_process`."""
        runs = iter(samples.runs)
        results = [
            _pub_result(each, sweep, runs) for each, sweep in zip(self.inputs, notes, strict=True)
        ]
        metadata = job_metadata(self.options, self.inputs, self.seed, span)
        return PrimitiveResult(results, metadata)

    def executions(self) -> list[CircuitExecutions]:
        """Return which circuits are executed, and how often; see `Steps.executions`."""
        return [
            CircuitExecutions(
                index,
                fixed.circuit,
                fixed.content or each.fingerprint,
                each.shots * len(fixed.values),
            )
            for index, each in enumerate(self.inputs)
            if each.num_sets > 0
            for fixed in with_durations(each.circuit, each.fingerprint, each.parameter_values)
        ]


def _pub_result(
    pub: SamplerInput, sweep: SweepNotes | None, runs: Iterator[RunSamples]
) -> SamplerPubResult:
    data = {}
    circuit, shape = pub.circuit, pub.shape
    recorded = None if sweep is None else sweep.recorded(runs)
    for register in circuit.cregs:
        lead = (*shape, pub.shots, -(-register.size // 8))
        packed = np.zeros(lead, dtype=np.uint8) if recorded is None else recorded[register.name]
        data[register.name] = BitArray(packed.reshape(lead), register.size)
    metadata = {
        "shots": pub.shots,
        "circuit_metadata": metadata_of(circuit),
        "executor": None,
        "simulation": {} if sweep is None else sweep.simulation,
    }
    return SamplerPubResult(DataBin(**data, shape=shape), metadata=metadata)
