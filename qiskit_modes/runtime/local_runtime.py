"""A machine room: QPUs, their executor and its workers; and the one that everybody shares.

The default runtime starts with the first job and is shut down when the interpreter ends: whatever
is still under way then is cancelled, with one warning that names it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.util import Finalize
from typing import Any

from qiskit_modes.exceptions import OutstandingJobsWarning
from qiskit_modes.runtime.clock import Clock
from qiskit_modes.runtime.job_table import JobTable
from qiskit_modes.runtime.listener import Listener
from qiskit_modes.runtime.progress import Progress, Surface, find_surface
from qiskit_modes.runtime.qpu import QPU, QPURegistry
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.runtime.session_executor import SessionExecutor
from qiskit_modes.runtime.shared_ledger import SharedLedger
from qiskit_modes.runtime.steps import SimulatedSteps
from qiskit_modes.runtime.uninterrupted import Uninterrupted
from qiskit_modes.runtime.workers import WorkerPool
from qiskit_modes.scheduling import Instance, WorkloadState
from qiskit_modes.scheduling.events import WorkloadOpened

_KEPT_WORKLOADS = 100
"""Closed sessions and batches that can still be asked about by their ids."""

_BEFORE_QUEUES = 100
"""The exit priority of our finalizer; that of the standard library's queues is 10."""

__all__ = ["LocalRuntime", "default_runtime", "use_runtime"]


class LocalRuntime:
    """QPUs with the rules of the service, on this machine.

    All methods may be called from any thread. Usable as a context manager, which shuts it down.

    Args:
        lanes: How many jobs of one QPU are in progress at once.
        clock: Whose time counts; None for the machine's.
        workers: What executes programs; None for one process per core, started when needed.
        instance: To whom usage is charged unless a session or backend says otherwise.
        surface: Returns where users see how it is going while they wait, or None for nowhere. By
            default the terminal or notebook of the process; nowhere for another ``clock``.
        simulate: For each job that is submitted, how long its steps last on the clock instead of
            being executed, or None to execute them; for tests.
        refused: Called with each job that `simulate` was asked about and that was not accepted.
    """

    def __init__(
        self,
        *,
        lanes: int = 5,
        clock: Clock | None = None,
        workers: WorkerPool | None = None,
        instance: Instance | None = None,
        surface: Callable[[], Surface | None] | None = None,
        simulate: Callable[[JobRecord], SimulatedSteps | None] = lambda _: None,
        refused: Callable[[JobRecord], None] = lambda _: None,
    ) -> None:
        self.instance = instance or Instance()
        self.ledger = SharedLedger()
        self.registry = QPURegistry(lanes=lanes, ledger=self.ledger)
        self.executor = SessionExecutor(clock=clock, workers=workers)
        self.listeners: tuple[Listener, ...] = ()
        """Replaced as a whole, so that any thread may go through them at any time."""
        if surface is None and clock is None:
            surface = find_surface
        self._progress = None if surface is None else Progress(self.executor.clock, surface)
        self._mutex = threading.Lock()
        """Guards the table of workloads."""
        self._workloads: dict[str, WorkloadRecord] = {}
        self._simulate = simulate
        self._refused = refused
        self.executor.workers.on_start = partial(_shut_down_at_exit, weakref.ref(self))
        self.process_id = os.getpid()
        _runtimes.add(self)

    def __enter__(self) -> LocalRuntime:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shut_down()

    @property
    def uninterrupted(self) -> Uninterrupted:
        """Makes a call that takes a mutex, so that no handler of a signal waits for that."""
        return self.executor.uninterrupted

    @property
    def clock(self) -> Clock:
        """Whose time counts."""
        return self.executor.clock

    def warm_up(self) -> None:
        """Start a worker, without waiting for it, so that the first job finds it ready."""
        self.executor.uninterrupted(self.executor.workers.warm_up)

    def submit(self, job: JobRecord, *, max_execution_seconds: float | None = None) -> None:
        """Hand a job in; does not wait for it.

        Raises:
            RefusedError: If the rules do not allow it.
            RuntimeClosedError: If the runtime was shut down.
        """
        steps = job.steps  # it may have ended, and have dropped them, before this method has
        try:
            job.simulated = self._simulate(job)
            self.executor.uninterrupted(partial(self._submit, job, max_execution_seconds))
        except BaseException:
            self._refused(job)
            raise
        for listener in self.listeners:
            listener.job_submitted(job, steps)

    def tell_seen(self, job: JobRecord) -> None:
        """Tell the listeners that the present thread knows that a job has ended; for the doors."""
        for listener in self.listeners:
            listener.job_seen(job)

    def _submit(self, job: JobRecord, max_execution_seconds: float | None) -> None:
        if job.simulated is None:
            self.executor.workers.warm_up()
        self.executor.submit(job, max_execution_seconds=max_execution_seconds)

    def wait(self, job: JobRecord, timeout: float | None = None) -> bool:
        """Wait until a job has ended, and show how it is going if that takes long.

        Args:
            job: Which one.
            timeout: Longest time to wait in seconds; None for no limit.

        Returns:
            Whether it has ended.
        """
        if self._progress is None or job.finished.is_set():
            return self.clock.wait(job.finished, timeout)
        return self._progress.wait(job, timeout)

    def qpu(self, backend: Any) -> QPU:
        """Return the QPU that ``backend`` stands for."""
        return self.registry.qpu(backend)

    def open_workload(self, event: WorkloadOpened, backend: Any) -> WorkloadRecord:
        """Open a session or batch, and remember it, so that it can be found by its id.

        Of those that are closed the latest are kept; the others go, and their backends with them.

        Raises:
            RefusedError: If the plan does not allow it.
            RuntimeClosedError: If the runtime was shut down.
        """
        return self.executor.uninterrupted(partial(self._open_workload, event, backend))

    def _open_workload(self, event: WorkloadOpened, backend: Any) -> WorkloadRecord:
        qpu = self.qpu(backend)
        core = self.executor.open_workload(event, qpu)
        record = WorkloadRecord(core, qpu, backend)
        with self._mutex:
            self._workloads[record.id] = record
            closed = [
                workload
                for workload in self._workloads.values()
                if workload.core.state is WorkloadState.CLOSED
            ]
            for workload in closed[:-_KEPT_WORKLOADS]:
                del self._workloads[workload.id]
                workload.forget()
        return record

    def workload(self, workload_id: str) -> WorkloadRecord | None:
        """Return a session or batch by its id, or None if it is not known."""
        return self.uninterrupted(lambda: self._workloads.get(workload_id))

    def workloads(self) -> list[WorkloadRecord]:
        """Return every session and batch, in the order in which they were opened."""
        return self.uninterrupted(self._list_workloads)

    def _list_workloads(self) -> list[WorkloadRecord]:
        with self._mutex:
            return list(self._workloads.values())

    @property
    def jobs(self) -> JobTable:
        """The jobs that are known."""
        return self.executor.jobs

    def shut_down(self) -> list[JobRecord]:
        """End everything: jobs that have not finished are cancelled and returned."""
        if self._progress is not None:
            self._progress.close()
        return self.executor.shut_down()


