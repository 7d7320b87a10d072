"""Mutexes that a program's own signals and forks leave usable."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

__all__ = ["new_mutex"]

_all: weakref.WeakSet[Any] = weakref.WeakSet()


def new_mutex() -> Any:
    """Return a mutex for short changes of memory that may be made in the main thread.

    The handler of a signal runs in the midst of what the main thread does. There it can take the
    mutex once more, so what is guarded must make sense between any two steps of it. In the child of
    a fork it is open, whatever thread of the parent had it.

    Example:
        >>> mutex = new_mutex()
        >>> with mutex, mutex:
        ...     pass
    """
    mutex = threading.RLock()
    _all.add(mutex)
    return mutex


def _open_all() -> None:
    for mutex in list(_all):
        mutex._at_fork_reinit()  # noqa: SLF001 - as the standard library does with its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_all)
