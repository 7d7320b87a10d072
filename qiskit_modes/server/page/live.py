"""Sends what has changed on a page to who looks at it, by server-sent events.

While somebody looks, the page's part is made anew each second and sent if it is another one. There
are few who look at once, and a second is what people need to see that time passes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from fastapi.responses import StreamingResponse

from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["Live"]

_SECONDS = 1.0
_MOST = 40
"""Pages that are told of changes at once; more are refused, and try again by themselves."""

_STILL = ": still here\n\n"
_STILL_EVERY = 15
"""After so many seconds without a change something is sent all the same, so that a connection that
has broken is noticed."""


class Live:
    """The pages of a server that are looked at. Used by the thread of the event loop alone."""

    def __init__(self) -> None:
        self._count = 0
        self._end = asyncio.Event()

    def end(self) -> None:
        """Let everybody go who looks, because the server ends."""
        self._end.set()

    def stream(self, make: Callable[[], Awaitable[str]]) -> StreamingResponse:
        """Return an answer that goes on for as long as somebody looks.

        Args:
            make: Makes the part of the page that changes; what raises ends the answer.

        Raises:
            ApiError: 429 if too many look.
        """
        if self._count >= _MOST:
            raise ApiError(429, Code.REFUSED, f"{_MOST} pages are open already", _STILL_EVERY)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._events(make), 200, headers, "text/event-stream")

    async def _events(self, make: Callable[[], Awaitable[str]]) -> AsyncIterator[str]:
        self._count += 1
        try:
            before, still = None, 0
            while not self._end.is_set():
                try:
                    text = await make()
                except ApiError:  # who looks may do so no more
                    return
                if text != before:
                    before, still = text, 0
                    yield f"data: {json.dumps(text)}\n\n"
                elif (still := still + 1) % _STILL_EVERY == 0:
                    yield _STILL
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._end.wait(), _SECONDS)
        finally:
            self._count -= 1
