"""A QPU: the rules for one machine, and the mutex that guards them. And which backend is which."""

from __future__ import annotations

import copy
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from qiskit_modes.scheduling import Ledger, Scheduler
from qiskit_modes.scheduling.instructions import Instruction

__all__ = ["QPU", "QPURegistry", "bare_name", "copy_of"]

_ORIGINAL = "qiskit_modes_original"


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


class QPURegistry:
    """Tells which QPU a backend stands for.

    The same fake backend, by class and name, is one QPU however often it is made, while the noise
    is that of the object passed. Any other backend object is a machine of its own; it is held
    weakly and goes with its object. May be called from any thread; does not block.

    Args:
        lanes: Of each QPU.
        ledger: Shared by all.
    """

    def __init__(self, *, lanes: int, ledger: Ledger) -> None:
        self._lanes = lanes
        self._ledger = ledger
        # Each table is changed in one step, which no other thread and no signal comes into.
        self._named: dict[tuple[type, str], QPU] = {}
        self._own: dict[_Identity, QPU] = {}

    def qpu(self, backend: Any) -> QPU:
        """Return the QPU of ``backend``."""
        if is_fake(backend):
            # A copy may be of a class that adds something, such as gates.
            key = (type(_original(backend)), bare_name(backend))
            return self._named.get(key) or self._named.setdefault(key, self._new(backend))
        identity = _Identity(_original(backend), self._drop)
        return self._own.get(identity) or self._own.setdefault(identity, self._new(backend))

    def all(self) -> list[QPU]:
        """Return every QPU that has been used and whose backend still exists."""
        # A copy is made at once, and what is dropped meanwhile does not disturb it.
        return [*self._named.copy().values(), *self._own.copy().values()]

    def _new(self, backend: Any) -> QPU:
        return QPU(bare_name(backend), lanes=self._lanes, ledger=self._ledger)

    def _drop(self, identity: _Identity) -> None:
        self._own.pop(identity, None)


def copy_of(backend: Any) -> Any:
    """Return a shallow copy of a backend that stands for the same QPU, and can be written on."""
    original = _original(backend)
    another = copy.copy(backend)
    setattr(another, _ORIGINAL, original)
    return another


def _original(backend: Any) -> Any:
    return getattr(backend, "__dict__", {}).get(_ORIGINAL, backend)


def is_fake(backend: Any) -> bool:
    """Return whether ``backend`` is one of the fakes that stand for a real machine by name."""
    from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2

    return isinstance(backend, FakeBackendV2)


def bare_name(backend: Any) -> str:
    """Return a backend's name, or its class where it has none."""
    return str(getattr(backend, "name", None) or type(backend).__name__)
