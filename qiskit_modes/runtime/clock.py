"""Time as an argument: everything that measures or waits asks a clock."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "SystemClock", "iso"]


class Clock(Protocol):
    """What the runtime needs of a clock. Times are seconds on a scale that never goes back."""

    def now(self) -> float:
        """Return the present time."""

    def utc(self, at: float) -> datetime:
        """Return the calendar time, aware and in UTC, of a time on this clock's scale."""

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        """Wait on a condition that the caller holds, at most until a time; may wake up early."""


class SystemClock:
    """The machine's monotonic clock, with its calendar time read once.

    Durations are right whatever happens to the machine's calendar; processes on one machine read
    the same scale, so that times stamped in a worker can be compared with times stamped here.
    """

    def __init__(self) -> None:
        self._epoch = datetime.now(UTC) - timedelta(seconds=time.monotonic())

    def now(self) -> float:
        """Return the monotonic time in seconds."""
        return time.monotonic()

    def utc(self, at: float) -> datetime:
        """Return the calendar time of a monotonic time."""
        return self._epoch + timedelta(seconds=at)

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        """Wait until notified, or until the monotonic time ``until``."""
        condition.wait(None if until is None else max(until - self.now(), 0.0))


def iso(moment: datetime) -> str:
    """Return a time in the form of the service: ISO 8601 in UTC, with a Z.

    >>> iso(datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC))
    '2026-01-02T03:04:05.600000Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
