"""The sessions and batches of a runtime that can be found by their ids."""

from __future__ import annotations

import threading

from qiskit_modes.runtime.records import WorkloadRecord
from qiskit_modes.scheduling import WorkloadState

__all__ = ["WorkloadTable"]

_KEPT = 100
"""Closed sessions and batches that can still be asked about by their ids."""


class WorkloadTable:
    """Table of sessions and batches.

    Of those that are closed the latest are kept; the others go, and their backends with them. All
    methods may be called from any thread, but from none that can be interrupted.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        """Guards what follows."""
        self._workloads: dict[str, WorkloadRecord] = {}
        self._tidy_at = 2 * _KEPT

    def add(self, workload: WorkloadRecord) -> None:
        """Let it be found from now on."""
        with self._mutex:
            self._workloads[workload.id] = workload
            # Looked through when there are twice as many: so opening one stays cheap.
            if len(self._workloads) > self._tidy_at:
                self._forget_closed()

    def _forget_closed(self) -> None:
        workloads = list(self._workloads.values())
        closed = [each for each in workloads if each.core.state is WorkloadState.CLOSED]
        for workload in closed[:-_KEPT]:
            del self._workloads[workload.id]
            workload.forget()
        self._tidy_at = max(2 * (len(workloads) - len(closed)), _KEPT) + _KEPT

    def get(self, workload_id: str) -> WorkloadRecord | None:
        """Return the one of this id, or None if it is not known."""
        return self._workloads.get(workload_id)

    def all(self) -> list[WorkloadRecord]:
        """Return all of them, in the order in which they were opened."""
        with self._mutex:
            return list(self._workloads.values())
