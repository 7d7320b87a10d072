"""Figures and modes as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit_modes.scheduling import Mode

__all__ = ["MODES", "STEPS", "by", "duration", "durations", "times"]

MODES = {Mode.JOB: "job mode", Mode.BATCH: "a batch", Mode.SESSION: "a session"}
"""The modes, as they stand in a sentence."""

STEPS = {
    "compile": "compiled",
    "wait": "waits for the QPU",
    "execute": "on the QPU",
    "post_process": "post-processed",
    "abandon": "given up",
}
"""The steps of a job in its lane, as pictures call them."""


def by(workers: Sequence[str]) -> str:
    """Return who did something, as the end of a sentence.

    Example:
        >>> by(()), by(("worker 1",)), by(("a", "b", "c", "d"))
        ('', ', by worker 1', ', by a and 3 others')
    """
    if not workers:
        return ""
    more = len(workers) - 1
    return f", by {workers[0]}" + (f" and {more} other{'s' * (more > 1)}" if more else "")


def duration(seconds: float) -> str:
    """Return a time with its unit, with three digits at most.

    Example:
        >>> [duration(each) for each in (0.0, 0.00123, 0.5, 12.34, 99.6, 150, 5400, 200_000)]
        ['0 s', '1.23 ms', '0.5 s', '12.3 s', '99.6 s', '2.5 min', '90 min', '2.31 days']
    """
    factor, unit = _unit(seconds)
    return f"{seconds / factor:.3g} {unit}"


def durations(median: float, low: float, high: float) -> str:
    """Return a time with its interval, all in the same unit: the median's, unless others are far.

    Args:
        median: How it usually is, in seconds.
        low: Where the interval begins.
        high: Where it ends; an interval without length is not told.

    Example:
        >>> durations(690, 624, 744), durations(3, 3, 3), durations(0.0958, 0, 8.83)
        ('11.5 [10.4 – 12.4] min', '3 s', '0.0958 [0 – 8.83] s')
    """
    factor, unit = _unit(median if median else high)
    if high >= 999.5 * factor:  # three digits would not tell it
        factor, unit = _unit(high)
    middle, least, most = (f"{each / factor:.3g}" for each in (median, low, high))
    interval = "" if least == most else f" [{least} – {most}]"
    return f"{middle}{interval} {unit}"


def _unit(seconds: float) -> tuple[float, str]:
    if 0 < seconds < 0.0999:
        return 1e-3, "ms"
    for factor, unit, most in ((1.0, "s", 119.5), (60.0, "min", 7170.0), (3600.0, "h", 172_000.0)):
        if seconds < most:
            return factor, unit
    return 86_400.0, "days"


def times(ratio: float) -> str:
    """Return a ratio in words.

    Example:
        >>> times(3.14159), times(1.02)
        ('3.1 times', '1.0 times')
    """
    return f"{ratio:.1f} times"
