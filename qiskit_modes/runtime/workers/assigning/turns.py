"""Programs that wait for a worker: QPUs take turns, and what goes has its memory.

A long job is many pieces. First come, first served would keep a short job on another QPU waiting
until all of them are done; so each QPU has a queue of its own, and after a piece of one comes a
piece of the next. On one QPU one job executes at a time, in the order of its queue.

A piece goes only if there is memory for it beside those that are under way: together they may take
what one may take alone, and it must be free now. One that waits for memory is not delayed by those
that overtake it: each fits in beside it, or is too small to count.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import TYPE_CHECKING, Any

from qiskit_modes.memory import free_bytes, machine_bytes

if TYPE_CHECKING:
    from qiskit_modes.runtime.workers.work_items import ProgramItem, WorkItem
    from qiskit_modes.runtime.workers.worker import Worker

__all__ = ["Turns"]

_SMALL = 256
"""What takes less than so small a part of the limit is not counted."""


class Turns:
    """Decides which program is next. Without threads: the pool calls it under its mutex.

    Args:
        limit_bytes: What programs may take together; by default half of the machine's memory, as
            one alone.
        free: Returns how much memory is free now; asked only where a large program is not alone.
    """

    def __init__(
        self, limit_bytes: int | None = None, free: Callable[[], int] = free_bytes
    ) -> None:
        self.limit_bytes = limit_bytes
        """What programs may take together; None until it is looked up."""
        self._free = free
        self._queues: OrderedDict[Hashable, deque[ProgramItem]] = OrderedDict()
        """Those with something in them, the next one first."""

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self._queues)

    def __iter__(self) -> Iterator[ProgramItem]:
        """Iterate over what waits, queue by queue."""
        return (item for queue in self._queues.values() for item in queue)

    def add(self, item: ProgramItem) -> None:
        """Let a program wait, behind those of its QPU."""
        self._queues.setdefault(item.source, deque()).append(item)

    def put_back(self, item: ProgramItem) -> None:
        """Let a program wait that had its turn already: it is the next one."""
        self._queues.setdefault(item.source, deque()).appendleft(item)
        self._queues.move_to_end(item.source, last=False)

    def remove(self, item: ProgramItem) -> bool:
        """Take a program out; return whether it was there."""
        queue = self._queues.get(item.source, ())
        if item not in queue:
            return False
        self._taken(item)
        return True

    def clear(self) -> None:
        """Take everything out."""
        self._queues.clear()

    def next(self, under_way: Collection[WorkItem]) -> ProgramItem | None:
        """Return the program whose turn it is and for which there is memory; it stays here.

        Args:
            under_way: Those that workers have.
        """
        waits_for_memory = 0
        for queue in self._queues.values():
            if self._fits(queue[0], under_way, waits_for_memory):
                return queue[0]
            waits_for_memory = waits_for_memory or queue[0].peak_bytes
        return None

    def take(self, item: ProgramItem) -> None:
        """Take out the program that `next` has returned; then it is the others' turn."""
        self._taken(item)
        self.ended(item)

    def ended(self, item: ProgramItem) -> None:
        """Take note that a program has ended: whoever came while it ran is before its QPU."""
        if item.source in self._queues:
            self._queues.move_to_end(item.source)

    def answered(self, item: ProgramItem, worker: Worker, answer: Any) -> None:  # noqa: ARG002
        """See `WorkQueue`."""
        self.ended(item)

    def _taken(self, item: ProgramItem) -> None:
        queue = self._queues[item.source]
        queue.remove(item)
        if not queue:
            del self._queues[item.source]

    def _fits(self, item: ProgramItem, under_way: Collection[WorkItem], before: int) -> bool:
        if not under_way and not before:
            return True  # it was looked at alone when it was compiled
        if self.limit_bytes is None:
            self.limit_bytes = machine_bytes() // 2
        if item.peak_bytes * _SMALL < self.limit_bytes:
            return True
        used = sum(each.peak_bytes for each in under_way)
        if used + item.peak_bytes + before > self.limit_bytes:
            return False
        return item.peak_bytes <= self._free()
