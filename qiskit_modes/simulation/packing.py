"""Places of a component's bits in the packed samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qiskit_modes.caches import read_only

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qiskit_modes.simulation.circuits.ending import Ending

__all__ = ["Layout", "registers_of"]

Bytes = npt.NDArray[np.uint8]

ROWS_AT_ONCE = 4096
"""A hundred bits of so many rows take 1.6 MB as numbers, which stays within a cache."""

LARGEST_TABLE_BITS = 12
"""Up to so many bits, the bytes of every outcome are tabulated: 4096 rows."""


@dataclass(frozen=True)
class Layout:
    """All registers of a circuit side by side in one row of bytes.

    Each register takes whole bytes, big-endian, bit 0 the lowest bit of its last byte, as in
    Qiskit's ``BitArray``. A classical bit may be in several registers, or in none.
    """

    registers: tuple[tuple[str, tuple[int, ...]], ...]
    """Name and classical bits, bit 0 first."""
    slices: dict[str, slice] = field(init=False, compare=False)
    places: dict[int, list[int]] = field(init=False, compare=False)
    """Positions of a classical bit in the row, counted in bits from its beginning."""
    clbits: frozenset[int] = field(init=False, compare=False)
    """All that are in a register."""
    row_bytes: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        slices: dict[str, slice] = {}
        places: dict[int, list[int]] = {}
        start = 0
        for name, clbits in self.registers:
            stop = start + -(-len(clbits) // 8)
            slices[name] = slice(start, stop)
            for index, clbit in enumerate(clbits):
                places.setdefault(clbit, []).append(8 * stop - 1 - index)
            start = stop
        object.__setattr__(self, "slices", slices)
        object.__setattr__(self, "places", places)
        object.__setattr__(self, "clbits", frozenset(places))
        object.__setattr__(self, "row_bytes", start)

    def __reduce__(self) -> tuple[object, ...]:
        return Layout, (self.registers,)

    def pack(self, clbits: Sequence[int], outcomes: npt.NDArray[np.integer]) -> Bytes:
        """Return outcomes as rows of bytes.

        Args:
            clbits: The bits of an outcome, most significant first.
            outcomes: Shape (shots,).

        Returns:
            Shape (shots, row_bytes); bits of other components are 0.
        """
        if len(clbits) <= LARGEST_TABLE_BITS:
            return _table(self.registers, tuple(clbits)).take(outcomes, axis=0)
        digits = np.arange(len(clbits))[::-1]
        return self.pack_bits(clbits, (outcomes[:, None] >> digits & 1).astype(np.bool_))

    def pack_bits(self, clbits: Sequence[int], values: npt.NDArray[np.bool_]) -> Bytes:
        """Return bits as rows of bytes.

        Args:
            clbits: Which bits.
            values: Shape (shots, len(clbits)).

        Returns:
            Shape (shots, row_bytes).
        """
        # Each bit adds its power of two to its byte: as a product of matrices this takes a tenth
        # of what moving the bits to their places takes. Sums up to 255 are exact.
        weights = _bit_weights(self.registers, tuple(clbits))
        packed = np.empty((len(values), self.row_bytes), dtype=np.uint8)
        for start in range(0, len(values), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            packed[part] = values[part].astype(np.float32) @ weights
        return packed


def registers_of(circuit: QuantumCircuit, ending: Ending | None = None) -> Layout:
    """Return the layout of a circuit's registers, with that of what follows it."""
    index = {clbit: number for number, clbit in enumerate(circuit.clbits)}
    registers = [(each.name, tuple([index[bit] for bit in each])) for each in circuit.cregs]
    if ending is not None:
        first = circuit.num_clbits
        registers.append((ending.register, tuple(range(first, first + len(ending.qubits)))))
    return _layout(tuple(registers))


@lru_cache(maxsize=256)
def _layout(registers: tuple[tuple[str, tuple[int, ...]], ...]) -> Layout:
    return Layout(registers)


@lru_cache(maxsize=256)
def _bit_weights(
    registers: tuple[tuple[str, tuple[int, ...]], ...], clbits: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """Return what each bit adds to each byte of a row, shape (bits, row_bytes)."""
    layout = _layout(registers)
    weights = np.zeros((len(clbits), layout.row_bytes), dtype=np.float32)
    for source, clbit in enumerate(clbits):
        for place in layout.places.get(clbit, ()):
            weights[source, place // 8] += 1 << (7 - place % 8)
    return read_only(weights)


@lru_cache(maxsize=256)
def _table(registers: tuple[tuple[str, tuple[int, ...]], ...], clbits: tuple[int, ...]) -> Bytes:
    """Return the packed row of every outcome of some bits."""
    outcomes = np.arange(1 << len(clbits))
    digits = np.arange(len(clbits))[::-1]
    bits = (outcomes[:, None] >> digits & 1).astype(np.bool_)
    return read_only(_layout(registers).pack_bits(clbits, bits))
