"""Twirling: what is randomised, and how a PUB's shots are divided among the randomisations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Twirling"]

Count = int | Literal["auto"]

_SHOTS = 64
"""A randomisation has at least so many shots where nothing is said."""

_RANDOMISATIONS = 32
"""... and so many randomisations are taken once there are shots enough."""


@dataclass(frozen=True)
class Twirling:
    """The group ``twirling`` of the options, with nothing left open but "auto"."""

    gates: bool = False
    """Whether layers of two-qubit gates are twirled."""

    measure: bool = False
    """Whether measurements are twirled."""

    group: str = "pauli"
    """From which group gates are drawn."""

    num_randomizations: Count = "auto"

    shots_per_randomization: Count = "auto"

    strategy: str = "active-accum"
    """Which idle qubits are twirled too."""

    @property
    def enabled(self) -> bool:
        """Tell whether anything is twirled."""
        return self.gates or self.measure

    def divide(self, shots: int, *, for_pec: bool = False) -> tuple[int, int]:
        """Return how many randomisations, and the shots of each, as upstream divides them.

        Where nothing is twirled, that is one with all shots.

        Args:
            shots: The shots of the PUB; the product of what is returned is not less unless both
                numbers were given.
            for_pec: With probabilistic error cancellation a randomisation has 64 shots where
                nothing is said, however many shots there are.

        Example:
            >>> Twirling(measure=True).divide(4096), Twirling(gates=True).divide(1024)
            ((32, 128), (16, 64))
            >>> Twirling().divide(4096)
            (1, 4096)
        """
        if not self.enabled:
            return 1, shots
        number = None if self.num_randomizations == "auto" else int(self.num_randomizations)
        each = None if self.shots_per_randomization == "auto" else int(self.shots_per_randomization)
        if each is None and number is not None:
            each = math.ceil(shots / number)
        if each is None:
            each = _SHOTS if for_pec else max(_SHOTS, math.ceil(shots / _RANDOMISATIONS))
        return math.ceil(shots / each) if number is None else number, each

    def boxing(self) -> dict[str, Any]:
        """Return what both primitives tell samplomatic's boxing pass manager."""
        return {
            "enable_gates": self.gates,
            "twirling_strategy": self.strategy.replace("-", "_"),
            "twirling_group": self.group,
            # The tags are how noise that is given for layers finds them.
            "add_tags": "unique_box",
        }
