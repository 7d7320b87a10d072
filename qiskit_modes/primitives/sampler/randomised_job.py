"""A sampler's job whose circuits are twirled, decoupled or given noise of layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ClassicalRegister
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.providers import BackendV2
from samplomatic.quantum_program import CircuitItem, QuantumProgram, QuantumProgramItem, SamplexItem

from qiskit_modes.primitives.boxes.narrow import ALL_BITS
from qiskit_modes.primitives.boxes.swept_delays import SweptItem
from qiskit_modes.primitives.inputs.circuits import metadata_of
from qiskit_modes.primitives.inputs.pubs import SamplerInput
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions
from qiskit_modes.primitives.programs.compile import CompiledQuantumProgram
from qiskit_modes.primitives.programs.parts import (
    by_key,
    compile_part,
    joined,
    parted,
    seed_of_part,
)
from qiskit_modes.primitives.programs.width import refuse_too_wide
from qiskit_modes.primitives.sampler.metadata import job_metadata
from qiskit_modes.primitives.sampler.templates import decoupled_circuit, template_of
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan
from qiskit_modes.simulation import Program, Samples, fingerprint
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["RandomisedSamplerJob"]

_FLIPS = "measurement_flips."
"""What a samplex calls the bits that it turned: this, and their register's name."""


@dataclass(frozen=True)
class RandomisedSamplerJob:
    """The steps of a sampler's job whose circuits are changed before they run.

    The result has the form that `PlainSamplerJob` describes; what measurement twirling turned is
    turned back, and the shots of all randomisations stand one after the other.
    """

    inputs: tuple[SamplerInput, ...]
    options: ResolvedSamplerOptions
    """They change circuits."""
    backend: BackendV2
    seed: int
    """From which randomisations and shots are drawn."""

    @property
    def _places(self) -> dict[int, list[int]]:
        """The places of PUBs with the same number of shots: they are one part of the program."""
        return by_key(each.shots for each in self.inputs)

    def compile(
        self, elsewhere: Elsewhere = here
    ) -> tuple[Program, tuple[CompiledQuantumProgram, ...]]:
        """Box, build, decouple and compile each circuit; see `Steps.compile`."""
        for each in self.inputs:
            refuse_too_wide(
                each.circuit,
                each.parameter_values,
                self.backend,
                self.options.noise_model,
                elsewhere,
            )
        parts = []
        for number, (shots, places) in enumerate(self._places.items()):
            program = QuantumProgram(self.options.twirling.divide(shots)[1])
            program.items += [self._item(self.inputs[place], place, elsewhere) for place in places]
            seed = seed_of_part(self.seed, number)
            parts.append(compile_part(program, self.backend, self.options, seed, elsewhere))
        return joined(parts, self.seed), tuple(parts)

    def executions(self) -> list[CircuitExecutions]:
        """Return which circuits are executed, and how often; see `Steps.executions`."""
        found = []
        for place, each in enumerate(self.inputs):
            circuit = self._item(each, place).circuit
            number, shots = self.options.twirling.divide(each.shots)
            count = number * shots * each.pub.size
            found.append(CircuitExecutions(place, circuit, fingerprint(circuit), count))
        return found

    def _item(
        self, pub: SamplerInput, place: int, elsewhere: Elsewhere = here
    ) -> QuantumProgramItem | SweptItem:
        if not self.options.twirling.enabled:
            circuit = decoupled_circuit(pub, self.options, self.backend, elsewhere)
            shape = (*pub.shape, circuit.num_parameters)
            return CircuitItem(circuit, circuit_arguments=pub.parameter_values.reshape(shape))
        template = template_of(pub, self.options, self.backend, f"PUB {place}", elsewhere)
        arguments = {}
        if template.samplex.inputs().get_specs("parameter_values"):
            column = {each.name: at for at, each in enumerate(pub.circuit.parameters)}
            values = pub.parameter_values[:, [column[name] for name in template.parameters]]
            arguments["parameter_values"] = values.reshape(*pub.shape, len(template.parameters))
        number, _ = self.options.twirling.divide(pub.shots)
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
        self, samples: Samples, notes: tuple[CompiledQuantumProgram, ...], span: ExecutionSpan
    ) -> PrimitiveResult[SamplerPubResult]:
        """Turn back what was turned, and join randomisations; see `Steps.post_process`."""
        results: list[Any] = [None] * len(self.inputs)
        for part, own, places in zip(
            notes, parted(samples, notes), self._places.values(), strict=True
        ):
            for index, place in enumerate(places):
                results[place] = self._pub_result(place, part, own, index)
        metadata = job_metadata(self.options, self.inputs, self.seed, span)
        return PrimitiveResult(results, metadata)

    def _pub_result(
        self, place: int, part: CompiledQuantumProgram, samples: Samples, index: int
    ) -> SamplerPubResult:
        pub, item = self.inputs[place], part.items[index]
        twirled = self.options.twirling.enabled
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
        number, each = self.options.twirling.divide(pub.shots)
        metadata = {
            "shots": number * each,
            "circuit_metadata": metadata_of(pub.circuit),
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
