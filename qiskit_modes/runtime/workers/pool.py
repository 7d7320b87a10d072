"""The worker processes: a small set that executes the programs of all QPUs, and classical steps.

A simulation holds the interpreter lock for as long as it runs, so it runs elsewhere, as a real QPU
is another machine. Each worker is an executor with one process, so that the death of one is an
error of the one program that it was running. Where classical steps go is decided by `Places`;
programs come before them, because somebody holds a QPU meanwhile.

Where no process can be started, a thread of this one stands in for the workers: one program at a
time, which cannot be stopped and during which other threads stand still, but whose results are the
same. What a worker did not begin is not lost with it.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit_modes.exceptions import RuntimeClosedError
from qiskit_modes.runtime.workers.placement import Assigned, Places
from qiskit_modes.runtime.workers.starting import InThisProcess, describe_failure, why_no_children
from qiskit_modes.runtime.workers.turns import Turns
from qiskit_modes.runtime.workers.work_items import Errand, Turn
from qiskit_modes.runtime.workers.worker import (
    Answer,
    ProgramAbandoned,
    Ticket,
    Unusable,
    Worker,
    loky_executor,
)
from qiskit_modes.runtime.workers.worker_process import Done, UnknownCircuits

if TYPE_CHECKING:
    from qiskit_modes.simulation.run.program import Program

__all__ = ["Answer", "ProgramAbandoned", "Ticket", "WorkerPool", "loky_executor"]

logger = logging.getLogger("qiskit_modes")

LIGHT_SECONDS = 1e-3
"""The way to a worker and back takes as long, half of it in this process; and the first worker
takes 0.2 s to start."""

_MOST_REFUSALS = 3
"""After so many dead workers in a row, the fault is not a worker's."""

_TRY_AGAIN_SECONDS = 60.0
"""When processes could not be started, they are not tried again before that: a limit of the machine
may have been reached for a while only, and each attempt may cost a second."""


