"""All kinds of backends, and which of them a backend is of."""

from __future__ import annotations

from functools import cache
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
    return _kind_of(backend.__class__)(backend)


@cache
def _kind_of(backends: type) -> type[BackendDescription]:
    return next(each for each in KINDS if each.takes(backends))
