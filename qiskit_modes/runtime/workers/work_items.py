"""A heavy classical step on its way: waiting for a place, in one, or answered."""

from __future__ import annotations

import enum
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.runtime.workers.worker_process import Done, NotDone

__all__ = ["Errand", "ErrandAnswer", "Turn", "pack"]


class Turn(enum.Enum):
    """Answers to a step that gets a place in this process."""

    HERE = enum.auto()
    """Whoever waits for it does it now, and gives the place back."""


ErrandAnswer = Done | NotDone | Turn | BaseException
"""What comes of an errand: what a worker answered, the place here, or why it was not done."""


@dataclass(eq=False)
class Errand:
    """One heavy classical step, or the imports that a worker needs for such steps."""

    module: str
    """Where its function is defined: a worker must have imported that."""
    call: bytes | None
    """The function and its arguments; None if it can be done in this process only."""
    on_done: Callable[[ErrandAnswer], None]
    """Called exactly once, on any thread."""
    seconds: float = 0.0
    """How long it takes, roughly."""
    of_batch: bool = False
    """Whether it rather waits for a worker that is ready than takes the place in this process."""
    readies: bool = False
    """Whether it is the import itself, after which a worker can take others of this module."""
    abandoned: bool = False
    refused: int = 0
    """By how many workers that turned out to be dead."""

    @classmethod
    def of_import(cls, module: str) -> Errand:
        """Return the errand that gets a worker ready for steps of a module."""
        call = pickle.dumps((worker_process.get_ready, (module,)))
        return cls(module, call, lambda _: None, readies=True)


def pack(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes | None:
    """Return a call as it travels; None if it does not."""
    # Here and not by the executor: its pickler takes twice as long, and fails on another thread.
    try:
        return pickle.dumps((function, args), pickle.HIGHEST_PROTOCOL)
    except Exception:  # whatever objects raise that are not made for it
        return None
