"""The joint distribution of what one component records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qiskit_modes._mutex import cached_property
from qiskit_modes.caches import read_only
from qiskit_modes.simulation.packing import Bytes, Layout
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.run.sampling import stairs

__all__ = ["Outcomes"]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """All that a component can record, with weights."""

    weights: RealArray
    """(num_sets, outcomes); rounding may have left values of -1e-17."""
    clbits: tuple[int, ...]
    """Which bits are recorded."""
    patterns: npt.NDArray[np.bool_] | None = None
    """(outcomes, bits): what is recorded. None if the outcomes are all values of the bits in
    order, the first bit the most significant."""

    @cached_property
    def stairs(self) -> RealArray:
        """Weights as they are drawn from, of the same shape."""
        return read_only(stairs(self.weights))

    def packed(self, layout: Layout, drawn: npt.NDArray[np.integer]) -> Bytes:
        """Return outcomes as packed bytes, shape (n, bytes).

        Args:
            layout: Places of bits in the bytes.
            drawn: Indices of outcomes, shape (n,).
        """
        if self.patterns is None:
            return layout.pack(self.clbits, drawn)
        return layout.pack_bits(self.clbits, self.patterns)[drawn]

    def memories(self) -> list[int]:
        """Return each outcome as a classical memory: bit k is the circuit's bit k."""
        if self.patterns is None:
            count, bits = self.weights.shape[1], tuple(reversed(self.clbits))
            return [
                sum((index >> place & 1) << bit for place, bit in enumerate(bits))
                for index in range(count)
            ]
        return [
            sum(1 << bit for bit, value in zip(self.clbits, row, strict=True) if value)
            for row in self.patterns.tolist()
        ]
