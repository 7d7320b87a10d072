"""The three things of a QPU that are held: lanes, the QPU lock, and the reservation."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import NamedTuple

from qiskit_modes.scheduling.errors import NotHolder

__all__ = ["Hold", "Lock", "LockManager", "LockStatistics"]

_HISTORY = 10_000
"""Holds that are remembered per lock: enough for any test and timeline, about 2 MB at most."""


class Hold(NamedTuple):
    """One interval in which a lock was held."""

    holder: str
    start: float
    end: float


@dataclass(frozen=True)
class LockStatistics:
    """A lock at one moment."""

    name: str
    capacity: int
    holders: tuple[str, ...]
    """In the order in which they got it."""
    waiting: tuple[str, ...]
    """In the order in which they will get it."""


class Lock:
    """A lock with ``capacity`` places, given to those who wait for it in the order they came.

    Guarantees: never more holders than places; first in, first out among those who `request` it;
    released only by a holder. It does not block: who waits is told by whoever called `grant`.
    A newcomer cannot overtake by accident: `acquire_nowait` fails while anyone waits, unless it is
    told to go ahead of them.

    Args:
        name: For messages and statistics.
        capacity: How many may hold it at once.
    """

    def __init__(self, name: str, capacity: int = 1) -> None:
        if capacity < 1:
            raise ValueError(f"the capacity of {name} must be at least 1, not {capacity}")
        self.name = name
        self.capacity = capacity
        self.history: deque[Hold] = deque(maxlen=_HISTORY)
        self.held: OrderedDict[str, float] = OrderedDict()
        """Since when each of its holders has it. Like `line` it is to look at, without a call."""
        self.line: OrderedDict[str, None] = OrderedDict()
        """Those who wait for it, first come first."""

    def __contains__(self, holder: str) -> bool:
        return holder in self.held

    @property
    def free(self) -> int:
        """Number of places that nobody holds."""
        return self.capacity - len(self.held)

    @property
    def idle(self) -> bool:
        """Tell whether nobody holds it at all."""
        return not self.held

    @property
    def holders(self) -> tuple[str, ...]:
        """Holders, in the order in which they got it."""
        return tuple(self.held)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Those who wait for it, first come first."""
        return tuple(self.line)

    @property
    def first_waiting(self) -> str | None:
        """The one who will get it next, or None if nobody waits."""
        return next(iter(self.line), None)

    def held_since(self, holder: str) -> float:
        """Return when ``holder`` got it.

        Raises:
            NotHolder: If it does not hold it.
        """
        self._check(holder)
        return self.held[holder]

    def acquire_nowait(self, holder: str, now: float, *, ahead: bool = False) -> bool:
        """Take a place if one is free and nobody waits; return whether that was so.

        Args:
            holder: Who takes it.
            now: When.
            ahead: Take it ahead of those who wait.
        """
        if len(self.held) == self.capacity or (self.line and not ahead):
            return False
        self.held[holder] = now
        return True

    def request(self, holder: str) -> None:
        """Join the line of those who wait."""
        self.line[holder] = None

    def withdraw(self, holder: str) -> None:
        """Leave the line; nothing happens if ``holder`` does not stand in it."""
        self.line.pop(holder, None)

    def grant(self, now: float) -> str | None:
        """Give a free place to the first in line; return who got it, or None."""
        if not self.line or len(self.held) == self.capacity:
            return None
        holder, _ = self.line.popitem(last=False)
        self.held[holder] = now
        return holder

    def release(self, holder: str, now: float) -> Hold:
        """Give a place back.

        Raises:
            NotHolder: If ``holder`` does not hold it: nobody can release for somebody else.
        """
        self._check(holder)
        hold = Hold(holder, self.held.pop(holder), now)
        self.history.append(hold)
        return hold

    def drop(self, holder: str, now: float) -> None:
        """Take it from a holder that is gone, whether it has it or waits for it, if any of both."""
        self.line.pop(holder, None)
        if holder in self.held:
            self.release(holder, now)

    def statistics(self) -> LockStatistics:
        """Return who holds it and who waits, frozen."""
        return LockStatistics(self.name, self.capacity, self.holders, self.waiting)

    def _check(self, holder: str) -> None:
        if holder not in self.held:
            held_by = ", ".join(self.held) or "nobody"
            raise NotHolder(f"{holder} does not hold the {self.name}; held by {held_by}")


class LockManager:
    """All locks of one QPU.

    Args:
        lanes: How many jobs may be in progress at once.
    """

    def __init__(self, lanes: int) -> None:
        self.lanes = Lock("lanes", lanes)
        self.qpu = Lock("QPU lock")
        """One job, during its quantum execution, or a calibration."""
        self.reservation = Lock("reservation")
        """One session, during its active window."""

    def release_all(self, holder: str, now: float) -> None:
        """Take everything from a holder that is gone, whatever it was holding or waiting for."""
        for lock in (self.qpu, self.lanes, self.reservation):
            if lock.held or lock.line:
                lock.drop(holder, now)

    def statistics(self) -> dict[str, LockStatistics]:
        """Return the statistics of each lock by its name."""
        locks = (self.lanes, self.qpu, self.reservation)
        return {lock.name: lock.statistics() for lock in locks}
