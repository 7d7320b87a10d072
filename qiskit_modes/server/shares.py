"""Threads for the work of requests, which no instance has for itself alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

__all__ = ["Shares"]

_Answer = TypeVar("_Answer")


class Shares:
    """Runs calls in threads, a few for each instance at a time and a bounded number in all.

    What an instance asks for beyond its share waits without a thread. Used by the thread of the
    event loop alone, but for `join`.

    Args:
        each: Threads of one instance.
        most: Threads of all together.
    """

    def __init__(self, each: int, most: int) -> None:
        self._each = each
        self._most = most
        self._all: CapacityLimiter | None = None
        self._of_instance: dict[str, tuple[CapacityLimiter, int]] = {}
        """Of those that have calls, with the number of these."""
        self._running = 0
        """Calls that are in threads now."""
        self._changed = threading.Condition()
        """Guards the number of them; notified when one has ended."""

    async def run(self, instance: str, call: Callable[[], _Answer]) -> _Answer:
        """Return what a call returns that is made in a thread.

        Args:
            instance: For whom.
            call: What to do; it may block.
        """
        if self._all is None:  # made here, since it belongs to the event loop
            self._all = CapacityLimiter(self._most)
        limiter, calls = self._of_instance.get(instance) or (CapacityLimiter(self._each), 0)
        self._of_instance[instance] = limiter, calls + 1
        try:
            async with limiter:
                return await to_thread.run_sync(self._counted, call, limiter=self._all)
        finally:
            limiter, calls = self._of_instance.pop(instance)
            if calls > 1:
                self._of_instance[instance] = limiter, calls - 1

    def join(self, timeout: float) -> None:
        """Wait until no call is in a thread, ``timeout`` seconds at most; from any thread.

        A program that ends while one is within foreign code is aborted by the system.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout)

    def _counted(self, call: Callable[[], _Answer]) -> _Answer:
        with self._changed:
            self._running += 1
        try:
            return call()
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
