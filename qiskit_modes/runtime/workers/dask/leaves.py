"""Workers that leave the cluster while something is asked of them: nobody waits for their answer.

Dask tries for half a minute to connect to an address where nobody is any more.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Leaves"]


class Leaves:
    """Leaves of workers since they were last forgotten. Any thread may use it."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._left: set[str] = set()
        self._tell: dict[str, Callable[[], object]] = {}
        """Calls that tell who waits for a worker that it has left, by its address."""

    def __contains__(self, address: str) -> bool:
        return address in self._left

    def add(self, address: str) -> None:
        """Take note that a worker has left; whoever waits for its answer gets an error."""
        with self._mutex:
            self._left.add(address)
            tell = self._tell.pop(address, None)
        if tell is not None:
            tell()

    def forget(self) -> None:
        """Begin anew, before it is asked who is there: an address may be another worker's then."""
        with self._mutex:
            self._left.clear()

    async def answer(self, address: str, asked: Coroutine[Any, Any, Any], seconds: float) -> Any:
        """Return what a worker answers; one question for an address at a time.

        Args:
            address: Of the worker.
            asked: Which waits for the answer.
            seconds: How long it may take.

        Raises:
            OSError: If the worker leaves, has left, or does not answer in time; or as it raises.
        """
        loop = asyncio.get_running_loop()
        left: asyncio.Future[None] = loop.create_future()
        with self._mutex:
            self._tell[address] = lambda: loop.call_soon_threadsafe(left.cancel)
            if address in self._left:
                left.cancel()
        waiting = asyncio.ensure_future(asked)
        try:
            await asyncio.wait(
                (waiting, left), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            with self._mutex:
                self._tell.pop(address, None)
            gives_up = waiting.cancel()
        if not gives_up:
            return waiting.result()
        await asyncio.gather(waiting, return_exceptions=True)
        raise OSError("it went away" if left.cancelled() else f"no answer within {seconds} s")
