"""Results of a replay in figures: the time that it took, and what is charged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qiskit_modes.planning.compare.replay import Run
from qiskit_modes.planning.recording.recorded_job import RecordedJob
from qiskit_modes.scheduling import Mode
from qiskit_modes.scheduling.job import Completed, Job

__all__ = ["Figures", "ModeOutcome", "Spread", "figures_of"]


@dataclass(frozen=True)
class Figures:
    """One replay, in seconds; only the jobs in question count."""

    makespan: float
    """From the first submission to the last end."""
    waiting: float
    """The part of it in which jobs waited for a lane or the QPU, and none was in progress."""
    on_qpu: float
    """For how long the jobs had the QPU, all together."""
    charged: float
    """A session's active windows; otherwise the jobs' time on the QPU."""
    unsuccessful: int
    """Jobs that did not complete."""


@dataclass(frozen=True)
class Spread:
    """A figure over many replays: how it usually is, and where it lies in eight of ten cases."""

    median: float
    low: float
    """The tenth percentile."""
    high: float
    """The ninetieth percentile."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of some values; percentiles between two of them are interpolated."""
        ordered = sorted(values)
        return cls(*(_percentile(ordered, share) for share in (0.5, 0.1, 0.9)))

    def times(self, factor: float) -> Spread:
        """Return it multiplied."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)

    def to_dict(self) -> dict[str, float]:
        """Return it ready for JSON."""
        return {"median": self.median, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class ModeOutcome:
    """Prospects in one mode."""

    mode: Mode
    refusal: str | None
    """Why the plan does not allow it; the figures are None then."""
    makespan: Spread | None = None
    waiting: Spread | None = None
    on_qpu: Spread | None = None
    charged: Spread | None = None
    price: Spread | None = None
    """None without a rate."""
    unsuccessful: Spread | None = None

    @classmethod
    def of(cls, mode: Mode, runs: Sequence[Figures], price_per_minute: float | None) -> ModeOutcome:
        """Summarize the replays in one mode."""

        def spread(name: str) -> Spread:
            return Spread.of([getattr(run, name) for run in runs])

        charged = spread("charged")
        return cls(
            mode,
            None,
            makespan=spread("makespan"),
            waiting=spread("waiting"),
            on_qpu=spread("on_qpu"),
            charged=charged,
            price=None if price_per_minute is None else charged.times(price_per_minute / 60),
            unsuccessful=spread("unsuccessful"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        figures = {
            "makespan_seconds": self.makespan,
            "waiting_seconds": self.waiting,
            "qpu_seconds": self.on_qpu,
            "charged_seconds": self.charged,
            "price": self.price,
            "unsuccessful_jobs": self.unsuccessful,
        }
        return {
            "mode": self.mode.value,
            "refusal": self.refusal,
            **{name: each and each.to_dict() for name, each in figures.items()},
        }


def figures_of(run: Run, jobs: Sequence[RecordedJob]) -> Figures:
    """Return the figures of one replay.

    Args:
        run: What happened.
        jobs: The jobs in question, all of which have ended.
    """
    cores = [run.jobs[job.number] for job in jobs]
    ends = [core.settled_at for core in cores if core.settled_at is not None]
    held = [core.held_seconds(max(ends)) for core in cores]
    keys = {core.workload_id for core in cores}
    windows = [run.workloads[key] for key in keys if key is not None]
    alone = [core.charged_seconds(max(ends)) for core in cores if core.workload_id is None]
    return Figures(
        makespan=max(ends) - min(core.submitted_at for core in cores),
        waiting=_blocked_seconds(cores),
        on_qpu=sum(held),
        charged=sum(alone) + sum(each.usage_seconds(max(ends)) for each in windows),
        unsuccessful=sum(not isinstance(core.ending, Completed) for core in cores),
    )


def _blocked_seconds(cores: Iterable[Job]) -> float:
    """Return for how long some job waited while none was in progress."""
    edges: list[tuple[float, int, int]] = []
    for core in cores:
        for (start, name), (end, _) in zip(core.story, core.story[1:], strict=False):
            waits = name in ("Queued", "Ready")
            edges += [(start, int(waits), int(not waits)), (end, -int(waits), -int(not waits))]
    blocked, since, waiting, busy = 0.0, 0.0, 0, 0
    for at, more_waiting, more_busy in sorted(edges):
        if waiting and not busy:
            blocked += at - since
        since, waiting, busy = at, waiting + more_waiting, busy + more_busy
    return blocked


def _percentile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
