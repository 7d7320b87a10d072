"""A job as the runtime sees it: three functions, and the data that passes between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit_modes.simulation.program import Program, Samples

__all__ = ["ExecutionSpan", "Steps"]


@dataclass(frozen=True)
class ExecutionSpan:
    """When a worker really worked on a job's circuits: inside the interval of the QPU lock."""

    start: datetime
    """Aware, UTC."""

    stop: datetime
    """Aware, UTC; not before ``start``."""


@dataclass(frozen=True)
class Steps:
    """What a job does before, on and after the QPU.

    The step between the two functions, the execution of the program, is the runtime's own: it
    happens in a worker process while the job holds the QPU lock.
    """

    compile: Callable[[], Program]
    """Runs in a lane, without any lock; not on the user's thread."""

    post_process: Callable[[Samples, ExecutionSpan], Any]
    """Runs in a lane after the QPU lock was released; what it returns is the job's result."""
