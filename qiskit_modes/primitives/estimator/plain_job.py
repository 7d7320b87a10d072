"""An estimator's job as steps: PUBs to a program, and samples to expectation values."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers import DataBin, PrimitiveResult, PubResult
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.results import EstimatorPubResult

from qiskit_modes.caches import BoundedCache
from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.estimator.checks import (
    check_estimation,
    with_layers_of,
    with_noise_of_layers,
)
from qiskit_modes.primitives.estimator.metadata import job_metadata, summary
from qiskit_modes.primitives.inputs.isa import InstructionSet, instruction_set_of, warn_of_broken
from qiskit_modes.primitives.inputs.job_limits import check_results
from qiskit_modes.primitives.inputs.observables import PauliTerm
from qiskit_modes.primitives.inputs.pubs import EstimatorInput, coerce_estimator_pubs
from qiskit_modes.primitives.measurement.bases import Family, MeasurementPlan, Outcome, make_plan
from qiskit_modes.primitives.measurement.basis_change import measured_in, measurement_register_name
from qiskit_modes.primitives.measurement.expectation_values import (
    expectation_values,
    mean_squares,
    term_weights,
)
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
from qiskit_modes.primitives.programs.sweeps import Sweep, compile_sweep
from qiskit_modes.primitives.sampler.plain_job import draw_seed
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan, Steps
from qiskit_modes.simulation import Program, RunSamples, Samples, compile_circuit
from qiskit_modes.simulation.circuits.durations import with_durations
from qiskit_modes.simulation.compile.compile_ideal import Beginning
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["count_executions", "estimator_steps", "prepare_estimator_job"]

_BYTES_PER_VALUE = 16
"""An expectation value and its standard error."""

# An optimizer's iterations differ in numbers only, so what does not depend on numbers is kept.
_plans: BoundedCache[tuple[bytes, tuple[int, ...]], MeasurementPlan] = BoundedCache(256)


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
    inputs = coerce_estimator_pubs(
        pubs,
        backend,
        precision=precision,
        default_precision=resolved.default_precision,
        default_shots=resolved.default_shots,
        older=older,
    )
    # Before anything is made of their shapes.
    check_results(((math.prod(each.shape), _BYTES_PER_VALUE) for each in inputs), "PUB")
    check_estimation(inputs, resolved, backend)
    warn_of_broken((each.fingerprint for each in inputs), backend)
    resolved, learning = with_layers_of(inputs, resolved, backend)
    return PreparedJob(
        "estimator",
        resolved,
        estimator_steps(inputs, resolved, backend),
        tuple(each.pub for each in inputs),
        count_executions(inputs, resolved) + learning,
        folded_factors_of(resolved.resilience),
    )


def estimator_steps(
    inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions, backend: BackendV2
) -> Steps:
    """Return the steps of an estimator's job.

    Each PUB's terms are sorted into qubit-wise commuting groups, and the circuit is sampled
    once in the basis of each group, with the PUB's shots for every parameter set. Identities are
    exact. ``stds`` is the standard error of the sum of the terms, where those that are measured in
    the same basis vary together; Qiskit's `BackendEstimatorV2` adds up the terms' own standard
    errors, which is more. ``ensemble_standard_error`` equals ``stds``, as for the service without
    twirling.

    The job's metadata has ``"resilience_level": 0``: nothing is mitigated. ``"simulation"`` has the
    seed that reproduces the job, and for a PUB the number of bases and what noise and method each
    was simulated with.

    Args:
        inputs: The PUBs, as `coerce_estimator_pubs` returns them.
        options: What of the user's options acts.
        backend: The backend to simulate.
    """
    seed = draw_seed(options.seed, backend)
    if options.mitigates:
        from qiskit_modes.primitives.estimator.mitigated_job import mitigated_estimator_steps

        return mitigated_estimator_steps(inputs, options, backend, seed)
    job = _EstimatorJob(tuple(inputs), seed, options, backend)
    return Steps(
        compile=job.compile,
        post_process=job.post_process,
        executions=lambda: _estimator_executions(inputs, backend),
    )


def count_executions(inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions) -> int:
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
        configurations = sum(len(sets) for sets in _plan_of(each).sets)
        executions += number * shots * configurations * copies
        if resilience.measure_mitigation:
            calibrations[each.shots] = calibration_shots(
                resilience, shots
            ) * calibration_randomisations(resilience, number)
    return executions + sum(calibrations.values())


def _estimator_executions(
    inputs: Sequence[EstimatorInput], backend: BackendV2
) -> list[CircuitExecutions]:
    """Return which circuits are executed for some PUBs, one for each basis, and how often."""
    instructions = instruction_set_of(backend)
    planned = []
    for index, each in enumerate(inputs):
        plan = _plan_of(each)
        for basis, sets in zip(plan.bases, plan.sets, strict=True):
            circuit, content = _measured_circuit(each, basis, instructions)
            purpose = " ".join(f"{letter}{q}" for q, letter in zip(*basis, strict=True))
            for fixed in with_durations(circuit, content, each.parameter_values[sets]):
                executions, key = each.shots * len(fixed.values), fixed.content or content
                planned.append(CircuitExecutions(index, fixed.circuit, key, executions, purpose))
    return planned


@dataclass(frozen=True)
class _CompiledPub:
    """Facts that compilation found out about one PUB."""

    plan: MeasurementPlan
    register: str
    """The register that holds the outcomes of each basis."""
    sweeps: tuple[Sweep, ...]
    """What is executed for each basis."""
    simulation: dict[str, Any]
    """For the PUB's metadata."""


