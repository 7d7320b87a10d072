"""How long a session or batch may last, as users write it."""

from __future__ import annotations

import re

from qiskit_modes.exceptions import InvalidInputError

__all__ = ["seconds_of"]

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PIECE = re.compile(r"\s*(\d+)\s*([dhms])", re.IGNORECASE)


def seconds_of(max_time: int | str | None) -> int | None:
    """Return a ``max_time`` in seconds; None and 0 ask for the plan's maximum.

    Args:
        max_time: Seconds, or text such as ``"2h 30m 40s"``, in any order of the pieces.

    Raises:
        InvalidInputError: If it is neither.

    Example:
        >>> seconds_of("2h 30m 40s")
        9040
    """
    if max_time is None:
        return None
    if isinstance(max_time, bool) or not isinstance(max_time, int | str):
        raise InvalidInputError(
            f"Invalid max_time value: expected whole seconds or text such as '2h 30m', found "
            f"{max_time!r} of type {type(max_time).__name__}"
        )
    if isinstance(max_time, str):
        pieces = _PIECE.findall(max_time)
        if not pieces or _PIECE.sub("", max_time).strip():
            raise InvalidInputError(
                f"Invalid max_time value: {max_time!r} is not made of pieces such as '1d', '2h', "
                "'30m' and '40s'; write for example max_time='2h 30m' or max_time=9000"
            )
        return sum(int(number) * _UNITS[unit.lower()] for number, unit in pieces)
    if max_time < 0:
        raise InvalidInputError(f"Invalid max_time value: {max_time} s; expected at least 1 s")
    return max_time or None
