"""Calls that no Ctrl-C cuts in two: made by the main thread, carried out by another one.

Python raises KeyboardInterrupt, and whatever else a signal handler raises, in the main thread,
between any two steps of it. A change of a scheduler that ends there is half a change, and a step
of a job that was taken from a list but not begun is lost. So the main thread does not change
anything itself: it puts the whole call into a queue, which happens or does not, and waits for the
answer. An interrupt ends the waiting. The call itself is made to its end.

It also follows that the main thread holds no mutex when a signal comes, so that a handler may
cancel jobs and close sessions. The price is about 20 us for a call. Other threads are never
interrupted; their calls stay where they are.

Nor is a call made in a child that was forked from the process: there it would wait for threads that
the child does not have, or change what the child has a copy of and nothing else.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from qiskit_modes.exceptions import OtherProcessError

__all__ = ["Uninterrupted"]

_Answer = TypeVar("_Answer")
_Call = tuple[Callable[[], Any], "SimpleQueue[tuple[Any, BaseException | None]]"]
_Calls = SimpleQueue[_Call | None]


class Uninterrupted:
    """Makes calls whole, whatever happens to the main thread meanwhile.

    May be used from any thread. The thread that stands in for the main one starts with its first
    call; where none can be started, the main thread makes its calls itself.
    Belongs to the process in which it was made.

    Example:
        >>> uninterrupted = Uninterrupted()
        >>> uninterrupted(lambda: threading.current_thread().name)
        'qiskit_modes-calls'
        >>> uninterrupted.close()
    """

    def __init__(self) -> None:
        self._calls: _Calls = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process_id = os.getpid()
        self._closed = False

    def __call__(self, function: Callable[[], _Answer]) -> _Answer:
        """Call ``function`` and return what it returns, or raise what it raises.

        Args:
            function: May run on another thread, so it must not wait for this one.

        Raises:
            OtherProcessError: If this process was forked from the one to which this belongs.
        """
        self.check_process()
        if threading.current_thread() is not threading.main_thread():
            return function()
        calls = self._open()
        if calls is None:
            return function()
        answer: SimpleQueue[tuple[_Answer, BaseException | None]] = SimpleQueue()
        calls.put((function, answer))
        # The race being closed: another thread closes this, and the call comes behind the end.
        if self._closed:
            self._make_rest(calls)
        value, error = answer.get()
        if error is None:
            return value
        try:
            raise error
        finally:
            del error  # it refers to this frame, which refers to it

    def check_process(self) -> None:
        """Check that this is the process that everything runs in.

        Raises:
            OtherProcessError: If it was forked from that one.
        """
        if os.getpid() != self._process_id:
            raise OtherProcessError(
                f"This process was forked from the one (process {self._process_id}) in which this "
                "service, session, batch or job runs. Open a service or session and submit jobs in "
                "this process, or use the others in theirs; processes that are started by spawning "
                "do not get them in the first place"
            )

    def close(self) -> None:
        """End the thread when it has made the calls that it was given; returns when it has."""
        self._closed = True
        thread = self._thread
        if thread is not None:
            self._calls.put(None)
            if thread is not threading.current_thread():
                thread.join()

    def _open(self) -> _Calls | None:
        """Return the queue of a thread that is alive, or None if there is none to be had."""
        if self._closed or sys.is_finalizing():  # other threads stand still by then
            return None
        # Not by asking the thread whether it is alive: interrupted there, Python takes it for dead.
        if self._thread is None:
            calls: _Calls = SimpleQueue()
            thread = threading.Thread(
                target=_serve, args=(calls,), name="qiskit_modes-calls", daemon=True
            )
            # Nobody may have closed what is thrown away; the thread ends all the same.
            weakref.finalize(self, calls.put, None).atexit = False
            try:
                thread.start()
                self._calls, self._thread = calls, thread
            except BaseException as error:
                self._thread = None
                calls.put(None)  # in case it runs all the same
                if isinstance(error.__context__, KeyboardInterrupt):
                    raise error.__context__ from None  # came while Python held a lock of its own
                if isinstance(error, RuntimeError):  # no more threads, or the interpreter is ending
                    return None
                raise
        return self._calls

    def _make_rest(self, calls: _Calls) -> None:
        """Make what the thread has left when it ended."""
        assert self._thread is not None
        self._thread.join()
        while not calls.empty():
            call = calls.get()
            if call is not None:
                _make(call)


def _serve(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        _make(call)
        del call  # nothing of it is kept until the next one comes


def _make(call: _Call) -> None:
    function, answer = call
    try:
        answer.put((function(), None))
    except BaseException as error:  # for whoever made the call
        answer.put((None, error))
