"""Readings of one experiment: outcomes of randomisations, and what terms make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qiskit_modes.primitives.measurement.expectation_values import (
    Support,
    expectation_values,
    mean_squares,
)

__all__ = ["Readings"]

Array = npt.NDArray[np.float64]
Supports = Sequence[Support]
"""The bits of each term."""


@dataclass(frozen=True)
class Readings:
    """The outcomes of some configurations, each randomised and sampled equally often."""

    bits: npt.NDArray[np.uint8]
    """Packed as `BitArray` packs them, (randomisations, configurations, shots, bytes); flips of
    twirled measurements are undone."""

    signs: Array | None = None
    """With which sign each counts, (randomisations, configurations); None: all with 1."""

    @classmethod
    def of(
        cls, bits: npt.NDArray[np.uint8], outputs: Mapping[str, npt.NDArray[Any]], register: str
    ) -> Readings:
        """Read what an item of a quantum program gave.

        Args:
            bits: Packed, shape (randomisations, configurations, shots, bytes); of parts that were
                read apart, side by side.
            outputs: What the item's samplex gave beside angles: flips of shape (randomisations,
                configurations, 1, bits), signs of shape (randomisations, configurations, sites).
            register: The register that was measured into.
        """
        flips = outputs.get(f"measurement_flips.{register}")
        if flips is not None:
            # Bit 0 is the lowest bit of the last byte.
            packed = np.packbits(flips, axis=-1, bitorder="little")[..., ::-1]
            parts = bits.shape[-1] // packed.shape[-1]
            bits = bits ^ (packed if parts == 1 else np.tile(packed, parts))
        drawn = outputs.get("pauli_signs")
        signs = None if drawn is None else 1.0 - 2.0 * (drawn.sum(axis=-1) % 2)
        return cls(bits, signs)

    @property
    def randomisations(self) -> int:
        """Number of randomisations of each configuration."""
        return self.bits.shape[0]

    @property
    def shots(self) -> int:
        """Number of shots of each configuration in all."""
        return self.bits.shape[0] * self.bits.shape[2]

    def means(self, configuration: int, supports: Supports) -> Array:
        """Return the terms' mean values in each randomisation, shape (randomisations, terms)."""
        means = expectation_values(self.bits[:, configuration], supports).T
        return means if self.signs is None else means * self.signs[:, configuration, np.newaxis]

    def mean_squares(self, configuration: int, supports: Supports, weights: Sequence[Any]) -> Array:
        """Return the mean squares, over all shots, of weighted sums of terms of the same shot.

        Args:
            configuration: Which configuration.
            supports: The terms.
            weights: Of each term in each sum, (num_terms, num_sums); several such.

        Returns:
            Shape (len(weights), num_sums).
        """
        together = self.bits[:, configuration].reshape(1, self.shots, self.bits.shape[-1])
        return mean_squares(together, supports, weights)[..., 0]