class _EstimatorJob:
    """Facts that compilation finds out and post-processing needs."""

    def __init__(
        self,
        inputs: tuple[EstimatorInput, ...],
        seed: int,
        options: ResolvedEstimatorOptions,
        backend: BackendV2,
    ) -> None:
        self._inputs = inputs
        self._seed = seed
        self._options = options
        self._backend = backend
        self._compiled: list[_CompiledPub] = []

    def compile(self, elsewhere: Elsewhere = here) -> Program:
        self._compiled = []
        instructions = instruction_set_of(self._backend)
        simulated = simulated_backend(self._backend, self._options.noise_model)
        compiling = partial(compile_circuit, backend=simulated, elsewhere=elsewhere)
        for each in self._inputs:
            plan = _plan_of(each)
            beginning = None
            if len(plan.bases) > 1:  # the state before them is the same
                qubits = frozenset(qubit for basis, _ in plan.bases for qubit in basis)
                beginning = Beginning(each.fingerprint, qubits, len(plan.bases))
            sweeps = tuple(
                compile_sweep(
                    *_measured_circuit(each, basis, instructions),
                    each.parameter_values[sets],
                    each.shots,
                    compiling,
                    beginning=beginning,
                )
                for basis, sets in zip(plan.bases, plan.sets, strict=True)
            )
            register = measurement_register_name(each.circuit)
            simulation = summary([sweep.simulation for sweep in sweeps])
            simulation = {"num_bases": len(sweeps), **simulation}
            self._compiled.append(_CompiledPub(plan, register, sweeps, simulation))
        sweeps = tuple(sweep for compiled in self._compiled for sweep in compiled.sweeps)
        circuits = {key: each for sweep in sweeps for key, each in sweep.circuits.items()}
        return Program(circuits, tuple(run for sweep in sweeps for run in sweep.runs), self._seed)

    def post_process(
        self,
        samples: Samples,
        span: ExecutionSpan,  # noqa: ARG002 - estimators report no spans
    ) -> PrimitiveResult[PubResult]:
        runs = iter(samples.runs)
        results = [
            _pub_result(each, compiled, runs)
            for each, compiled in zip(self._inputs, self._compiled, strict=True)
        ]
        metadata = job_metadata(self._options, self._inputs, self._seed)
        return PrimitiveResult(results, metadata)


def _plan_of(pub: EstimatorInput) -> MeasurementPlan:
    key = (pub.observables.structure, tuple(pub.pub.parameter_values.shape))
    plan = _plans.get(key)
    if plan is None:
        plan = make_plan(pub.observables, key[1])
        _plans.put(key, plan)
    return plan


def _measured_circuit(
    pub: EstimatorInput, basis: PauliTerm, instructions: InstructionSet
) -> tuple[QuantumCircuit, bytes]:
    """Return a circuit that ends with the measurement of a basis, and its fingerprint."""
    key = (pub.fingerprint, basis)
    measured = instructions.measured_circuits.get(key)
    if measured is None:
        measured = measured_in(pub.circuit, pub.fingerprint, basis, instructions)
        instructions.measured_circuits.put(key, measured)
    return measured


def _pub_result(
    pub: EstimatorInput, compiled: _CompiledPub, runs: Iterator[RunSamples]
) -> PubResult:
    plan = compiled.plan
    samples = [sweep.recorded(runs)[compiled.register] for sweep in compiled.sweeps]
    means = [_family_means(family, samples) for family in plan.families]
    size = int(np.prod(plan.shape, dtype=np.intp))
    evs = np.zeros(size)
    variances = np.zeros(size)
    for number, family in enumerate(plan.families):
        mine = [outcome for outcome in plan.outcomes if outcome.family == number]
        spread = _family_variances(
            family, mine, pub.observables.coefficients, samples, means[number]
        )
        for row, outcome in enumerate(mine):
            coefficients = pub.observables.coefficients[outcome.coefficients]
            values = means[number][np.ix_(outcome.terms, outcome.columns)]
            evs[outcome.results] = coefficients @ values
            variances[outcome.results] = spread[row, outcome.columns]
    stds = np.sqrt(variances / pub.shots)
    data = DataBin(
        evs=evs.reshape(plan.shape),
        stds=stds.reshape(plan.shape),
        ensemble_standard_error=stds.copy().reshape(plan.shape),
        shape=plan.shape,
    )
    metadata = {
        "target_precision": pub.precision,
        "shots": pub.shots,
        "circuit_metadata": copy.deepcopy(pub.circuit.metadata),
        "executor": None,
        "simulation": compiled.simulation,
    }
    return EstimatorPubResult(data, metadata=metadata)


def _family_means(family: Family, samples: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Return the expectation values of a family's terms, shape (num_terms, num_sets)."""
    means = np.ones((len(family.terms), len(family.sets)))  # an identity stays 1, exactly
    for part in family.contributions:
        means[part.terms] = expectation_values(samples[part.basis][part.rows], part.supports)
    return means


def _family_variances(
    family: Family,
    outcomes: Sequence[Outcome],
    coefficients: NDArray[np.float64],
    samples: Sequence[NDArray[np.uint8]],
    means: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the variances of observables in a single shot, (num_outcomes, num_sets)."""
    lengths = [len(outcome.terms) for outcome in outcomes]
    weights = term_weights(
        np.concatenate([coefficients[outcome.coefficients] for outcome in outcomes]),
        np.concatenate([outcome.terms for outcome in outcomes]),
        np.repeat(np.arange(len(outcomes)), lengths),
        (len(family.terms), len(outcomes)),
    )
    variances = np.zeros((len(outcomes), len(family.sets)))
    for part in family.contributions:
        # Terms that are read in the same shots vary together.
        own = weights[part.terms]
        squares = mean_squares(samples[part.basis][part.rows], part.supports, [own])[0]
        variances += np.maximum(squares - (own.T @ means[part.terms]) ** 2, 0.0)
    return variances
