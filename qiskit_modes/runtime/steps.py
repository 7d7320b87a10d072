"""A job as the runtime sees it: three functions, and the data that passes between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from qiskit_modes.simulation.program import Program, Samples

__all__ = ["ExecutionSpan", "SimulatedSteps", "StepName", "Steps"]

StepName = Literal["compile", "execute", "post_process"]


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


@dataclass(frozen=True)
class SimulatedSteps:
    """How long the steps of a job last on the runtime's clock, instead of really taking time.

    The program is not executed. For tests of rules and limits, and for what-if simulations.
    """

    compile_seconds: float = 0.0
    quantum_seconds: float = 0.0
    post_process_seconds: float = 0.0
    samples: Callable[[Program], Samples] = lambda program: _nothing(program)
    """Makes what stands in for the samples that the QPU would have given."""
    fails_in: StepName | None = None
    """At the end of which step the job fails; None if it succeeds."""
    error: BaseException | None = None
    """What it fails with."""

    def seconds(self, step: StepName) -> float:
        """Return how long a step lasts."""
        match step:
            case "compile":
                return self.compile_seconds
            case "execute":
                return self.quantum_seconds
            case "post_process":
                return self.post_process_seconds


def _nothing(program: Program) -> Samples:
    """Return samples in which every bit of every shot is 0."""
    from qiskit_modes.simulation.execution import zero_samples

    return zero_samples(program)
