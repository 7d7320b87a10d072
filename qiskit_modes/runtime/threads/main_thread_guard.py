"""Calls that no Ctrl-C cuts in two: made by the main thread, carried out by another one.

Python raises KeyboardInterrupt, and whatever else a signal handler raises, in the main thread,
between any two steps of it. A change of a scheduler that ends there is half a change, and a step
of a job that was taken from a list but not begun is lost. So the main thread does not change
anything itself: it puts the whole call into a queue, which happens or does not, and waits for the
answer. An interrupt ends the waiting. The call itself is made to its end.

It also follows that the main thread holds no mutex when a signal comes, so that a handler may
cancel jobs and close sessions. The price is about 20 us for a call. Other threads are never
interrupted; their calls stay where they are.

What a call has begun, such as the first step of a job, goes on in the thread that made it, once the
main one has its answer: one change of threads less. A second thread stands in meanwhile. They take
turns: whoever has it takes a call and makes it, so that calls are made in their order all the same.

Nor is a call made in a child that was forked from the process: there it would wait for threads that
the child does not have, or change what the child has a copy of and nothing else.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from qiskit_modes.exceptions import OtherProcessError

__all__ = ["Uninterrupted"]

logger = logging.getLogger("qiskit_modes")

_Answer = TypeVar("_Answer")
_Call = tuple[Callable[[], Any], "SimpleQueue[tuple[Any, BaseException | None]]"]
_Calls = SimpleQueue[_Call | None]


class Uninterrupted:
    """Makes calls whole, whatever happens to the main thread meanwhile.

    May be used from any thread. The thread that stands in for the main one starts with its first
    call; where none can be started, the main thread makes its calls itself. A second one starts
    when the first has something to do afterwards. When this is closed each call has a thread.
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
        self._second: threading.Thread | None = None
        """Started by the first one, and by nobody else."""
        self._turn = threading.Lock()
        """Held by the one of them that waits for a call and makes it; never by the main thread."""
        self._one_is_away = threading.Lock()
        """Held by the one of them that does something else; never waited for."""
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
        answer: SimpleQueue[tuple[_Answer, BaseException | None]] = SimpleQueue()
        if calls is None:
            _beside(partial(_make, (function, answer)))
        else:
            calls.put((function, answer))
        # The race being closed: another thread closes this, and the call comes behind the end.
        if self._closed and calls is not None:
            self._join()
            _beside(partial(_make_rest, calls))
        value, error = answer.get()
        if error is None:
            return value
        try:
            raise error
        finally:
            del error  # it refers to this frame, which refers to it

    def afterwards(self, work: Callable[[], object]) -> bool:
        """Have the present thread do something when it has made its call; return whether it will.

        It will not if it is no thread that stands in for the main one, if the other one is away
        already, or if there is no other one to be had.

        Args:
            work: What to do; it may take long.
        """
        if _present.calls is not self._calls or _present.work is not None:
            return False
        if not self._one_is_away.acquire(blocking=False):
            return False
        if self._second is None:
            second = _stand_in(self._calls, self._turn)
            try:
                second.start()
            except RuntimeError:  # no more threads, or the interpreter is ending
                self._one_is_away.release()
                return False
            self._second = second
        _present.work = partial(_do, work, self._one_is_away)
        return True

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
        """End the threads when they have made the calls that were given; returns when they have."""
        self._closed = True
        if self._thread is not None:
            self._calls.put(None)
            self._join()

    def _open(self) -> _Calls | None:
        """Return the queue of a thread that is alive, or None if there is none to be had."""
        if self._closed or sys.is_finalizing():  # other threads stand still by then
            return None
        # Not by asking the thread whether it is alive: interrupted there, Python takes it for dead.
        if self._thread is None:
            calls: _Calls = SimpleQueue()
            thread = _stand_in(calls, self._turn)
            # Nobody may have closed what is thrown away; the thread ends all the same.
            weakref.finalize(self, calls.put, None).atexit = False
            try:
                if not _start(thread):
                    return None
                self._calls, self._thread = calls, thread
            except BaseException:
                self._thread = None
                calls.put(None)  # in case it runs all the same
                raise
        return self._calls

    def _join(self) -> None:
        """Wait for the ends of the threads; of the second one last, for the first one starts it."""
        for which in ("_thread", "_second"):
            thread = getattr(self, which)
            if thread is not None and thread is not threading.current_thread():
                thread.join()


class _Present(threading.local):
    """State of the present thread, if it stands in for the main one."""

    calls: _Calls | None = None
    """Whose calls it makes."""
    work: Callable[[], object] | None = None
    """What it does after the call that it makes."""


_present = _Present()


def _beside(work: Callable[[], None]) -> None:
    """Have something done by a thread of its own, or by this one if none can be started."""
    thread = threading.Thread(target=work, name="qiskit_modes-calls", daemon=True)
    if sys.is_finalizing() or not _start(thread):  # other threads stand still by then
        work()
    else:
        thread.join()


def _start(thread: threading.Thread) -> bool:
    """Start a thread, and return whether there is one more."""
    try:
        thread.start()
    except BaseException as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None  # came while Python held a lock of its own
        if isinstance(error, RuntimeError):  # no more threads, or the interpreter is ending
            return False
        raise
    return True


def _make_rest(calls: _Calls) -> None:
    """Make what the threads have left when they ended."""
    while not calls.empty():
        call = calls.get()
        if call is not None:
            _make(call)


def _stand_in(calls: _Calls, turn: threading.Lock) -> threading.Thread:
    name = "qiskit_modes-calls"
    return threading.Thread(target=_serve, args=(calls, turn), name=name, daemon=True)


def _serve(calls: _Calls, turn: threading.Lock) -> None:
    _present.calls = calls
    is_open = True
    while is_open:
        with turn:
            is_open = _serve_turn(calls)
        work, _present.work = _present.work, None
        if work is not None:
            work()
            del work
    calls.put(None)  # for the other one


def _serve_turn(calls: _Calls) -> bool:
    """Make calls until there is something else to do, or no more calls; return which of both."""
    while (call := calls.get()) is not None:
        _make(call)
        del call  # nothing of it is kept until the next one comes
        if _present.work is not None:
            return True
    return False


def _do(work: Callable[[], object], away: threading.Lock) -> None:
    try:
        work()
    except BaseException:  # a bug, but of one job: the calls of others are still made
        logger.exception("%s could not be done", work)
    finally:
        away.release()


def _make(call: _Call) -> None:
    function, answer = call
    try:
        answer.put((function(), None))
    except BaseException as error:  # for whoever made the call
        answer.put((None, error))
