"""Threads that share the work of one program."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Team"]


class Team:
    """Some threads, this one among them, that do numbered pieces of work together.

    They are started when there is first something to share. It pays where the work lets others in,
    as numpy does while it computes.

    Args:
        threads: How many.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._others = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        if self._others is not None:
            self._others.shutdown()

    def __call__(self, work: Callable[[int], object], count: int) -> None:
        """Do ``work`` for each number below ``count``; return when all of it is done.

        Which of them does which depends on nothing but the two numbers.
        """
        threads = min(self._threads, count)
        if self._others is None or threads < 2:
            for number in range(count):
                work(number)
            return

        def portion(which: int) -> None:
            for number in range(which, count, threads):
                work(number)

        others = [self._others.submit(portion, which) for which in range(1, threads)]
        portion(0)
        for other in others:
            other.result()
