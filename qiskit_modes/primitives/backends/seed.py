"""The seed from which everything in a job is drawn."""

from __future__ import annotations

import secrets

from qiskit.providers import BackendV2

from qiskit_modes.simulation.backends.kinds import describe

__all__ = ["draw_seed"]


def draw_seed(seed: int | None, backend: BackendV2 | None = None) -> int:
    """Return the seed of a job: the user's (0 is one), that of the backend, or a new random one.

    Args:
        seed: What the options say, or None.
        backend: Where the job runs: a simulator of Aer's may have a seed of its own.
    """
    if seed is None and backend is not None:
        seed = describe(backend).seed
    return secrets.randbits(63) if seed is None else seed
