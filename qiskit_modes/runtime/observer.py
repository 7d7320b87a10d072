"""Listeners, who are told what users do: recorders, and whatever else looks on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qiskit_modes.runtime.records import JobRecord
    from qiskit_modes.runtime.steps import Steps

__all__ = ["Listener"]


class Listener(Protocol):
    """Somebody who is told what users do, in their threads and without any mutex held.

    Everybody waits for what a listener does here: it takes a note, and no time.
    """

    def job_submitted(self, job: JobRecord, steps: Steps | None) -> None:
        """Take note that a job was accepted; it may have ended by now.

        Args:
            job: Which one.
            steps: What it does; None if its steps are not known.
        """

    def job_seen(self, job: JobRecord) -> None:
        """Take note that the present thread has learned that a job has ended; may be repeated."""
