"""A ledger that the schedulers of several QPUs may use at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from qiskit_modes.scheduling import Ledger

__all__ = ["SharedLedger"]


class SharedLedger(Ledger):
    """A `Ledger` with a mutex: each QPU's scheduler runs under a mutex of its own.

    Every public method of `Ledger` takes it, whatever there is; but for `current` and `shared`,
    which are one look into a dictionary, and may be asked in the midst of anything, and
    `is_limited`, which asks for no more than what one of the others answers.
    """

    def __init__(self) -> None:
        super().__init__()
        self._mutex = threading.RLock()
        """Guards the accounts. Taken inside a QPU's mutex; nothing is taken inside it."""


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: SharedLedger, *args: Any, **kwargs: Any) -> Any:
        with self._mutex:
            return method(self, *args, **kwargs)

    return call


_WITHOUT = frozenset({"current", "shared", "is_limited"})

for _name, _attribute in vars(Ledger).items():
    if _name.startswith("_") or _name in _WITHOUT:
        continue
    if isinstance(_attribute, property):
        assert _attribute.fget is not None, "what can be read has a getter"
        setattr(SharedLedger, _name, property(_guarded(_attribute.fget)))
    else:
        setattr(SharedLedger, _name, _guarded(_attribute))
