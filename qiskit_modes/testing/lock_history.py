"""A history of who has held the locks of a QPU, and when."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.scheduling.locks import Hold, Lock

__all__ = ["LockHistory"]


@dataclass(frozen=True)
class LockHistory:
    """The holds of the locks of one QPU, in the order of their ends; those that last come last.

    A hold has its ``holder``, the id of a job or session, and its ``start`` and ``end`` in seconds
    of the clock; one that lasts ends at infinity. As text it is a table.
    """

    lanes: tuple[Hold, ...]
    """By jobs in progress; several at a time."""
    qpu: tuple[Hold, ...]
    """Of the QPU lock, by jobs during their quantum execution, and by calibrations."""
    reservation: tuple[Hold, ...]
    """By sessions during their active windows."""

    @classmethod
    def of(cls, runtime: LocalRuntime, qpu: QPU) -> LockHistory:
        """Read the locks of a QPU; from any thread, without waiting for a job."""

        def read() -> LockHistory:
            locks = qpu.scheduler.locks
            return cls(*(tuple(_holds(e)) for e in (locks.lanes, locks.qpu, locks.reservation)))

        return runtime.at_one_moment(qpu, read)

    def __str__(self) -> str:
        rows = [("lock", "from", "to", "holder")]
        for name, holds in (
            ("lane", self.lanes),
            ("QPU lock", self.qpu),
            ("reservation", self.reservation),
        ):
            rows += [
                (name, _seconds(each.start), _seconds(each.end), each.holder) for each in holds
            ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            f"{lock:{widths[0]}}  {start:>{widths[1]}}  {end:>{widths[2]}}  {holder}"
            for lock, start, end, holder in rows
        )


def _holds(lock: Lock) -> Iterator[Hold]:
    yield from lock.history
    for holder in lock.holders:
        yield Hold(holder, lock.held_since(holder), math.inf)


def _seconds(time: float) -> str:
    return "" if math.isinf(time) else f"{time:g}"
