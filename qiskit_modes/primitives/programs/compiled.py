"""A quantum program once it is compiled, and its way back to a result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.primitives.containers import BitArray
from qiskit_ibm_runtime.results import (
    ChunkPart,
    ChunkSpan,
    ItemMetadata,
    Metadata,
    QuantumProgramItemResult,
    QuantumProgramResult,
    SchedulerTiming,
)

from qiskit_modes.primitives.programs.sweeps import gathered
from qiskit_modes.runtime.steps import ExecutionSpan
from qiskit_modes.simulation import Program, Samples

__all__ = [
    "CompiledItem",
    "CompiledQuantumProgram",
    "SimulatedItemMetadata",
    "SimulatedMetadata",
    "unpack_bits",
]


@dataclass
class SimulatedItemMetadata(ItemMetadata):
    """Upstream's metadata of an item, and how it was simulated."""

    simulation: Mapping[str, Any] | None = None
    """What noise and which methods; None if nothing was simulated, because it has no element."""


@dataclass
class SimulatedMetadata(Metadata):
    """Upstream's metadata of a program, and what reproduces it."""

    simulation: Mapping[str, Any] | None = None
    """``seed_simulator``: the seed with which the same program gives the same result."""


@dataclass(frozen=True)
class CompiledItem:
    """One item of a quantum program, compiled."""

    shape: tuple[int, ...]
    outputs: Mapping[str, npt.NDArray[Any]]
    """What the samplex gave beside angles, e.g. ``measurement_flips.meas``: first the axes of
    ``shape``, then its own."""
    registers: Mapping[str, int]
    """Name and number of bits of each classical register."""
    runs: tuple[int, ...]
    """Which runs of the program; none if the item has no element."""
    rows: tuple[npt.NDArray[np.intp] | None, ...]
    """For which of its elements each run is, counted through; None: for all."""
    simulation: Mapping[str, Any]
    """How its circuit is simulated."""
    timing: SchedulerTiming | None = None
    """The schedule of its circuit, where that is asked for."""
    parts: int = 1
    """How many runs there are for the same elements, one after another, each of which records other
    bits."""


@dataclass(frozen=True, eq=False)
class CompiledQuantumProgram:
    """A quantum program ready to be executed. Plain data; it can be pickled."""

    program: Program
    """What to execute."""
    items: tuple[CompiledItem, ...]
    shots: int
    passthrough_data: Any
    """Passed on to the result, as it is."""
    seed: int
    """From which its randomisations were drawn, and its shots will be."""

    def bits(self, samples: Samples, item: int) -> dict[str, BitArray]:
        """Return what an item recorded, packed: for each register an array of the item's shape.

        Where parts of it were recorded apart, their bytes stand side by side, those of the first
        part last.

        Args:
            samples: What execution gave.
            item: Which item.
        """
        compiled = self.items[item]
        if compiled.parts > 1:
            return self._side_by_side(samples, compiled)
        recorded = None
        if compiled.runs:
            recorded = gathered([samples.runs[run] for run in compiled.runs], compiled.rows)
        arrays = {}
        for name, num_bits in compiled.registers.items():
            shape = (*compiled.shape, self.shots, -(-num_bits // 8))
            if recorded is None:
                packed = np.zeros(shape, dtype=np.uint8)
            else:
                packed = recorded[name].reshape(shape)
            arrays[name] = BitArray(packed, num_bits)
        return arrays

    def _side_by_side(self, samples: Samples, item: CompiledItem) -> dict[str, BitArray]:
        parts = [
            gathered([samples.runs[run] for run in item.runs[part :: item.parts]], item.rows)
            for part in range(item.parts)
        ]
        arrays = {}
        for name, num_bits in item.registers.items():
            num_bytes = -(-num_bits // 8)
            shape = (*item.shape, self.shots, num_bytes)
            packed = [part[name].reshape(shape) for part in reversed(parts)]
            arrays[name] = BitArray(np.concatenate(packed, axis=-1), 8 * num_bytes * item.parts)
        return arrays

    def result(self, samples: Samples, span: ExecutionSpan) -> QuantumProgramResult:
        """Return upstream's result.

        For each item it has the outputs of its samplex, and for each classical register a Boolean
        array of shape (*item shape, shots, bits), bit 0 first. The axes of the two broadcast
        against each other.

        Args:
            samples: What execution gave.
            span: When the circuits were executed.
        """
        data = []
        for index, item in enumerate(self.items):
            registers = {
                name: unpack_bits(array) for name, array in self.bits(samples, index).items()
            }
            metadata = SimulatedItemMetadata(item.timing, simulation=dict(item.simulation) or None)
            data.append(QuantumProgramItemResult({**item.outputs, **registers}, metadata))
        parts = [
            ChunkPart(index, math.prod(item.shape))
            for index, item in enumerate(self.items)
            if item.runs
        ]
        spans = [ChunkSpan(span.start, span.stop, parts)] if parts else []
        metadata = SimulatedMetadata(spans, simulation={"seed_simulator": self.seed})
        return QuantumProgramResult(data, metadata, self.passthrough_data)


def unpack_bits(array: BitArray) -> npt.NDArray[np.bool_]:
    """Return packed bits as Booleans, bit 0 first, shape (*shape, shots, bits)."""
    little_endian = array.array[..., ::-1]
    bits = np.unpackbits(little_endian, axis=-1, count=array.num_bits, bitorder="little")
    return bits.view(np.bool_)
