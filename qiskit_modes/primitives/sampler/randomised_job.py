"""A sampler's job whose circuits are twirled, decoupled or given noise of layers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.providers import BackendV2
from samplomatic.quantum_program import CircuitItem, QuantumProgram, QuantumProgramItem, SamplexItem

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.primitives.boxes.decoupling import decoupled
from qiskit_modes.primitives.boxes.swept_delays import SweptItem
from qiskit_modes.primitives.boxes.templates import (
    Template,
    boxed,
    check_decoupling,
    check_for_boxes,
    check_pulses,
    explained,
    placed,
    warn_absent,
)
from qiskit_modes.primitives.boxes.used_qubits import ALL_BITS, narrowed, used_qubits
from qiskit_modes.primitives.inputs.isa import instruction_set_of
from qiskit_modes.primitives.inputs.pubs import SamplerInput
from qiskit_modes.primitives.layers.layer_noise import LayerNoise
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions
from qiskit_modes.primitives.programs.compile import CompiledQuantumProgram
from qiskit_modes.primitives.programs.parts import (
    by_key,
    compile_part,
    joined,
    parted,
    seed_of_part,
)
from qiskit_modes.primitives.sampler.measurement_twirl import opaque_template
from qiskit_modes.primitives.sampler.metadata import job_metadata
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan, Steps
from qiskit_modes.simulation import Program, Samples, fingerprint
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["check_randomised_sampling", "randomised_sampler_steps"]

_FLIPS = "measurement_flips."
"""What a samplex calls the bits that it turned: this, and their register's name."""


def check_randomised_sampling(
    inputs: Sequence[SamplerInput],
    options: ResolvedSamplerOptions,
    backend: BackendV2,
) -> None:
    """Raise if a PUB does not go with the options.

    Raises:
        InvalidInputError: Naming the PUB, and what to change.

    Warns:
        QiskitModesWarning: If there is no noise for a layer, where noise of layers is simulated.
    """
    for index, each in enumerate(inputs):
        where = f"PUB {index}"
        if options.dynamical_decoupling is not None:
            check_decoupling(each.circuit, instruction_set_of(backend).target, where)
        if options.twirling.enabled:
            check_for_boxes(each.circuit, where)
            check_pulses(instruction_set_of(backend), used_qubits(each.circuit), where)
            _boxed(each, options, backend, where)
    if options.layer_noise_model is not None and options.warn_absent:
        noise = LayerNoise.of(options.layer_noise_model)
        circuits = [_boxed(each, options, backend, "").circuit for each in inputs]
        warn_absent(noise, circuits)


def randomised_sampler_steps(
    inputs: Sequence[SamplerInput],
    options: ResolvedSamplerOptions,
    backend: BackendV2,
    seed: int,
) -> Steps:
    """Return the steps of a sampler's job whose circuits are changed before they run.

    The result has the form that `sampler_steps` describes; what measurement twirling turned is
    turned back, and the shots of all randomisations stand one after the other.

    Args:
        inputs: The PUBs, as `coerce_sampler_pubs` returns them.
        options: The options; they change circuits.
        backend: The backend to simulate.
        seed: From which randomisations and shots are drawn.
    """
    job = _RandomisedSamplerJob(tuple(inputs), options, backend, seed)
    return Steps(compile=job.compile, post_process=job.post_process, executions=job.executions)


