"""Workers that say nothing any more: stopped, or on a machine that hangs, and not yet given up.

Dask itself drops a worker without a heartbeat after five minutes. Somebody's QPU is held meanwhile,
so the head looks sooner, though only when an answer has not come for some time.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PATIENCE_SECONDS", "SILENT_SECONDS", "Silence"]

PATIENCE_SECONDS = 5.0
"""How long an answer may take before anybody asks for heartbeats, and how often they do then."""

SILENT_SECONDS = 30.0
"""After so long without a heartbeat a worker is given up; they come every half second from a few
workers, and every five seconds from hundreds."""


class Silence:
    """Tells for how long each worker has not been heard of, on the clock of whoever asks.

    Heartbeats carry the times of the scheduler's clock, which is another machine's: of those it is
    only seen whether they change. Without threads.
    """

    def __init__(self) -> None:
        self._heard: dict[str, tuple[float, float]] = {}
        """Of each worker its last heartbeat, and when that was first seen here."""

    def look(self, heartbeats: Mapping[str, float], now: float) -> None:
        """Take note of the last heartbeats of all workers that there are."""
        self._heard = {
            address: self._heard[address]
            if address in self._heard and self._heard[address][0] == heartbeat
            else (heartbeat, now)
            for address, heartbeat in heartbeats.items()
        }

    def seconds(self, address: str, now: float) -> float:
        """Return for how long a worker has been silent; 0 for one that nobody has looked at."""
        return now - self._heard.get(address, (0.0, now))[1]
