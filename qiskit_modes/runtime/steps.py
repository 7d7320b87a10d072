"""A job as the runtime sees it: three functions, and the data that passes between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

    from qiskit_modes.simulation.elsewhere import Elsewhere
    from qiskit_modes.simulation.run.program import Program, Samples

__all__ = [
    "CircuitExecutions",
    "Durations",
    "ExecutionSpan",
    "SimulatedSteps",
    "StepName",
    "Steps",
]

StepName = Literal["compile", "execute", "post_process"]


@dataclass(frozen=True)
class ExecutionSpan:
    """Time for which a worker really worked on a job's circuits, while it had the QPU lock."""

    start: datetime
    """Aware, UTC."""

    stop: datetime
    """Aware, UTC; not before ``start``."""


@dataclass(frozen=True)
class CircuitExecutions:
    """One circuit of a job as the QPU gets it, and how often it is executed."""

    pub: int
    """Which of the job's PUBs it is for, counted from 0."""

    circuit: QuantumCircuit
    """In the backend's instructions, with its measurements; parameters may be open."""

    content: bytes
    """Its fingerprint: circuits with the same one are the same."""

    executions: int
    """Shots of all parameter sets together."""

    purpose: str = ""
    """What it is executed for, if one PUB takes several circuits; for people."""


@dataclass(frozen=True)
class Steps:
    """Steps of a job before, on and after the QPU.

    The step between the two functions, the execution of the program, is the runtime's own: it
    happens in a worker process while the job holds the QPU lock.
    """

    compile: Callable[[Elsewhere], Program]
    """Runs in a lane, without any lock; not on the user's thread. What is heavy in it, it leaves to
    the means that it is given."""

    post_process: Callable[[Samples, ExecutionSpan], Any]
    """Runs in a lane after the QPU lock was released; what it returns is the job's result."""

    executions: Callable[[], Sequence[CircuitExecutions]] = tuple
    """What the QPU will execute, for estimates; asked at most once, before the job has ended."""


@dataclass(frozen=True)
class Durations:
    """Durations of the steps of a job, in seconds on the runtime's clock."""

    compile: float = 0.0
    execute: float = 0.0
    post_process: float = 0.0


@dataclass(frozen=True)
class SimulatedSteps:
    """Stand-ins for the steps of a job that only pass the time.

    The program is not executed. For tests of rules and limits, and for what-if simulations.
    """

    durations: Durations = Durations()
    samples: Callable[[Any], Any] = lambda _: None
    """Makes of the program what stands in for the samples that the QPU would have given."""
    fails_in: StepName | None = None
    """At the end of which step the job fails; None if it succeeds."""
    error: BaseException | None = None
    """What it fails with."""
    code: int | None = None
    """The service's code for the failure, if it should have one."""

    def seconds(self, step: StepName) -> float:
        """Return how long a step lasts."""
        seconds: float = getattr(self.durations, step)
        return seconds
