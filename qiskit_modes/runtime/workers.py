"""The worker processes: a small set that executes the programs of all QPUs.

A simulation holds the interpreter lock for as long as it runs, so it runs elsewhere, as a real QPU
is another machine. Each worker is an executor with one process, so that the death of one is an
error of the one program that it was running.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit_modes.exceptions import RuntimeClosedError
from qiskit_modes.runtime import worker_process
from qiskit_modes.runtime.worker_process import Execution, UnknownCircuits

if TYPE_CHECKING:
    from qiskit_modes.simulation.program import Program

__all__ = ["Answer", "ProgramAbandoned", "Ticket", "WorkerPool", "loky_executor"]


class ProgramAbandoned(Exception):  # noqa: N818 - named for what happened
    """A program was given up before a worker had run it."""


Answer = Execution | BaseException
"""What comes of a program."""

_ENVIRONMENT = {
    # One thread per worker: workers share the cores, and a result must not depend on how many.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # loky replaces a worker that has grown by 300 MB; a large state is not a leak.
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e12",
}


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold Ctrl-C back for a moment, and from processes that are started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows has no such thing
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def loky_executor() -> Executor:
    """Return an executor with one process of its own, started when it is first used."""
    import loky

    return loky.ProcessPoolExecutor(
        max_workers=1, initializer=worker_process.prepare, env=_ENVIRONMENT
    )


_FEEDER_SECONDS = 1.0
"""What a thread needs to close a pipe, many times over."""

_MOST_REFUSALS = 3
"""After so many dead workers in a row, the fault is not a worker's."""


@dataclass(eq=False)
class Ticket:
    """One program on its way: waiting for a worker, in one, or answered."""

    program: Program
    on_done: Callable[[Answer], None]
    worker: _Worker | None = None
    abandoned: bool = False
    refused: int = 0
    """By how many workers that turned out to be dead."""

    def __post_init__(self) -> None:
        self.keys = tuple(self.program.circuits)


class _Unusable(Executor):
    """Stands for an executor that could not be made: fails the first program that it gets."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def submit(self, *_: Any, **__: Any) -> Any:
        """Raise what was raised when the executor should have been made."""
        raise self._error


class _Worker:
    """One executor, the program it has, and what it is believed to know."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.ticket: Ticket | None = None
        self.started: Future[int] | None = None
        """Done when its process is up and has imported what it needs; None before it is begun."""
        self._known: OrderedDict[str, None] = OrderedDict()

    @property
    def can_be_killed(self) -> bool:
        """Whether it is a process of ours; a foreign executor can only be waited for."""
        return type(self.executor).__module__.startswith("loky.")

    def knows(self, ticket: Ticket) -> bool:
        """Whether the circuits of a program need not be sent to it."""
        return all(key in self._known for key in ticket.keys)

    def forget_all(self) -> None:
        """Send every circuit again."""
        self._known.clear()

    def start(self) -> None:
        """Begin to start its process; returns before that is up."""
        # A terminal sends Ctrl-C to all processes of a program: one that is still importing would
        # end with a traceback, so it starts with the signal held back, and ignores it later.
        with _interrupts_held_back():
            self.started = self.executor.submit(os.getpid)

    def send(self, ticket: Ticket) -> Future[Execution | UnknownCircuits]:
        """Hand it a program, without the circuits that it knows."""
        new = {k: c for k, c in ticket.program.circuits.items() if k not in self._known}
        for key in ticket.keys:
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > worker_process.CACHED_CIRCUITS:
            self._known.popitem(last=False)
        lean = replace(ticket.program, circuits=new)
        return self.executor.submit(worker_process.run, lean, ticket.keys)

    def stop(self) -> None:
        """End it: at once if it can be killed, otherwise when it has done what it is doing.

        Waits for the end of a process of ours, a matter of milliseconds; not to be called on the
        thread that serves its answers.
        """
        if self.can_be_killed:
            queue = getattr(self.executor, "_call_queue", None)
            self.executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]
            _end_feeder(queue)
        else:
            self.executor.shutdown(wait=False, cancel_futures=True)


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


