"""Decides which worker gets which item, and when a worker is added or let go.

Programs come before heavy classical steps, because somebody holds a QPU meanwhile: whose turn it
is, `Turns` says, and who is free, the `Roster`. Where steps go is decided by `Placement`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qiskit_modes.runtime.workers.assigning.placement import Assigned, Placement
from qiskit_modes.runtime.workers.assigning.roster import Roster
from qiskit_modes.runtime.workers.assigning.turns import Turns
from qiskit_modes.runtime.workers.leaving import stop_whatever_comes
from qiskit_modes.runtime.workers.worker import UnusableWorker, Worker

if TYPE_CHECKING:
    from qiskit_modes.runtime.workers.engine import Engine
    from qiskit_modes.runtime.workers.work_items import ProgramItem, WorkItem

__all__ = ["Dispatcher"]


class Dispatcher:
    """Decides who does what. Without threads: the pool calls it under its mutex.

    Args:
        engine: Where workers come from.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_closed = False
        self.workers = Roster()
        """Those that get items; what each of them has is noted in it."""
        self.turns = Turns() if engine.memory_bytes() is None else Turns(free=lambda: sys.maxsize)
        self.placement = Placement(engine.size, takes_all=engine.steps_take_all)
        self.take_measure()

    def take_measure(self) -> None:
        """Take note of how many workers there may be, and how much memory they have."""
        self.placement.size = self._engine.size
        memory_bytes = self._engine.memory_bytes()
        if memory_bytes is not None:
            self.turns.limit_bytes = memory_bytes

    def assign(self) -> list[Assigned]:
        """Give what waits to who is free.

        Returns:
            What the caller sends, once it has let go of the mutex; what is given to a worker that
            somebody starts just now, that one sends.
        """
        self._retire_outdated()
        given: list[Assigned] = []
        while item := self.turns.next(self.workers.programs):
            worker = self._worker_for(item)
            if worker is None:
                break
            self.turns.take(item)
            worker.item = item
            given.append((worker, item))
        programs = [item for _, item in given]
        if self.placement.waiting:
            given += self.placement.assign(self.workers, self._one_more)
        for item in programs:
            # A program that is alone has all of the cores. Who comes later shares them.
            item.threads = max(1, self._engine.size - self.workers.busy + 1)
        return [(worker, item) for worker, item in given if self._is_to_be_sent(worker, item)]

    def add_workers(self, count: int) -> list[Worker]:
        """Add so many workers, or as many as there may be; the caller starts them."""
        new = [self._add_worker() for _ in range(min(count, self.room()))]
        for worker in new:
            worker.is_being_started = True
        return new

    def room(self) -> int:
        """Return how many workers may be added."""
        return 0 if self._is_closed else max(0, self._engine.room(self.workers))

    def close(self) -> tuple[list[Worker], list[WorkItem]]:
        """Give nothing to anybody any more; return the workers, and what has waited for them."""
        self._is_closed = True
        waiting = [*self.turns, *self.placement.waiting]
        self.turns.clear()
        self.placement.waiting.clear()
        return self.workers.clear(), waiting

    @staticmethod
    def _is_to_be_sent(worker: Worker | None, item: WorkItem) -> bool:
        """Take note of who has an item; return whether it is not left to whoever starts it."""
        if worker is None:
            return True
        item.worker = worker
        ours = worker.has_begun or not worker.is_being_started
        worker.is_being_started = not worker.has_begun
        return ours

    def _worker_for(self, item: ProgramItem) -> Worker | None:
        best = self.workers.best(item.keys)
        if (best is None or best.load) and self.room():
            return self._add_worker()
        return best

    def _one_more(self) -> Worker | None:
        return self._add_worker() if self.room() else None

    def _add_worker(self) -> Worker:
        try:
            worker = self._engine.new_worker()
        except Exception as error:  # no processes or semaphores left, a cluster is gone
            worker = UnusableWorker(error)
        self.workers.add(worker)
        return worker

    def _retire_outdated(self) -> None:
        for worker in self._engine.outdated():
            if worker in self.workers and worker.item is None:
                self.workers.remove(worker)
                stop_whatever_comes(worker, wait=False)
