"""A job's life: its states, the moves that are legal between them, and what is recorded.

::

    Queued ──▶ Compiling ──▶ Ready ──▶ Executing ──▶ PostProcessing ──▶ Finished
      │            │           │           │                │              ▲
      │            └───────────┼───────────┴───┬────────────┘              │
      │                        │               ▼                           │
      │                        │          Abandoning ──────────────────────┤
      └────────────────────────┴──── cancelled, or failed ─────────────────┘

A lane is held from ``Compiling`` to ``Finished``, the QPU lock while ``Executing``, and also while
``Abandoning`` an execution: the lock is not free before the QPU is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from qiskit_modes.scheduling.errors import IllegalTransition
from qiskit_modes.scheduling.ledger import Meter
from qiskit_modes.scheduling.plan import Instance

__all__ = [
    "COMPILING",
    "COMPLETED",
    "POST_PROCESSING",
    "QUEUED",
    "RAN_TOO_LONG",
    "READY",
    "Abandoning",
    "Cancelled",
    "Compiling",
    "Completed",
    "EndedBy",
    "Ending",
    "Executing",
    "Failed",
    "Fault",
    "Finished",
    "Job",
    "JobState",
    "PostProcessing",
    "Queued",
    "Ready",
]


class EndedBy(Enum):
    """Parties that end a job before its time."""

    USER = auto()
    """Its user cancelled it."""
    WORKLOAD = auto()
    """The user cancelled its session or batch while it waited."""
    LIMIT = auto()
    """No user wanted it: a limit was reached."""


class Fault(Enum):
    """Party whose fault a failure is: it decides whether the time on the QPU is charged."""

    USER = auto()
    SYSTEM = auto()


@dataclass(frozen=True)
class Completed:
    """The job has a result."""


@dataclass(frozen=True)
class Failed:
    """The job ended without a result, and not because its user wanted it to."""

    fault: Fault
    reason: str
    code: int | None = None


@dataclass(frozen=True)
class Cancelled:
    """The job was stopped by its user, or by a limit."""

    reason: str = ""
    code: int | None = None
    by: EndedBy = EndedBy.LIMIT


Ending = Completed | Failed | Cancelled

RAN_TOO_LONG = Cancelled(reason="Ran too long", code=1305)
"""How a job ends that held the QPU longer than it may; the code is the service's own."""


@dataclass(frozen=True)
class Queued:
    """Waits for a lane."""


@dataclass(frozen=True)
class Compiling:
    """State of a job in a lane whose program is being prepared."""


@dataclass(frozen=True)
class Ready:
    """State of a job in a lane that waits for the QPU lock."""


@dataclass(frozen=True)
class Executing:
    """State of a job in a lane that holds the QPU lock."""

    since: float
    deadline: float
    """When it will have held the lock for as long as it may."""


@dataclass(frozen=True)
class PostProcessing:
    """State of a job in a lane whose result is being made."""


@dataclass(frozen=True)
class Abandoning:
    """Over for its user, but the step that was under way has not ended yet."""

    ending: Ending


@dataclass(frozen=True)
class Finished:
    """Out of the lanes, for good."""

    ending: Ending


JobState = Queued | Compiling | Ready | Executing | PostProcessing | Abandoning | Finished

# Those that say nothing more: one of each does for all jobs.
QUEUED, COMPILING, READY, POST_PROCESSING = Queued(), Compiling(), Ready(), PostProcessing()
COMPLETED = Completed()

_LEGAL: dict[type[JobState], frozenset[type[JobState]]] = {
    Queued: frozenset({Compiling, Finished}),
    Compiling: frozenset({Ready, Abandoning, Finished}),
    Ready: frozenset({Executing, Finished}),
    Executing: frozenset({PostProcessing, Abandoning, Finished}),
    PostProcessing: frozenset({Abandoning, Finished}),
    Abandoning: frozenset({Finished}),
    Finished: frozenset(),
}


@dataclass
class Job:
    """Facts that the scheduler knows of one job."""

    id: str
    instance: Instance
    workload_id: str | None
    """The session or batch it belongs to; None for job mode."""
    max_execution_seconds: float
    """How long it may hold the QPU lock."""
    submitted_at: float
    state: JobState = QUEUED
    running_at: float | None = None
    """Time when it got its lane."""
    executing_at: float | None = None
    """Time when it got the QPU lock."""
    released_at: float | None = None
    """When it gave the QPU lock back."""
    settled_at: float | None = None
    """When its ending was decided: for its user it is over since then."""
    meter: Meter | None = None
    """What of it will be charged; None before the QPU, after its end, and in a session."""
    story: list[tuple[float, str]] = field(default_factory=list)
    """Every state it has been in, for error messages and timelines."""

    def move(self, state: JobState, at: float) -> None:
        """Enter ``state``.

        Raises:
            IllegalTransition: If the table of legal moves does not have this one.
        """
        if type(state) not in _LEGAL[type(self.state)]:
            raise IllegalTransition(f"job {self.id}", self.state, state, self.story)
        self.state = state
        self.story.append((at, type(state).__name__))

    @property
    def ending(self) -> Ending | None:
        """Way in which it ended, or None while that is open."""
        match self.state:
            case Abandoning(ending) | Finished(ending):
                return ending
            case _:
                return None

    @property
    def final(self) -> bool:
        """Tell whether its lane is free again and nothing about it will change."""
        return isinstance(self.state, Finished)

    def held_seconds(self, now: float) -> float:
        """Return for how long it has held the QPU lock by the time ``now``."""
        if self.executing_at is None:
            return 0.0
        return (now if self.released_at is None else self.released_at) - self.executing_at

    def charged_seconds(self, now: float) -> float:
        """Return the usage of the job alone: its time on the QPU, unless the system failed it."""
        match self.ending:
            case Failed(fault=Fault.SYSTEM):
                return 0.0
            case _:
                return self.held_seconds(now)
