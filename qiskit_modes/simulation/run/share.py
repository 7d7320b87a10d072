"""Dividing the work on one large state: by whom, is said by whoever runs the program."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Share", "alone"]

Share = Callable[[Callable[[int], object], int], object]
"""Does a piece of work for each number below a count, by whatever threads; returns when all of it
is done."""


def alone(work: Callable[[int], object], count: int) -> None:
    """Do all shares in this thread."""
    for number in range(count):
        work(number)
