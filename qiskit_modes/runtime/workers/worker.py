"""A worker, as the pool sees it: what it can, and what it is believed to know.

A new kind of worker is a class here, and an `Engine` that makes it; the pool asks for no kind.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from qiskit_modes.exceptions import WorkerDiedError
from qiskit_modes.runtime.workers import worker_process

if TYPE_CHECKING:
    from qiskit_modes.simulation.run.program import Program

__all__ = ["ExecutorWorker", "ThreadWorker", "UnusableWorker", "Worker", "worker_error"]


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


class Worker(ABC):
    """Does one item at a time. Its methods may be called from any thread, and none waits for work.

    The futures of `run` and `call` fail with `concurrent.futures.BrokenExecutor` if the worker
    died, whatever its kind: then it gets nothing more.
    """

    stops_at_once: ClassVar[bool] = False
    """Whether `stop` ends what it is doing. Otherwise that is waited for, and the QPU with it."""
    takes_steps: ClassVar[bool] = False
    """Whether it may be given heavy classical steps."""
    shares_cores: ClassVar[bool] = False
    """Whether it computes on this machine's cores, as many of them as are free."""
    tries_elsewhere: ClassVar[int] = 0
    """How often what it was doing when it died is done again by others."""
    ends_with: ClassVar[type[BaseException]] = BrokenExecutor
    """Errors after which it gets nothing more, because it is dead or may be."""

    def __init__(self) -> None:
        self.on_item: Callable[[Worker], object] = lambda _: None
        """Called when it has got an item, or has none any more; the roster's that it is in."""
        self._item: Any = None
        self.up: Future[int] = Future()
        """Done when it is up and has imported what it needs, or has failed to."""
        self.has_begun = False
        """Whether `start` has returned: nothing is sent before. The pool's, under its mutex."""
        self.is_being_started = False
        """Whether somebody sees to its start, and then to what it has been given by then."""
        self.ready_for: set[str] = set()
        """Modules whose classical steps it can do without importing first."""
        self._known: OrderedDict[str, None] = OrderedDict()

    @property
    def item(self) -> Any:
        """Item that it is doing, or is about to: a `WorkItem`, which only the pool looks into."""
        return self._item

    @item.setter
    def item(self, item: Any) -> None:
        self._item = item
        self.on_item(self)

    @property
    def name(self) -> str:
        """Name of it, for people."""
        known = self.up.done() and not self.up.cancelled() and self.up.exception() is None
        return f"process {self.up.result()}" if known else "a process"

    @property
    def never_came_up(self) -> bool:
        """Tell whether it ended before it could take anything, so that nothing has begun in it."""
        return False

    @property
    def state(self) -> str:
        """Word for what it does now, for people: starting, idle, executing or computing."""
        item = self.item
        if item is None:
            return "idle" if self.up.done() else "starting"
        return "computes a classical step" if item.is_step else "executes a program"

    @property
    def home(self) -> Hashable:
        """Place where its work is done; workers that share it share what was imported there."""
        return self

    @property
    def load(self) -> int:
        """Number of items before one that it would be given now."""
        return 0

    def knows(self, keys: tuple[str, ...]) -> bool:
        """Tell whether circuits need not be sent to it."""
        return all(key in self._known for key in keys)

    def forget_all(self) -> None:
        """Send every circuit again."""
        self._known.clear()

    def lean(self, program: Program) -> Program:
        """Return a program without the circuits that it knows; from now on it knows the others."""
        new = {k: c for k, c in program.circuits.items() if k not in self._known}
        for key in program.circuits:
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > worker_process.CACHED_CIRCUITS:
            self._known.popitem(last=False)
        return program._replace(circuits=new)

    @abstractmethod
    def start(self) -> None:
        """Begin to start it; returns before it is up. Sees to it that `up` is done sometime."""

    @abstractmethod
    def run(self, program: Program, keys: tuple[str, ...], threads: int) -> Future[Any]:
        """Have a program executed; answered as by `worker_process.run`.

        Args:
            program: With all its circuits.
            keys: Of those.
            threads: How many of this machine's cores are free for it.
        """

    @abstractmethod
    def call(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have a function called that can be imported there."""

    @abstractmethod
    def stop(self, *, wait: bool = True) -> None:
        """End it: at once if it ``stops_at_once``, otherwise when it has done what it is doing.

        Args:
            wait: For its end, a matter of milliseconds where that is at once; not on the thread
                that serves its answers.
        """


class ExecutorWorker(Worker):
    """A worker behind the interface of `concurrent.futures.Executor`, of whatever kind.

    It cannot be killed, so what it does is waited for. How its death looks is not known: engines
    have errors of their own for that. So another one takes its place after any error.
    """

    ends_with: ClassVar[type[BaseException]] = BaseException

    def __init__(self, executor: Executor) -> None:
        super().__init__()
        self.executor = executor

    def start(self) -> None:
        """See `Worker`."""
        started = self.executor.submit(os.getpid)
        started.add_done_callback(self._is_up)

    def _is_up(self, started: Future[int]) -> None:
        if started.cancelled():
            self.up.cancel()
        elif (error := started.exception()) is not None:
            self.up.set_exception(error)
        else:
            self.up.set_result(started.result())

    def run(self, program: Program, keys: tuple[str, ...], threads: int) -> Future[Any]:
        """See `Worker`."""
        most = threads if self.shares_cores else 1
        return self.call(worker_process.run, self.lean(program), keys, most)

    def call(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """See `Worker`."""
        return self.executor.submit(function, *args)

    def stop(self, *, wait: bool = True) -> None:  # noqa: ARG002 - it may last for ever
        """See `Worker`."""
        try:
            self.executor.shutdown(wait=False, cancel_futures=True)
        except TypeError:  # not every executor can: loky's and Dask's have no such argument
            self.executor.shutdown(wait=False)


class ThreadWorker(ExecutorWorker):
    """A worker without a process: one thread, which nobody can stop, and whose Aer holds all."""

    ends_with: ClassVar[type[BaseException]] = BrokenExecutor

    def __init__(self) -> None:
        super().__init__(ThreadPoolExecutor(1, thread_name_prefix="qiskit_modes-worker"))

    @property
    def name(self) -> str:
        """See `Worker`."""
        return worker_process.HERE

    def run(self, program: Program, keys: tuple[str, ...], threads: int) -> Future[Any]:  # noqa: ARG002
        """See `Worker`. Nothing is sent, so nothing is remembered."""
        return self.call(worker_process.run_whole, program)


class UnusableWorker(ExecutorWorker):
    """Stands for a worker that could not be made: fails the first item that it gets.

    Args:
        error: What was raised when it should have been made.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(_Refusing(error))


class _Refusing(Executor):
    def __init__(self, error: Exception) -> None:
        self._error = error

    def submit(self, *_: Any, **__: Any) -> Any:
        """Raise what was raised when the worker should have been made."""
        raise self._error
