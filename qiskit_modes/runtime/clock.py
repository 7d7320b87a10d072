"""Time as an argument: everything that measures or waits asks a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from qiskit_modes.runtime.threads.timer import ThreadTimer

__all__ = ["Clock", "Happening", "SystemClock", "Timer", "iso"]


class Happening(Protocol):
    """Something to wait for: a `Latch`, or a `threading.Event`."""

    def is_set(self) -> bool:
        """Return whether it has happened."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, at most ``timeout`` seconds; return whether it has happened."""


class Timer(Protocol):
    """Calls back when deadlines pass."""

    def set(
        self,
        key: Hashable,
        deadline: float | None,
        callback: Callable[[], None],
        *,
        last: bool = False,
    ) -> None:
        """Replace the deadline of ``key``; None takes it away. Does not block.

        Args:
            key: What the deadline is called.
            deadline: When to call back.
            callback: What to call then.
            last: Whether it comes after others at the same moment, where that can be the same: on a
                clock that somebody sets.
        """

    def close(self) -> None:
        """Forget all deadlines; after it, nothing is called back any more."""


class Clock(Protocol):
    """A clock of the runtime. Times are seconds on a scale that never goes back."""

    def now(self) -> float:
        """Return the present time."""

    def utc(self, at: float) -> datetime:
        """Return the calendar time, aware and in UTC, of a time on this clock's scale."""

    def new_timer(self) -> Timer:
        """Return a timer that goes by this clock."""

    def wait(self, event: Happening, timeout: float | None) -> bool:
        """Wait for an event, at most ``timeout`` seconds of this clock; return whether it is set.

        Whoever sets such an event calls `changed` afterwards.
        """

    def changed(self) -> None:
        """Take note that something happened that somebody may be waiting for."""

    def work_begins(self) -> None:
        """Take note that a step is under way which takes its own time, not this clock's."""

    def work_ends(self) -> None:
        """Take note that such a step has ended, and all that followed from it at once."""


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

    def new_timer(self) -> ThreadTimer:
        """Return a timer with a thread of its own."""
        return ThreadTimer(self.now)

    def wait(self, event: Happening, timeout: float | None) -> bool:
        """Wait for an event, at most ``timeout`` seconds."""
        return event.wait(timeout)

    def changed(self) -> None:
        """Do nothing: those who wait for an event are woken by it."""

    def work_begins(self) -> None:
        """Do nothing: real time passes by itself."""

    def work_ends(self) -> None:
        """Do nothing: real time passes by itself."""


def iso(moment: datetime) -> str:
    """Return a time in the form of the service: ISO 8601 in UTC, with a Z.

    >>> iso(datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC))
    '2026-01-02T03:04:05.600000Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
