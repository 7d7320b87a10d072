"""The pool of workers: executes the programs of all QPUs, and heavy classical steps.

A simulation holds the interpreter lock for as long as it runs, so it runs elsewhere, as a real QPU
is another machine. What goes when, and to which worker, is decided by a `Dispatcher`, without
threads; the pool has them: it starts workers, sends them their items and takes their answers. Where
workers come from is an `Engine`'s, what one of them can is a `Worker`'s, and what is to be done
with an item is the item's: the pool asks for no kind of them.

What a worker did not begin is not lost with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit_modes.exceptions import RuntimeClosedError
from qiskit_modes.runtime.workers.assigning.dispatcher import Dispatcher
from qiskit_modes.runtime.workers.assigning.placement import Assigned
from qiskit_modes.runtime.workers.engine import Engine, ExecutorEngine, LokyEngine, cores
from qiskit_modes.runtime.workers.leaving import Leaving, stop_whatever_comes
from qiskit_modes.runtime.workers.tally import Tally
from qiskit_modes.runtime.workers.work_items import (
    Answer,
    ProgramAbandoned,
    ProgramItem,
    StepItem,
    Turn,
    WorkItem,
)
from qiskit_modes.runtime.workers.worker import Worker

if TYPE_CHECKING:
    from qiskit_modes.simulation.run.program import Program

__all__ = ["WorkerPool"]

logger = logging.getLogger("qiskit_modes")

LIGHT_SECONDS = 1e-3
"""The way to a worker and back takes as long, half of it in this process; and the first worker
takes 0.2 s to start."""

_MOST_REFUSALS = 3
"""After so many dead workers in a row, the fault is not a worker's."""


