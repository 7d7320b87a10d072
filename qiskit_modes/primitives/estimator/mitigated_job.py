"""An estimator's job with error mitigation: PUBs to a program, samples to mitigated values."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers import DataBin, PrimitiveResult, PubResult
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.results import EstimatorPubResult
from samplomatic.quantum_program import QuantumProgram, SamplexItem

from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.boxes.swept_delays import SweptItem
from qiskit_modes.primitives.estimator.metadata import job_metadata
from qiskit_modes.primitives.inputs.circuits import metadata_of
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.measurement.bases import measurements_of
from qiskit_modes.primitives.measurement.parting import (
    Parting,
    in_parts,
    parting_of,
    seconds_to_part,
)
from qiskit_modes.primitives.mitigation.find_layer_noise import find_layer_noise
from qiskit_modes.primitives.mitigation.measurement_twirl import OpaqueItem
from qiskit_modes.primitives.mitigation.preparation import preparers_of
from qiskit_modes.primitives.mitigation.preparer import Group
from qiskit_modes.primitives.mitigation.techniques import REGISTER, PreparedItem, PreparedPub
from qiskit_modes.primitives.mitigation.values import Estimates
from qiskit_modes.primitives.options.resilience import noise_factors_of, technique_of
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.primitives.programs.compile import CompiledQuantumProgram
from qiskit_modes.primitives.programs.parts import (
    compile_part,
    joined,
    parted,
    seed_of_part,
)
from qiskit_modes.primitives.programs.summary import summary
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan
from qiskit_modes.simulation import Program, Samples, fingerprint
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.compile.window.outlook import may_be_too_wide
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["MitigatedEstimatorJob"]

logger = logging.getLogger("qiskit_modes")

_Outputs = dict[str, npt.NDArray[Any]]
"""What a samplex gave beside angles."""

_CALIBRATION = 0x63616C69
"""Which part of a job a calibration with shots of its own is; there are never so many others."""

_OPAQUE = 0x6F706171
"""Beside a seed, so that what is drawn here is not what is drawn when a program is compiled."""


@dataclass(frozen=True)
class _GroupNotes:
    """PUBs with the same number of shots, prepared and compiled."""

    places: tuple[int, ...]
    """Which PUBs of the job they are."""
    group: Group
    drawn: list[_Outputs]
    """For each item what was drawn before it was compiled."""
    parts: tuple[CompiledQuantumProgram, ...]
    """The PUBs, and what has other shots than they."""
    partings: tuple[Parting | None, ...]
    """Of each PUB the bits that were read apart from others; None if all were read together."""


class _Notes(NamedTuple):
    """Facts of a job that post-processing needs."""

    options: ResolvedEstimatorOptions
    """With the noise of layers that was found."""
    groups: list[_GroupNotes]


@dataclass(frozen=True)
class MitigatedEstimatorJob:
    """The steps of an estimator's job with error mitigation.

    ``stds`` comes from the spread over randomisations, ``ensemble_standard_error`` from all shots
    taken together, as upstream has them; with extrapolation there are its further fields.
    """

    inputs: tuple[EstimatorInput, ...]
    options: ResolvedEstimatorOptions
    """They ask for some technique."""
    backend: BackendV2
    seed: int
    """From which randomisations and shots are drawn."""

    def compile(self, elsewhere: Elsewhere = here) -> tuple[Program, _Notes]:
        """Prepare the PUBs, put their numbers in, compile all; see `Steps.compile`."""
        if self.options.layers_to_find:
            return self._with_noise_of_layers(elsewhere).compile(elsewhere)
        partings = [self._parting(each, elsewhere) for each in self.inputs]
        preparers = preparers_of(self.inputs, self.options, self.backend, self.seed, elsewhere)
        notes = []
        for number, (places, preparer) in enumerate(preparers.items()):
            group, seed = preparer.group(), seed_of_part(self.seed, number)
            preparer.check_memory()
            programs, drawn, first = self._quantum_programs(group, places, seed, elsewhere)
            bits = [_bits_of(partings[place], group.qubits) for place in places]
            apart = {
                item: _clbits_of(pub.items[item - begin].circuit, own)
                for own, pub, begin in zip(bits, group.pubs, first, strict=True)
                if own is not None
                for item in range(begin, begin + len(pub.items))
            }
            parts = tuple(
                compile_part(
                    program,
                    self.backend,
                    self.options,
                    seed_of_part(seed, part * _CALIBRATION),
                    elsewhere,
                    None if part else apart,
                )
                for part, program in enumerate(programs)
            )
            notes.append(_GroupNotes(places, group, drawn, parts, tuple(bits)))
        program = joined([part for each in notes for part in each.parts], self.seed)
        return program, _Notes(self.options, notes)

    def _with_noise_of_layers(self, elsewhere: Elsewhere) -> Self:
        """Return the job with the noise of layers that its technique needs."""
        options, _ = find_layer_noise(
            self.inputs, self.options, self.backend, logger.warning, elsewhere
        )
        return replace(self, options=options)

    def _parting(self, pub: EstimatorInput, elsewhere: Elsewhere) -> Parting | None:
        """Return the qubits of a PUB that are read apart from others; None if it is one.

        Raises:
            SimulationTooLargeError: If it is too wide, however it will be folded, twirled and
                decoupled.
        """
        choice = describe(simulated_backend(self.backend, self.options.noise_model)).choice
        if pub.pub.size == 0 or not may_be_too_wide(pub.circuit, choice):
            return None
        measurements = measurements_of(pub.observables, pub.parameter_shape)
        bases = list(dict.fromkeys(qubits for qubits, _ in measurements.bases))
        terms = list({qubits for each in measurements.families for qubits, _ in each.terms})
        shots = pub.shots * sum(map(len, measurements.sets))
        if technique_of(self.options.resilience) in ("gate_folding", "pea"):
            shots *= len(noise_factors_of(self.options.resilience))
        values = pub.parameter_values
        seconds = seconds_to_part(pub.circuit, len(bases), len(terms))
        return elsewhere(seconds, parting_of, pub.circuit, choice, values, bases, terms, shots)

    def _quantum_programs(
        self, group: Group, places: Sequence[int], seed: int, elsewhere: Elsewhere
    ) -> tuple[list[QuantumProgram], list[_Outputs], list[int]]:
        """Return what to execute, for each item what was drawn, and each PUB's first item."""
        program = QuantumProgram(group.shots)
        programs = [program]
        drawn: list[_Outputs] = []
        first = []
        for place, pub in zip(places, group.pubs, strict=True):
            first.append(len(program.items))
            values = _values(self.inputs[place], pub)
            for item in pub.items:
                if isinstance(item, OpaqueItem):
                    generator = np.random.default_rng((seed, len(drawn), _OPAQUE))
                    executed, outputs = item.drawn(values, generator, elsewhere)
                    program.items.append(executed)
                    drawn.append(outputs)
                else:
                    program.items.append(_item(item, values, self.inputs[place], pub))
                    drawn.append({})
        if group.calibration is not None:
            if group.calibration_shots != group.shots:
                programs.append(QuantumProgram(group.calibration_shots))
            programs[-1].items.append(_item(group.calibration.item))
            drawn.append({})
        return programs, drawn, first

    def post_process(
        self,
        samples: Samples,
        notes: _Notes,
        span: ExecutionSpan,  # noqa: ARG002 - estimators report no spans
    ) -> PrimitiveResult[PubResult]:
        """Evaluate what was recorded by the technique of the job; see `Steps.post_process`."""
        results = [_empty_result(each) for each in self.inputs]
        own = iter(parted(samples, [part for each in notes.groups for part in each.parts]))
        for noted in notes.groups:
            group = noted.group
            bits = [found for part in noted.parts for found in _recorded(part, next(own))]
            items = [item for part in noted.parts for item in part.items]
            outputs = [
                {**item.outputs, **more} for item, more in zip(items, noted.drawn, strict=True)
            ]
            readout = None
            if group.calibration is not None:
                readout = group.calibration.readout(bits[-1], outputs[-1])
            first = 0
            for place, whole, apart in zip(noted.places, group.pubs, noted.partings, strict=True):
                pub = whole
                mine = slice(first, first + len(pub.items))
                each = self.inputs[place]
                if apart is not None:
                    num_bytes = -(-items[first].registers[REGISTER] // 8)
                    assembly = in_parts(pub.assembly, apart, num_bytes)
                    pub = replace(pub, assembly=assembly)
                found = pub.evaluate(
                    bits[mine], outputs[mine], each.observables.coefficients, readout
                )
                simulations = [item.simulation for item in items[mine]]
                results[place] = _pub_result(each, pub, found, group.shots, simulations)
                first = mine.stop
        return PrimitiveResult(results, job_metadata(notes.options, self.inputs, self.seed))

    def executions(self) -> list[CircuitExecutions]:
        """Return which circuits are executed, one for each item; see `Steps.executions`."""
        if self.options.layers_to_find:
            return self._with_noise_of_layers(here).executions()
        found = []
        preparers = preparers_of(self.inputs, self.options, self.backend, self.seed)
        for places, preparer in preparers.items():
            group = preparer.group()
            items = [
                (place, item, group.shots, f"{pub.technique} {number}" * (len(pub.items) > 1))
                for place, pub in zip(places, group.pubs, strict=True)
                for number, item in enumerate(pub.items)
            ]
            if group.calibration is not None:
                shots = group.calibration_shots
                items.append((places[0], group.calibration.item, shots, "calibration"))
            for place, item, shots, purpose in items:
                count = shots * math.prod(item.shape)
                content = fingerprint(item.circuit)
                found.append(CircuitExecutions(place, item.circuit, content, count, purpose))
        return found


def _bits_of(parting: Parting | None, qubits: Sequence[int]) -> Parting | None:
    """Return the bits into which parts are measured, from their qubits."""
    if parting is None:
        return None
    place = {qubit: bit for bit, qubit in enumerate(qubits)}
    return tuple(tuple(place[qubit] for qubit in part) for part in parting)


def _clbits_of(circuit: QuantumCircuit, bits: Parting) -> Parting:
    """Return where a circuit has the bits of its register of measurements."""
    register = next(each for each in circuit.cregs if each.name == REGISTER)
    clbits = [circuit.find_bit(bit).index for bit in register]
    return tuple(tuple(clbits[bit] for bit in part) for part in bits)


def _values(pub: EstimatorInput, prepared: PreparedPub) -> npt.NDArray[np.float64]:
    """Return a PUB's parameter values for each configuration."""
    rows = prepared.rows(pub.parameter_shape)
    # Parameters that only idle qubits depend on are not among those of the prepared circuit.
    column = {parameter.name: at for at, parameter in enumerate(pub.circuit.parameters)}
    columns = np.array(
        [column[each.name] for each in prepared.task.circuit.parameters], dtype=np.intp
    )
    return pub.parameter_values[np.ix_(rows, columns)]


def _item(
    prepared: PreparedItem,
    values: Any = None,
    pub: EstimatorInput | None = None,
    whole: PreparedPub | None = None,
) -> Any:
    """Put numbers into what was prepared: parameter values, and durations that depend on them."""
    arguments = dict(prepared.arguments)
    if prepared.samplex.inputs().get_specs("parameter_values"):
        arguments["parameter_values"] = values
    swept = prepared.swept
    template = prepared.circuit if swept is None else swept.template
    item = SamplexItem(
        template, prepared.samplex, samplex_arguments=arguments, shape=prepared.shape
    )
    if swept is None or pub is None or whole is None:
        return item
    rows = whole.rows(pub.parameter_shape)
    durations = swept.durations(list(pub.circuit.parameters), pub.parameter_values[rows])
    return SweptItem(prepared.circuit, item, durations, swept.names)


def _recorded(part: CompiledQuantumProgram, samples: Samples) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield what each item recorded, packed."""
    for index in range(len(part.items)):
        yield part.bits(samples, index)[REGISTER].array


def _pub_result(
    pub: EstimatorInput,
    prepared: PreparedPub,
    found: Estimates,
    shots: int,
    simulations: Sequence[Any],
) -> PubResult:
    """Return a PUB's result under the names that upstream's estimator has."""
    values, stds, ensemble = (
        array.reshape(*pub.shape, array.shape[-1])
        for array in (found.values, found.stds, found.ensemble)
    )
    extrapolation = prepared.extrapolation
    fields = {"evs": values[..., 0], "stds": stds[..., 0]}
    if extrapolation is None:
        fields["ensemble_standard_error"] = ensemble[..., 0]
    else:
        measured = slice(values.shape[-1] - len(extrapolation.factors), None)
        fields["evs_noise_factors"] = values[..., measured]
        fields["stds_noise_factors"] = stds[..., measured]
        fields["ensemble_stds_noise_factors"] = ensemble[..., measured]
        shape = (*pub.shape, len(extrapolation.names), len(extrapolation.points))
        if extrapolation.points:
            fields["evs_extrapolated"] = values[..., 1 : measured.start].reshape(shape)
            fields["stds_extrapolated"] = stds[..., 1 : measured.start].reshape(shape)
    metadata: dict[str, Any] = {
        "target_precision": pub.precision,
        "shots": shots * prepared.randomisations,
        "num_randomizations": prepared.randomisations,
        "circuit_metadata": metadata_of(pub.circuit),
        "executor": None,
        "simulation": summary(simulations),
    }
    if prepared.technique == "gate_folding":
        metadata["executor"] = [None] * len(prepared.items)
    if extrapolation is not None:
        chosen = ["multiple" if len(set(names)) > 1 else names[0] for names in found.selected]
        extrapolators = np.asarray(chosen).reshape(pub.shape)
        metadata["resilience"] = {"zne": {"extrapolators": extrapolators}}
    return EstimatorPubResult(DataBin(**fields, shape=pub.shape), metadata=metadata)


def _empty_result(pub: EstimatorInput) -> PubResult:
    """Return the result of a PUB that has no value to estimate."""
    nothing = np.zeros(pub.shape)
    data = DataBin(evs=nothing, stds=nothing, ensemble_standard_error=nothing, shape=pub.shape)
    metadata = {
        "target_precision": pub.precision,
        "shots": 0,
        "circuit_metadata": metadata_of(pub.circuit),
        "executor": None,
        "simulation": {},
    }
    return EstimatorPubResult(data, metadata=metadata)
