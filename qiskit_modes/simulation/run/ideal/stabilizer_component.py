"""Ideal joined qubits with Clifford gates only, as a component of a compiled circuit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qiskit_modes.simulation.run.component import Bits, OneWay, ParameterSets
from qiskit_modes.simulation.run.cost import Cost
from qiskit_modes.simulation.run.outcomes import Outcomes

__all__ = ["StabilizerComponent"]

ROWS_AT_ONCE = 1 << 14
MOST_LISTED = 16
"""Up to so many directions, all outcomes are listed where exact probabilities are asked for."""


@dataclass(frozen=True, eq=False)
class StabilizerComponent(OneWay):
    """Joined qubits whose outcomes are uniform over an affine space, see `outcome_space`."""

    start: Bits
    """One outcome, shape (bits,)."""
    directions: Bits
    """Shape (directions, bits): an outcome is ``start`` plus any sum of them, modulo 2."""
    clbits: tuple[int, ...]
    """Which bits are recorded."""
    key: bytes
    """Digest of all that is done."""
    cost: Cost
    method: ClassVar[str] = "stabilizer group"
    device: ClassVar[str] = "CPU"
    block_shots: ClassVar[None] = None
    peak: ClassVar[int] = 1
    draws_shots: ClassVar[bool] = True
    records_one_bit: ClassVar[bool] = False
    holds_up_others: ClassVar[bool] = False

    def peak_bytes(self, num_sets: int) -> int:
        """Return the memory for so many parameter sets at once: no state is held."""
        del num_sets
        return 0

    def sample(self, sets: ParameterSets, shots: int, generator: np.random.Generator) -> Bits:
        """Draw shots, which are the same for all parameter sets.

        Returns:
            Shape (shots, bits).
        """
        del sets
        bits = np.empty((shots, len(self.clbits)), dtype=np.bool_)
        # As a product of matrices, whose sums are exact: there are fewer than 2^24 directions.
        directions = self.directions.astype(np.float32)
        for first in range(0, shots, ROWS_AT_ONCE):
            part = bits[first : first + ROWS_AT_ONCE]
            chosen = generator.integers(2, size=(len(part), len(directions)), dtype=np.uint8)
            sums = chosen.astype(np.float32) @ directions
            part[:] = (sums.astype(np.int32) & 1).astype(np.bool_) ^ self.start
        return bits

    def outcomes(self, sets: ParameterSets) -> Outcomes:
        """Return the exact distribution for every parameter set.

        Raises:
            UnsupportedCircuitError: If it is too long a list.
        """
        count = len(self.directions)
        if count > MOST_LISTED:
            # Here and not above: a worker that runs programs needs no Qiskit.
            from qiskit_modes.exceptions import UnsupportedCircuitError

            raise UnsupportedCircuitError(
                f"The circuit has 2^{count} outcomes on {len(self.clbits)} joined qubits, too many "
                "to be listed."
            )
        chosen = np.arange(1 << count)[:, None] >> np.arange(count) & 1
        patterns = (chosen @ self.directions.astype(np.intp) & 1).astype(np.bool_) ^ self.start
        weights = np.full((len(sets), 1 << count), 0.5**count)
        return Outcomes(weights, self.clbits, patterns)
