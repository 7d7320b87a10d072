"""Mutexes that a program's own signals and forks leave usable, and what needs none."""

from __future__ import annotations

import functools
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

__all__ = ["cached_property", "new_mutex"]

_all: weakref.WeakSet[Any] = weakref.WeakSet()

if TYPE_CHECKING:
    from functools import cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801 - as the library's
        """Property that is computed when it is first read, by several threads perhaps.

        That of the library has a mutex for all objects of a class, in Python 3.11. A handler of
        signals that came to the main thread meanwhile, and waits for another thread, would wait
        for ever.
        """

        def __get__(self, instance, owner=None):
            """Compute it, and keep it where it is found before this is asked again."""
            if instance is None:
                return self
            return instance.__dict__.setdefault(self.attrname, self.func(instance))


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
