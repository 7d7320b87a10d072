"""Keeps floods of requests from filling a log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

__all__ = ["FloodFilter", "filtered"]

_MOST = 10
"""Records of one kind that are written within a period."""

_PERIOD_SECONDS = 60.0

_MOST_KINDS = 1_000
"""Kinds of records that are told apart; with more of them all counting begins again."""


class FloodFilter(logging.Filter):
    """Lets ten records of a kind through in a minute, the next one says how many were left out.

    Records are of one kind that have the same text before arguments are put into it. May be used
    from any thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._mutex = threading.Lock()
        """Guards what follows."""
        self._counts: dict[tuple[str, int, object], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is to be written."""
        kind, now = (record.name, record.levelno, record.msg), monotonic()
        with self._mutex:
            began, count = self._counts.get(kind, (now, 0))
            if now - began >= _PERIOD_SECONDS:
                left_out, began, count = count - _MOST, now, 0
                if left_out > 0:
                    record.msg = f"{record.msg} ({left_out} more like this were left out)"
            if len(self._counts) >= _MOST_KINDS:
                self._counts.clear()
            self._counts[kind] = began, count + 1
        return count < _MOST


@contextmanager
def filtered(*names: str) -> Iterator[None]:
    """Filter what loggers write, for as long as the block lasts."""
    flood_filter = FloodFilter()
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(flood_filter)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(flood_filter)
