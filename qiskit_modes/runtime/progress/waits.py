"""Waits for jobs: of this process until their end, of another one by looking again."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit_modes.runtime.progress.progress import Progress, Surface

if TYPE_CHECKING:
    from qiskit_modes.runtime.clock import Clock
    from qiskit_modes.runtime.keeping.archive import Archive
    from qiskit_modes.runtime.records import JobRecord

__all__ = ["Waits"]

_LOOKS_AGAIN_SECONDS = 0.25
"""How often a job of another process is looked at."""


class Waits:
    """Ends of jobs, waited for. May be used from any thread.

    Args:
        clock: Whose time counts.
        archive: Knows the jobs of other processes.
        surface: Returns where users see how it is going, or None for nowhere; None for never.
        whole: Makes a call that no signal cuts in two.
    """

    def __init__(
        self,
        clock: Clock,
        archive: Archive,
        surface: Callable[[], Surface | None] | None,
        whole: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._clock = clock
        self._archive = archive
        self._progress = None if surface is None else Progress(clock, surface, whole)
        self._whole = whole

    def wait(self, job: JobRecord, timeout: float | None) -> bool:
        """Wait until a job has ended, show how it is going, and return whether it has."""
        if not self._wait_elsewhere(job, timeout):
            return False
        if self._progress is None:
            return self._clock.wait(job.finished, timeout)
        return self._progress.wait(job, timeout)

    def wait_unseen(self, job: JobRecord, timeout: float | None) -> bool:
        """Wait as `wait` does, and show nothing."""
        return self._wait_elsewhere(job, timeout) and self._clock.wait(job.finished, timeout)

    def is_elsewhere(self, job: JobRecord) -> bool:
        """Return whether another process has a job under way; what is known of it is new then."""
        if self._archive.store_name is None:
            return False
        return bool(self._whole(partial(self._archive.look_again, job)))

    def close(self) -> None:
        """Show nothing any more."""
        if self._progress is not None:
            self._progress.close()

    def _wait_elsewhere(self, job: JobRecord, timeout: float | None) -> bool:
        """Wait until no other process has a job under way; return whether that is so."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.is_elsewhere(job):
            left = _LOOKS_AGAIN_SECONDS if until is None else until - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, _LOOKS_AGAIN_SECONDS))  # the other process tells nobody here
        return True
