"""The estimated cost of a component, and the memory of its states."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cost", "density_bytes", "doubled"]

BLOCK_SECONDS = 1.0
"""A block of shots takes at least so long, ..."""
BLOCK_CALLS = 10
"""... and so many times what a call of Aer costs before the first shot."""
_MOST_DOUBLINGS = 500
"""What is doubled so often is never done, and sums and products with it are still numbers."""
_COPIES = 3
"""A step holds the state before, its rearranged copy and the result."""


@dataclass(frozen=True)
class Cost:
    """Estimated seconds for one parameter set on one core."""

    once: float
    """Before the first shot, or for each block of shots."""
    per_shot: float = 0.0
    drawn_singly: bool = False
    """Whether every shot is simulated on its own, so that shots may be divided into blocks."""

    @property
    def block_shots(self) -> int | None:
        """Return how many shots are one block; None if they cannot be divided."""
        if not self.drawn_singly:
            return None
        return max(1, round(max(BLOCK_SECONDS, BLOCK_CALLS * self.once) / self.per_shot))

    def seconds(self, shots: int) -> float:
        """Return the estimate for so many shots."""
        blocks = 1 if self.block_shots is None else -(-shots // self.block_shots)
        return self.once * blocks + self.per_shot * shots


def doubled(times: float) -> float:
    """Return 2 to a power, for estimates: of a thousand qubits it is no number of Python's."""
    return 2.0 ** min(times, _MOST_DOUBLINGS)


def density_bytes(elements: int) -> int:
    """Return the memory that a state of so many float64 numbers takes while it is worked with."""
    return _COPIES * 8 * elements
