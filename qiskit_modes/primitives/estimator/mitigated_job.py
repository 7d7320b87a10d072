"""An estimator's job with error mitigation: PUBs to a program, samples to mitigated values."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.primitives.containers import DataBin, PrimitiveResult, PubResult
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.results import EstimatorPubResult
from samplomatic.quantum_program import QuantumProgram, SamplexItem

from qiskit_modes.primitives.boxes.swept_delays import SweptItem
from qiskit_modes.primitives.estimator.metadata import job_metadata, summary
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.mitigation.measurement_twirl import OpaqueItem
from qiskit_modes.primitives.mitigation.preparation import Group, Planner
from qiskit_modes.primitives.mitigation.techniques import REGISTER, PreparedItem, PreparedPub
from qiskit_modes.primitives.mitigation.values import Estimates
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.primitives.programs.compile import CompiledQuantumProgram
from qiskit_modes.primitives.programs.parts import (
    by_key,
    compile_part,
    joined,
    parted,
    seed_of_part,
)
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan, Steps
from qiskit_modes.simulation import Program, Samples, fingerprint
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["mitigated_estimator_steps", "prepare_pubs"]


_Outputs = dict[str, npt.NDArray[Any]]
"""What a samplex gave beside angles."""

_CALIBRATION = 0x63616C69
"""Which part of a job a calibration with shots of its own is; there are never so many others."""

_OPAQUE = 0x6F706171
"""Beside a seed, so that what is drawn here is not what is drawn when a program is compiled."""


def mitigated_estimator_steps(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    seed: int,
) -> Steps:
    """Return the steps of an estimator's job with error mitigation.

    ``stds`` comes from the spread over randomisations, ``ensemble_standard_error`` from all shots
    taken together, as upstream has them; with extrapolation there are its further fields.

    Args:
        inputs: The PUBs, as `coerce_estimator_pubs` returns them.
        options: The options; they ask for some technique.
        backend: The backend to simulate.
        seed: From which randomisations and shots are drawn.
    """
    job = _MitigatedJob(tuple(inputs), options, backend, seed)
    return Steps(compile=job.compile, post_process=job.post_process, executions=job.executions)


def prepare_pubs(
    inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions, backend: BackendV2
) -> list[PreparedPub]:
    """Box and build the circuits of PUBs, and keep what came of it for their job.

    Raises:
        InvalidInputError: If a PUB does not go with the options; the message names it.
    """
    job = _MitigatedJob(tuple(inputs), options, backend, options.seed or 0)
    return [pub for planner in job.planners() for pub in planner.prepared()]


class _MitigatedJob:
    """Facts that compilation finds out and post-processing needs."""

    def __init__(
        self,
        inputs: tuple[EstimatorInput, ...],
        options: ResolvedEstimatorOptions,
        backend: BackendV2,
        seed: int,
    ) -> None:
        self._inputs = inputs
        self._options = options
        self._backend = backend
        self._seed = seed
        run = [index for index, each in enumerate(inputs) if each.pub.size > 0]
        groups = by_key(inputs[index].shots for index in run)
        self._places = [[run[index] for index in places] for places in groups.values()]
        self._groups: list[Group] = []
        self._drawn: list[list[_Outputs]] = []
        self._parts: list[list[CompiledQuantumProgram]] = []
        """Of each group: its PUBs, and what has other shots than they."""

    def compile(self, elsewhere: Elsewhere = here) -> Program:
        self._groups, self._parts, self._drawn = [], [], []
        planners = self.planners(elsewhere)
        for number, (planner, places) in enumerate(zip(planners, self._places, strict=True)):
            group, seed = planner.group(), seed_of_part(self._seed, number)
            programs, drawn = self._quantum_programs(group, places, seed)
            self._groups.append(group)
            self._drawn.append(drawn)
            self._parts.append(
                [
                    compile_part(
                        program,
                        self._backend,
                        self._options,
                        seed_of_part(seed, part * _CALIBRATION),
                        elsewhere,
                    )
                    for part, program in enumerate(programs)
                ]
            )
        return joined([each for parts in self._parts for each in parts], self._seed)

    def executions(self) -> list[CircuitExecutions]:
        """Return which circuits are executed, one for each item, and how often."""
        planned = []
        for planner, places in zip(self.planners(), self._places, strict=True):
            group = planner.group()
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
                planned.append(CircuitExecutions(place, item.circuit, content, count, purpose))
        return planned

    def planners(self, elsewhere: Elsewhere = here) -> list[Planner]:
        """Return what prepares the PUBs, those with the same number of shots together."""
        return [
            Planner(
                [(place, self._inputs[place]) for place in places],
                self._options,
                self._backend,
                seed_of_part(self._seed, number),
                elsewhere,
            )
            for number, places in enumerate(self._places)
        ]

    def _quantum_programs(
        self, group: Group, places: Sequence[int], seed: int
    ) -> tuple[list[QuantumProgram], list[_Outputs]]:
        """Return what to execute, and for each item what was drawn for it already."""
        program = QuantumProgram(group.shots)
        programs = [program]
        drawn: list[_Outputs] = []
        for place, pub in zip(places, group.pubs, strict=True):
            values = _values(self._inputs[place], pub)
            for item in pub.items:
                if isinstance(item, OpaqueItem):
                    generator = np.random.default_rng((seed, len(drawn), _OPAQUE))
                    executed, outputs = item.drawn(values, generator)
                    program.items.append(executed)
                    drawn.append(outputs)
                else:
                    program.items.append(_item(item, values, self._inputs[place], pub))
                    drawn.append({})
        if group.calibration is not None:
            if group.calibration_shots != group.shots:
                programs.append(QuantumProgram(group.calibration_shots))
            programs[-1].items.append(_item(group.calibration.item))
            drawn.append({})
        return programs, drawn

    def post_process(
        self,
        samples: Samples,
        span: ExecutionSpan,  # noqa: ARG002 - estimators report no spans
    ) -> PrimitiveResult[PubResult]:
        results = [_empty_result(each) for each in self._inputs]
        own = iter(parted(samples, [each for parts in self._parts for each in parts]))
        groups = zip(self._groups, self._parts, self._drawn, self._places, strict=True)
        for group, parts, drawn, places in groups:
            bits = [found for part in parts for found in _recorded(part, next(own))]
            items = [item for part in parts for item in part.items]
            outputs = [{**item.outputs, **more} for item, more in zip(items, drawn, strict=True)]
            readout = None
            if group.calibration is not None:
                readout = group.calibration.readout(bits[-1], outputs[-1])
            first = 0
            for place, pub in zip(places, group.pubs, strict=True):
                mine = slice(first, first + len(pub.items))
                each = self._inputs[place]
                found = pub.evaluate(
                    bits[mine], outputs[mine], each.observables.coefficients, readout
                )
                simulations = [item.simulation for item in items[mine]]
                results[place] = _pub_result(each, pub, found, group.shots, simulations)
                first = mine.stop
        return PrimitiveResult(results, job_metadata(self._options, self._inputs, self._seed))


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
        "circuit_metadata": copy.deepcopy(pub.circuit.metadata),
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
        "circuit_metadata": copy.deepcopy(pub.circuit.metadata),
        "executor": None,
        "simulation": {},
    }
    return EstimatorPubResult(data, metadata=metadata)
