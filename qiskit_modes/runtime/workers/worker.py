"""One worker: an executor with a process of its own, and what it is believed to know."""

from __future__ import annotations

import contextlib
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import util
from typing import TYPE_CHECKING, Any

from qiskit_modes.exceptions import WorkerDiedError
from qiskit_modes.runtime.workers import parent_watch, worker_process
from qiskit_modes.runtime.workers.starting import (
    InThisProcess,
    descriptors_in_order,
    start_conditions,
)
from qiskit_modes.runtime.workers.work_items import Errand
from qiskit_modes.runtime.workers.worker_process import Execution

if TYPE_CHECKING:
    from qiskit_modes.simulation.run.program import Program

__all__ = [
    "Answer",
    "ProgramAbandoned",
    "Ticket",
    "Unusable",
    "Worker",
    "loky_executor",
    "worker_error",
]

logger = logging.getLogger("qiskit_modes")


def worker_error(error: BaseException, fate: str) -> BaseException:
    """Return what a user is told of an error that came instead of a worker's answer.

    Args:
        error: What came.
        fate: What the worker did and how it ended, if it died: ``"executed job 1 died ..."``.
    """
    if not isinstance(error, BrokenExecutor):
        return error
    died = WorkerDiedError(
        f"the worker process that {fate} ({type(error).__name__}); the job can be submitted again"
    )
    died.__cause__ = error
    return died


class ProgramAbandoned(Exception):  # noqa: N818 - named for what happened
    """A program was given up before a worker had run it."""


Answer = Execution | BaseException
"""What comes of a program."""

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


def _is_the_users(name: str) -> bool:
    """Tell whether a setting is left as the user has it: how memory is kept is no result's."""
    return name.startswith("MALLOC_") and name in os.environ


def loky_executor() -> Executor:
    """Return an executor with one process of its own, started when it is first used."""
    import loky

    with descriptors_in_order():  # its pipes are opened now
        return loky.ProcessPoolExecutor(
            max_workers=1,
            initializer=worker_process.prepare,
            initargs=(parent_watch.own_end(),),
            env={k: v for k, v in _ENVIRONMENT.items() if not _is_the_users(k)},
        )


_FEEDER_SECONDS = 1.0
"""What a thread needs to close a pipe, many times over."""


@dataclass(eq=False)
class Ticket:
    """One program on its way: waiting for a worker, in one, or answered."""

    program: Program
    on_done: Callable[[Answer], None]
    source: Hashable = None
    """Who takes turns with others: the QPU."""
    peak_bytes: int = 0
    """Most memory that its states take at a time, roughly."""
    worker: Worker | None = None
    abandoned: bool = False
    refused: int = 0
    """By how many workers that turned out to be dead."""
    threads: int = 1
    """How many of the cores are free for it."""

    def __post_init__(self) -> None:
        self.keys = tuple(self.program.circuits)


class Unusable(Executor):
    """Stands for an executor that could not be made: fails the first program that it gets."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def submit(self, *_: Any, **__: Any) -> Any:
        """Raise what was raised when the executor should have been made."""
        raise self._error


class Worker:
    """One executor, the program it has, and what it is believed to know."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.ticket: Ticket | Errand | None = None
        """What it is doing."""
        self.started: Future[int] | None = None
        """Done when its process is up and has imported what it needs; None before it is begun."""
        self.ready_for: set[str] = set()
        """Modules whose classical steps it can do without importing first."""
        self._known: OrderedDict[str, None] = OrderedDict()

    @property
    def can_be_killed(self) -> bool:
        """Tell whether it is a process of ours; a foreign executor can only be waited for."""
        return type(self.executor).__module__.startswith("loky.")

    @property
    def is_stopgap(self) -> bool:
        """Tell whether it is a thread of this process, because no process can be started."""
        return isinstance(self.executor, InThisProcess)

    @property
    def never_came_up(self) -> bool:
        """Tell whether its process ended before it could take anything."""
        started = self.started
        if started is None or not started.done() or started.cancelled():
            return False
        return isinstance(started.exception(), BrokenExecutor)

    def knows(self, ticket: Ticket) -> bool:
        """Tell whether the circuits of a program need not be sent to it."""
        return all(key in self._known for key in ticket.keys)

    def forget_all(self) -> None:
        """Send every circuit again."""
        self._known.clear()

    def start(self) -> None:
        """Begin to start its process; returns before that is up."""
        with start_conditions() if self.can_be_killed else nullcontext():
            self.started = self.executor.submit(os.getpid)
        if self.can_be_killed:
            self.started.add_done_callback(lambda _: _remove_names(self.executor))

    def send(self, ticket: Ticket | Errand) -> Future[Any]:
        """Hand it a classical step, or a program without the circuits that it knows."""
        if isinstance(ticket, Errand):
            assert ticket.call is not None, "it can be done in this process only"
            return self.executor.submit(worker_process.do, ticket.call)
        if self.is_stopgap:
            return self.executor.submit(worker_process.run_whole, ticket.program)
        new = {k: c for k, c in ticket.program.circuits.items() if k not in self._known}
        for key in ticket.keys:
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > worker_process.CACHED_CIRCUITS:
            self._known.popitem(last=False)
        lean = replace(ticket.program, circuits=new)
        # How many cores a foreign executor's process has is not known here.
        threads = ticket.threads if self.can_be_killed else 1
        return self.executor.submit(worker_process.run, lean, ticket.keys, threads)

    def stop(self, *, wait: bool = True) -> None:
        """End it: at once if it can be killed, otherwise when it has done what it is doing.

        Args:
            wait: For the end of a process of ours, a matter of milliseconds; not on the thread that
                serves its answers.
        """
        try:
            if not self.can_be_killed:
                self.executor.shutdown(wait=False, cancel_futures=True)
                return
            queue = getattr(self.executor, "_call_queue", None)
            self.executor.shutdown(wait=wait, kill_workers=True)  # type: ignore[call-arg]
            if wait:
                _end_feeder(queue)
        except Exception:  # a foreign executor's: nothing more is sent to it anyway
            logger.exception("a worker could not be stopped")


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
