"""Figures and modes as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit_modes.durations import unit_of
from qiskit_modes.scheduling import Mode

__all__ = ["MODES", "STEPS", "by", "durations", "times"]

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
    factor, unit = unit_of(median if median else high)
    if high >= 999.5 * factor:  # three digits would not tell it
        factor, unit = unit_of(high)
    middle, least, most = (f"{each / factor:.3g}" for each in (median, low, high))
    interval = "" if least == most else f" [{least} – {most}]"
    return f"{middle}{interval} {unit}"


def times(ratio: float) -> str:
    """Return a ratio in words.

    Example:
        >>> times(3.14159), times(1.02)
        ('3.1 times', '1.0 times')
    """
    return f"{ratio:.1f} times"
