"""Comparisons: a recording replayed in every mode, under the rules of the service."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.planning.compare.compare import Comparison, compare_modes

__all__ = ["Comparison", "compare_modes"]

__getattr__, __dir__ = lazy(__name__, dict.fromkeys(__all__, f"{__name__}.compare"))
