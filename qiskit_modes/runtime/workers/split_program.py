"""One program in several pieces, executed by as many workers as are free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from qiskit_modes.runtime.workers.pool import WorkerPool
from qiskit_modes.runtime.workers.work_items import Answer, WorkItem
from qiskit_modes.runtime.workers.worker_process import Execution

if TYPE_CHECKING:
    from qiskit_modes.simulation.run.program import Program

__all__ = ["SplitProgram"]


_MOST_NAMES = 2
"""Workers that are named; more are counted."""


class SplitProgram:
    """Sends the pieces of a program to a pool, and answers once when all of them have ended.

    If a piece fails, the others are abandoned, and the answer is its error; but it comes only when
    every piece has ended, because until then a worker is busy with the job.

    Args:
        workers: Where to send them.
        pieces: What to send; at least one.
        on_done: Called exactly once, with the joined samples or with the first error.
        source: Whose turn it is when a piece is: the QPU's.
    """

    def __init__(
        self,
        workers: WorkerPool,
        pieces: Sequence[Program],
        on_done: Callable[[Answer], None],
        *,
        source: Hashable = None,
    ) -> None:
        self._workers = workers
        self._pieces = pieces
        self._on_done = on_done
        self._source = source
        self._mutex = threading.Lock()
        """Guards everything below; nothing is sent and nobody called while it is held."""
        self._left = len(pieces)
        self._executions: list[Execution] = []
        self._error: BaseException | None = None
        self._items: list[WorkItem] = []
        self._abandoned = False

    def start(self) -> None:
        """Send all pieces. Does not wait; the answer may come before this returns.

        Raises:
            RuntimeClosedError: If the pool was closed before anything was sent.
        """
        for number, piece in enumerate(self._pieces):
            try:
                item = self._workers.submit(piece, self._answered, source=self._source)
            except Exception as error:
                if number == 0:
                    raise
                self._answered(error)
                continue
            with self._mutex:
                self._items.append(item)
                abandoned = self._abandoned
            if abandoned:
                self._workers.abandon(item)

    def abandon(self) -> None:
        """Stop what can be stopped; the answer comes all the same."""
        with self._mutex:
            self._abandoned = True
            items = list(self._items)
        for item in items:
            self._workers.abandon(item)

    def describe(self) -> str:
        """Return how many pieces are done, and who has others; empty if there is one piece.

        May be called from any thread.
        """
        total = len(self._pieces)
        if total == 1:
            return ""
        with self._mutex:
            done, items = total - self._left, list(self._items)
        given = [(each, each.worker) for each in items]
        busy = {worker.name for item, worker in given if worker and worker.item is item}
        names = sorted(busy) if len(busy) <= _MOST_NAMES else [f"{len(busy)} workers"]
        return f"{done}/{total} pieces" + (f", {' and '.join(names)}" if names else "")

    def _answered(self, answer: Answer) -> None:
        with self._mutex:
            self._left -= 1
            last = self._left == 0
            failed_first = isinstance(answer, BaseException) and self._error is None
            if isinstance(answer, Execution):
                self._executions.append(answer)
            elif self._error is None:
                self._error = answer
        if failed_first and not last:
            self.abandon()
        if last:
            self._on_done(self._joined() if self._error is None else self._error)

    def _joined(self) -> Answer:
        try:
            return self._join()
        except Exception as error:  # whatever it is, the QPU must be given back
            return error

    def _join(self) -> Execution:
        from qiskit_modes.simulation.run.division import join

        if len(self._executions) == 1:
            return self._executions[0]
        return Execution(
            join([execution.samples for execution in self._executions]),
            min(execution.started for execution in self._executions),
            max(execution.stopped for execution in self._executions),
            tuple(work for execution in self._executions for work in execution.work),
        )
