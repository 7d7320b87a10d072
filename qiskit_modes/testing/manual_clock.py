"""A clock that tests move: an eight-hour limit is reached in a millisecond."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from qiskit_modes.durations import seconds_of
from qiskit_modes.runtime.clock import Happening
from qiskit_modes.scheduling.agenda import Agenda

__all__ = ["Deadlock", "ManualClock"]

_PATIENCE_SECONDS = 60.0
"""Real seconds for which a real step may keep time from moving before that is an error."""


_Key = tuple[int, Hashable]
"""A timer's number, and what it calls the deadline."""


class Deadlock(RuntimeError):  # noqa: N818 - named for what happened
    """Somebody waits for what cannot happen: nothing runs, and no deadline is left."""


@dataclass(frozen=True)
class _Deadline:
    at: float
    last: bool
    """Whether it comes after the others at the same moment."""
    order: int
    """Of two deadlines at the same time, the one that was set first comes first."""
    key: _Key
    callback: Callable[[], None]

    @property
    def moment(self) -> float:
        """Time when it is, as far as two times can be told from one."""
        return _moment(self.at)


def _moment(at: float) -> float:
    """Return a time in whole microseconds: sums that differ only by rounding are the same moment.

    What a step adds up to, and what a limit leaves, are such sums.
    """
    return at if math.isinf(at) else round(at * 1e6)


@dataclass(frozen=True)
class _Wait:
    event: Happening
    until: float | None


