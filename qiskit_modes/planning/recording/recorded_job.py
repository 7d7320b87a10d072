"""One job of a recording, and what its times tell."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit_modes.scheduling import Mode

__all__ = ["STATES", "RecordedJob"]

STATES = (
    "queued",
    "compiling",
    "ready",
    "executing",
    "post_processing",
    "abandoning",
    "finished",
)
"""What a job's times are of, in the order in which it enters them."""


@dataclass(frozen=True)
class RecordedJob:
    """One job."""

    number: int
    """Counted from 1, in the order of submission."""
    id: str
    primitive: str
    """``"sampler"`` or ``"estimator"``."""
    qpu: str
    """The name of its QPU in `Recording.qpus`."""
    instance: str
    """To whom it is charged; a name in `Recording.instances`."""
    mode: Mode
    times: dict[str, float]
    """When it entered each state: ``queued``, ``compiling``, ``ready``, ``executing``,
    ``post_processing``, ``abandoning`` and ``finished``; without those that it never was in."""
    outcome: str = "unfinished"
    """``"completed"``, ``"failed"``, ``"cancelled"``, or ``"unfinished"``."""
    fault: str = ""
    """Of a failed one: ``"user"`` or ``"system"``; the system's are not charged."""
    reason: str = ""
    """Of one that did not complete."""
    code: int | None = None
    """The service's code for that."""
    by_user: bool = False
    """Whether it was cancelled by its user, and not by a limit."""
    workload: int | None = None
    """The number of its session or batch."""
    tags: tuple[str, ...] = ()
    max_execution_seconds: float | None = None
    """How long it may hold the QPU; None if only its plan limits it."""
    executions: int = 0
    """How often it executes a circuit."""
    quick_seconds: float | None = None
    """What hardware would charge by the service's quick formula."""
    estimated_seconds: float | None = None
    """What it would charge by the published formula; None where that is not known."""
    after_submission: int | None = None
    """The job that the same thread submitted before it."""
    after_ends: tuple[int, ...] = ()
    """The jobs whose ends its thread has seen since then: it may depend on their results."""
    thinking_seconds: float = 0.0
    """From the latest of these to its submission; from the start if there is none."""

    @property
    def short_name(self) -> str:
        """Name for pictures: its first tag, or its primitive."""
        return self.tags[0] if self.tags else self.primitive

    @property
    def submitted_at(self) -> float:
        """Time when it was submitted."""
        return self.times["queued"]

    @property
    def running_at(self) -> float | None:
        """Time when it got its lane."""
        return self.times.get("compiling")

    @property
    def executing_at(self) -> float | None:
        """Time when it got the QPU lock."""
        return self.times.get("executing")

    @property
    def released_at(self) -> float | None:
        """Time when it gave the QPU lock back; if it was stopped there, when the QPU was free."""
        if self.executing_at is None:
            return None
        return self.finished_at if self.was_stopped_on_qpu else self._end_of("executing")

    @property
    def was_stopped_on_qpu(self) -> bool:
        """Tell whether its execution was stopped, so that it had the QPU until that was free."""
        stopped = "executing" in self.times and "abandoning" in self.times
        return stopped and "post_processing" not in self.times

    @property
    def finished_at(self) -> float | None:
        """Time when its lane was free again; None if it is unfinished."""
        return self.times.get("finished")

    @property
    def settled_at(self) -> float | None:
        """Time when its outcome was decided: for its user it has been over since then."""
        return self.times.get("abandoning", self.finished_at)

    def seconds(self, state: str) -> float | None:
        """Return how long it was in a state; None if never, or if it still is.

        Args:
            state: One of the keys of ``times``.
        """
        start, end = self.times.get(state), self._end_of(state)
        if start is None or end is None:
            return None
        return end - start

    def charged_seconds(self) -> float:
        """Return what it is charged alone, as a job of job mode or of a batch."""
        return 0.0 if self.fault == "system" else self.held_seconds()

    def held_seconds(self) -> float:
        """Return for how long it held the QPU lock, by the time when the recording ended."""
        if self.executing_at is None or self.released_at is None:
            return 0.0
        return self.released_at - self.executing_at

    def _end_of(self, state: str) -> float | None:
        later = [at for name, at in self.times.items() if STATES.index(name) > STATES.index(state)]
        return min(later, default=None)
