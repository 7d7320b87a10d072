"""One thread that wakes whoever's deadline has come."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable

__all__ = ["ThreadTimer"]

logger = logging.getLogger("qiskit_modes")


class ThreadTimer:
    """Calls back when deadlines pass; sleeps until the earliest of them.

    The thread starts with the first deadline; if it cannot be started, with the next. Callbacks run
    on it, one after the other, and with nothing locked; they are expected to set the next deadline
    themselves.

    Args:
        now: Returns the time, in seconds on a scale that never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._condition = threading.Condition()
        """Guards everything below; nothing else is taken while it is held."""
        self._deadlines: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._sleeps_until: float | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def set(
        self,
        key: Hashable,
        deadline: float | None,
        callback: Callable[[], None],
        *,
        last: bool = False,  # noqa: ARG002 - no two moments are the same
    ) -> None:
        """Replace the deadline of ``key``; None takes it away. Does not block."""
        with self._condition:
            if deadline is None:
                self._deadlines.pop(key, None)
                return
            if self._closed:
                return
            self._deadlines[key] = (deadline, callback)
            if self._thread is None:
                self._start()
            elif self._sleeps_until is None or deadline < self._sleeps_until:
                self._condition.notify()

    def _start(self) -> None:
        # A daemon: it must not keep the interpreter from shutting down what it serves.
        thread = threading.Thread(target=self._run, name="qiskit_modes-timer", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads: the next one to set a deadline tries again
            logger.warning("deadlines are acted on late, the timer could not be started: %s", error)
        else:
            self._thread = thread

    def close(self) -> None:
        """Forget all deadlines and end the thread; returns when it has ended."""
        with self._condition:
            self._closed = True
            self._deadlines.clear()
            self._condition.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                due = self._take_due()
                while not due and not self._closed:
                    earliest = min((at for at, _ in self._deadlines.values()), default=None)
                    self._sleeps_until = earliest
                    self._condition.wait(self._seconds_until(earliest))
                    due = self._take_due()
                if self._closed:
                    return
                # Awake: a new deadline is seen when this thread looks again, without a notify.
                self._sleeps_until = float("-inf")
            for callback in due:
                try:
                    callback()
                except Exception:  # a bug, but of one QPU: the deadlines of the others still count
                    logger.exception("a deadline could not be acted on")

    def _seconds_until(self, deadline: float | None) -> float | None:
        if deadline is None:
            return None
        # A plan without limits has deadlines at infinity, for which no thread can sleep.
        return min(max(deadline - self._now(), 0.0), threading.TIMEOUT_MAX)

    def _take_due(self) -> list[Callable[[], None]]:
        now = self._now()
        due = [key for key, (at, _) in self._deadlines.items() if at <= now]
        return [self._deadlines.pop(key)[1] for key in due]
