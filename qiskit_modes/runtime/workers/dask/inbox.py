"""Pieces that come to a Dask worker directly, and not as tasks by way of the scheduler.

A task of Dask's costs 13 ms of CPU: of the client, the scheduler and the worker together. So a task
is no piece but a while, in which one of the worker's threads does whatever pieces have come: those
of other people's tasks have their turns between such whiles. Needs no Dask, as `child`.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from qiskit_modes.runtime.workers.dask import child

__all__ = ["NAME", "attend", "open_inbox"]

NAME = "qiskit_modes_do"
"""What the worker's server calls what takes a piece in."""

LINGER_SECONDS = 0.1
"""How long a thread waits for a next piece: to get one from Dask takes 10 to 20 ms."""

MOST_SECONDS = 2.0
"""How long a thread does pieces, before Dask may give it to others."""


@dataclass
class _Piece:
    name: str
    call: bytes
    comm: Any
    """The connection it came by, to whoever waits for its answer."""
    answer: Future[dict[str, Any]] = field(default_factory=Future)


_arrived = threading.Condition()
"""Guards what follows; notified when there is one more."""
_waiting: deque[_Piece] = deque()


def open_inbox(dask_worker: Any) -> None:
    """Have this worker take in pieces directly.

    Args:
        dask_worker: Dask's own, which it gives to a function with an argument of this name.
    """
    dask_worker.handlers[NAME] = _take


async def _take(comm: Any, piece: str = "", call: bytes = b"") -> dict[str, Any]:
    """Take in a piece, and return what came of it; without one, return that it could be taken."""
    if not piece:
        return {}
    waiting = _Piece(piece, call, comm)
    with _arrived:
        _waiting.append(waiting)
        _arrived.notify()
    return await asyncio.wrap_future(waiting.answer)


def attend() -> None:
    """Do pieces as they come, in this thread, as long as there are some; a task of Dask's."""
    until = time.monotonic() + MOST_SECONDS
    while True:
        with _arrived:
            if not _waiting:
                _arrived.wait(LINGER_SECONDS)
            if not _waiting:
                return
            piece = _waiting.popleft()
        if not piece.comm.closed() and piece.answer.set_running_or_notify_cancel():
            # Or else nobody waits for it any more.
            piece.answer.set_result(_answered(piece))
        if time.monotonic() >= until:
            return


def _answered(piece: _Piece) -> dict[str, Any]:
    try:
        return {"answer": child.do(piece.name, piece.call)}
    except BaseException as error:
        return {"error": _packed(error)}


def _packed(error: BaseException) -> bytes:
    try:
        packed = pickle.dumps(error, pickle.HIGHEST_PROTOCOL)
        pickle.loads(packed)  # noqa: S301 - written just now; not every error can be read again
        return packed
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