class WorkerPool:
    """Executes programs, one per worker at a time, first come first served.

    A program goes to an idle worker that knows its circuits if there is one. Workers start when
    they are first needed; one that died or was killed is replaced when the next program comes.
    All methods may be called from any thread, and none waits for a program.

    Args:
        size: Most workers at a time; None for one per core.
        new_executor: Makes the executor of one worker. Anything with the interface of
            `concurrent.futures.Executor` will do; one that is not loky's cannot be killed, so its
            programs are waited for even when their jobs were cancelled.
    """

    def __init__(
        self, size: int | None = None, new_executor: Callable[[], Executor] = loky_executor
    ) -> None:
        self.size = size or os.cpu_count() or 1
        self._new_executor = new_executor
        self._mutex = threading.Lock()
        """Guards everything below, and which ticket a worker has. Nothing is sent and nobody is
        called back while it is held."""
        self._workers: list[_Worker] = []
        self._waiting: deque[Ticket] = deque()
        self._stoppers: list[threading.Thread] = []
        self._closed = False

    def warm_up(self, count: int = 1) -> list[Future[int]]:
        """Start workers, without waiting for them, until there are ``count``.

        Args:
            count: How many programs may be executed at the same time; the pool's size limits it.

        Returns:
            For each worker a future that is done when it is up, however that ends.
        """
        with self._mutex:
            missing = 0 if self._closed else min(count, self.size) - len(self._workers)
            new = [self._new_worker() for _ in range(missing)]
            self._workers += new
            workers = list(self._workers)
        for worker in new:
            self._start(worker)
        return [worker.started for worker in workers if worker.started is not None]

    def submit(self, program: Program, on_done: Callable[[Answer], None]) -> Ticket:
        """Have ``program`` executed.

        Args:
            program: What to run.
            on_done: Called exactly once, with what came of it or with the error, on any thread.

        Raises:
            RuntimeClosedError: If the pool was closed.
        """
        ticket = Ticket(program, on_done)
        with self._mutex:
            if self._closed:
                raise RuntimeClosedError("the local runtime has been shut down")
            self._waiting.append(ticket)
            assigned = self._assign()
        self._send(assigned)
        return ticket

    def abandon(self, ticket: Ticket) -> None:
        """Stop a program if that is possible; it is answered all the same, sooner or later."""
        with self._mutex:
            ticket.abandoned = True
            never_sent = ticket in self._waiting
            if never_sent:
                self._waiting.remove(ticket)
            worker = ticket.worker
            kill = worker is not None and worker.ticket is ticket and worker.can_be_killed
            if kill and worker in self._workers:
                # From here on it gets no other program, so that none dies with this one.
                self._workers.remove(worker)
        if never_sent:
            ticket.on_done(ProgramAbandoned())
        elif kill and worker is not None:
            self._stop_aside(worker)

    def close(self) -> None:
        """Stop all workers; what they were doing ends with an error. Waits for their end."""
        with self._mutex:
            self._closed = True
            workers, self._workers = self._workers, []
            waiting, self._waiting = self._waiting, deque()
            stoppers, self._stoppers = self._stoppers, []
        for ticket in waiting:
            ticket.on_done(ProgramAbandoned())
        for worker in workers:
            worker.stop()
        for stopper in stoppers:
            stopper.join()

    def _assign(self) -> list[tuple[_Worker, Ticket]]:
        """Give waiting programs to idle workers; the caller sends them without the mutex."""
        assigned = []
        while self._waiting:
            worker = self._idle_worker(self._waiting[0])
            if worker is None:
                break
            ticket = self._waiting.popleft()
            worker.ticket, ticket.worker = ticket, worker
            assigned.append((worker, ticket))
        return assigned

    def _stop_aside(self, worker: _Worker) -> None:
        """Stop a worker on a thread of its own: this one may be needed for it to end."""
        stopper = threading.Thread(target=worker.stop, name="qiskit_modes-stopper")
        stopper.start()
        with self._mutex:
            self._stoppers = [s for s in self._stoppers if s.is_alive()]
            self._stoppers.append(stopper)

    def _idle_worker(self, ticket: Ticket) -> _Worker | None:
        idle = [worker for worker in self._workers if worker.ticket is None]
        for worker in idle:
            if worker.knows(ticket):
                return worker
        if idle:
            return idle[0]
        if len(self._workers) < self.size and not self._closed:
            self._workers.append(self._new_worker())
            return self._workers[-1]
        return None

    def _new_worker(self) -> _Worker:
        try:
            return _Worker(self._new_executor())
        except Exception as error:  # no processes or semaphores left, a cluster is gone
            return _Worker(_Unusable(error))

    def _start(self, worker: _Worker) -> None:
        # An executor that cannot even be started fails the first program that it gets.
        with contextlib.suppress(Exception):
            worker.start()

    def _send(self, assigned: list[tuple[_Worker, Ticket]]) -> None:
        for worker, ticket in assigned:
            if worker.started is None:
                self._start(worker)
            try:
                future = worker.send(ticket)
            except BrokenExecutor as error:
                # Its process died while it was idle: another one gets this, unless all of them do.
                ticket.refused += 1
                if ticket.refused < _MOST_REFUSALS:
                    self._returned(worker, ticket)
                else:
                    self._answered(worker, ticket, error, broken=True)
            except Exception as error:  # whatever an executor raises, the program has not run
                self._answered(worker, ticket, error, broken=True)
            else:
                future.add_done_callback(partial(self._done, worker, ticket))

    def _returned(self, worker: _Worker, ticket: Ticket) -> None:
        """Give a program to another worker than the one that could not take it."""
        with self._mutex:
            worker.ticket = None
            stop = worker in self._workers
            if stop:
                self._workers.remove(worker)
            dropped = self._closed or ticket.abandoned
            if not dropped:
                self._waiting.appendleft(ticket)
            assigned = self._assign()
        if stop:
            self._stop_aside(worker)
        if dropped:
            ticket.on_done(ProgramAbandoned())
        self._send(assigned)

    def _done(
        self, worker: _Worker, ticket: Ticket, future: Future[Execution | UnknownCircuits]
    ) -> None:
        if future.cancelled():
            self._answered(worker, ticket, ProgramAbandoned())
        else:
            answer = future.exception() or future.result()
            self._answered(worker, ticket, answer, broken=isinstance(answer, BrokenExecutor))

    def _answered(
        self,
        worker: _Worker,
        ticket: Ticket,
        answer: Answer | UnknownCircuits,
        *,
        broken: bool = False,
    ) -> None:
        with self._mutex:
            worker.ticket = None
            if isinstance(answer, UnknownCircuits):
                # The process was replaced, or its memory was full: send everything.
                worker.forget_all()
                if ticket.abandoned or self._closed:
                    answer = ProgramAbandoned()
                else:
                    self._waiting.appendleft(ticket)
            # Who takes it out of the list stops it: loky cannot be stopped by two at once.
            stop = broken and worker in self._workers
            if stop:
                self._workers.remove(worker)
            assigned = self._assign()
        if stop:
            self._stop_aside(worker)
        self._send(assigned)
        if not isinstance(answer, UnknownCircuits):
            ticket.on_done(answer)
