"""A worker process of this machine, behind an executor of loky's with one process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, ClassVar

from qiskit_modes.runtime.workers.loky.process import (
    leave_to_the_process,
    loky_executor,
    remove_names,
    semaphore_names,
)
from qiskit_modes.runtime.workers.starting import start_conditions
from qiskit_modes.runtime.workers.worker import ExecutorWorker

__all__ = ["LokyWorker", "loky_executor"]

_FEEDER_SECONDS = 1.0
"""What a thread needs to close a pipe, many times over."""


class LokyWorker(ExecutorWorker):
    """A process of this machine, which can be killed.

    Args:
        new_executor: Makes its executor.
    """

    stops_at_once: ClassVar[bool] = True
    takes_steps: ClassVar[bool] = True
    shares_cores: ClassVar[bool] = True
    ends_with: ClassVar[type[BaseException]] = BrokenExecutor

    def __init__(self, new_executor: Callable[[], Executor] = loky_executor) -> None:
        super().__init__(new_executor())

    @property
    def never_came_up(self) -> bool:
        """See `Worker`."""
        if not self.up.done() or self.up.cancelled():
            return False
        return isinstance(self.up.exception(), BrokenExecutor)

    def start(self) -> None:
        """See `Worker`."""
        with start_conditions():
            super().start()

    def _is_up(self, started: Future[int]) -> None:
        error = None if started.cancelled() else started.exception()
        # loky gives up what waits before it kills the process, which may be opening semaphores by
        # their names just then: who stops it before it is up removes them.
        if not started.cancelled() and (error is None or isinstance(error, BrokenExecutor)):
            leave_to_the_process(self.executor)
        super()._is_up(started)

    def stop(self, *, wait: bool = True) -> None:
        """See `Worker`."""
        queue, names = getattr(self.executor, "_call_queue", None), semaphore_names(self.executor)
        self.executor.shutdown(wait=wait, kill_workers=True)  # type: ignore[call-arg]
        if wait:
            _end_feeder(queue)
            remove_names(names)


def _end_feeder(queue: Any) -> None:
    """End the thread with which loky sends programs to a process that is dead now.

    As a rule it ends by itself, and closes the pipe. But a program larger than the pipe's buffer
    may be half sent: nobody will read the rest, and the thread would wait for that for ever. Once
    nobody can read it any more, it ends with an error that loky ignores. The names are loky's own;
    where they have changed, the thread stays, which costs a thread and no more.
    """
    feeder = getattr(queue, "_thread", None)
    if feeder is None:
        return
    feeder.join(_FEEDER_SECONDS)
    if feeder.is_alive():
        with contextlib.suppress(OSError, AttributeError):
            queue._reader.close()  # noqa: SLF001 - see above
