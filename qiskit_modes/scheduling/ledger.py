"""What each instance has used, over all QPUs."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from qiskit_modes.scheduling.plan import Instance

__all__ = ["Ledger"]

_ROUNDING_SECONDS = 1e-6
"""Differences of times on a clock that has run for weeks are no more precise than this."""


@dataclass
class _Account:
    total_seconds: float = 0.0
    entries: deque[tuple[float, float]] = field(default_factory=deque)


class Ledger:
    """The charged seconds of every instance, in the window of its plan.

    One ledger is shared by the schedulers of all QPUs, because a fair share is one over all of
    them. Like everything in this package it is not thread safe by itself.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def charge(self, instance: Instance, seconds: float, at: float) -> None:
        """Add ``seconds`` of usage that ended at the time ``at``."""
        account = self._accounts.setdefault(instance.id, _Account())
        account.entries.append((at, seconds))
        account.total_seconds += seconds

    def used(self, instance: Instance, now: float) -> float:
        """Return the seconds charged to ``instance`` within the window that ends at ``now``."""
        account = self._accounts.get(instance.id)
        if account is None:
            return 0.0
        window = instance.plan.window_seconds
        # The same expression as in next_relief: rounded otherwise, usage would never be relieved.
        while window is not None and account.entries and account.entries[0][0] + window <= now:
            account.total_seconds -= account.entries.popleft()[1]
        if not account.entries:
            # Subtracting what was added leaves rounding errors behind; an empty account has none.
            account.total_seconds = 0.0
        return account.total_seconds

    def share(self, instance: Instance, now: float) -> float:
        """Return which part of its allocation ``instance`` has used: the order of the queue."""
        if not instance.allocation:
            return 0.0
        return self.used(instance, now) / instance.allocation

    def is_limited(self, instance: Instance, now: float) -> bool:
        """Return whether ``instance`` has used all that it may, so that nothing of it starts."""
        return self.remaining(instance, now) <= 0.0

    def remaining(self, instance: Instance, now: float) -> float:
        """Return how many seconds ``instance`` may still use; infinity without a limit."""
        if instance.limit is None:
            return math.inf
        left = instance.limit - self.used(instance, now)
        # What was stopped exactly at the limit may be charged a rounding error less.
        return left if left > _ROUNDING_SECONDS else 0.0

    def next_relief(self, instance: Instance) -> float | None:
        """Return when the oldest usage of ``instance`` leaves the window; None if none will."""
        account, window = self._accounts.get(instance.id), instance.plan.window_seconds
        if account is None or not account.entries or window is None:
            return None
        return account.entries[0][0] + window
