"""A job as the runtime sees it: three functions, and the data that passes between them.

::

    compile ──▶ program ──▶ execution on the QPU ──▶ samples ──▶ post_process ──▶ result
           └──▶ notes ──────────────────────────────────────────▶
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

    from qiskit_modes.simulation.elsewhere import Elsewhere
    from qiskit_modes.simulation.run.program import Program, Samples

__all__ = [
    "CircuitExecutions",
    "Durations",
    "ExecutionSpan",
    "ScriptedSteps",
    "StepFunctions",
    "StepName",
    "Steps",
]

StepName = Literal["compile", "execute", "post_process"]


class ExecutionSpan(NamedTuple):
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


class Steps(Protocol):
    """Steps of a job before, on and after the QPU.

    No step changes the object: what `compile` finds out and `post_process` needs are its notes,
    plain data that the runtime keeps between them. The step between the two, the execution of the
    program, is the runtime's own: it happens in a worker process while the job holds the QPU lock.
    """

    def compile(self, elsewhere: Elsewhere, /) -> tuple[Program, Any]:
        """Return the program, and notes.

        Runs in a lane, without any lock; not on the user's thread. What is heavy in it, it leaves
        to the means that it is given.
        """

    def post_process(self, samples: Samples, notes: Any, span: ExecutionSpan, /) -> Any:
        """Return the job's result; runs in a lane after the QPU lock was released."""

    def executions(self) -> Sequence[CircuitExecutions]:
        """Return what the QPU will execute, for estimates; before the job has ended."""


@dataclass(frozen=True)
class StepFunctions:
    """Steps made of two functions, which need no notes and plan nothing."""

    compiling: Callable[[Elsewhere], Any]
    """Returns the program."""

    post_processing: Callable[[Any, ExecutionSpan], Any]
    """Makes the result of samples."""

    def compile(self, elsewhere: Elsewhere, /) -> tuple[Program, None]:
        """See `Steps.compile`."""
        return self.compiling(elsewhere), None

    def post_process(self, samples: Samples, notes: Any, span: ExecutionSpan, /) -> Any:
        """See `Steps.post_process`."""
        del notes
        return self.post_processing(samples, span)

    def executions(self) -> Sequence[CircuitExecutions]:
        """See `Steps.executions`."""
        return ()


@dataclass(frozen=True)
class Durations:
    """Durations of the steps of a job, in seconds on the runtime's clock."""

    compile: float = 0.0
    execute: float = 0.0
    post_process: float = 0.0


@dataclass(frozen=True)
class ScriptedSteps:
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