class _RandomisedSamplerJob:
    """Facts that compilation finds out and post-processing needs."""

    def __init__(
        self,
        inputs: tuple[SamplerInput, ...],
        options: ResolvedSamplerOptions,
        backend: BackendV2,
        seed: int,
    ) -> None:
        self._inputs = inputs
        self._options = options
        self._backend = backend
        self._seed = seed
        self._places = by_key(each.shots for each in inputs)
        self._parts: list[CompiledQuantumProgram] = []

    def compile(self, elsewhere: Elsewhere = here) -> Program:
        options = self._options
        self._parts = []
        for number, (shots, places) in enumerate(self._places.items()):
            program = QuantumProgram(options.twirling.divide(shots)[1])
            program.items += [self._item(self._inputs[place], place, elsewhere) for place in places]
            seed = seed_of_part(self._seed, number)
            self._parts.append(compile_part(program, self._backend, options, seed, elsewhere))
        return joined(self._parts, self._seed)

    def executions(self) -> list[CircuitExecutions]:
        """Return which circuits are executed for the PUBs, and how often."""
        planned = []
        for place, each in enumerate(self._inputs):
            circuit = self._item(each, place).circuit
            number, shots = self._options.twirling.divide(each.shots)
            count = number * shots * each.pub.size
            planned.append(CircuitExecutions(place, circuit, fingerprint(circuit), count))
        return planned

    def _item(
        self, pub: SamplerInput, place: int, elsewhere: Elsewhere = here
    ) -> QuantumProgramItem | SweptItem:
        if not self._options.twirling.enabled:
            circuit = _decoupled(pub, self._options, self._backend, elsewhere)
            shape = (*pub.shape, circuit.num_parameters)
            return CircuitItem(circuit, circuit_arguments=pub.parameter_values.reshape(shape))
        template = _template(pub, self._options, self._backend, f"PUB {place}", elsewhere)
        arguments = {}
        if template.samplex.inputs().get_specs("parameter_values"):
            column = {each.name: at for at, each in enumerate(pub.circuit.parameters)}
            values = pub.parameter_values[:, [column[name] for name in template.parameters]]
            arguments["parameter_values"] = values.reshape(*pub.shape, len(template.parameters))
        number, _ = self._options.twirling.divide(pub.shots)
        swept = template.swept
        item = SamplexItem(
            template.drawn or (template.circuit if swept is None else swept.template),
            template.samplex,
            samplex_arguments=arguments,
            shape=(number, *pub.shape),
        )
        if template.drawn is not None:
            values, names = pub.parameter_values, template.beside
        elif swept is not None:
            values = swept.durations(list(pub.circuit.parameters), pub.parameter_values)
            names = swept.names
        else:
            return item
        return SweptItem(template.circuit, item, values.reshape(*pub.shape, len(names)), names)

    def post_process(
        self, samples: Samples, span: ExecutionSpan
    ) -> PrimitiveResult[SamplerPubResult]:
        results: list[Any] = [None] * len(self._inputs)
        for part, own, places in zip(
            self._parts, parted(samples, self._parts), self._places.values(), strict=True
        ):
            for index, place in enumerate(places):
                results[place] = self._pub_result(place, part, own, index)
        metadata = job_metadata(self._options, self._inputs, self._seed, span)
        return PrimitiveResult(results, metadata)

    def _pub_result(
        self, place: int, part: CompiledQuantumProgram, samples: Samples, index: int
    ) -> SamplerPubResult:
        pub, item = self._inputs[place], part.items[index]
        twirled = self._options.twirling.enabled
        data = {}
        recorded = {
            name: _turned_back(bits, item.outputs.get(_FLIPS + name))
            for name, bits in part.bits(samples, index).items()
        }
        for register in pub.circuit.cregs:
            name = register.name
            bits = recorded[name] if name in recorded else _read(register, pub, recorded)
            packed = bits.array
            if twirled:
                packed = _one_after_the_other(packed, len(pub.shape))
            data[name] = BitArray(packed, bits.num_bits)
        number, each = self._options.twirling.divide(pub.shots)
        metadata = {
            "shots": number * each,
            "circuit_metadata": copy.deepcopy(pub.circuit.metadata) or {},
            "executor": None,
            "simulation": dict(item.simulation),
        }
        if twirled:
            metadata["num_randomizations"] = number
        return SamplerPubResult(DataBin(**data, shape=pub.shape), metadata=metadata)


def _turned_back(bits: BitArray, flips: npt.NDArray[np.bool_] | None) -> BitArray:
    """Return bits without the flips of twirled measurements."""
    if flips is None:
        return bits
    turned = BitArray.from_bool_array(flips, order="little")
    return BitArray(bits.array ^ turned.array, bits.num_bits)