class WorkerPool:
    """Executes programs, one per worker at a time; QPUs take turns (``turns.py``).

    A program goes to an idle worker that knows its circuits if there is one. Workers start when
    they are first needed; one that died or was killed is replaced when the next program comes.
    All methods may be called from any thread, and none waits for a program.

    Args:
        size: Most workers at a time; None for one per core.
        new_executor: Makes the executor of one worker: anything with the interface of
            `concurrent.futures.Executor`. Such workers cannot be killed, so their programs are
            waited for even when their jobs were cancelled, and they get programs only. None for
            processes of this machine; where none can be started, a thread stands in for them.
        light_seconds: What takes less is not worth the way to a process, and may be executed
            elsewhere. With a ``new_executor`` nothing is.
        engine: Where workers come from, instead of ``size`` and ``new_executor``.
    """

    def __init__(
        self,
        size: int | None = None,
        new_executor: Callable[[], Executor] | None = None,
        *,
        light_seconds: float = LIGHT_SECONDS,
        engine: Engine | None = None,
    ) -> None:
        if engine is None:
            most = size or cores()
            engine = ExecutorEngine(most, new_executor) if new_executor else LokyEngine(most)
        self.engine = engine
        self.light_seconds = 0.0 if engine.takes_light else light_seconds
        self.on_start: Callable[[], object] = lambda: None
        """Called before and after each start of a worker, on any thread."""
        self.tally = Tally()
        """What each worker has done."""
        self._mutex = threading.Lock()
        """Guards everything below, and which item a worker has. Nothing is sent and nobody is
        called back while it is held."""
        self._dispatcher = Dispatcher(engine)
        self._workers = self._dispatcher.workers
        self._turns, self._placement = self._dispatcher.turns, self._dispatcher.placement
        self._leaving = Leaving()
        """Those that are being stopped. Who takes a worker out of ``_workers`` stops it, once."""
        self._closed = False
        engine.on_change, engine.on_failure = self._look_again, self._give_up_waiting

    @property
    def size(self) -> int:
        """Most workers at a time."""
        return self.engine.size

    def states(self) -> list[tuple[str, str]]:
        """Return the name of each worker and what it does now, for people."""
        with self._mutex:
            return [(worker.name, worker.state) for worker in self._workers]

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
            free = [each for each in self._workers if each.item is None or not each.item.is_step]
            new = self._dispatcher.add_workers(count - len(free))
        for worker in new:
            self._begin_in(worker, self._start(worker))
        return [worker.up for worker in [*free, *new]]

    def submit(
        self, program: Program, on_done: Callable[[Answer], None], *, source: Hashable = None
    ) -> ProgramItem:
        """Have ``program`` executed.

        Args:
            program: What to run.
            on_done: Called exactly once, with what came of it or with the error, on any thread.
            source: Who takes turns with others: the QPU.

        Raises:
            RuntimeClosedError: If the pool was closed.
            ClusterError: If the workers are a cluster's, and that has gone away, or none of them
                has the memory.
        """
        peak = self._peak_bytes(program)
        self.engine.admit(peak)
        item = ProgramItem(program, source, on_done=on_done, queue=self._turns, peak_bytes=peak)
        with self._mutex:
            self._check_open()
            self._turns.add(item)
            assigned = self._dispatcher.assign()
        self._send(assigned)
        return item

    def admit(self, program: Program) -> None:
        """Check that there can be a worker for a program, before anybody waits for one.

        Raises:
            ClusterError: If the workers are a cluster's, and that has gone away, or none of them
                has the memory.
        """
        if self.engine.memory_bytes() is not None:
            self.engine.admit(self._peak_bytes(program))

    def _peak_bytes(self, program: Program) -> int:
        if self.size == 1 and self.engine.memory_bytes() is None:
            return 0  # nothing will be beside it
        from qiskit_modes.simulation.run.division import peak_bytes

        return peak_bytes(program)

    def abandon(self, item: WorkItem) -> None:
        """Stop an item if that is possible; it is answered all the same, sooner or later.

        A classical step that is being done goes on: nobody holds a QPU for it.
        """
        with self._mutex:
            item.abandoned = True
            never_sent = item.queue is not None and item.queue.remove(item)
            worker = item.worker
            has_it = worker is not None and worker.item is item and not item.is_step
            # From here on it gets no other program, so that none dies with this one.
            stop = worker is not None and has_it and worker.stops_at_once and self._take_out(worker)
        if never_sent:
            item.on_done(ProgramAbandoned())
        elif worker is not None and stop:
            self._leaving.stop_aside(worker)

    # -- heavy classical steps -----------------------------------------------------------------

    def take_here_nowait(self) -> bool:
        """Take the place for heavy steps in this process, if it is free; give it back afterwards.

        Raises:
            RuntimeClosedError: If the pool was closed.
        """
        with self._mutex:
            self._check_open()
            return self._placement.take_here_nowait()

    def leave_here(self) -> None:
        """Give the place in this process back."""
        with self._mutex:
            self._placement.leave_here()
            assigned = self._dispatcher.assign()
        self._send(assigned)

    def takes_steps(self, module: str) -> bool:
        """Tell whether a worker is ready for the steps of a module."""
        with self._mutex:
            return any(module in worker.ready_for for worker in self._workers)

    def send_away(self, step: StepItem) -> None:
        """Have a heavy step done in a worker or, if its place is free sooner, in this process.

        It is answered with ``Turn.HERE`` if the place here is its own now.

        Raises:
            RuntimeClosedError: If the pool was closed.
        """
        with self._mutex:
            self._check_open()
            step.queue = self._placement
            self._placement.add(step)
            assigned = self._dispatcher.assign()
        self._send(assigned)

    # -- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop all workers; what they were doing ends with an error. Waits for their end."""
        with self._mutex:
            self._closed = True
            workers, waiting = self._dispatcher.close()
        for item in waiting:
            item.on_done(ProgramAbandoned())
        for worker in workers:
            stop_whatever_comes(worker)
        self._leaving.wait()
        self.engine.close()

    def _look_again(self) -> None:
        """Give what waits to workers that have come; let go those that are gone."""
        with self._mutex:
            self._dispatcher.take_measure()
            assigned = self._dispatcher.assign()
        self._send(assigned)

    def _give_up_waiting(self, error: BaseException) -> None:
        """Answer all programs that wait with an error; steps can be done here."""
        with self._mutex:
            waiting = list(self._turns)
            self._turns.clear()
        for item in waiting:
            item.on_done(error)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeClosedError("the local runtime has been shut down")

    # -- the way to a worker and back ------------------------------------------------------------

    def _take_out(self, worker: Worker) -> bool:
        """Let a worker get no more items; return whether it is to be stopped by the caller."""
        if worker not in self._workers:
            return False
        self._workers.remove(worker)
        self._leaving.add(worker)
        return True

    def _start(self, worker: Worker) -> WorkItem | None:
        """Start a worker; return what it has been given by then, which the caller sends."""
        # Before, too: a program that ends just now must not wait for what this one will do.
        self.on_start()
        try:
            worker.start()
        except Exception as error:  # whatever it is, it fails the first item that the worker gets
            if not worker.up.done():
                worker.up.set_exception(error)
        self.on_start()
        with self._mutex:
            worker.has_begun = True
            return worker.item

    def _send(self, assigned: Iterable[Assigned]) -> None:
        for worker, item in assigned:
            if worker is None:
                item.on_done(Turn.HERE)
            else:
                self._begin_in(worker, item if worker.has_begun else self._start(worker))

    def _begin_in(self, worker: Worker, item: WorkItem | None) -> None:
        if item is None:
            return
        try:
            future = item.begin(worker)
        except Exception as error:  # whatever a worker raises, the item has not begun
            self._not_begun(worker, item, error)
        else:
            future.add_done_callback(partial(self._done, worker, item))

    def _not_begun(self, worker: Worker, item: WorkItem, error: BaseException) -> None:
        """Have another worker do what this one has not begun, or none if all of them fail."""
        item.refused += 1
        is_dead = isinstance(error, BrokenExecutor)  # which another one need not be
        if item.abandoned or self._closed:
            self._answered(worker, item, ProgramAbandoned(), broken=True)
        elif (is_dead and item.refused < _MOST_REFUSALS) or self.engine.takes_over(worker, error):
            self._returned(worker, item)
        else:
            self._answered(worker, item, error, broken=True)

    def _returned(self, worker: Worker, item: WorkItem) -> None:
        """Give an item to another worker than the one that could not take it."""
        with self._mutex:
            worker.item = None
            stop = self._take_out(worker)
            dropped = self._closed or item.abandoned
            if not dropped and item.queue is not None:
                item.queue.put_back(item)
            assigned = self._dispatcher.assign()
        try:
            if dropped:
                item.on_done(ProgramAbandoned())
        finally:
            self._send(assigned)
            if stop:
                self._leaving.stop_aside(worker)

    def _done(self, worker: Worker, item: WorkItem, future: Future[Any]) -> None:
        if future.cancelled():
            lost = issubclass(CancelledError, worker.ends_with)
            self._answered(worker, item, ProgramAbandoned(), broken=lost)
            return
        answer = future.exception() or item.signed(future.result(), worker)
        self.tally.note(item.work_of(answer))
        broken = isinstance(answer, BrokenExecutor)
        if broken and worker.never_came_up:
            self._not_begun(worker, item, answer)
        elif broken and item.deaths < worker.tries_elsewhere and not item.abandoned:
            item.deaths += 1
            self._returned(worker, item)
        else:
            self._answered(worker, item, answer, broken=isinstance(answer, worker.ends_with))

    def _answered(
        self, worker: Worker, item: WorkItem, answer: Any, *, broken: bool = False
    ) -> None:
        with self._mutex:
            worker.item = None
            again = item.is_asked_again(answer)
            if again:
                # The process was replaced, or its memory was full: send everything.
                worker.forget_all()
                if item.abandoned or self._closed:
                    again, answer = False, ProgramAbandoned()
            if item.queue is not None:
                if again:
                    item.queue.put_back(item)
                else:
                    item.queue.answered(item, worker, answer)
            stop = broken and self._take_out(worker)
            assigned = self._dispatcher.assign()
        # First what somebody waits for.
        try:
            if not again:
                item.on_done(answer)
        finally:
            self._send(assigned)
            if stop:
                self._leaving.stop_aside(worker)
