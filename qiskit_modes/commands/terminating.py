"""Requests of the system to end, taken as Ctrl-C is: blocks are left in good order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import wait
from types import FrameType
from typing import NoReturn

__all__ = ["REQUESTS", "Terminated", "handling", "raising", "wait_for_program", "wait_for_signals"]

REQUESTS = [
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP")  # from `kill` or a supervisor; the terminal was closed
    if hasattr(signal, name)
]
"""The signals by which the system asks a program to end."""


class Terminated(KeyboardInterrupt):
    """The system has asked this program to end.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """Code that shells report for a program that this signal has ended."""
        return 128 + self.number


@contextmanager
def raising() -> Iterator[None]:
    """Raise `Terminated` in the main thread at the first request to end.

    Those that come after it change nothing: a terminal that is closed may send two, and the second
    is not to cut short what the first has begun.
    """
    asked = False

    def end(number: int, _: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise Terminated(number)

    with handling(end, REQUESTS):
        yield


@contextmanager
def handling(
    handler: Callable[[int, FrameType | None], None], numbers: Sequence[signal.Signals]
) -> Iterator[None]:
    """Handle signals for a while, but those that this program was started to ignore.

    In other threads than the main one this does nothing: signals are not theirs.

    Args:
        handler: See `signal.signal`.
        numbers: Which signals.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in numbers}
    handled = [number for number, was in before.items() if was not in (signal.SIG_IGN, None)]
    try:
        for number in handled:
            signal.signal(number, handler)
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])


def wait_for_signals() -> NoReturn:
    """Wait in the main thread until the handler of a signal raises something."""
    with _hearing() as heard:
        while True:
            heard.recv(4096)


def wait_for_program(process: subprocess.Popen[bytes]) -> int:
    """Wait until a program has ended, and return its exit code.

    In the main thread handlers of signals are called as soon as these come.

    Args:
        process: The program, a child of this one.
    """
    if threading.current_thread() is not threading.main_thread():
        return process.wait()
    with ExitStack() as stack:
        end = stack.enter_context(_end_of(process))
        told_of_ends = getattr(signal, "SIGCHLD", None)
        if end is None:
            if told_of_ends is None or not _is_heard(told_of_ends):
                return process.wait()
            stack.enter_context(handling(lambda *_: None, [told_of_ends]))
        heard = stack.enter_context(_hearing())
        while True:
            try:
                return process.wait(0)
            except subprocess.TimeoutExpired:
                for ready in wait([heard] if end is None else [heard, end]):
                    if ready is heard:
                        heard.recv(4096)


@contextmanager
def _end_of(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """Yield what can be read from once a program has ended, whatever is done with signals; or
    None, where the system has nothing of the kind.
    """
    try:
        end = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, or an old one, or it has ended before
        yield None
        return
    try:
        yield end
    finally:
        os.close(end)


def _is_heard(number: signal.Signals) -> bool:
    """Return whether a handler of Python's own would be told of a signal; one of C's is None."""
    if signal.getsignal(number) in (signal.SIG_IGN, None):
        return False
    return number not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@contextmanager
def _hearing() -> Iterator[socket.socket]:
    """Yield, in the main thread, what can be read from as soon as a signal has come.

    What does nothing but wait cannot be used instead: Python notes a signal that comes just before
    the system is asked to wait, and calls its handler afterwards, which may be never. Here a byte
    is written for each signal, so that there is something to read from then on.
    """
    heard, told = socket.socketpair()
    with heard, told:
        told.setblocking(False)
        try:
            signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
            yield heard
        finally:
            signal.set_wakeup_fd(-1)  # nothing else of a command line sets one
