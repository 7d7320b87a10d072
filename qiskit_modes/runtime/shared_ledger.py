"""A ledger that the schedulers of several QPUs may use at once."""

from __future__ import annotations

import threading

from qiskit_modes.scheduling import Instance, Ledger

__all__ = ["SharedLedger"]


class SharedLedger(Ledger):
    """A `Ledger` with a mutex: each QPU's scheduler runs under a mutex of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._mutex = threading.Lock()
        """Guards the accounts. Taken inside a QPU's mutex; nothing is taken inside it."""

    def charge(self, instance: Instance, seconds: float, at: float) -> None:
        """See `Ledger.charge`."""
        with self._mutex:
            super().charge(instance, seconds, at)

    def used(self, instance: Instance, now: float) -> float:
        """See `Ledger.used`."""
        with self._mutex:
            return super().used(instance, now)

    def next_relief(self, instance: Instance) -> float | None:
        """See `Ledger.next_relief`."""
        with self._mutex:
            return super().next_relief(instance)
