"""Large answers, made once for all who ask for them at the same time, and sent piece by piece.

The first who asks has it made, in a thread; who asks meanwhile waits without one. It is written to
a file without a name, from which all of them are sent what they take, each at its own speed. When
the last one has it, it is gone.
"""

from __future__ import annotations

import asyncio
import io
import mmap
import tempfile
import weakref
from collections.abc import Awaitable, Callable
from typing import IO

from fastapi import Response
from starlette.types import Receive, Scope, Send

__all__ = ["Spool", "SpooledResponse", "Spools"]

_PIECE_BYTES = 2**18


class Spool:
    """Text in a file without a name, for as long as somebody has this object.

    Args:
        text: Which one. Where there is no room for a file it is kept in memory.
    """

    def __init__(self, text: str) -> None:
        self.size = 0
        self._seen: mmap.mmap | memoryview | None = None
        """The text, as it is read."""
        self._file: IO[bytes] = self._new_file()
        for first in range(0, len(text), _PIECE_BYTES):
            # Strictly what UTF-8 has: a program's error may be any text.
            self._add(text[first : first + _PIECE_BYTES].encode("utf-8", "backslashreplace"))

    def piece(self, offset: int) -> bytes:
        """Return what follows after so many bytes; does not wait but for the disk, if at all."""
        if self._seen is None:
            self._seen = self._see()
        return bytes(self._seen[offset : offset + _PIECE_BYTES])

    def _see(self) -> mmap.mmap | memoryview:
        if isinstance(self._file, io.BytesIO):
            return self._file.getbuffer()
        return mmap.mmap(self._file.fileno(), self.size, access=mmap.ACCESS_READ)

    def _new_file(self) -> IO[bytes]:
        try:
            file: IO[bytes] = tempfile.TemporaryFile(prefix="qiskit-modes-")  # noqa: SIM115 - closed with this object
        except OSError:
            return io.BytesIO()
        weakref.finalize(self, file.close)
        return file

    def _add(self, piece: bytes) -> None:
        try:
            self._file.write(piece)
            self._file.flush()
        except OSError:  # the disk is full
            self._file.seek(0)
            kept = self._file.read(self.size)
            self._file = io.BytesIO()
            self._file.write(kept + piece)
        self.size += len(piece)


class Spools:
    """Texts that are being made, or sent. Used by the thread of the event loop alone."""

    def __init__(self) -> None:
        self._made: weakref.WeakValueDictionary[str, Spool] = weakref.WeakValueDictionary()
        self._making: dict[str, asyncio.Task[Spool]] = {}

    async def get(self, key: str, make: Callable[[], Awaitable[Spool]]) -> Spool:
        """Return the text of a key, which is made unless it is there, or is being made.

        Args:
            key: What it is of. Who may have it was looked at before.
            make: Makes it; what it raises is for all who wait for it.
        """
        made = self._made.get(key)
        if made is not None:
            return made
        task = self._making.get(key)
        if task is None:
            task = asyncio.ensure_future(make())
            self._making[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)  # who hangs up does not take it from the others

    def _done(self, key: str, task: asyncio.Task[Spool]) -> None:
        del self._making[key]
        if not task.cancelled() and task.exception() is None:
            self._made[key] = task.result()


class SpooledResponse(Response):
    """Response with a text that was spooled."""

    def __init__(self, spool: Spool, media_type: str) -> None:
        super().__init__(None, headers={"content-length": str(spool.size)}, media_type=media_type)
        self._spool = spool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the signature of ASGI
        """Send it, at the speed at which it is taken."""
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        sent = 0
        while sent < self._spool.size:
            # Not in a thread: what was just written is in memory, and each change of threads takes
            # longer than to copy the piece, most of all when many read at once.
            piece = self._spool.piece(sent)
            sent += len(piece)
            more = sent < self._spool.size
            await asyncio.sleep(0)  # who takes all at once does not keep others waiting
            await send({"type": "http.response.body", "body": piece, "more_body": more})
