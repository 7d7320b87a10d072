"""Work that may be too heavy for the thread that needs it, and who does it instead.

What is heavy is a pure function of a module with arguments that can be pickled. Whoever needs its
value says how long it takes and leaves to the given *means* where it is done; by default it is
done at once, by a plain call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

__all__ = ["Elsewhere", "NeedsMoreError", "here"]

Value = TypeVar("Value")


class Elsewhere(Protocol):
    """Means of having work done, here or in another process; returns when it is done."""

    def __call__(self, seconds: float, function: Callable[..., Value], /, *args: Any) -> Value:
        """Return what ``function(*args)`` returns, or raise what it raises.

        Args:
            seconds: How long it takes, roughly.
            function: A pure function that can be imported by its name. It must not ask for work
                to be done elsewhere itself.
            args: Whatever cannot be pickled is worked on here.
        """


class NeedsMoreError(Exception):
    """Signal that what was sent along does not suffice: the work is done where it comes from."""


def here(seconds: float, function: Callable[..., Value], /, *args: Any) -> Value:
    """Return ``function(*args)``; however long it takes, it is done here."""
    del seconds
    return function(*args)
