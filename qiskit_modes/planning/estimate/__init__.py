"""Estimates: what hardware would charge for a job, before anything is run."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.planning.estimate.estimate import (
        CircuitEstimate,
        UsageEstimate,
        estimate_usage,
    )

__all__ = ["CircuitEstimate", "UsageEstimate", "estimate_usage"]

__getattr__, __dir__ = lazy(__name__, dict.fromkeys(__all__, f"{__name__}.estimate"))
