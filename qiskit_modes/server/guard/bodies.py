"""Reading bodies: only as many at once as there is room for, and none for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.types import Receive

from qiskit_modes.server.guard.limits import Limits
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["Bodies"]

_DRAIN_SECONDS = 5.0
"""How long a refused sender may go on sending before it is answered and hung up on."""

_MOST_DRAINS = 4
"""Refused senders whose bodies are read at once; the others are held up by the system."""


@dataclass(eq=False)
class _Waiting:
    instance: str
    length: int
    granted: asyncio.Future[None]


class Bodies:
    """Reads bodies within their limits. Used by the thread of the event loop alone.

    A long body is read when there is room for all of it, so that half of a body never waits for
    the other half of another one. Of those that wait, the next is of the instance that has the
    least.

    Args:
        limits: Their lengths, their times, and the room for all of them.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._free = max(limits.held_bytes, limits.body_bytes)
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []
        self._drains = asyncio.Semaphore(_MOST_DRAINS)

    @asynccontextmanager
    async def read(
        self, receive: Receive, *, declared: int | None, most: int, instance: str
    ) -> AsyncIterator[bytes]:
        """Read a body, and hold the room that it takes until the block is over.

        Args:
            receive: Where it comes from.
            declared: Its length as the headers have it; None if they do not.
            most: How long it may be.
            instance: Who sends it, as the headers say.

        Yields:
            The body; what has come of it if the sender has hung up.

        Raises:
            ApiError: 413 if it is too long, 408 if it comes too slowly, 429 if there was no room
                for it.
        """
        length = most if declared is None else declared
        if length > most:
            await self.drain(receive)
            raise _too_long(most)
        room = 0 if length <= self._limits.small_bytes else length
        if room:
            await self._take(receive, room, instance)
        try:
            yield await self._received(receive, length, most)
        finally:
            if room:
                self._give(room, instance)

    async def drain(self, receive: Receive) -> None:
        """Read and drop what a refused sender still sends, within limits, a few at a time.

        Who is answered before everything was sent may see a broken connection, and no answer.

        Args:
            receive: Where it comes from.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS), self._drains:
                dropped = 0
                while dropped <= 2 * self._limits.body_bytes:
                    message = await receive()
                    dropped += len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body"):
                        return

    async def _received(self, receive: Receive, length: int, most: int) -> bytes:
        pieces: list[bytes] = []
        received, is_too_long, is_over = 0, False, False
        try:
            async with asyncio.timeout(self._limits.body_seconds) as limit:
                until = limit.when()
                assert until is not None, "it was just set"
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        break
                    piece = message.get("body", b"")
                    received += len(piece)
                    if received > length:
                        is_too_long, is_over = True, not message.get("more_body")
                        break
                    pieces.append(piece)
                    limit.reschedule(until + received / self._limits.body_bytes_per_second)
                    if not message.get("more_body"):
                        break
        except TimeoutError:
            raise ApiError(
                408, Code.INVALID, f"The body came too slowly: {received:,} bytes, then no more"
            ) from None
        if is_too_long:
            pieces.clear()
            if not is_over:
                await self.drain(receive)
            raise _too_long(most)
        return b"".join(pieces)

    async def _take(self, receive: Receive, length: int, instance: str) -> None:
        if not self._waiting and length <= self._free:
            self._grant(length, instance)
            return
        granted = asyncio.get_running_loop().create_future()
        waiting = _Waiting(instance, length, granted)
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(self._limits.room_seconds):
                await granted
        except BaseException as error:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                self._give(length, instance)
            if isinstance(error, TimeoutError):
                await self.drain(receive)
                raise ApiError(
                    429,
                    Code.REFUSED,
                    "The server is busy with other large bodies; send this one again later",
                    max(1, int(self._limits.room_seconds)),
                ) from None
            raise

    def _grant(self, length: int, instance: str) -> None:
        self._free -= length
        self._held[instance] += length

    def _give(self, length: int, instance: str) -> None:
        self._free += length
        self._held[instance] -= length
        if not self._held[instance]:
            del self._held[instance]
        while self._waiting:
            following = min(self._waiting, key=lambda each: self._held[each.instance])
            if following.length > self._free:
                break
            self._waiting.remove(following)
            self._grant(following.length, following.instance)
            following.granted.set_result(None)


def _too_long(most: int) -> ApiError:
    return ApiError(413, Code.INVALID, f"The body is longer than {most:,} bytes; send less")
