"""Keys of submissions: the same key is the same job, however often it arrives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["SubmissionKeys", "check_key"]

_LONGEST = 255
"""Characters of a key; one is a random number of 36, usually."""


def check_key(key: str) -> None:
    """Check that a key can be used.

    Raises:
        ApiError: 400 if it is empty, too long, or not printable.
    """
    if not key or len(key) > _LONGEST or not (key.isascii() and key.isprintable()):
        raise ApiError(
            400,
            Code.INVALID,
            f"Idempotency-Key must be 1 to {_LONGEST} printable ASCII characters",
        )


class SubmissionKeys:
    """Keys of the submissions that are being served. May be used from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        """Guards the set, and tells of what leaves it."""
        self._taken: set[str] = set()

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Serve one submission with a key at a time: others wait for the end of the block."""
        with self._changed:
            self._changed.wait_for(lambda: key not in self._taken)
            self._taken.add(key)
        try:
            yield
        finally:
            with self._changed:
                self._taken.discard(key)
                self._changed.notify_all()
