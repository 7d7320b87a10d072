"""Threads that do the classical steps of jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

__all__ = ["StepThreads"]

_THREADS = 16
"""Threads for the classical steps of all QPUs; more would contend for one interpreter."""


class StepThreads:
    """A pool of threads that does steps, each once, and the next of the same job without a change.

    May be used from any thread; nothing waits but `close`.

    Args:
        begins: Called when a step is handed in, by the thread that does so.
        ends: Called when a step has ended, by the thread that did it; or when no thread could be
            had for it, after that was said.
        afterwards: Has the present thread do something after what it does now, if it can, and
            returns whether it will.
    """

    def __init__(
        self,
        *,
        begins: Callable[[], None],
        ends: Callable[[], None],
        afterwards: Callable[[Callable[[], object]], bool] = lambda _: False,
    ) -> None:
        self._afterwards = afterwards
        self._begins = begins
        self._ends = ends
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="qiskit_modes-lane")
        self._present = _Present()

    def do(
        self,
        step: Callable[[], object],
        *,
        job: object,
        otherwise: Callable[[RuntimeError], object],
    ) -> None:
        """Have a step done; by the present thread if it has just ended the one before.

        Args:
            step: What to do.
            job: Whose step it is.
            otherwise: Called with the reason, here, if there is no thread to be had.
        """
        self._begins()
        if self._present.job is job:
            self._present.next_step = step
            return
        # Whoever takes it answers for the step: a pool that could not start a thread raises, and
        # may do the work all the same when one of its other threads comes to it.
        to_be_done = threading.Lock()
        work = partial(self._work, to_be_done, step, job)
        if self._afterwards(work):
            return
        try:
            self._pool.submit(work)
        except RuntimeError as error:
            if to_be_done.acquire(blocking=False):
                otherwise(error)
                self._ends()

    def do_beside(self, call: Callable[[], object]) -> None:
        """Have something done that nobody waits for, and that may be left out at the end."""
        with suppress(RuntimeError):  # the pool was closed, or no thread is left
            self._pool.submit(call)

    def close(self) -> None:
        """End the threads; returns when what they are doing has ended."""
        self._pool.shutdown(wait=True)

    def _work(self, to_be_done: threading.Lock, step: Callable[[], object], job: object) -> None:
        if not to_be_done.acquire(blocking=False):
            return
        present = self._present
        present.job = job
        then: Callable[[], object] | None = step
        try:
            while then is not None:
                present.next_step = None
                try:
                    then()
                finally:
                    self._ends()
                then = present.next_step
        finally:
            present.job = present.next_step = None


class _Present(threading.local):
    """Task of the present thread, if it does steps."""

    job: object = None
    """Whose steps it does."""
    next_step: Callable[[], object] | None = None
    """What comes next for that job, if it may begin already: this thread goes on with it."""
