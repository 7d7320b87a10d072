"""Starts worker processes, whatever the streams, descriptors and signals of this one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from typing import Any

__all__ = [
    "describe_failure",
    "descriptors_in_order",
    "start_conditions",
    "why_no_children",
]


def why_no_children() -> str | None:
    """Return why this process cannot have worker processes; None if it can, as far as one sees."""
    if multiprocessing.current_process().daemon:
        return "this process is a daemonic one, as those of multiprocessing.Pool are"
    if getattr(sys, "frozen", False) or not sys.executable:
        return "this program has no Python interpreter beside it"
    return None


def describe_failure(error: BaseException) -> str:
    """Return why a worker could not be started, in words that a user can act on."""
    text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if isinstance(error, OSError) and sys.platform == "linux":
        text += "; it needs semaphores in /dev/shm, pipes and a working directory that exists"
    return text


@contextmanager
def start_conditions() -> Iterator[None]:
    """See to it that a process can be started, whatever this one has done to its streams.

    The present thread holds Ctrl-C back meanwhile, also from the processes that it starts: a
    terminal sends it to all processes of a program, and one that is still importing would end with
    a traceback.
    """
    with ExitStack() as stack:
        stack.enter_context(descriptors_in_order())
        stack.enter_context(_streams_that_flush())
        stack.enter_context(_interrupts_held_back())
        yield


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # Windows has no such thing
        yield
        return
    # It is started with the first process, and lets signals through when it has been.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# -- streams -------------------------------------------------------------------------------------


@contextmanager
def _streams_that_flush() -> Iterator[None]:
    """Stand in for the standard streams that are missing, closed, full or broken.

    Whoever starts a process flushes them first. What is written to them meanwhile goes where it
    would have gone.
    """
    stand_ins: dict[str, tuple[Any, _Unflushed]] = {}
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        try:
            stream.flush()  # type: ignore[union-attr]
        except Exception:  # whatever a stream raises, which may be anybody's object
            stand_ins[name] = stream, _Unflushed(stream)
            setattr(sys, name, stand_ins[name][1])
    try:
        yield
    finally:
        for name, (stream, stand_in) in stand_ins.items():
            if getattr(sys, name, None) is stand_in:  # otherwise somebody has put theirs there
                setattr(sys, name, stream)


class _Unflushed:
    """A stream that cannot be flushed, or none at all; flushing it does nothing."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def flush(self) -> None:
        """Do nothing."""

    def write(self, text: str) -> int:
        """Write to the stream, if there is one."""
        return len(text) if self._stream is None else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


# -- descriptors ---------------------------------------------------------------------------------

_mutex = threading.Lock()
"""Guards the two below."""
_inside = 0
_filled: list[int] = []
"""Descriptors that were opened for the time in which processes are started."""


@contextmanager
def descriptors_in_order() -> Iterator[None]:
    """Keep 0, 1 and 2 from being given to a pipe: a worker would take it for its own stream.

    So it is where a program was started with a stream closed (``>&-``).
    """
    global _inside
    with _mutex:
        if _inside == 0:
            _fill_up()
        _inside += 1
    try:
        yield
    finally:
        with _mutex:
            _inside -= 1
            if _inside == 0:
                while _filled:
                    with suppress(OSError):
                        os.close(_filled.pop())


def _fill_up() -> None:
    """Open the null device in place of each standard stream that is closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
                _filled.append(opened)
                os.set_inheritable(opened, opened < 3)


def _forget() -> None:
    """Begin anew after a fork: whoever was inside is not in this process."""
    global _mutex, _inside
    _mutex = threading.Lock()
    _inside = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
