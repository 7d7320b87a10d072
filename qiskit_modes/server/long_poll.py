"""Letting who asks about a new job wait for it, so that short jobs are not polled for.

The client looks at a job at once, and then every half second. A job of 10 ms would seem to take
half a second. So the answer about a job that was submitted a moment ago waits for its end, until
the job is no longer new; all other answers are given at once.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from qiskit_modes.runtime.clock import SystemClock
from qiskit_modes.wire import InstanceApi

__all__ = ["LongPoll"]

_NEW_SECONDS = 0.5
"""For how long a job is new: the time after which the client looks again."""

_MOST_WAITING = 100
"""Threads that wait at the same time; who comes when all are in use is answered at once."""

_LOOKS_AGAIN_SECONDS = (0.09, 0.75)
"""Between two looks of somebody who waits: a tenth of a second or a half, and some delay. Two calls
one after the other are quicker."""


@dataclass
class _Look:
    first_at: float
    last_at: float
    clock_at: float
    """What the time was on the clock of the jobs."""


class LongPoll:
    """Knows which jobs are new. May be used from any thread."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        """Guards what follows."""
        self._new: OrderedDict[str, float] = OrderedDict()
        self._looks: dict[str, _Look] = {}
        self._limiter: CapacityLimiter | None = None

    def submitted(self, job_id: str) -> None:
        """Take note of a new job."""
        now = time.monotonic()
        with self._mutex:
            self._looks.clear()
            self._new[job_id] = now
            while self._new and next(iter(self._new.values())) < now - _NEW_SECONDS:
                self._new.popitem(last=False)

    async def wait(self, api: Callable[[], InstanceApi], job_id: str) -> None:
        """Wait for a job, if it is new; returns when it has ended or is no longer new.

        Args:
            api: Gives the interface of whoever asks, or raises if that may not ask.
            job_id: Which job.

        Raises:
            ApiError: If there is no such job.
        """
        if self._limiter is None:  # made here, since it belongs to the event loop
            self._limiter = CapacityLimiter(_MOST_WAITING)
        if self._limiter.available_tokens:
            await to_thread.run_sync(self._wait, api, job_id, limiter=self._limiter)

    def _wait(self, api: Callable[[], InstanceApi], job_id: str) -> None:
        asked = api()
        clock = asked.runtime.clock
        if isinstance(clock, SystemClock):
            with self._mutex:
                left = self._new.get(job_id, 0.0) + _NEW_SECONDS - time.monotonic()
            if left > 0:
                asked.wait_for_job(job_id, left)
        elif getattr(clock, "autojump", False) and self._waits(job_id, clock.now()):
            # A test's clock goes on when somebody waits, and only then.
            asked.wait_for_job(job_id)

    def other_request(self) -> None:
        """Take note of a request that is no look at a job: who sends it does not just wait."""
        with self._mutex:
            self._looks.clear()

    def _waits(self, job_id: str, clock_at: float) -> bool:
        """Return whether somebody looks at a job again, as in a loop that waits for it."""
        now = time.monotonic()
        shortest, longest = _LOOKS_AGAIN_SECONDS
        with self._mutex:
            look = self._looks.get(job_id)
            if look is None or now - look.last_at > longest or look.clock_at != clock_at:
                self._looks[job_id] = _Look(now, now, clock_at)
                return False
            look.last_at = now
            return now - look.first_at >= shortest
