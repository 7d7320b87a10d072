"""Durations as users write and read them."""

from __future__ import annotations

import math
import re

__all__ = ["duration", "seconds_of", "unit_of"]

_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_PIECE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([dhms])", re.IGNORECASE)


def seconds_of(duration: float | str) -> float:
    """Return a duration in seconds.

    Args:
        duration: Seconds, or text made of pieces such as ``"1d"``, ``"2h"``, ``"30m"`` and
            ``"40s"``, in any order.

    Raises:
        ValueError: If it is neither, or negative.

    Example:
        >>> seconds_of("2h 30m 40s")
        9040.0
    """
    if isinstance(duration, str):
        pieces = _PIECE.findall(duration)
        if not pieces or _PIECE.sub("", duration).strip():
            raise ValueError(
                f"{duration!r} is not made of pieces such as '1d', '2h', '30m' and '40s'; "
                "write for example '2h 30m'"
            )
        return sum(float(number) * _UNITS[unit.lower()] for number, unit in pieces)
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise ValueError(
            f"expected seconds or text such as '2h 30m', found {duration!r} of type "
            f"{type(duration).__name__}"
        )
    if duration < 0 or not math.isfinite(duration):
        raise ValueError(f"expected a finite number of seconds from 0, found {duration}")
    return float(duration)


def duration(seconds: float) -> str:
    """Return a time with its unit, with three digits at most.

    Example:
        >>> [duration(each) for each in (0.0, 0.00123, 0.5, 12.34, 99.6, 150, 5400, 200_000)]
        ['0 s', '1.23 ms', '0.5 s', '12.3 s', '99.6 s', '2.5 min', '90 min', '2.31 days']
    """
    factor, unit = unit_of(seconds)
    return f"{seconds / factor:.3g} {unit}"


def unit_of(seconds: float) -> tuple[float, str]:
    """Return the unit in which a time is told, in seconds, and how it is written."""
    if 0 < seconds < 0.0999:
        return 1e-3, "ms"
    for factor, unit, most in ((1.0, "s", 119.5), (60.0, "min", 7170.0), (3600.0, "h", 172_000.0)):
        if seconds < most:
            return factor, unit
    return 86_400.0, "days"
