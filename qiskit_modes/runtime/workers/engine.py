"""Engines, which make workers: of processes of this machine, or of whatever executors there are.

An engine makes workers and says how many there may be; it does not know what they are given.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from typing import ClassVar

from qiskit_modes.runtime.workers.loky.worker import LokyWorker
from qiskit_modes.runtime.workers.starting import describe_failure, why_no_children
from qiskit_modes.runtime.workers.worker import ExecutorWorker, ThreadWorker, Worker

__all__ = ["Engine", "ExecutorEngine", "LokyEngine"]

logger = logging.getLogger("qiskit_modes")

_TRY_AGAIN_SECONDS = 60.0
"""When processes could not be started, they are not tried again before that: a limit of the machine
may have been reached for a while only, and each attempt may cost a second."""


class Engine(ABC):
    """Makes workers. Called by the pool, which sees to it that one thread at a time does so.

    Args:
        size: Most workers at a time.
    """

    kind: ClassVar[str] = "processes of this machine"
    """What its workers are, for people."""
    takes_light: ClassVar[bool] = True
    """Whether programs that take next to no time go to its workers too."""
    steps_take_all: ClassVar[bool] = False
    """Whether heavy steps that are not long may take all of its workers, see `Placement`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.on_change: Callable[[], object] = lambda: None
        """Called when workers have come or gone, on any thread; the pool's."""
        self.on_failure: Callable[[BaseException], object] = lambda _: None
        """Called with an error when nothing that waits has a prospect any more; the pool's."""

    @abstractmethod
    def new_worker(self) -> Worker:
        """Make one more worker, which is not started yet. What it raises fails one item."""

    def room(self, workers: Collection[Worker]) -> int:
        """Return how many workers may be added to those that there are."""
        return self.size - len(workers)

    def takes_over(self, worker: Worker, error: BaseException) -> bool:  # noqa: ARG002
        """Return whether what a worker could not begin goes to another kind of worker now.

        Args:
            worker: That could not be started, or was dead.
            error: Why.
        """
        return False

    def outdated(self) -> Collection[Worker]:
        """Return workers that are to go when they have nothing to do, because better ones can come.

        It is asked whenever items are given, so what it costs does not grow with the workers.
        """
        return ()

    def admit(self, peak_bytes: int) -> None:  # noqa: B027 - most machines have one memory
        """Check that a program can be executed at all.

        Args:
            peak_bytes: Most memory that it takes at a time.
        """

    def memory_bytes(self) -> int | None:
        """Return what programs may take together; None where they take this machine's memory."""
        return None

    def dashboard(self) -> str | None:
        """Return the address of a page of its own that shows its workers, if there is one."""
        return None

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what it holds itself; its workers have been stopped."""


class ExecutorEngine(Engine):
    """Workers behind executors of somebody else's.

    Args:
        size: Most workers at a time.
        new_executor: Makes the executor of one worker: anything with the interface of
            `concurrent.futures.Executor`.
    """

    kind: ClassVar[str] = "executors of the program"

    def __init__(self, size: int, new_executor: Callable[[], Executor]) -> None:
        super().__init__(size)
        self._new_executor = new_executor

    def new_worker(self) -> Worker:
        """See `Engine`."""
        return ExecutorWorker(self._new_executor())


class LokyEngine(Engine):
    """Processes of this machine; where none can be started, a thread stands in for them.

    The thread executes one program at a time, which cannot be stopped and during which other
    threads stand still, but whose results are the same.

    Args:
        size: Most workers at a time.
        new_worker: Makes one, of the usual kind.
    """

    takes_light: ClassVar[bool] = False

    def __init__(self, size: int, new_worker: Callable[[], Worker] = LokyWorker) -> None:
        no_children = why_no_children()
        if no_children is not None:
            logger.debug("programs are executed in this process: %s", no_children)
        super().__init__(size if no_children is None else 1)
        self._new_worker = new_worker
        self._no_processes_before = -math.inf if no_children is None else math.inf
        """On the machine's monotonic clock; until then a thread stands in for them."""
        self._stand_ins: weakref.WeakSet[Worker] = weakref.WeakSet()
        self._mutex = threading.Lock()
        """Guards the time above, where two workers fail at once; nothing is taken inside it."""

    def _is_without_processes(self) -> bool:
        return time.monotonic() < self._no_processes_before

    def room(self, workers: Collection[Worker]) -> int:
        """See `Engine`."""
        if self._is_without_processes():
            return 0 if workers else 1
        return super().room(workers)

    def new_worker(self) -> Worker:
        """See `Engine`."""
        if not self._is_without_processes():
            return self._new_worker()
        worker = ThreadWorker()
        self._stand_ins.add(worker)
        return worker

    def takes_over(self, worker: Worker, error: BaseException) -> bool:
        """See `Engine`."""
        if worker in self._stand_ins:
            return False
        with self._mutex:
            again = self._is_without_processes()
            self._no_processes_before = time.monotonic() + _TRY_AGAIN_SECONDS
        if not again:
            logger.warning(
                "No worker process could be started (%s). Until one can, which is tried again in "
                "%.0f s, programs are executed in this process, one at a time; its other threads "
                "stand still meanwhile.",
                describe_failure(error),
                _TRY_AGAIN_SECONDS,
            )
        return True

    def outdated(self) -> Collection[Worker]:
        """See `Engine`."""
        return () if self._is_without_processes() else list(self._stand_ins)


def cores() -> int:
    """Return how many workers there are unless somebody says otherwise: one per core."""
    return os.cpu_count() or 1
