"""Ends of processes: what is called before, and which workers a child does not wait for."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.util import Finalize

__all__ = ["call_before_exit", "disown_workers"]

_BEFORE_QUEUES = 100
"""The exit priority of our finalizer; that of the standard library's queues is 10."""


def call_before_exit(call: Callable[[], object]) -> None:
    """Have something called before the interpreter waits for threads and workers.

    The functions registered with `atexit` come too late: before them, the interpreter and loky wait
    for every program that is under way. Those registered here run first, the latest first. loky
    registers its own whenever a worker starts, so ours follows after each start. The name used is
    private to the standard library; loky and `concurrent.futures` build on it too.

    A process that `multiprocessing` has started, or whoever works like it, ends otherwise: first it
    waits for its own children, which our workers are, and only then for threads. Its finalizers
    run before that.

    Args:
        call: What to call; it may be called a second time, and does nothing then.
    """
    with suppress(RuntimeError):  # the interpreter is shutting down already
        threading._register_atexit(call)  # type: ignore[attr-defined]  # noqa: SLF001
    if multiprocessing.parent_process() is not None:
        Finalize(None, call, exitpriority=_BEFORE_QUEUES)


def disown_workers() -> None:
    """Let the end of this process wait for no worker of its parent.

    `multiprocessing` forgets the parent's children where it forks itself; not where a program does.
    """
    with suppress(AttributeError):  # names of others that have moved
        for child in list(multiprocessing.process._children):  # type: ignore[attr-defined]  # noqa: SLF001
            if type(child).__module__.startswith("loky."):
                multiprocessing.process._children.discard(child)  # type: ignore[attr-defined]  # noqa: SLF001
    with suppress(KeyError, AttributeError):
        sys.modules["loky.process_executor"]._threads_wakeups.clear()  # noqa: SLF001