_default: LocalRuntime | None = None
_default_mutex = threading.Lock()
"""Guards ``_default``."""


def default_runtime() -> LocalRuntime:
    """Return the runtime that everything uses unless told otherwise."""
    global _default
    with _default_mutex:
        if _default is None:
            _default = LocalRuntime()
        return _default


@contextmanager
def use_runtime(runtime: LocalRuntime) -> Iterator[LocalRuntime]:
    """Make ``runtime`` the default one of the whole process for a while, as tests do.

    Args:
        runtime: What `default_runtime` returns meanwhile, in all threads.
    """
    global _default
    with _default_mutex:
        before, _default = _default, runtime
    try:
        yield runtime
    finally:
        with _default_mutex:
            _default = before


def _shut_down_at_exit(reference: weakref.ref[LocalRuntime]) -> None:
    """Have a runtime shut down before the interpreter waits for threads and workers.

    The functions registered with `atexit` come too late: before them, the interpreter and loky wait
    for every program that is under way. Those registered here run first, the latest first. loky
    registers its own whenever a worker starts, so ours follows after each start; shutting down a
    second time does nothing. The name used is private to the standard library; loky and
    `concurrent.futures` build on it too.

    A process that `multiprocessing` has started, or whoever works like it, ends otherwise: first it
    waits for its own children, which our workers are, and only then for threads. Its finalizers
    run before that.
    """

    def shut_down() -> None:
        living = reference()
        if living is not None and living.process_id == os.getpid():
            _warn_of(living.shut_down())

    with suppress(RuntimeError):  # the interpreter is shutting down already
        threading._register_atexit(shut_down)  # type: ignore[attr-defined]  # noqa: SLF001
    if multiprocessing.parent_process() is not None:
        Finalize(None, shut_down, exitpriority=_BEFORE_QUEUES)


def _warn_of(outstanding: list[JobRecord]) -> None:
    if not outstanding:
        return
    names = ", ".join(f"{job.primitive_id} job {job.id}" for job in outstanding[:5])
    more = f" and {len(outstanding) - 5} more" if len(outstanding) > 5 else ""
    warnings.warn(
        f"The program ended while {len(outstanding)} job(s) had not finished; they were "
        f"cancelled: {names}{more}. Call result() on a job to wait for it.",
        OutstandingJobsWarning,
        stacklevel=2,
    )


_runtimes: weakref.WeakSet[LocalRuntime] = weakref.WeakSet()
"""All that there are."""
_of_the_parent: list[LocalRuntime] = []
"""Those that a forked child has inherited; they are kept, since no thread of it may end them."""


def _start_afresh_after_fork() -> None:
    """Forget what is the parent's: its threads do not exist here, its workers are not ours."""
    global _default, _default_mutex
    _of_the_parent.extend(_runtimes)
    _default = None
    _default_mutex = threading.Lock()
    _disown_workers()


def _disown_workers() -> None:
    """Let the end of this process wait for no worker of its parent.

    `multiprocessing` forgets the parent's children where it forks itself; not where a program does.
    """
    with suppress(AttributeError):  # names of others that have moved
        for child in list(multiprocessing.process._children):  # type: ignore[attr-defined]  # noqa: SLF001
            if type(child).__module__.startswith("loky."):
                multiprocessing.process._children.discard(child)  # type: ignore[attr-defined]  # noqa: SLF001
    with suppress(KeyError, AttributeError):
        sys.modules["loky.process_executor"]._threads_wakeups.clear()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh_after_fork)