class ManualClock:
    """A clock whose time passes when a test says so.

    Steps that take real time, such as a simulation, take none of this clock's; `advance` waits for
    them, so that after it everything that became due has been acted on. May be used from any
    thread; one at a time moves the time, the others wait.

    Args:
        autojump: Whether time jumps to the next deadline by itself when somebody waits and nothing
            runs, so that ``result(timeout=5)`` in a test's only thread ends at once. A wait that
            nothing can end raises `Deadlock` then, instead of hanging.
        start: The calendar time at the start, aware.

    Example:
        >>> clock = ManualClock()
        >>> clock.advance("1h 30m")
        >>> clock.now()
        5400.0
    """

    def __init__(
        self, *, autojump: bool = False, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    ) -> None:
        self.autojump = autojump
        self._start = start
        self._moving = threading.RLock()
        """Held by the thread that moves the time, while it does; taken before ``_condition``."""
        self._condition = threading.Condition()
        """Guards everything below; nothing else is taken, and nobody called, while it is held."""
        self._now = 0.0
        self._working = 0
        self._deadlines: dict[_Key, _Deadline] = {}
        self._agenda: Agenda[_Key] = Agenda()
        """Their keys, the earliest first."""
        self._waits: dict[int, _Wait] = {}
        """By the thread that waits."""
        self._thinkers: dict[int, int] = {}
        """How many blocks of `thinking` each thread is in."""
        self._orders = count()
        self._timers = count()

    # -- what tests do -------------------------------------------------------------------------

    def advance(self, duration: float | str) -> None:
        """Let time pass, and return when everything that became due has been acted on.

        Args:
            duration: Seconds, or text such as ``"8h"`` or ``"1m 30s"``.

        Raises:
            ValueError: If it is negative, or no duration.
            TimeoutError: If a real step does not end within a minute of real time.
        """
        seconds = seconds_of(duration)
        with self._moving:
            self.settle()
            self._move_to(self._now + seconds)

    def advance_to(self, time: float | str) -> None:
        """Let time pass until it is ``time``; see `advance`.

        Args:
            time: Seconds since the start, or text such as ``"8h"`` or ``"1m 30s"``.

        Raises:
            ValueError: If that is over, or no duration.
            TimeoutError: If a real step does not end within a minute of real time.
        """
        target = seconds_of(time)
        with self._moving:
            self.settle()
            if target < self._now:
                raise ValueError(
                    f"the clock stands at {self._now:g} s and cannot go back to {target:g} s"
                )
            self._move_to(target)

    @contextmanager
    def thinking(self) -> Iterator[None]:
        """Hold time while the present thread does something in a ``with`` block of this.

        Time does not jump by itself then, although others wait; `advance` still moves it. While
        the thread waits itself, for a result say, it does not think, and time may jump. So a
        program that computes between its jobs takes none of this clock's time for that, whoever
        looks on: put it into one block as a whole, entered before anybody looks on. Over HTTP it
        is the server that waits: there, put only what the program does between its requests into
        blocks.

        Example:
            >>> clock = ManualClock(autojump=True)
            >>> with clock.thinking():
            ...     clock.now()
            0.0
        """
        me = threading.get_ident()
        with self._condition:
            self._thinkers[me] = self._thinkers.get(me, 0) + 1
        try:
            yield
        finally:
            with self._condition:
                self._thinkers[me] -= 1
                if not self._thinkers[me]:
                    del self._thinkers[me]
                self._condition.notify_all()

    def settle(self) -> None:
        """Wait until no real step is under way; time does not move.

        Raises:
            TimeoutError: If one does not end within a minute of real time.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self._working == 0, _PATIENCE_SECONDS):
                raise TimeoutError(
                    f"{self._working} real step(s) are under way and do not end; the time cannot "
                    "move before they have"
                )

    def next_deadline(self) -> float | None:
        """Return when something will happen next by itself, or None."""
        with self._condition:
            first = self._agenda.first()
            return None if first is None else self._deadlines[first[1]].at

    # -- what the runtime does -----------------------------------------------------------------

    def now(self) -> float:
        """Return the seconds since the start."""
        return self._now

    def utc(self, at: float) -> datetime:
        """Return the calendar time of a time of this clock."""
        return self._start + timedelta(seconds=at)

    def new_timer(self) -> _ManualTimer:
        """Return a timer whose callbacks run on the thread that moves the time."""
        return _ManualTimer(self, next(self._timers))

    def wait(self, event: Happening, timeout: float | None) -> bool:
        """Wait for an event, at most ``timeout`` seconds of this clock.

        Raises:
            Deadlock: If time jumps by itself, and nothing can end the wait.
        """
        me = threading.get_ident()
        with self._condition:
            outer = self._waits.get(me)  # a handler of a signal may wait as well
            wait = self._waits[me] = _Wait(event, None if timeout is None else self._now + timeout)
            self._condition.notify_all()  # it does not think now
        try:
            while True:
                with self._condition:
                    if self._is_over(wait):
                        return event.is_set()
                    if not self.autojump or self._is_held():
                        self._condition.wait()
                        continue
                self._jump(event)
        finally:
            with self._condition:
                if outer is None:
                    del self._waits[me]
                else:
                    self._waits[me] = outer

    def _is_over(self, wait: _Wait) -> bool:
        return wait.event.is_set() or (wait.until is not None and self._now >= wait.until)

    def _is_held(self) -> bool:
        """Return whether time may not jump: a real step is under way, or somebody thinks.

        Whoever may go on thinks again, even if the thread has not noticed yet.
        """
        return self._working > 0 or any(
            thread not in self._waits or self._is_over(self._waits[thread])
            for thread in self._thinkers
        )

    def changed(self) -> None:
        """Let those who wait look again."""
        with self._condition:
            self._condition.notify_all()

    def work_begins(self) -> None:
        """Count a step that takes real time."""
        with self._condition:
            self._working += 1

    def work_ends(self) -> None:
        """Count it out, and let those who wait look again."""
        with self._condition:
            self._working -= 1
            self._condition.notify_all()

    # -- how time moves ------------------------------------------------------------------------

    def _jump(self, event: Happening) -> None:
        """Move to the next deadline, unless something happened meanwhile."""
        with self._moving:
            with self._condition:
                if self._is_held() or event.is_set():
                    return
                first = self._agenda.first()
                deadlines = [] if first is None else [self._deadlines[first[1]].at]
                waits = [wait.until for wait in self._waits.values() if wait.until is not None]
                to = min([*deadlines, *waits], default=None)
            if to is None:
                raise Deadlock(
                    "nothing runs and no deadline is left, so this wait would never end; is a gate "
                    "closed, or a session open that has no timer?"
                )
            self._move_to(max(to, self._now))

    def _move_to(self, target: float) -> None:
        while (deadline := self._take_due(target)) is not None:
            self._now = max(self._now, min(deadline.at, target))
            deadline.callback()
            self.settle()
        self._now = target
        self.changed()

    def _take_due(self, target: float) -> _Deadline | None:
        with self._condition:
            first = self._agenda.first()
            if first is None or self._deadlines[first[1]].moment > _moment(target):
                return None
            deadline = self._deadlines[first[1]]
            if deadline.last and deadline.at > target:
                return None
            self._agenda.discard(deadline.key)
            return self._deadlines.pop(deadline.key)

    def _set(
        self, key: _Key, at: float | None, callback: Callable[[], None], *, last: bool
    ) -> None:
        with self._condition:
            self._agenda.discard(key)
            self._deadlines.pop(key, None)
            if at is not None:
                deadline = _Deadline(at, last, next(self._orders), key, callback)
                self._deadlines[key] = deadline
                self._agenda.set(key, (deadline.moment, last, deadline.order))
            self._condition.notify_all()


class _ManualTimer:
    """One timer of a `ManualClock`."""

    def __init__(self, clock: ManualClock, number: int) -> None:
        self._clock = clock
        self._number = number
        self._keys: set[Hashable] = set()

    def set(
        self,
        key: Hashable,
        deadline: float | None,
        callback: Callable[[], None],
        *,
        last: bool = False,
    ) -> None:
        """See `qiskit_modes.runtime.clock.Timer`."""
        self._keys.add(key)
        self._clock._set(  # noqa: SLF001 - its own clock
            (self._number, key), deadline, callback, last=last
        )

    def close(self) -> None:
        """See `qiskit_modes.runtime.clock.Timer`."""
        for key in self._keys:
            self._clock._set(  # noqa: SLF001 - its own clock
                (self._number, key), None, lambda: None, last=False
            )
