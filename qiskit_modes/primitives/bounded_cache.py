"""A small cache that forgets what was not used for longest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["BoundedCache"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """A mapping with at most ``capacity`` entries; the least recently used one is dropped first.

    Any thread may call any method; none blocks for longer than a dictionary access. Two threads
    that miss the same key at once both compute its value, so values must be functions of their key.

    Args:
        capacity: The largest number of entries kept.

    Raises:
        ValueError: If ``capacity`` is not positive.

    Example:
        >>> cache = BoundedCache(2)
        >>> for number in (1, 2, 3):
        ...     cache.put(number, number**2)
        >>> cache.get(1) is None, cache.get(3)
        (True, 9)
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"A cache keeps at least one entry; the capacity was {capacity}.")
        self._capacity = capacity
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        # Guards _entries; held for single dictionary operations only.
        self._mutex = threading.Lock()

    def __len__(self) -> int:
        with self._mutex:
            return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """Return what was put under ``key``, or None."""
        with self._mutex:
            value = self._entries.get(key)
            if value is not None:
                self._entries.move_to_end(key)
            return value

    def put(self, key: Key, value: Value) -> None:
        """Keep ``value`` (never None) under ``key``, and drop the oldest entry if need be."""
        with self._mutex:
            self._entries[key] = value
            self._entries.move_to_end(key)
            if len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
