"""Copies of backends that can be written on, and what they are copies of."""

from __future__ import annotations

import copy
from typing import Any

__all__ = ["copy_of", "original_of"]

_ORIGINAL = "qiskit_modes_original"


def copy_of(backend: Any) -> Any:
    """Return a shallow copy of a backend that stands for the same QPU, and can be written on."""
    original = original_of(backend)
    another = copy.copy(backend)
    setattr(another, _ORIGINAL, original)
    return another


def original_of(backend: Any) -> Any:
    """Return the backend that one is a copy of; itself if it is none."""
    # Not getattr: what a fake backend does not have it looks for in all of its configuration.
    return getattr(backend, "__dict__", {}).get(_ORIGINAL, backend)
