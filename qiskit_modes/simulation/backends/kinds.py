"""All kinds of backends, and which of them a backend is of."""

from __future__ import annotations

from typing import Any

from qiskit_modes.simulation.backends.aer_simulator import AerDescription
from qiskit_modes.simulation.backends.description import BackendDescription
from qiskit_modes.simulation.backends.fake import FakeDescription

__all__ = ["KINDS", "describe"]

KINDS: tuple[type[BackendDescription], ...] = (AerDescription, FakeDescription, BackendDescription)
"""In the order in which they are asked; the last one takes all that are left."""


def describe(backend: Any) -> BackendDescription:
    """Return what answers all that is asked of a backend: identity, noise, instruction set, method.

    Args:
        backend: A backend of Qiskit's. What is not is taken for one, and fails when it is asked.
    """
    kind = next(each for each in KINDS if each.takes(backend))
    return kind(backend)
