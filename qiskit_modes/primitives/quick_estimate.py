"""The service's quick formula for the usage of a job."""

from __future__ import annotations

__all__ = [
    "CIRCUIT_SECONDS",
    "OVERHEAD_SECONDS",
    "REP_DELAY_SECONDS",
    "quick_estimate",
]

OVERHEAD_SECONDS = 2.0
"""What each job takes on the QPU beside its circuits: loading what it is made of."""

REP_DELAY_SECONDS = 250e-6
"""The usual delay between two executions of a circuit."""

CIRCUIT_SECONDS = 100e-6
"""The time of a typical circuit."""


def quick_estimate(rep_delay_seconds: float | None, executions: int) -> float:
    """Return the seconds that a job is charged by the quick formula.

    Args:
        rep_delay_seconds: The delay between two executions; None for the usual one.
        executions: How often a circuit is executed.

    Example:
        >>> round(quick_estimate(None, 8000), 3)
        4.8
    """
    rep_delay = REP_DELAY_SECONDS if rep_delay_seconds is None else rep_delay_seconds
    return OVERHEAD_SECONDS + (rep_delay + CIRCUIT_SECONDS) * executions
