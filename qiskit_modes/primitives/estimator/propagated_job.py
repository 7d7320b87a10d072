"""An estimator's job by Pauli propagation: an approximation that its options ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qiskit.primitives.containers import DataBin, PrimitiveResult, PubResult
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.results import EstimatorPubResult

from qiskit_modes.exceptions import (
    InvalidInputError,
    SimulationTooLargeError,
    UnsupportedCircuitError,
)
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.estimator.metadata import job_metadata
from qiskit_modes.primitives.estimator.plain_job import PlainEstimatorJob
from qiskit_modes.primitives.inputs.circuits import metadata_of
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.measurement.bases import (
    Contribution,
    ObservableAssembly,
    measurements_of,
)
from qiskit_modes.primitives.measurement.basis_change import (
    measured_in,
    measurement_register_name,
)
from qiskit_modes.primitives.measurement.expectation_values import Support
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.primitives.programs.summary import summary
from qiskit_modes.primitives.programs.sweeps import Sweep, SweepNotes, compile_sweep, program_of
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan
from qiskit_modes.simulation import CompiledCircuit, Program, Samples
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.compile.propagation.compile_propagation import (
    VALUES,
    Readings,
    check_linear,
    compile_propagation,
)
from qiskit_modes.simulation.elsewhere import Elsewhere, here
from qiskit_modes.simulation.run.propagation.component import recorded_values

__all__ = ["REPETITIONS", "PropagatedEstimatorJob", "check_propagated"]

REPETITIONS = 16
"""So often an observable is taken back, each time by other chances, on all cores."""

LARGEST_ERROR = 0.5
"""A standard error that may be larger beside the sum of an observable's coefficients says nothing:
the value is known to be within that sum."""


class _Part(NamedTuple):
    """Values that one observable has of one basis."""

    results: NDArray[np.intp]
    """Where its values go, one for each parameter set."""
    sweep: SweepNotes


class _PubNotes(NamedTuple):
    """Facts of one PUB that post-processing needs."""

    constants: NDArray[np.float64]
    """What identities give, shape (results,)."""
    parts: list[_Part]


@dataclass(frozen=True)
class PropagatedEstimatorJob:
    """The steps of an estimator's job by Pauli propagation.

    Observables are taken back through the circuit and all its noise. A sum that has more terms than
    the option allows is thinned at random in a way that keeps its mean, so that ``evs`` are
    estimates without bias; no shots are drawn. ``stds`` is a bound of their standard error, 0 where
    nothing had to be thinned; where the bound says nothing, the job fails and says so. The spread
    over repetitions, mostly much smaller, is in a PUB's metadata under ``"simulation"`` as the
    largest ``spread_of_repetitions``; it may miss what rarely happens.
    """

    inputs: tuple[EstimatorInput, ...]
    options: ResolvedEstimatorOptions
    """With ``pauli_propagation_max_terms``."""
    backend: BackendV2
    """The backend that the job is for; the options may bring another noise along."""
    seed: int
    """From which chances are drawn."""

    def compile(
        self,
        elsewhere: Elsewhere = here,  # noqa: ARG002 - what is compiled is light
    ) -> tuple[Program, list[_PubNotes]]:
        """Compile each circuit with each observable; see `Steps.compile`."""
        sweeps: list[Sweep] = []
        notes = []
        for pub in self.inputs:
            found = list(self._parts(pub))
            sweeps += [sweep for _, sweep in found]
            parts = [_Part(results, sweep.notes) for results, sweep in found]
            notes.append(_PubNotes(_constants(pub), parts))
        return program_of(sweeps, self.seed), notes

    def _parts(self, pub: EstimatorInput) -> Iterator[tuple[NDArray[np.intp], Sweep]]:
        """Yield what is executed for each observable in each basis, and where its values go."""
        measurements = measurements_of(pub.observables, pub.parameter_shape)
        instructions = instruction_set_of(self.backend)
        for assembly in measurements.assemblies:
            family = measurements.families[assembly.family]
            values = pub.parameter_values[family.sets[assembly.columns]]
            for part in family.contributions:
                terms = list(self._terms(pub, assembly, part))
                if not terms:
                    continue
                basis = measurements.bases[part.basis]
                circuit, content = measured_in(pub.circuit, pub.fingerprint, basis, instructions)
                register = measurement_register_name(pub.circuit)
                first = circuit.find_bit(_register(circuit, register)[0]).index
                readings = [(weight, [first + at for at in places]) for weight, places in terms]
                compiling = partial(self._compiled, readings=readings)
                yield (
                    assembly.results,
                    compile_sweep(circuit, content, values, REPETITIONS, compiling),
                )

    def _compiled(
        self, circuit: Any, content: bytes, ending: Any, beginning: Any, readings: Readings
    ) -> CompiledCircuit:
        del ending, beginning  # it is written, and no state is there to be shared
        noise = describe(simulated_backend(self.backend, self.options.noise_model)).noise()
        max_terms = self.options.pauli_propagation_max_terms
        assert max_terms is not None
        return compile_propagation(circuit, noise, content, readings, max_terms)

    def _terms(
        self, pub: EstimatorInput, assembly: ObservableAssembly, part: Contribution
    ) -> Iterator[tuple[float, list[int]]]:
        """Yield the terms that an observable has of a basis, as products of signs."""
        supports = dict(zip(part.terms.tolist(), part.supports, strict=True))
        weights = pub.observables.coefficients[assembly.coefficients]
        for term, weight in zip(assembly.terms.tolist(), weights.tolist(), strict=True):
            if term in supports:
                yield from self._products(weight, supports[term])

    @staticmethod
    def _products(weight: float, support: Support) -> Iterator[tuple[float, list[int]]]:
        """Yield a term as products of signs; a projector is half of 1 and half of a sign."""
        products: list[tuple[float, list[int]]] = [(weight, [])]
        for each in support:
            if isinstance(each, int):
                products = [(own, [*places, each]) for own, places in products]
                continue
            place, bit = each
            sign = -0.5 if bit else 0.5
            products = [
                one
                for own, places in products
                for one in ((own / 2, places), (own * sign, [*places, place]))
            ]
        yield from products

    def post_process(
        self,
        samples: Samples,
        notes: list[_PubNotes],
        span: ExecutionSpan,  # noqa: ARG002 - estimators report no spans
    ) -> PrimitiveResult[PubResult]:
        """Put the values of all observables together; see `Steps.post_process`."""
        runs = iter(samples.runs)
        results = [
            self._result(each, own, runs) for each, own in zip(self.inputs, notes, strict=True)
        ]
        return PrimitiveResult(results, job_metadata(self.options, self.inputs, self.seed))

    def _result(self, pub: EstimatorInput, notes: _PubNotes, runs: Any) -> PubResult:
        values, variances = notes.constants.copy(), np.zeros(len(notes.constants))
        bounds = np.zeros(len(notes.constants))
        for part in notes.parts:
            recorded = recorded_values(part.sweep.recorded(runs)[VALUES])
            values[part.results] += recorded[..., 0].mean(axis=1)
            variances[part.results] += recorded[..., 0].var(axis=1, ddof=1) / REPETITIONS
            bounds[part.results] += (recorded[..., 1] ** 2).mean(axis=1) / REPETITIONS
        shape = measurements_of(pub.observables, pub.parameter_shape).shape
        stds = np.sqrt(bounds).reshape(shape)
        self._check(pub, stds)
        data = DataBin(
            evs=values.reshape(shape),
            stds=stds,
            ensemble_standard_error=stds.copy(),
            shape=shape,
        )
        metadata = {
            "target_precision": pub.precision,
            "shots": pub.shots,
            "circuit_metadata": metadata_of(pub.circuit),
            "executor": None,
            "simulation": {
                "num_bases": len(measurements_of(pub.observables, pub.parameter_shape).bases),
                "pauli_propagation_max_terms": self.options.pauli_propagation_max_terms,
                "repetitions": REPETITIONS,
                "spread_of_repetitions": float(np.sqrt(variances.max(initial=0.0))),
                **summary([part.sweep.simulation for part in notes.parts]),
            },
        }
        return EstimatorPubResult(data, metadata=metadata)

    def _check(self, pub: EstimatorInput, stds: NDArray[np.float64]) -> None:
        """Raise if a bound says nothing of the observable that it belongs to."""
        measurements = measurements_of(pub.observables, pub.parameter_shape)
        for assembly in measurements.assemblies:
            largest = np.abs(pub.observables.coefficients[assembly.coefficients]).sum()
            found = stds.ravel()[assembly.results].max(initial=0.0)
            if found > LARGEST_ERROR * largest:
                most = self.options.pauli_propagation_max_terms
                raise SimulationTooLargeError(
                    f"Pauli propagation with at most {most:,} terms bounds the standard error of "
                    f"an observable by {found:.3g} only, and its coefficients add up to "
                    f"{largest:.3g}. Set simulator.pauli_propagation_max_terms higher: the time "
                    "grows in proportion. What has less error besides: fewer layers of gates, "
                    "observables on fewer qubits, angles closer to those of Clifford gates.",
                    num_qubits=len(pub.circuit.qubits),
                    needed_bytes=0,
                    available_bytes=0,
                )

    def executions(self) -> list[CircuitExecutions]:
        """Return which circuits hardware would execute; see `Steps.executions`."""
        plain = PlainEstimatorJob(self.inputs, self.options, self.backend, self.seed)
        return plain.executions()


def check_propagated(pub: EstimatorInput, max_terms: int, where: str) -> None:
    """Raise if a PUB cannot be estimated by Pauli propagation.

    Args:
        pub: The PUB.
        max_terms: How many terms a sum may have.
        where: Names it, at the start of the message.

    Raises:
        InvalidInputError: If a term has projectors that are too many Pauli strings.
        UnsupportedCircuitError: If its circuit goes on by what it has measured.
    """
    measurements = measurements_of(pub.observables, pub.parameter_shape)
    projectors = max(
        (
            sum(not isinstance(each, int) for each in support)
            for family in measurements.families
            for part in family.contributions
            for support in part.supports
        ),
        default=0,
    )
    if projectors and 2**projectors > max_terms:
        raise InvalidInputError(
            f"{where}: an observable has a term of {projectors} projectors, which are "
            f"{2**projectors:,} Pauli strings, and simulator.pauli_propagation_max_terms="
            f"{max_terms:,}. Allow as many, or leave the option unset."
        )
    qubits = {qubit for basis, _ in measurements.bases for qubit in basis}
    try:
        check_linear(pub.circuit, qubits)
    except UnsupportedCircuitError as error:
        raise UnsupportedCircuitError(f"{where}: {error.message}") from None


def _register(circuit: Any, name: str) -> Any:
    return next(register for register in circuit.cregs if register.name == name)


def _constants(pub: EstimatorInput) -> NDArray[np.float64]:
    """Return what the identities of each observable give."""
    measurements = measurements_of(pub.observables, pub.parameter_shape)
    constants = np.zeros(int(np.prod(measurements.shape, dtype=np.intp)))
    for assembly in measurements.assemblies:
        terms = measurements.families[assembly.family].terms
        weights = pub.observables.coefficients[assembly.coefficients]
        for term, weight in zip(assembly.terms.tolist(), weights.tolist(), strict=True):
            if not terms[term][0]:
                constants[assembly.results] += weight
    return constants