class WorkerPool:
    """Executes programs, one per worker at a time; QPUs take turns (``turns.py``).

    A program goes to an idle worker that knows its circuits if there is one. Workers start when
    they are first needed; one that died or was killed is replaced when the next program comes.
    All methods may be called from any thread, and none waits for a program.

    Args:
        size: Most workers at a time; None for one per core.
        new_executor: Makes the executor of one worker. Anything with the interface of
            `concurrent.futures.Executor` will do; one that is not loky's cannot be killed, so its
            programs are waited for even when their jobs were cancelled, and gets programs only.
            The default starts processes; where that is not possible, a thread stands in for them.
        light_seconds: What takes less is not worth the way to a process, and may be executed
            elsewhere. With a ``new_executor`` of somebody else's nothing is.
    """

    def __init__(
        self,
        size: int | None = None,
        new_executor: Callable[[], Executor] = loky_executor,
        *,
        light_seconds: float = LIGHT_SECONDS,
    ) -> None:
        self._starts_processes = new_executor is loky_executor
        self.light_seconds = light_seconds if self._starts_processes else 0.0
        no_children = why_no_children() if self._starts_processes else None
        if no_children is not None:
            logger.debug("programs are executed in this process: %s", no_children)
        self.size = 1 if no_children is not None else size or os.cpu_count() or 1
        self.on_start: Callable[[], object] = lambda: None
        """Called after each start of a worker, on any thread."""
        self._new_executor = new_executor
        self._mutex = threading.Condition()
        """Guards everything below, and which ticket a worker has; notified when a worker has been
        stopped. Nothing is sent and nobody is called back while it is held."""
        self._workers: list[Worker] = []
        self._leaving: list[Worker] = []
        """Those that are being stopped. Who takes a worker out of ``_workers`` stops it, once."""
        self._waiting = Turns()
        self._places = Places(self.size)
        self._no_processes_before = -math.inf if no_children is None else math.inf
        """On the machine's monotonic clock; until then a thread stands in for them."""
        self._closed = False

    def warm_up(self, count: int = 1) -> list[Future[int]]:
        """Start workers, without waiting for them, until there are ``count``.

        Args:
            count: How many programs may be executed at the same time; the pool's size limits it.

        Returns:
            For each worker without a classical step a future that is done when it is up, however
            that ends.
        """
        with self._mutex:
            # One that has a classical step may have it for long.
            free = [each for each in self._workers if not isinstance(each.ticket, Errand)]
            most = min(count - len(free), self._room())
            new = [self._add_worker() for _ in range(most)]
            workers = [*free, *new]
        for worker in new:
            self._start(worker)
        return [worker.started for worker in workers if worker.started is not None]

    def submit(
        self, program: Program, on_done: Callable[[Answer], None], *, source: Hashable = None
    ) -> Ticket:
        """Have ``program`` executed.

        Args:
            program: What to run.
            on_done: Called exactly once, with what came of it or with the error, on any thread.
            source: Who takes turns with others: the QPU.

        Raises:
            RuntimeClosedError: If the pool was closed.
        """
        ticket = Ticket(program, on_done, source, self._peak_bytes(program))
        with self._mutex:
            self._check_open()
            self._waiting.add(ticket)
            assigned = self._assign()
        self._send(assigned)
        return ticket

    def _peak_bytes(self, program: Program) -> int:
        if self.size == 1:
            return 0  # nothing will be beside it
        from qiskit_modes.simulation.run.division import peak_bytes

        return peak_bytes(program)

    def abandon(self, ticket: Ticket) -> None:
        """Stop a program if that is possible; it is answered all the same, sooner or later."""
        with self._mutex:
            ticket.abandoned = True
            never_sent = self._waiting.remove(ticket)
            worker = ticket.worker
            kill = worker is not None and worker.ticket is ticket and worker.can_be_killed
            # From here on it gets no other program, so that none dies with this one.
            stop = worker is not None and kill and self._take_out(worker)
        if never_sent:
            ticket.on_done(ProgramAbandoned())
        elif worker is not None and stop:
            self._stop_aside(worker)

    # -- heavy classical steps -----------------------------------------------------------------

    def take_here_nowait(self) -> bool:
        """Take the place for heavy steps in this process, if it is free; give it back afterwards.

        Raises:
            RuntimeClosedError: If the pool was closed.
        """
        with self._mutex:
            self._check_open()
            return self._places.take_here_nowait()

    def leave_here(self) -> None:
        """Give the place in this process back."""
        with self._mutex:
            self._places.leave_here()
            assigned = self._assign()
        self._send(assigned)

    def takes_steps(self, module: str) -> bool:
        """Tell whether a worker is ready for the steps of a module."""
        with self._mutex:
            return any(module in worker.ready_for for worker in self._workers)

    def send_away(self, errand: Errand) -> None:
        """Have a heavy step done in a worker or, if its place is free sooner, in this process.

        It is answered with ``Turn.HERE`` if the place here is its own now.

        Raises:
            RuntimeClosedError: If the pool was closed.
        """
        with self._mutex:
            self._check_open()
            self._places.add(errand)
            assigned = self._assign()
        self._send(assigned)

    def drop(self, errand: Errand) -> None:
        """Let a step wait no longer; one that is being done goes on."""
        with self._mutex:
            errand.abandoned = True  # should a worker that is dead have got it
            waited = errand in self._places.waiting
            if waited:
                self._places.waiting.remove(errand)
        if waited:
            errand.on_done(ProgramAbandoned())

    # -- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop all workers; what they were doing ends with an error. Waits for their end."""
        with self._mutex:
            self._closed = True
            workers, self._workers = self._workers, []
            waiting: list[Ticket | Errand] = [*self._waiting, *self._places.waiting]
            self._waiting.clear()
            self._places.waiting.clear()
        for ticket in waiting:
            ticket.on_done(ProgramAbandoned())
        for worker in workers:
            worker.stop()
        with self._mutex:
            while self._leaving:
                self._mutex.wait()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeClosedError("the local runtime has been shut down")

    def _assign(self) -> list[tuple[Worker, Ticket] | Assigned]:
        """Give what waits to who is free; the caller sends it without the mutex."""
        assigned: list[tuple[Worker, Ticket] | Assigned] = []
        self._retire_stopgap()
        under_way = [each.ticket for each in self._workers if isinstance(each.ticket, Ticket)]
        while ticket := self._waiting.next(under_way):
            worker = self._idle_worker(ticket)
            if worker is None:
                break
            self._waiting.take(ticket)
            under_way.append(ticket)
            worker.ticket, ticket.worker = ticket, worker
            assigned.append((worker, ticket))
        new_worker = self._add_worker if self._room() and not self._is_without_processes() else None
        assigned += self._places.assign(self._workers, new_worker)
        busy = sum(worker.ticket is not None for worker in self._workers)
        for _, given in assigned:
            if isinstance(given, Ticket):
                # A program that is alone has all of the cores. Who comes later shares them.
                given.threads = max(1, self.size - busy + 1)
        return assigned

    def _put_back(self, ticket: Ticket | Errand) -> None:
        """Let it wait before the others, for another worker."""
        if isinstance(ticket, Ticket):
            self._waiting.put_back(ticket)
        elif not ticket.readies:
            self._places.waiting.appendleft(ticket)

    def _take_out(self, worker: Worker) -> bool:
        """Let a worker get no more programs; return whether it is to be stopped by the caller."""
        if worker not in self._workers:
            return False
        self._workers.remove(worker)
        self._leaving.append(worker)
        return True

    def _stop_aside(self, worker: Worker) -> None:
        """Stop a worker on a thread of its own: this one may be needed for it to end."""
        try:
            threading.Thread(
                target=partial(self._stop, worker), name="qiskit_modes-stopper"
            ).start()
        except RuntimeError:  # no more threads: it is killed all the same
            self._stop(worker, wait=False)

    def _stop(self, worker: Worker, *, wait: bool = True) -> None:
        worker.stop(wait=wait)
        with self._mutex:
            self._leaving.remove(worker)
            self._mutex.notify_all()

    def _idle_worker(self, ticket: Ticket) -> Worker | None:
        idle = [worker for worker in self._workers if worker.ticket is None]
        for worker in idle:
            if worker.knows(ticket):
                return worker
        if idle:
            return idle[0]
        return self._add_worker() if self._room() else None

    def _room(self) -> int:
        """Return how many workers may be added; they are what the caller needs."""
        if self._closed:
            return 0
        if self._is_without_processes():
            return 0 if self._workers else 1
        return self.size - len(self._workers)

    def _is_without_processes(self) -> bool:
        return time.monotonic() < self._no_processes_before

    def _add_worker(self) -> Worker:
        try:
            without = self._is_without_processes()
            worker = Worker(InThisProcess() if without else self._new_executor())
        except Exception as error:  # no processes or semaphores left, a cluster is gone
            worker = Worker(Unusable(error))
        self._workers.append(worker)
        return worker

    def _retire_stopgap(self) -> None:
        """Let processes be tried again, if it is time and nobody waits for the stopgap."""
        if self._starts_processes and not self._is_without_processes():
            for worker in [each for each in self._workers if each.is_stopgap and not each.ticket]:
                self._workers.remove(worker)
                worker.executor.shutdown(wait=False)

    def _start(self, worker: Worker) -> None:
        # An executor that cannot even be started fails the first program that it gets.
        with contextlib.suppress(Exception):
            worker.start()
        self.on_start()

    def _send(self, assigned: Sequence[tuple[Worker, Ticket] | Assigned]) -> None:
        for worker, ticket in assigned:
            if worker is None:
                assert isinstance(ticket, Errand), "programs are executed by workers"
                ticket.on_done(Turn.HERE)
                continue
            if worker.started is None:
                self._start(worker)
            try:
                future = worker.send(ticket)
            except Exception as error:  # whatever an executor raises, the program has not run
                self._not_begun(worker, ticket, error)
            else:
                future.add_done_callback(partial(self._done, worker, ticket))

    def _not_begun(self, worker: Worker, ticket: Ticket | Errand, error: BaseException) -> None:
        """Have another worker do what this one has not begun, or none if all of them fail."""
        ticket.refused += 1
        is_dead = isinstance(error, BrokenExecutor)  # which another one need not be
        if is_dead and ticket.refused < _MOST_REFUSALS:
            self._returned(worker, ticket)
        elif self._starts_processes and not worker.is_stopgap and not self._closed:
            self._do_without_processes(error)
            self._returned(worker, ticket)
        else:
            self._answered(worker, ticket, error, broken=True)

    def _do_without_processes(self, error: BaseException) -> None:
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

    def _returned(self, worker: Worker, ticket: Ticket | Errand) -> None:
        """Give a program or step to another worker than the one that could not take it."""
        with self._mutex:
            worker.ticket = None
            stop = self._take_out(worker)
            dropped = self._closed or ticket.abandoned
            if not dropped:
                self._put_back(ticket)
            assigned = self._assign()
        try:
            if dropped:
                ticket.on_done(ProgramAbandoned())
        finally:
            self._send(assigned)
            if stop:
                self._stop_aside(worker)

    def _done(self, worker: Worker, ticket: Ticket | Errand, future: Future[Any]) -> None:
        if future.cancelled():
            self._answered(worker, ticket, ProgramAbandoned())
        else:
            answer = future.exception() or future.result()
            broken = isinstance(answer, BrokenExecutor)
            if broken and self._starts_processes and worker.never_came_up:
                self._not_begun(worker, ticket, answer)
            else:
                self._answered(worker, ticket, answer, broken=broken)

    def _answered(
        self,
        worker: Worker,
        ticket: Ticket | Errand,
        answer: Any,
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
                    self._put_back(ticket)
            if isinstance(ticket, Errand):
                self._places.answered(worker, ticket, well=isinstance(answer, Done))
            elif not isinstance(answer, UnknownCircuits):
                self._waiting.ended(ticket)
            stop = broken and self._take_out(worker)
            assigned = self._assign()
        # First what somebody waits for.
        try:
            if not isinstance(answer, UnknownCircuits):
                ticket.on_done(answer)
        finally:
            self._send(assigned)
            if stop:
                self._stop_aside(worker)
