"""Executors of loky's with one process that executes programs, and its settings.

A module of its own that needs no Qiskit: workers of a cluster start such processes too.
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import Executor
from multiprocessing import util

from qiskit_modes.runtime.workers import parent_watch, worker_process
from qiskit_modes.runtime.workers.starting import descriptors_in_order

__all__ = [
    "child_environment",
    "leave_to_the_process",
    "loky_executor",
    "remove_names",
    "semaphore_names",
]

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


_DASKS_TRIM_BYTES = str(1 << 16)
"""Set by Dask for its workers: memory goes back at once, at 2 to 4 times the CPU. Not the user."""


def child_environment() -> dict[str, str]:
    """Return the settings of a process that executes programs, but for what the user has set.

    How memory is kept is no result's, so that is left as the user has it.
    """
    return {
        name: value
        for name, value in _ENVIRONMENT.items()
        if not name.startswith("MALLOC_") or os.environ.get(name) in (None, _DASKS_TRIM_BYTES)
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


def leave_to_the_process(executor: Executor) -> None:
    """Give up what only the process of an executor needs, once it is up.

    The names used are loky's own; where they have changed, this does nothing.

    Args:
        executor: Of `loky_executor`; it replaces a process that has died by no other one.
    """
    remove_names(semaphore_names(executor))
    _close_far_ends(executor)


def _close_far_ends(executor: Executor) -> None:
    """Close the process's ends of the pipes here.

    Otherwise its death is no end of what comes through them: who reads half of a result, the rest
    of which was not written any more, would wait for it for ever, and so would who writes a program
    that nobody reads. While loky waits like that in one executor no other one can be shut down.
    """
    with contextlib.suppress(AttributeError, OSError):
        executor._result_queue._writer.close()  # type: ignore[attr-defined]  # noqa: SLF001
        executor._call_queue._reader.close()  # type: ignore[attr-defined]  # noqa: SLF001


def semaphore_names(executor: Executor) -> set[str]:
    """Return the names of the semaphores of an executor of `loky_executor`, until it is shut down.

    The names used are loky's own; where they have changed, there are none. Semaphores are told by
    them and not by their class: once joblib is imported, loky makes those of joblib's copy of it.
    """
    with contextlib.suppress(AttributeError, TypeError):
        owners = [executor, executor._call_queue, executor._result_queue]  # type: ignore[attr-defined]  # noqa: SLF001
        owners += executor._processes.values()  # type: ignore[attr-defined]  # noqa: SLF001
        found = (each for owner in owners for each in list(vars(owner).values()))
        return {each._semlock.name for each in found if hasattr(each, "_semlock")}  # noqa: SLF001
    return set()


def remove_names(names: set[str]) -> None:
    """Remove the names of semaphores by which loky's process was told of them.

    It has opened them by then, or is dead, and nobody else ever will. loky removes them when this
    process ends in good order, on whichever thread is the last to drop them, which the end of the
    process may overtake; children that leave with `os._exit`, as those of servers and of
    pytest-forked do, and processes that are killed would leave them behind.
    """
    with contextlib.suppress(AttributeError):
        for finalizer in list(util._finalizer_registry.values()):  # type: ignore[attr-defined]  # noqa: SLF001
            removes = getattr(finalizer._callback, "__qualname__", "") == "SemLock._cleanup"  # noqa: SLF001
            if removes and finalizer._args[0] in names:  # noqa: SLF001
                finalizer()
