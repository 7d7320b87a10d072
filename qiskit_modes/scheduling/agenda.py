"""Keys in the order of something that changes: the first is found without looking at the others."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from itertools import count
from typing import Any, Generic, TypeVar

__all__ = ["Agenda"]

_Key = TypeVar("_Key", bound=Hashable)

_STALE = 64
"""Entries that may be out of date before it is worth looking for them."""


class Agenda(Generic[_Key]):
    """A set of keys, each with its rank; setting, dropping and finding the first take O(log n).

    Example:
        >>> agenda = Agenda[str]()
        >>> agenda.set("a", 2), agenda.set("b", 1), agenda.set("a", 0)
        (None, None, None)
        >>> agenda.first()
        (0, 'a')
    """

    def __init__(self) -> None:
        self.ranks: dict[_Key, tuple[Any, int]] = {}
        """The rank of each key, and a number; to look at, so that what is empty costs no call."""
        self._heap: list[tuple[Any, int, _Key]] = []
        """Every entry of ``ranks``, and such as were replaced or dropped since."""
        self._numbers = count()

    def __len__(self) -> int:
        return len(self.ranks)

    def __iter__(self) -> Iterator[_Key]:
        return iter(self.ranks)

    def __contains__(self, key: _Key) -> bool:
        return key in self.ranks

    def rank(self, key: _Key) -> Any:
        """Return the rank of a key, or None if it is not here."""
        entry = self.ranks.get(key)
        return None if entry is None else entry[0]

    def set(self, key: _Key, rank: Any) -> None:
        """Take a key in, or change its rank; of equal ranks the one that was set first is first."""
        known = self.ranks.get(key)
        if known is not None and known[0] == rank:
            return
        number = next(self._numbers)
        self.ranks[key] = rank, number
        heapq.heappush(self._heap, (rank, number, key))
        if len(self._heap) > 2 * len(self.ranks) + _STALE:
            self._heap = [(rank, number, key) for key, (rank, number) in self.ranks.items()]
            heapq.heapify(self._heap)

    def discard(self, key: _Key) -> None:
        """Drop a key; nothing happens if it is not here."""
        self.ranks.pop(key, None)

    def first(self) -> tuple[Any, _Key] | None:
        """Return the lowest rank and its key, or None if there is none."""
        while self._heap:
            rank, number, key = self._heap[0]
            entry = self.ranks.get(key)
            if entry is not None and entry[1] == number:
                return rank, key
            heapq.heappop(self._heap)
        return None
