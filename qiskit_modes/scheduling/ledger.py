"""What each instance has used, over all QPUs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from qiskit_modes.scheduling.plan import Instance

__all__ = ["WINDOW_SECONDS", "Ledger"]

WINDOW_SECONDS = 28 * 24 * 3600.0
"""Usage older than 28 days no longer counts against an instance's share."""


@dataclass
class _Account:
    total_seconds: float = 0.0
    entries: deque[tuple[float, float]] = field(default_factory=deque)


class Ledger:
    """The charged seconds of every instance, in a rolling window.

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
        while account.entries and account.entries[0][0] <= now - WINDOW_SECONDS:
            account.total_seconds -= account.entries.popleft()[1]
        if not account.entries:
            # Subtracting what was added leaves rounding errors behind; an empty account has none.
            account.total_seconds = 0.0
        return account.total_seconds

    def share(self, instance: Instance, now: float) -> float:
        """Return which part of its allocation ``instance`` has used: the order of the queue."""
        if not instance.allocation_seconds:
            return 0.0
        return self.used(instance, now) / instance.allocation_seconds
