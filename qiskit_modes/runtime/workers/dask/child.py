"""Children of a Dask worker: a process of its own executes, so that a piece can be stopped.

A Dask worker runs tasks in threads, which nobody can stop. So each of its threads has a child
process; stopping a piece costs that process, and not the worker. Needs no Dask: the worker imports
it because it is asked to call a function of it.
"""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor
from contextlib import contextmanager, suppress
from importlib import metadata

__all__ = ["cpu_seconds", "do", "prepare", "stop", "versions"]

COMPARED = ("qiskit-modes", "qiskit", "qiskit-aer", "numpy")
"""What must be of one version everywhere: results and pickles depend on it."""

_MOST_STOPPED = 1_000
"""Pieces that may be stopped before they begin, and are remembered for that."""


class _Children(threading.local):
    """The child process of the present thread."""

    executor: Executor | None = None


_children = _Children()
_mutex = threading.Lock()
"""Guards the two below."""
_under_way: dict[str, Executor] = {}
_stopped: deque[str] = deque(maxlen=_MOST_STOPPED)
"""What was stopped, perhaps before it began."""


def versions() -> dict[str, str | None]:
    """Return the versions of this process that must be the same on all machines."""
    found: dict[str, str | None] = {"Python": ".".join(map(str, sys.version_info[:2]))}
    for name in COMPARED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def cpu_seconds() -> float:
    """Return what the children of this worker have taken of its cores so far."""
    import psutil

    total = 0.0
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it ends just now
            times = each.cpu_times()
            total += times.user + times.system
    return total


def prepare() -> None:
    """Start the child of this thread, before it is needed."""
    _child().submit(int)


def do(piece: str, call: bytes) -> bytes | None:
    """Have this thread's child call a function; blocks until it is answered.

    Args:
        piece: A name for `stop`.
        call: The function and its arguments, pickled.

    Returns:
        What it returned, pickled; None if it was stopped, which is no error that Dask should log.

    Raises:
        BrokenExecutor: If the child died.
    """
    executor = _child()
    with _mutex:
        if piece in _stopped:
            return None
        _under_way[piece] = executor
    try:
        return executor.submit(_answer, call).result()
    except BaseException as error:
        if isinstance(error, BrokenExecutor) or piece in _stopped:
            _children.executor = None  # another one for the next piece
        if piece in _stopped:
            return None
        raise
    finally:
        with _mutex:
            _under_way.pop(piece, None)


def stop(piece: str) -> None:
    """Stop a piece, whether it runs or is about to; called beside it, and does not wait."""
    with _mutex:
        _stopped.append(piece)
        executor = _under_way.get(piece)
    if executor is not None:
        executor.shutdown(wait=False, kill_workers=True)  # type: ignore[call-arg]


def _answer(call: bytes) -> bytes:
    function, args = pickle.loads(call)  # noqa: S301 - from the head of the cluster
    return pickle.dumps(function(*args), pickle.HIGHEST_PROTOCOL)


def _child() -> Executor:
    from qiskit_modes.runtime.workers.loky.process import leave_to_the_process, loky_executor

    if _children.executor is None:
        executor = loky_executor()
        with _may_have_children():
            executor.submit(int).result()
        leave_to_the_process(executor)  # in the end Dask may kill this process before it could
        _children.executor = executor
    return _children.executor


@contextmanager
def _may_have_children() -> Iterator[None]:
    """Let this process start one, although Dask made it a daemon, which must leave none behind.

    Ours ends with its parent, whatever becomes of that, see `parent_watch`.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001
    was = config.get("daemon")
    config["daemon"] = False
    try:
        yield
    finally:
        config["daemon"] = was
