"""A pipe by which worker processes notice that the process that they work for is gone.

That process may be killed without a chance to end its workers. Of the pipe it holds the end that
is written to, alone, so that the system closes the pipe with it, however it ends. Workers hold the
other end.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection, wait

import psutil

__all__ = ["end_with", "end_with_process", "own_end"]

_pipe: tuple[Connection, Connection] | None = None
_mutex = threading.Lock()
"""Guards ``_pipe``."""


def own_end() -> Connection | None:
    """Return what a worker of this process passes to `end_with`.

    None on Windows, where workers are not told, and end only if this process ends in good order.
    """
    global _pipe
    if sys.platform == "win32":
        return None
    with _mutex:
        if _pipe is None:
            _pipe = multiprocessing.Pipe(duplex=False)
        return _pipe[0]


def end_with(parent: Connection | None) -> None:
    """End this process, whatever it is doing then, as soon as its parent is gone.

    Args:
        parent: What `own_end` returned there.
    """
    if parent is None:
        return
    # Where /proc or these settings do not exist, the thread has to do.
    with contextlib.suppress(ImportError, AttributeError, OSError):
        _have_the_system_end_this(parent)
    threading.Thread(
        target=_end_after, args=(parent,), name="qiskit_modes-parent-watch", daemon=True
    ).start()


def _have_the_system_end_this(parent: Connection) -> None:
    """Have Linux kill this process when the pipe is closed.

    Aer holds the interpreter's lock for as long as it simulates, which may be hours, and no thread
    of Python runs meanwhile. The settings belong to the opened file, which all workers would share,
    so each opens the pipe for itself.
    """
    import fcntl

    own = os.open(f"/proc/self/fd/{parent.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
    fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, os.O_ASYNC)


def _end_after(parent: Connection) -> None:
    with contextlib.suppress(OSError):
        parent.poll(None)  # nothing is ever sent
    os._exit(1)


def end_with_process(process_id: int, created_at: float) -> None:
    """End this process as soon as another one of this machine is gone; for what has no pipe to it.

    Args:
        process_id: Of the other one.
        created_at: When the system says that it was created, so that no later process of the same
            number is taken for it.
    """
    threading.Thread(
        target=_end_after_process,
        args=(process_id, created_at),
        name="qiskit_modes-parent-watch",
        daemon=True,
    ).start()


def _end_after_process(process_id: int, created_at: float) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        process = psutil.Process(process_id)
        # Tells of the end also while nobody has asked for the exit code.
        end = os.pidfd_open(process_id) if hasattr(os, "pidfd_open") else None
        if process.create_time() == created_at:
            process.wait() if end is None else wait([end])
    os._exit(1)


def _let_go_after_fork() -> None:
    """Let the pipe be the parent's again: its workers are not to outlive it in a child's hands."""
    global _pipe, _mutex
    _mutex = threading.Lock()
    if _pipe is not None:
        for end in _pipe:
            end.close()
        _pipe = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_after_fork)
