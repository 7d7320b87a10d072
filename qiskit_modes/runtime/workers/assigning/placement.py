"""Places for heavy classical steps: one in this process, the others in workers.

Two threads that compile contend for one interpreter, and are slower than one after the other. So
this process has one place, and each worker but one could be a place: one worker is left to the
programs, which hold the QPU. A step takes the place here if it is free: a job alone compiles where
its circuits and caches are. The steps beside it go to workers.

The steps of a batch go to workers only, once there is one that is ready. Its jobs come one after
the other, and a step here would contend with the user's thread that submits them and with all that
hands programs on. Measured on two cores: with a place here as well, a batch took a sixth more of
their time and ended later.

The workers of a cluster do not share this machine's cores, and may be few. There, steps that last
no longer than a piece of a program may take all workers, and brief ones are sent before the worker
has done what it has: a program may have to wait for a piece of another one as long.

A worker needs Qiskit for that, whose import costs it a second or two. It begins to import when so
much has had to wait that it would have paid, and is a place when it has ended; until then steps
wait for the place here. So a short program, or a test, never pays for it. Several import side by
side when there is enough for each; one worker is left to the programs then, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from itertools import chain
from typing import Any

from qiskit_modes.runtime.workers.assigning.roster import Roster
from qiskit_modes.runtime.workers.work_items import Import, StepItem
from qiskit_modes.runtime.workers.worker import Worker
from qiskit_modes.runtime.workers.worker_process import Done

__all__ = ["Assigned", "Placement"]

WORTH_A_WORKER_SECONDS = 0.5
"""A worker gets ready when steps that last as long have had to wait. To get ready costs it 1.5 s on
a core of its own; who has had so much to wait for is likely to have more."""

LONGEST_SECONDS = 0.5
"""Steps that last no longer may take all workers of a cluster: as the longest pieces of programs
that are many, see `qiskit_modes.simulation.run.division`."""

BRIEF_SECONDS = 0.1
"""Steps that last no longer are sent to a worker of a cluster that is busy: it would else be idle
for the 10 to 20 ms that an answer and the next step travel."""

Assigned = tuple[Worker | None, Any]
"""The worker that gets an item, and the item; None for this process."""


class Placement:
    """Decides which step goes where. Without threads: the pool calls it under its mutex.

    Args:
        size: Most workers at a time.
        takes_all: Whether steps that are not long may take all of them.
    """

    def __init__(self, size: int, *, takes_all: bool = False) -> None:
        self.size = size
        """Most workers at a time."""
        self._takes_all = takes_all
        self._here_is_taken = False
        self._waited_seconds = 0.0
        """How long the steps last, in all, that had to wait and for which no worker has begun to
        import."""
        self.waiting: deque[StepItem] = deque()

    def take_here_nowait(self) -> bool:
        """Take the place in this process if it is free and nobody waits for it."""
        if self._here_is_taken or self.waiting:
            return False
        self._here_is_taken = True
        return True

    def leave_here(self) -> None:
        """Give the place in this process back."""
        self._here_is_taken = False

    def add(self, step: StepItem) -> None:
        """Let a step wait, behind the others."""
        self._waited_seconds += step.seconds
        self.waiting.append(step)

    def put_back(self, step: StepItem) -> None:
        """Let a step wait before the others; an import is begun again when it is worth it."""
        if not step.readies:
            self.waiting.appendleft(step)

    def remove(self, step: StepItem) -> bool:
        """Take a step out; return whether it was there."""
        if step not in self.waiting:
            return False
        self.waiting.remove(step)
        return True

    def answered(self, step: StepItem, worker: Worker, answer: Any) -> None:
        """Take note of what came of a step in a worker."""
        if step.readies and isinstance(answer, Done):
            worker.ready_for.add(step.module)

    def assign(self, workers: Roster, new_worker: Callable[[], Worker | None]) -> list[Assigned]:
        """Give steps to free places, those that have waited longest first.

        Args:
            workers: All that there are; what is assigned to one is noted there.
            new_worker: Adds one more to them, and returns it; None if there may be no more.
        """
        assigned: list[Assigned] = []
        for step in list(self.waiting):
            if not self._here_is_taken and self._may_be_here(step, workers):
                self._here_is_taken = True
                self.waiting.remove(step)
                assigned.append((None, step))
        hopeless = set()
        for step in list(self.waiting):
            if (kind := _kind_of(step)) in hopeless:
                continue  # places become fewer, so what had none for another one has none for it
            worker, given = self._place_for(step, workers, new_worker), step
            if worker is not None:
                self.waiting.remove(step)
            elif self._is_worth_a_worker(step, workers):
                worker = self._cold(workers, step.module) or self._new(workers, new_worker)
                given = Import(step.module, self)
            if worker is None:
                hopeless.add(kind)
                continue
            if given.readies:
                self._waited_seconds -= WORTH_A_WORKER_SECONDS
            worker.item = given
            assigned.append((worker, given))
        return assigned

    def _may_be_here(self, step: StepItem, workers: Roster) -> bool:
        if step.call is None or not step.of_batch:
            return True
        # Not a worker that is ready but executes a program: that may last, and is no place.
        return not any(
            step.module in worker.ready_for for worker in chain(workers.free(), workers.steps)
        )

    def _place_for(
        self,
        step: StepItem,
        workers: Roster,
        new_worker: Callable[[], Worker | None],
    ) -> Worker | None:
        if step.call is None:
            return None
        # The worker that is left to the programs need not be there yet: they can start one.
        one_is_left = not self._takes_all or step.seconds > LONGEST_SECONDS
        if one_is_left and len(workers.steps) >= self.size - 1:
            return None
        most_load = 1 if self._takes_all and step.seconds <= BRIEF_SECONDS else 0
        free = workers.free(most_load)
        ready = [worker for worker in free if step.module in worker.ready_for]
        if ready:
            return min(reversed(ready), key=lambda worker: worker.load)
        if most_load and all(step.module in worker.ready_for for worker in workers):
            more = new_worker()
            return more if more is not None and step.module in more.ready_for else None
        return None

    def _is_worth_a_worker(self, step: StepItem, workers: Roster) -> bool:
        """Tell whether one more worker is to get ready for a step and others of its module.

        No more than there are steps that wait, and on one machine not all of them.
        """
        if self._waited_seconds < WORTH_A_WORKER_SECONDS:
            return False
        module = step.module
        ready = {worker.home for worker in workers if module in worker.ready_for}
        if ready and step.call is None:
            return False  # with a worker ready, what still has no call cannot travel
        importing = sum(item.gets_ready_for(module) for item in workers.importing)
        wanted = sum(other.module == module for other in self.waiting)
        most = self.size if self._takes_all and self.size > 1 else self.size - 1
        return importing < wanted and len(ready) + importing < most

    def _cold(self, workers: Roster, module: str) -> Worker | None:
        """Return an idle worker that is not ready; the last one, as programs go to the first."""
        # An import is long: on a cluster, too, one worker is left without.
        taken = len(workers.importing if self._takes_all else workers.steps)
        if taken >= min(len(workers), self.size) - 1:
            return None
        cold = [
            worker
            for worker in workers.free(0)
            if worker.takes_steps and module not in worker.ready_for
        ]
        return cold[-1] if cold else None

    def _new(self, workers: Roster, new_worker: Callable[[], Worker | None]) -> Worker | None:
        """Return one more worker; None where they are somebody else's, who knows what for."""
        if len(workers) >= self.size:
            return None
        mine = workers and all(worker.takes_steps for worker in workers)
        return new_worker() if mine else None


def _kind_of(step: StepItem) -> Hashable:
    """Return all that decides which worker may have a step, and whether one gets ready for it."""
    seconds = step.seconds
    return step.module, step.call is None, seconds > LONGEST_SECONDS, seconds <= BRIEF_SECONDS