def _read(
    register: ClassicalRegister, pub: SamplerInput, recorded: Mapping[str, BitArray]
) -> BitArray:
    """Return the bits of a register that shares some with another."""
    places = [pub.circuit.find_bit(bit).index for bit in register]
    return recorded[ALL_BITS].slice_bits(places)


def _one_after_the_other(packed: npt.NDArray[np.uint8], axes: int) -> npt.NDArray[np.uint8]:
    """Put the shots of all randomisations into one axis.

    Args:
        packed: Shape (randomisations, *PUB, shots, bytes).
        axes: How many axes the PUB has.
    """
    moved = np.moveaxis(packed, 0, axes)
    *shape, number, shots, row_bytes = moved.shape
    return moved.reshape(*shape, number * shots, row_bytes)


def _boxed(
    pub: SamplerInput, options: ResolvedSamplerOptions, backend: BackendV2, where: str
) -> Template:
    """Return the circuit of a PUB on the qubits it uses, boxed by the options and built.

    One that cannot be boxed is returned on all of its qubits, with its final measurements boxed, if
    only measurements are to be twirled.
    """
    instructions = instruction_set_of(backend)
    facts = TargetFacts(instructions.target)  # of which boxing reads nothing
    only_measures = not options.twirling.gates and options.dynamical_decoupling is None
    only_measures &= options.layer_noise_model is None
    key = ("boxed", pub.fingerprint, options.twirling, only_measures)
    template: Template | None = instructions.templates.get(key, facts)
    if template is None:
        twirling = options.twirling

        def boxing(circuit: QuantumCircuit) -> Template:
            return boxed(circuit, enable_measures=twirling.measure, **twirling.boxing())

        try:
            with explained(where):
                template = boxing(narrowed(pub.circuit, sorted(used_qubits(pub.circuit))))
        except InvalidInputError:
            template = opaque_template(pub.circuit, boxing) if only_measures else None
            if template is None:
                raise
        instructions.templates.put(key, template, facts)
    return template


def _template(
    pub: SamplerInput,
    options: ResolvedSamplerOptions,
    backend: BackendV2,
    where: str,
    elsewhere: Elsewhere,
) -> Template:
    """Return the circuit of a PUB as it runs on the device."""
    instructions = instruction_set_of(backend)
    facts = TargetFacts(instructions.target)
    keeps_layers = options.layer_noise_model is not None
    key = ("placed", pub.fingerprint, options.twirling, options.decoupling_key, keeps_layers)
    template: Template | None = instructions.templates.get(key, facts)
    if template is None:
        template = _boxed(pub, options, backend, where)
        if template.drawn is not None:
            return template  # it is on the device already
        (circuit,) = placed(
            [template.circuit],
            sorted(used_qubits(pub.circuit)),
            pub.circuit.num_qubits,
            facts,
            name=instructions.name,
            decoupling=options.dynamical_decoupling,
            keeps_layers=keeps_layers,
            elsewhere=elsewhere,
        )
        template = replace(template, circuit=circuit)
        instructions.templates.put(key, template, facts)
    return template


def _decoupled(
    pub: SamplerInput,
    options: ResolvedSamplerOptions,
    backend: BackendV2,
    elsewhere: Elsewhere = here,
) -> QuantumCircuit:
    """Return the circuit of a PUB, decoupled if that is asked for."""
    decoupling = options.dynamical_decoupling
    if decoupling is None:
        return pub.circuit
    instructions = instruction_set_of(backend)
    facts = TargetFacts(instructions.target)
    key = ("decoupled", pub.fingerprint, options.decoupling_key)
    circuit: QuantumCircuit | None = instructions.templates.get(key, facts)
    if circuit is None:
        name = instructions.name
        (circuit,) = decoupled([pub.circuit], decoupling, facts, name, elsewhere)
        instructions.templates.put(key, circuit, facts)
    return circuit
