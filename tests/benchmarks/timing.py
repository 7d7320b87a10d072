"""Measuring, and rows of the table."""

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["Row", "median_ms", "percentile_ms", "timed", "times"]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    id: str
    what: str
    measured: str
    target: str
    met: bool | None
    """None where the row has no target."""
    detail: str = ""


def timed(call: Callable[[], object]) -> float:
    """Return how many seconds one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def times(call: Callable[[], object], count: int) -> list[float]:
    """Return the seconds of ``count`` calls, with the garbage of what came before collected."""
    gc.collect()
    return [timed(call) for _ in range(count)]


def median_ms(seconds: Iterable[float]) -> float:
    """Return the median, in milliseconds."""
    return statistics.median(seconds) * 1e3


def percentile_ms(seconds: Iterable[float], percent: int) -> float:
    """Return a percentile, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1e3
