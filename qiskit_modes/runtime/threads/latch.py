"""An event that happens once, and that nobody can be stopped in the middle of."""

from __future__ import annotations

import threading
from collections import deque

__all__ = ["Latch"]


class Latch:
    """A flag that is set once, and wakes all who wait for it. May be used from any thread.

    `threading.Event` has a lock, which a waiting main thread holds for moments: were its job ended
    by a handler of a signal just then, both would wait for ever. Here nothing is held: whoever
    waits puts a lock of their own into a queue, and looks once more whether it has happened.

    Example:
        >>> latch = Latch()
        >>> latch.wait(0.0)
        False
        >>> latch.set()
        >>> latch.wait(), latch.is_set()
        (True, True)
    """

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: deque[threading.Lock] = deque()

    def is_set(self) -> bool:
        """Return whether it has happened."""
        return self._is_set

    def set(self) -> None:
        """Let it have happened; doing it again does nothing."""
        self._is_set = True
        while True:
            try:
                waiting = self._waiting.popleft()
            except IndexError:
                return
            waiting.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, at most ``timeout`` seconds, and return whether it has happened."""
        if self._is_set:
            return True
        mine = threading.Lock()
        mine.acquire()
        self._waiting.append(mine)
        # The race being closed: it has happened before this one was in the queue.
        if not self._is_set:
            longest = threading.TIMEOUT_MAX if timeout is None else timeout
            mine.acquire(timeout=min(max(longest, 0.0), threading.TIMEOUT_MAX))
        if not self._is_set:
            try:
                self._waiting.remove(mine)
            except ValueError:  # it happens just now
                return True
        return self._is_set
