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
from typing import TYPE_CHECKING

from qiskit_modes.memory import free_bytes, machine_bytes

if TYPE_CHECKING:
    from qiskit_modes.runtime.workers.worker import Ticket

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
        self._limit_bytes = limit_bytes
        self._free = free
        self._queues: OrderedDict[Hashable, deque[Ticket]] = OrderedDict()
        """Those with something in them, the next one first."""

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self._queues)

    def __iter__(self) -> Iterator[Ticket]:
        """Iterate over what waits, queue by queue."""
        return (ticket for queue in self._queues.values() for ticket in queue)

    def add(self, ticket: Ticket) -> None:
        """Let a program wait, behind those of its QPU."""
        self._queues.setdefault(ticket.source, deque()).append(ticket)

    def put_back(self, ticket: Ticket) -> None:
        """Let a program wait that had its turn already: it is the next one."""
        self._queues.setdefault(ticket.source, deque()).appendleft(ticket)
        self._queues.move_to_end(ticket.source, last=False)

    def remove(self, ticket: Ticket) -> bool:
        """Take a program out; return whether it was there."""
        queue = self._queues.get(ticket.source, ())
        if ticket not in queue:
            return False
        self._taken(ticket)
        return True

    def clear(self) -> None:
        """Take everything out."""
        self._queues.clear()

    def next(self, under_way: Collection[Ticket]) -> Ticket | None:
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

    def take(self, ticket: Ticket) -> None:
        """Take out the program that `next` has returned; then it is the others' turn."""
        self._taken(ticket)
        self.ended(ticket)

    def ended(self, ticket: Ticket) -> None:
        """Take note that a program has ended: whoever came while it ran is before its QPU."""
        if ticket.source in self._queues:
            self._queues.move_to_end(ticket.source)

    def _taken(self, ticket: Ticket) -> None:
        queue = self._queues[ticket.source]
        queue.remove(ticket)
        if not queue:
            del self._queues[ticket.source]

    def _fits(self, ticket: Ticket, under_way: Collection[Ticket], before: int) -> bool:
        if not under_way and not before:
            return True  # it was looked at alone when it was compiled
        if self._limit_bytes is None:
            self._limit_bytes = machine_bytes() // 2
        if ticket.peak_bytes * _SMALL < self._limit_bytes:
            return True
        used = sum(each.peak_bytes for each in under_way)
        if used + ticket.peak_bytes + before > self._limit_bytes:
            return False
        return ticket.peak_bytes <= self._free()
