"""An estimator's job that mitigates nothing: PUBs to a program, samples to expectation values."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from qiskit.primitives.containers import DataBin, PrimitiveResult, PubResult
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.results import EstimatorPubResult

from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.estimator.metadata import job_metadata
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.measurement.bases import MeasurementPlan, plan_of
from qiskit_modes.primitives.measurement.basis_change import (
    kept_measured_in,
    measurement_register_name,
)
from qiskit_modes.primitives.measurement.values import values_and_variances
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.primitives.programs.summary import summary
from qiskit_modes.primitives.programs.sweeps import Sweep, SweepNotes, compile_sweep, program_of
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan
from qiskit_modes.simulation import Program, RunSamples, Samples, compile_circuit
from qiskit_modes.simulation.circuits.durations import with_durations
from qiskit_modes.simulation.compile.compile_ideal import Beginning
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["PlainEstimatorJob"]

_Notes = list[tuple[SweepNotes, ...]]
"""Of each PUB, one entry for each basis."""


@dataclass(frozen=True)
class PlainEstimatorJob:
    """The steps of an estimator's job that mitigates nothing.

    Each PUB's terms are sorted into qubit-wise commuting groups, and the circuit is sampled
    once in the basis of each group, with the PUB's shots for every parameter set. Identities are
    exact. ``stds`` is the standard error of the sum of the terms, where those that are measured in
    the same basis vary together; Qiskit's `BackendEstimatorV2` adds up the terms' own standard
    errors, which is more. ``ensemble_standard_error`` equals ``stds``, as for the service without
    twirling.

    The job's metadata has ``"resilience_level": 0``: nothing is mitigated. ``"simulation"`` has the
    seed that reproduces the job, and for a PUB the number of bases and what noise and method each
    was simulated with.
    """

    inputs: tuple[EstimatorInput, ...]
    options: ResolvedEstimatorOptions
    backend: BackendV2
    """The backend that the job is for; the options may bring another noise along."""
    seed: int
    """From which shots are drawn."""

    def compile(self, elsewhere: Elsewhere = here) -> tuple[Program, _Notes]:
        """Compile each circuit with the measurement of each basis; see `Steps.compile`."""
        simulated = simulated_backend(self.backend, self.options.noise_model)
        compiling = partial(compile_circuit, backend=simulated, elsewhere=elsewhere)
        sweeps = [self._sweeps(each, compiling) for each in self.inputs]
        program = program_of([sweep for own in sweeps for sweep in own], self.seed)
        return program, [tuple(sweep.notes for sweep in own) for own in sweeps]

    def _sweeps(self, pub: EstimatorInput, compiling: Any) -> list[Sweep]:
        plan, instructions = _plan_of(pub), instruction_set_of(self.backend)
        beginning = None
        if len(plan.bases) > 1:  # the state before them is the same
            qubits = frozenset(qubit for basis, _ in plan.bases for qubit in basis)
            beginning = Beginning(pub.fingerprint, qubits, len(plan.bases))
        return [
            compile_sweep(
                *kept_measured_in(pub.circuit, pub.fingerprint, basis, instructions),
                pub.parameter_values[sets],
                pub.shots,
                compiling,
                beginning=beginning,
            )
            for basis, sets in zip(plan.bases, plan.sets, strict=True)
        ]

    def post_process(
        self,
        samples: Samples,
        notes: _Notes,
        span: ExecutionSpan,  # noqa: ARG002 - estimators report no spans
    ) -> PrimitiveResult[PubResult]:
        """Make expectation values of what was recorded; see `Steps.post_process`."""
        runs = iter(samples.runs)
        results = [
            _pub_result(each, sweeps, runs) for each, sweeps in zip(self.inputs, notes, strict=True)
        ]
        metadata = job_metadata(self.options, self.inputs, self.seed)
        return PrimitiveResult(results, metadata)

    def executions(self) -> list[CircuitExecutions]:
        """Return which circuits are executed, one for each basis; see `Steps.executions`."""
        instructions = instruction_set_of(self.backend)
        planned = []
        for index, each in enumerate(self.inputs):
            plan = _plan_of(each)
            for basis, sets in zip(plan.bases, plan.sets, strict=True):
                circuit, content = kept_measured_in(
                    each.circuit, each.fingerprint, basis, instructions
                )
                purpose = " ".join(f"{letter}{q}" for q, letter in zip(*basis, strict=True))
                for fixed in with_durations(circuit, content, each.parameter_values[sets]):
                    executions, key = each.shots * len(fixed.values), fixed.content or content
                    planned.append(
                        CircuitExecutions(index, fixed.circuit, key, executions, purpose)
                    )
        return planned


def _plan_of(pub: EstimatorInput) -> MeasurementPlan:
    return plan_of(pub.observables, pub.parameter_shape)


def _pub_result(
    pub: EstimatorInput, sweeps: tuple[SweepNotes, ...], runs: Iterator[RunSamples]
) -> PubResult:
    plan = _plan_of(pub)
    register = measurement_register_name(pub.circuit)
    samples = [sweep.recorded(runs)[register] for sweep in sweeps]
    values, variances = values_and_variances(plan, pub.observables.coefficients, samples)
    stds = np.sqrt(variances / pub.shots)
    data = DataBin(
        evs=values.reshape(plan.shape),
        stds=stds.reshape(plan.shape),
        ensemble_standard_error=stds.copy().reshape(plan.shape),
        shape=plan.shape,
    )
    simulation = summary([sweep.simulation for sweep in sweeps])
    metadata = {
        "target_precision": pub.precision,
        "shots": pub.shots,
        "circuit_metadata": copy.deepcopy(pub.circuit.metadata),
        "executor": None,
        "simulation": {"num_bases": len(sweeps), **simulation},
    }
    return EstimatorPubResult(data, metadata=metadata)
