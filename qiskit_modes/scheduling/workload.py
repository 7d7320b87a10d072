"""A session's or batch's life: its states, its TTLs, and what is recorded.

::

                 ┌────────────────── close, unused, TTL ──────────────────┐
                 │                                                        ▼
    Open ──▶ Active ──▶ Inactive ──▶ Active ──▶ ... ──▶ Active ──▶     Closed
                 first job starts;   idle for its interactive TTL

Whether it accepts jobs is a fact beside the state: a closed-to-submission session stays ``Active``
until its last job has ended.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from qiskit_modes.scheduling.errors import IllegalTransition
from qiskit_modes.scheduling.ledger import Meter
from qiskit_modes.scheduling.plan import Instance

__all__ = ["TTL", "ClosedBy", "Mode", "Window", "Workload", "WorkloadState"]


class ClosedBy(Enum):
    """Reasons for which a session or batch accepts nothing more."""

    CLOSING = auto()
    """Its user closed it; what it had still ran."""
    CANCELLING = auto()
    """Its user cancelled it; what waited did not run."""
    LIMIT = auto()
    """No user: a TTL ran out, or a limit of usage was reached."""


class Mode(StrEnum):
    """The three execution modes."""

    JOB = "job"
    BATCH = "batch"
    SESSION = "session"


class WorkloadState(StrEnum):
    """The states of a session or batch, in the service's words."""

    OPEN = "open"
    """Waits for its first job to start."""
    ACTIVE = "active"
    """Has priority: it runs jobs, or waits for more."""
    INACTIVE = "inactive"
    """Had nothing to do; its next job goes through the queue and activates it again."""
    CLOSED = "closed"
    """Runs nothing and accepts nothing, for good."""


_LEGAL: dict[WorkloadState, frozenset[WorkloadState]] = {
    WorkloadState.OPEN: frozenset({WorkloadState.ACTIVE, WorkloadState.CLOSED}),
    WorkloadState.ACTIVE: frozenset({WorkloadState.INACTIVE, WorkloadState.CLOSED}),
    WorkloadState.INACTIVE: frozenset({WorkloadState.ACTIVE, WorkloadState.CLOSED}),
    WorkloadState.CLOSED: frozenset(),
}


class TTL(Enum):
    """One of a workload's times to live."""

    UNUSED = "it was open for too long without a job"
    INTERACTIVE = "it had no job to run within its interactive TTL"
    ACTIVE_TTL = "it was active for as long as it may be at a stretch"
    MAX_TTL = "its maximum TTL was reached"


Timer = TTL
"""Its name in what version 0.1 pickled."""


@dataclass
class Window:
    """One interval in which a workload was active."""

    start: float
    end: float | None = None
    """None while it lasts."""


@dataclass
class Workload:
    """Facts that the scheduler knows of one session or batch."""

    id: str
    mode: Mode
    instance: Instance
    max_ttl_seconds: float
    interactive_ttl_seconds: float
    opened_at: float
    number: int = 0
    """In the order in which those of its QPU were opened."""
    state: WorkloadState = WorkloadState.OPEN
    accepting_jobs: bool = True
    yielding: bool = False
    """Whether it starts nothing more, and is inactive as soon as nothing of it runs."""
    queued: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """Its jobs that have no lane yet, each with its place in the order of all submissions."""
    running: set[str] = field(default_factory=set)
    """Its jobs in lanes."""
    idle_since: float = 0.0
    """Since when it has had no job; meaningful only while it has none."""
    windows: list[Window] = field(default_factory=list)
    timestamps: list[tuple[WorkloadState, float]] = field(default_factory=list)
    """Every state it has entered, with the time."""
    jobs_submitted: int = 0
    last_job_started: float | None = None
    last_job_completed: float | None = None
    closing_at: float | None = None
    """When it stopped accepting jobs; None while it does."""
    closed_because: str | None = None
    """Why it stopped accepting jobs; for people."""
    closed_by: ClosedBy | None = None
    """What let it accept nothing more."""
    meter: Meter | None = None
    """What will be charged of its window; of an active session only."""
    job_seconds: float = 0.0
    """Sum of what its finished jobs are charged alone: a batch's usage."""

    def __post_init__(self) -> None:
        self.idle_since = self.opened_at
        self.timestamps.append((self.state, self.opened_at))

    def move(self, state: WorkloadState, at: float) -> None:
        """Enter ``state``, and begin or end an active window with it.

        Raises:
            IllegalTransition: If the table of legal moves does not have this one.
        """
        if state not in _LEGAL[self.state]:
            story = [(time, str(old)) for old, time in self.timestamps]
            raise IllegalTransition(f"{self.mode} {self.id}", self.state, state, story)
        if self.state is WorkloadState.ACTIVE:
            self.windows[-1].end = at
        if state is WorkloadState.ACTIVE:
            self.windows.append(Window(at))
        self.state = state
        self.yielding = False
        self.timestamps.append((state, at))

    @property
    def has_jobs(self) -> bool:
        """Tell whether any of its jobs waits for a lane or is in one."""
        return bool(self.queued or self.running)

    @property
    def started_at(self) -> float | None:
        """Time when its first job started; its maximum TTL counts from then."""
        return self.windows[0].start if self.windows else None

    @property
    def activated_at(self) -> float | None:
        """Time when it last became active."""
        return self.windows[-1].start if self.windows else None

    @property
    def closed_at(self) -> float | None:
        """Time when it was closed for good."""
        state, at = self.timestamps[-1]
        return at if state is WorkloadState.CLOSED else None

    def ends_at(self) -> float | None:
        """Return when its maximum TTL runs out, or None if it has not started."""
        return None if self.started_at is None else self.started_at + self.max_ttl_seconds

    def active_ttl_seconds(self) -> float:
        """Return for how long it may be active at a stretch."""
        of_plan = self.instance.plan.active_ttl_seconds
        return self.max_ttl_seconds if of_plan is None else min(of_plan, self.max_ttl_seconds)

    def next_ttl(self) -> tuple[float, TTL] | None:
        """Return when which of its TTLs runs out next, or None if none runs."""
        if self.state is WorkloadState.CLOSED:
            return None
        ttls: list[tuple[float, TTL]] = []
        ends_at = self.ends_at()
        # Once it takes no jobs and none of its jobs waits, there is nothing left to cut off.
        if ends_at is not None and (self.accepting_jobs or self.queued):
            ttls.append((ends_at, TTL.MAX_TTL))
            limited = self.instance.plan.active_ttl_seconds is not None
            if limited and self.state is WorkloadState.ACTIVE and not self.yielding:
                yields_at = self.windows[-1].start + self.active_ttl_seconds()
                ttls.append((yields_at, TTL.ACTIVE_TTL))
        if not self.has_jobs:
            if self.state is WorkloadState.ACTIVE:
                ttls.append((self.idle_since + self.interactive_ttl_seconds, TTL.INTERACTIVE))
            elif self.state is WorkloadState.OPEN:
                unused = self.instance.plan.unused_ttl_seconds
                ttls.append((self.idle_since + unused, TTL.UNUSED))
        return min(ttls, key=lambda ttl: ttl[0], default=None)

    def active_seconds(self, now: float) -> float:
        """Return for how long it has been active, all windows together."""
        return sum((now if w.end is None else w.end) - w.start for w in self.windows)

    def usage_seconds(self, now: float) -> float:
        """Return its usage: a session's by the wall clock, a batch's by its jobs on the QPU."""
        return self.active_seconds(now) if self.mode is Mode.SESSION else self.job_seconds
