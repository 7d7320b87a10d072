"""Memories of work that was done, and the rules for using it again.

A value is a function of its key, or of its key and of *facts*: what was read, for it, of an object
that may change, such as a backend. It may be used again exactly while all that was read still
reads the same. The table of all caches is in ``docs/caches.md``.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from qiskit_modes._mutex import new_mutex

__all__ = ["BoundedCache", "Fact", "FactCache", "PerObject", "Source", "read_only"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_PATIENCE_SECONDS = 0.05
"""A mutex of these is held for microseconds; or by a main thread that a signal has come to just
then, whose handler may wait for the present thread. A memory can do without any entry, so nobody
waits for longer."""

Fact = Hashable
"""What was read, in a form that compares equal exactly if it is the same."""


class _Array(Protocol):
    def setflags(self, *, write: bool) -> None: ...


Array = TypeVar("Array", bound=_Array)


def read_only(array: Array) -> Array:
    """Return the array, of any shape, after which nobody can write to it; many will get it."""
    array.setflags(write=False)
    return array


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
        # Guards _entries; held for single dictionary operations only, and never waited for.
        self._mutex = new_mutex()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """Return what was put under ``key``, or None."""
        if not self._mutex.acquire(timeout=_PATIENCE_SECONDS):
            return None
        try:
            value = self._entries.get(key)
            if value is not None:
                self._entries.move_to_end(key)
            return value
        except KeyError:  # a handler of signals has put others in its place
            return None
        finally:
            self._mutex.release()

    def put(self, key: Key, value: Value) -> None:
        """Keep ``value`` (never None) under ``key``, and drop the oldest entry if need be."""
        if not self._mutex.acquire(timeout=_PATIENCE_SECONDS):
            return
        try:
            before = len(self._entries)
            self._entries[key] = value
            if len(self._entries) == before:  # it was known
                with suppress(KeyError):  # a handler of signals has put others in its place
                    self._entries.move_to_end(key)
            elif len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
        finally:
            self._mutex.release()


class Source(Protocol):
    """An object of which facts are read."""

    @property
    def facts(self) -> Mapping[Any, Fact]:
        """Everything that was read so far, by name."""

    def fact(self, key: Any) -> Fact:
        """Read one fact anew, by its name."""


class FactCache(Generic[Key, Value]):
    """A bounded cache of values that follow from their keys and from facts.

    Any thread may call any method.

    Args:
        capacity: The largest number of entries kept.

    Example:
        >>> from types import SimpleNamespace
        >>> prices, bills = {"egg": 2}, FactCache(10)
        >>> source = SimpleNamespace(facts={"egg": 2}, fact=prices.get)
        >>> bills.put("two eggs", 4, source)
        >>> bills.get("two eggs", source)
        4
        >>> prices["egg"] = 3
        >>> bills.get("two eggs", source) is None
        True
    """

    def __init__(self, capacity: int) -> None:
        self._entries: BoundedCache[Key, tuple[Value, Mapping[Hashable, Fact]]]
        self._entries = BoundedCache(capacity)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key, source: Source) -> Value | None:
        """Return what was put under ``key`` if its facts are what they were; else None.

        Args:
            key: What the value is of.
            source: From which they are read anew.
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        for name, fact in entry[1].items():
            if source.fact(name) != fact:
                return None
        return entry[0]

    def put(self, key: Key, value: Value, source: Source) -> None:
        """Keep ``value`` (never None), with all that was read of a source for it."""
        self._entries.put(key, (value, dict(source.facts)))


class PerObject(Generic[Value]):
    """Something for each living object, by which object it is and not by what it equals.

    It goes with its object. Any thread may call any method.

    Args:
        make: Makes a new one.
    """

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        # Guards _known; nothing is made while it is held.
        self._mutex = new_mutex()
        self._known: dict[int, tuple[weakref.ref[object], Value]] = {}

    def of(self, thing: object) -> Value:
        """Return the one for an object; a new one each time if it cannot be referred to weakly, or
        if the main thread was stopped by a signal while it put one here.
        """
        address = id(thing)
        known = self._known.get(address)
        # An address may be used again by another object; the weak reference tells them apart.
        if known is not None and known[0]() is thing:
            return known[1]

        def forget(reference: weakref.ref[object]) -> None:
            # Runs wherever the last reference to the object is dropped, perhaps while this thread
            # holds the mutex: dict.pop is atomic, and a newer object at the address is left alone.
            last = self._known.get(address)
            if last is not None and last[0] is reference:
                self._known.pop(address, None)

        made = self._make()
        try:
            reference = weakref.ref(thing, forget)
        except TypeError:
            return made
        if not self._mutex.acquire(timeout=_PATIENCE_SECONDS):
            return made
        try:
            known = self._known.get(address)
            if known is None or known[0]() is not thing:
                known = self._known[address] = (reference, made)
        finally:
            self._mutex.release()
        return known[1]
