"""Places for heavy classical steps: one in this process, the others in workers.

Two threads that compile contend for one interpreter, and are slower than one after the other. So
this process has one place, and each worker but one could be a place: one worker is left to the
programs, which hold the QPU. A step takes the place here if it is free: a job alone compiles where
its circuits and caches are. The steps beside it go to workers.

The steps of a batch go to workers only, once there is one that is ready. Its jobs come one after
the other, and a step here would contend with the user's thread that submits them and with all that
hands programs on. Measured on two cores: with a place here as well, a batch took a sixth more of
their time and ended later.

A worker needs Qiskit for that, whose import costs it a second or two. It begins to import when so
much has had to wait that it would have paid, and is a place when it has ended; until then steps
wait for the place here. So a short program, or a test, never pays for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from qiskit_modes.runtime.workers.work_items import Errand
from qiskit_modes.runtime.workers.worker import Worker

__all__ = ["Assigned", "Places"]

WORTH_A_WORKER_SECONDS = 0.5
"""A worker gets ready when steps that last as long have had to wait. To get ready costs it 1.5 s on
a core of its own; who has had so much to wait for is likely to have more."""

Assigned = tuple[Worker | None, Errand]
"""A step and the worker that gets it; None for this process."""


class Places:
    """Decides which step goes where. Without threads: the pool calls it under its mutex.

    Args:
        size: Most workers at a time.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._here_is_taken = False
        self._waited_seconds = 0.0
        """How long the steps last, in all, that had to wait since a worker last began to import."""
        self.waiting: deque[Errand] = deque()

    def take_here_nowait(self) -> bool:
        """Take the place in this process if it is free and nobody waits for it."""
        if self._here_is_taken or self.waiting:
            return False
        self._here_is_taken = True
        return True

    def leave_here(self) -> None:
        """Give the place in this process back."""
        self._here_is_taken = False

    def add(self, errand: Errand) -> None:
        """Let a step wait, behind the others."""
        self._waited_seconds += errand.seconds
        self.waiting.append(errand)

    def answered(self, worker: Worker, errand: Errand, *, well: bool) -> None:
        """Take note of what came of an errand in a worker."""
        if errand.readies and well:
            worker.ready_for.add(errand.module)

    def assign(
        self, workers: Sequence[Worker], new_worker: Callable[[], Worker] | None
    ) -> list[Assigned]:
        """Give steps to free places, those that have waited longest first.

        Args:
            workers: All that there are; what is assigned to one is noted there.
            new_worker: Adds one more to them; None if there may be no more.
        """
        assigned: list[Assigned] = []
        for errand in list(self.waiting):
            if not self._here_is_taken and self._may_be_here(errand, workers):
                self._here_is_taken = True
                self.waiting.remove(errand)
                assigned.append((None, errand))
        for errand in list(self.waiting):
            worker, given = self._place_for(errand, workers), errand
            if worker is not None:
                self.waiting.remove(errand)
            elif self._is_worth_a_worker(errand, workers):
                worker = self._cold(workers, errand.module) or self._new(workers, new_worker)
                given = Errand.of_import(errand.module)
            if worker is None:
                continue
            if given.readies:
                self._waited_seconds = 0.0
            worker.ticket = given
            assigned.append((worker, given))
        return assigned

    def _may_be_here(self, errand: Errand, workers: Sequence[Worker]) -> bool:
        if errand.call is None or not errand.of_batch:
            return True
        # Not a worker that is ready but executes a program: that may last, and is no place.
        return not any(
            errand.module in worker.ready_for
            for worker in workers
            if worker.ticket is None or isinstance(worker.ticket, Errand)
        )

    def _place_for(self, errand: Errand, workers: Sequence[Worker]) -> Worker | None:
        # The worker that is left to the programs need not be there yet: they can start one.
        if errand.call is None or self._steps_in(workers) >= self._size - 1:
            return None
        ready = [
            worker
            for worker in workers
            if worker.ticket is None and errand.module in worker.ready_for
        ]
        return ready[-1] if ready else None

    @staticmethod
    def _steps_in(workers: Sequence[Worker]) -> int:
        return sum(isinstance(worker.ticket, Errand) for worker in workers)

    def _is_worth_a_worker(self, errand: Errand, workers: Sequence[Worker]) -> bool:
        """Tell whether a worker is to get ready for a step and others of its module.

        One at a time gets ready, and not all of them.
        """
        module = errand.module
        ready = sum(module in worker.ready_for for worker in workers)
        if ready and errand.call is None:
            return False  # with a worker ready, what still has no call cannot travel
        importing = any(
            isinstance(worker.ticket, Errand)
            and worker.ticket.readies
            and worker.ticket.module == module
            for worker in workers
        )
        is_worth_it = self._waited_seconds >= WORTH_A_WORKER_SECONDS
        return is_worth_it and not importing and ready < self._size - 1

    def _cold(self, workers: Sequence[Worker], module: str) -> Worker | None:
        """Return an idle worker that is not ready; the last one, as programs go to the first."""
        if self._steps_in(workers) >= min(len(workers), self._size) - 1:
            return None
        cold = [
            worker
            for worker in workers
            if worker.ticket is None and worker.can_be_killed and module not in worker.ready_for
        ]
        return cold[-1] if cold else None

    def _new(
        self, workers: Sequence[Worker], new_worker: Callable[[], Worker] | None
    ) -> Worker | None:
        """Return one more worker; None where they are somebody else's, who knows what for."""
        if new_worker is None or len(workers) >= self._size:
            return None
        mine = workers and all(worker.can_be_killed for worker in workers)
        return new_worker() if mine else None
