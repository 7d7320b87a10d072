"""An estimator's job that mitigates nothing: PUBs to a program, samples to expectation values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.primitives.containers import DataBin, PrimitiveResult, PubResult
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.results import EstimatorPubResult

from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.primitives.backends.instruction_set import (
    InstructionSet,
    instruction_set_of,
    last_instruction_set_of,
)
from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.estimator.metadata import job_metadata
from qiskit_modes.primitives.inputs.circuits import metadata_of
from qiskit_modes.primitives.inputs.observables import PauliTerm
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.measurement.bases import Measurements, measurements_of
from qiskit_modes.primitives.measurement.basis_change import (
    ending_in,
    measured_in,
    measurement_register_name,
)
from qiskit_modes.primitives.measurement.parts import (
    cheapest_parts,
    divided,
    light_cone,
    places_of,
)
from qiskit_modes.primitives.measurement.values import values_and_variances
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.primitives.programs.summary import summary
from qiskit_modes.primitives.programs.sweeps import Sweep, SweepNotes, compile_sweep, program_of
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan
from qiskit_modes.simulation import Program, RunSamples, Samples, compile_circuit, fingerprint
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.circuits.durations import with_durations
from qiskit_modes.simulation.compile.compile_ideal import Beginning
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.compile.window.outlook import (
    check_prospects,
    outlook_of,
    with_first_values,
)
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["PlainEstimatorJob"]

TOGETHER_SECONDS = 2.0
"""A basis that takes less is measured as a whole: to look for parts takes as long."""


@dataclass(frozen=True)
class _PubNotes:
    """Facts of one PUB that post-processing needs."""

    num_bases: int
    """How many are reported."""
    measurements: Measurements
    """As it is simulated, perhaps with more bases than that."""
    sweeps: tuple[SweepNotes, ...]
    """One for each basis of the measurements."""


_Notes = list[_PubNotes]
"""One entry for each PUB."""


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
        instructions = last_instruction_set_of(self.backend)  # by which it was checked
        notes, sweeps = [], []
        for each in self.inputs:
            num_bases, measurements, own = self._sweeps(each, instructions, compiling)
            notes.append(_PubNotes(num_bases, measurements, tuple(sweep.notes for sweep in own)))
            sweeps += own
        return program_of(sweeps, self.seed), notes

    def _sweeps(
        self, pub: EstimatorInput, instructions: InstructionSet, compiling: Any
    ) -> tuple[int, Measurements, list[Sweep]]:
        """Return the number of a PUB's bases, its measurements, and what is executed for each.

        A basis that is too much as a whole is parted.
        """
        asked = measurements = _measurements_of(pub)
        beginning = None
        if len(asked.bases) > 1:  # the state before them is the same
            qubits = frozenset(qubit for basis, _ in asked.bases for qubit in basis)
            beginning = Beginning(qubits, len(asked.bases))
        register = measurement_register_name(pub.circuit)
        sweeps: list[Sweep] = []
        added: list[Sweep] = []
        for number, (basis, sets) in enumerate(zip(asked.bases, asked.sets, strict=True)):
            values = pub.parameter_values[sets]
            whole: Sweep | SimulationTooLargeError
            try:
                whole = compile_sweep(
                    *(pub.circuit, pub.fingerprint, values, pub.shots, compiling),
                    ending=ending_in(basis, register, instructions),
                    beginning=beginning,
                )
            except SimulationTooLargeError as error:
                whole = error
            measuring = _Parts(pub, basis, values, instructions, compiling)
            if not measuring.is_long(whole):
                sweeps.append(_possible(whole))
                continue
            choice = describe(simulated_backend(self.backend, self.options.noise_model)).choice
            parts = measuring.found(places_of(asked, number), whole, choice)
            sweeps.append(parts[0][1])
            if len(parts) > 1:
                measurements = divided(measurements, number, [places for places, _ in parts])
                added += [sweep for _, sweep in parts[1:]]
        return len(asked.bases), measurements, [*sweeps, *added]

    def post_process(
        self,
        samples: Samples,
        notes: _Notes,
        span: ExecutionSpan,  # noqa: ARG002 - estimators report no spans
    ) -> PrimitiveResult[PubResult]:
        """Make expectation values of what was recorded; see `Steps.post_process`."""
        runs = iter(samples.runs)
        results = [
            _pub_result(each, own, runs) for each, own in zip(self.inputs, notes, strict=True)
        ]
        metadata = job_metadata(self.options, self.inputs, self.seed)
        return PrimitiveResult(results, metadata)

    def executions(self) -> list[CircuitExecutions]:
        """Return which circuits are executed, one for each basis; see `Steps.executions`."""
        instructions = instruction_set_of(self.backend)
        found = []
        for index, each in enumerate(self.inputs):
            measurements = _measurements_of(each)
            for basis, sets in zip(measurements.bases, measurements.sets, strict=True):
                circuit, content = measured_in(each.circuit, each.fingerprint, basis, instructions)
                purpose = " ".join(f"{letter}{q}" for q, letter in zip(*basis, strict=True))
                for fixed in with_durations(circuit, content, each.parameter_values[sets]):
                    executions, key = each.shots * len(fixed.values), fixed.content or content
                    found.append(CircuitExecutions(index, fixed.circuit, key, executions, purpose))
        return found


class _Parts:
    """Finds out whether a basis is better measured in parts.

    Args:
        pub: The PUB.
        basis: The basis.
        values: The parameter sets that are measured in it.
        instructions: What the backend can execute.
        compiling: Compiles a circuit.
    """

    def __init__(
        self,
        pub: EstimatorInput,
        basis: PauliTerm,
        values: NDArray[np.float64],
        instructions: InstructionSet,
        compiling: Any,
    ) -> None:
        self._pub = pub
        self._basis = basis
        self._values = values
        self._instructions = instructions
        self._compiling = compiling
        self._sweeps: dict[frozenset[int], Sweep | SimulationTooLargeError] = {}

    def is_long(self, whole: Sweep | SimulationTooLargeError) -> bool:
        """Tell whether the whole basis takes so long that parts are looked for."""
        return self._seconds_of(whole) > TOGETHER_SECONDS

    def found(
        self,
        terms: Sequence[frozenset[int]],
        whole: Sweep | SimulationTooLargeError,
        choice: SimulatorChoice,
    ) -> list[tuple[frozenset[int], Sweep]]:
        """Return the parts, as positions in the basis, and what is executed for each.

        Args:
            terms: The qubits of all terms.
            whole: The basis as a whole, or why it cannot be simulated so.
            choice: How the user chose to simulate it.

        Raises:
            SimulationTooLargeError: If that is so of a single term.
        """
        everything = frozenset(range(len(self._basis[0])))
        self._sweeps[everything] = whole
        if len(terms) < 2:
            return [(everything, _possible(whole))]
        together = self._seconds(everything)
        apart, parts = self._apart(terms, choice)
        if together <= apart and isinstance(whole, Sweep):
            return [(everything, whole)]
        return [(places, _possible(self._sweeps[places])) for places in parts]

    def _apart(
        self, terms: Sequence[frozenset[int]], choice: SimulatorChoice
    ) -> tuple[float, list[frozenset[int]]]:
        """Return what the cheapest parts take, and these.

        Raises:
            SimulationTooLargeError: If a term cannot be simulated even alone, or all together
                would take longer than anybody waits.
        """
        outlook = outlook_of(with_first_values(self._pub.circuit, self._values), choice)
        if outlook is not None:
            qubits, _ = self._basis
            prospects = (outlook.of_measured(qubits[at] for at in each) for each in terms)
            shots = self._pub.shots * len(self._values)
            check_prospects(prospects, shots, outlook.available)
        return cheapest_parts(terms, self._seconds)

    def _seconds(self, places: frozenset[int]) -> float:
        """Return what it takes to measure some qubits of the basis together."""
        if places not in self._sweeps:
            self._sweeps[places] = self._compiled(places)
        return self._seconds_of(self._sweeps[places])

    @staticmethod
    def _seconds_of(sweep: Sweep | SimulationTooLargeError) -> float:
        if isinstance(sweep, SimulationTooLargeError):
            return math.inf
        return sum(
            len(run.parameter_values) * sweep.circuits[run.circuit].seconds(run.shots)
            for run in sweep.runs
        )

    def _compiled(self, places: frozenset[int]) -> Sweep | SimulationTooLargeError:
        qubits, letters = self._basis
        chosen = sorted(places)
        basis = tuple(qubits[at] for at in chosen), "".join(letters[at] for at in chosen)
        cone = light_cone(self._pub.circuit, basis[0])
        ending = ending_in(basis, measurement_register_name(cone), self._instructions)
        try:
            # Values are those of all parameters, of which the cone may have fewer.
            names = [parameter.name for parameter in self._pub.circuit.parameters]
            columns = [names.index(parameter.name) for parameter in cone.parameters]
            values = self._values[:, columns]
            return compile_sweep(
                cone, fingerprint(cone), values, self._pub.shots, self._compiling, ending
            )
        except SimulationTooLargeError as error:
            return error


def _possible(sweep: Sweep | SimulationTooLargeError) -> Sweep:
    if isinstance(sweep, SimulationTooLargeError):
        raise sweep
    return sweep


def _measurements_of(pub: EstimatorInput) -> Measurements:
    return measurements_of(pub.observables, pub.parameter_shape)


def _pub_result(pub: EstimatorInput, notes: _PubNotes, runs: Iterator[RunSamples]) -> PubResult:
    measurements, sweeps = notes.measurements, notes.sweeps
    register = measurement_register_name(pub.circuit)
    samples = [sweep.recorded(runs)[register] for sweep in sweeps]
    values, variances = values_and_variances(measurements, pub.observables.coefficients, samples)
    stds = np.sqrt(variances / pub.shots)
    data = DataBin(
        evs=values.reshape(measurements.shape),
        stds=stds.reshape(measurements.shape),
        ensemble_standard_error=stds.copy().reshape(measurements.shape),
        shape=measurements.shape,
    )
    simulation = summary([sweep.simulation for sweep in sweeps])
    metadata = {
        "target_precision": pub.precision,
        "shots": pub.shots,
        "circuit_metadata": metadata_of(pub.circuit),
        "executor": None,
        "simulation": {"num_bases": notes.num_bases, **simulation},
    }
    return EstimatorPubResult(data, metadata=metadata)
