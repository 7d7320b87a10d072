"""Listeners, who are told what users do: recorders, and whatever else looks on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qiskit_modes.runtime.records import JobRecord
    from qiskit_modes.runtime.steps import Steps

__all__ = ["Listener", "Listeners"]


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


class Listeners:
    """Those who are told what users of a runtime do.

    Any thread may go through them at any time, while others come and go.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        """Guards the replacing of what follows."""
        self._all: tuple[Listener, ...] = ()
        """Replaced as a whole."""

    def __iter__(self) -> Iterator[Listener]:
        return iter(self._all)

    def add(self, listener: Listener) -> None:
        """Tell somebody of everything from now on."""
        with self._mutex:
            self._all = (*self._without(listener), listener)

    def remove(self, listener: Listener) -> None:
        """Tell somebody of nothing more."""
        with self._mutex:
            self._all = self._without(listener)

    def _without(self, listener: Listener) -> tuple[Listener, ...]:
        return tuple(each for each in self._all if each is not listener)
