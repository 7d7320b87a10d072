"""Settings of the demonstration; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_EVALUATIONS", "Settings"]

MAX_EVALUATIONS = 1_000
"""Most energies of one search: two of them fit into the history of the QPU lock."""


@dataclass(frozen=True)
class Settings:
    """Settings of the demonstration."""

    backend: str = "fake_torino"
    """A name that `LocalService.backend` knows."""
    seed: int = 7
    """Decides where the searches start, and every shot."""
    evaluations: int = 150
    """How many energies each search asks for at most."""
    shots: int = 1_000_000
    """For each energy, in each of the two bases that it takes. So many that the shots alone leave
    an uncertainty of less than the 1.6 mHa that chemists call accurate."""
