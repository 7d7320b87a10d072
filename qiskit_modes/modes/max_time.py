"""The longest time of a session or batch, as users write it."""

from __future__ import annotations

from qiskit_modes.durations import seconds_of
from qiskit_modes.exceptions import InvalidInputError

__all__ = ["max_time_seconds"]


def max_time_seconds(max_time: int | str | None) -> int | None:
    """Return a ``max_time`` in whole seconds; None and 0 ask for the plan's maximum.

    Args:
        max_time: Seconds, or text such as ``"2h 30m 40s"``, in any order of the pieces.

    Raises:
        InvalidInputError: If it is neither.

    Example:
        >>> max_time_seconds("2h 30m 40s")
        9040
    """
    if max_time is None:
        return None
    if isinstance(max_time, float):
        raise InvalidInputError(
            f"Invalid max_time value: expected whole seconds or text such as '2h 30m', found "
            f"{max_time!r}"
        )
    try:
        seconds = seconds_of(max_time)
    except ValueError as error:
        raise InvalidInputError(f"Invalid max_time value: {error}") from None
    if isinstance(max_time, str) and "." in max_time:
        raise InvalidInputError(
            f"Invalid max_time value: the service knows no fractions such as {max_time!r}; write "
            f"{seconds:.0f} or text such as '1h 30m'"
        )
    return int(seconds) or None
