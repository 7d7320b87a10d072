"""A worker process of this machine, behind an executor of loky's with one process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from multiprocessing import util
from typing import Any, ClassVar

from qiskit_modes.runtime.workers import parent_watch, worker_process
from qiskit_modes.runtime.workers.starting import descriptors_in_order, start_conditions
from qiskit_modes.runtime.workers.worker import ExecutorWorker

__all__ = ["LokyWorker", "child_environment", "loky_executor"]

_KEPT_BYTES = 256 << 20
"""A worker keeps so much memory that it does not need, for arrays to come."""

_ENVIRONMENT = {
    # One thread per worker: workers share the cores, and a result must not depend on how many.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Large arrays come and go at every step. By default glibc asks the system for each anew, and
    # gets its pages one by one: a sixth of the time of 9 to 12 joined qubits.
    "MALLOC_MMAP_THRESHOLD_": str(_KEPT_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES),
    # loky replaces a worker that has grown by 300 MB; a large state is not a leak.
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e12",
}

_FEEDER_SECONDS = 1.0
"""What a thread needs to close a pipe, many times over."""


def child_environment() -> dict[str, str]:
    """Return the settings of a process that executes programs, but for what the user has set.

    How memory is kept is no result's, so that is left as the user has it.
    """
    return {
        name: value
        for name, value in _ENVIRONMENT.items()
        if not (name.startswith("MALLOC_") and name in os.environ)
    }


def loky_executor() -> Executor:
    """Return an executor with one process of its own, started when it is first used."""
    import loky

    with descriptors_in_order():  # its pipes are opened now
        return loky.ProcessPoolExecutor(
            max_workers=1,
            initializer=worker_process.prepare,
            initargs=(parent_watch.own_end(),),
            env=child_environment(),
        )


class LokyWorker(ExecutorWorker):
    """A process of this machine, which can be killed.

    Args:
        new_executor: Makes its executor.
    """

    stops_at_once: ClassVar[bool] = True
    takes_steps: ClassVar[bool] = True
    shares_cores: ClassVar[bool] = True

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
        _remove_names(self.executor)
        super()._is_up(started)

    def stop(self, *, wait: bool = True) -> None:
        """See `Worker`."""
        queue = getattr(self.executor, "_call_queue", None)
        self.executor.shutdown(wait=wait, kill_workers=True)  # type: ignore[call-arg]
        if wait:
            _end_feeder(queue)


def _remove_names(executor: Executor) -> None:
    """Remove the names of the semaphores by which loky's process was told of them.

    It has opened them by then, and nobody else ever will. loky removes them when this process ends
    in good order; children that leave with `os._exit`, as those of servers and of pytest-forked
    do, and processes that are killed would leave them behind. The names used are loky's own; where
    they have changed, the semaphores keep theirs.
    """
    with contextlib.suppress(ImportError, AttributeError):
        from loky.backend.synchronize import SemLock

        owners = [executor, executor._call_queue, executor._result_queue]  # type: ignore[attr-defined]  # noqa: SLF001
        owners += executor._processes.values()  # type: ignore[attr-defined]  # noqa: SLF001
        found = (each for owner in owners for each in list(vars(owner).values()))
        names = {each._semlock.name for each in found if isinstance(each, SemLock)}  # noqa: SLF001
        for finalizer in list(util._finalizer_registry.values()):  # type: ignore[attr-defined]  # noqa: SLF001
            if finalizer._callback is SemLock._cleanup and finalizer._args[0] in names:  # noqa: SLF001
                finalizer()


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
