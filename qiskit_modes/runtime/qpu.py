"""A QPU: the rules for one machine, and the mutex that guards them; and whose it is."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

from qiskit_modes.scheduling import Ledger, Scheduler
from qiskit_modes.scheduling.instructions import Instruction

__all__ = ["QPU", "Offers", "QPURegistry"]


class QPU:
    """A backend's scheduler with its locks. Logical: it owns no thread and no process.

    Args:
        name: For messages.
        lanes: How many jobs are in progress at once.
        ledger: What the instances have used; shared with other QPUs.
    """

    def __init__(self, name: str, *, lanes: int, ledger: Ledger) -> None:
        self.name = name
        self.mutex = threading.Lock()
        """Guards ``scheduler`` and the order of ``outbox``. Inside it no other mutex is taken but
        the ledger's, and nothing waits."""
        self.scheduler = Scheduler(lanes=lanes, ledger=ledger)
        self.has_deadline = False
        """Whether the timer may have one for it. Guarded by the mutex."""
        self.outbox: deque[Instruction] = deque()
        """Instructions in the order in which they were given, not carried out yet."""
        self.carrying = threading.Lock()
        """Held by the one thread that carries instructions out; never waited for."""

    def __repr__(self) -> str:
        return f"<QPU {self.name!r}>"

    def concerns(self, instance_id: str) -> bool:
        """Return whether an instance has anything here that has not ended."""
        with self.mutex:
            return self.scheduler.concerns(instance_id)

    def unfinished_jobs(self) -> int:
        """Return how many jobs of all instances have not ended."""
        with self.mutex:
            return sum(self.scheduler.unfinished.values())


class _Identity(weakref.ReferenceType[Any]):
    """A weak key that is equal only to a key of the very same, living object."""

    __slots__ = ("_hash",)
    _hash: int

    def __new__(cls, thing: Any, callback: Callable[[Any], None] | None = None) -> _Identity:
        self = super().__new__(cls, thing, callback)
        self._hash = id(thing)
        return self

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        thing = self()
        return isinstance(other, _Identity) and thing is not None and thing is other()


@cache
def _backends() -> tuple[Any, Any]:
    """Return the modules that know backends, looked for once: a job asks for them each time."""
    # Here and not above: they import Qiskit.
    from qiskit_modes.simulation.backends import copies, kinds

    return copies, kinds


class QPURegistry:
    """Tells which QPU a backend stands for.

    Backends that are described as one machine are one QPU, as is the same fake however often it is
    made, while the noise is that of the object passed. Any other backend object is a machine of its
    own; it is held weakly and goes with its object. May be called from any thread; does not block.

    Args:
        lanes: Of each QPU.
        ledger: Shared by all.
    """

    def __init__(self, *, lanes: int, ledger: Ledger) -> None:
        self._lanes = lanes
        self._ledger = ledger
        # Each table is changed in one step, which no other thread and no signal comes into.
        self._named: dict[Hashable, QPU] = {}
        self._own: dict[_Identity, QPU] = {}

    def qpu(self, backend: Any) -> QPU:
        """Return the QPU of ``backend``."""
        copies, kinds = _backends()
        described = kinds.describe(backend)
        name, machine = described.name, described.machine
        if machine is not None:
            return self._named.get(machine) or self._named.setdefault(machine, self._new(name))
        identity = _Identity(copies.original_of(backend), self._drop)
        return self._own.get(identity) or self._own.setdefault(identity, self._new(name))

    def all(self) -> list[QPU]:
        """Return every QPU that has been used and whose backend still exists."""
        # A copy is made at once, and what is dropped meanwhile does not disturb it.
        return [*self._named.copy().values(), *self._own.copy().values()]

    def _new(self, name: str) -> QPU:
        return QPU(name, lanes=self._lanes, ledger=self._ledger)

    def _drop(self, identity: _Identity) -> None:
        self._own.pop(identity, None)


class Offers:
    """Ways by which services offer backends by their names."""

    def __init__(self) -> None:
        self._all: list[Callable[[], Callable[[str], Any | None] | None]] = []

    def add(self, find: Callable[[str], Any | None]) -> None:
        """Take note of a service by what finds its backends; held weakly if it is a method."""
        weak = weakref.WeakMethod(find) if hasattr(find, "__self__") else lambda: find
        self._all.append(weak)

    def find(self, name: str) -> Any | None:
        """Return the backend of a name, of the latest service that offers one; or None."""
        for offer in reversed(self._all):
            find = offer()
            backend = None if find is None else find(name)
            if backend is not None:
                return backend
        return None
