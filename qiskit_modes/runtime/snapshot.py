"""A snapshot of a QPU: who holds what, who waits for whom. For views and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_modes.scheduling.instructions import Wait
from qiskit_modes.scheduling.locks import Hold

if TYPE_CHECKING:
    from qiskit_modes.runtime.clock import Clock
    from qiskit_modes.runtime.qpu import QPU

__all__ = ["LaneUse", "Snapshot", "take_snapshot"]


@dataclass(frozen=True)
class LaneUse:
    """One job in a lane."""

    job_id: str
    step: str
    """The name of the state it is in, such as ``"Compiling"`` or ``"Executing"``."""
    since: float
    """When it entered that state."""


@dataclass(frozen=True)
class Snapshot:
    """A QPU at one moment; all of it belongs together. Times are those of the runtime's clock."""

    at: float
    """When it was taken."""
    lanes: int
    """How many jobs may be in progress at once."""
    in_lanes: tuple[LaneUse, ...]
    """In the order in which they got their lanes."""
    on_qpu: str | None
    """The job that holds the QPU lock, or ``"calibration"``."""
    on_qpu_since: float | None
    """When it got the lock."""
    reserved_for: str | None
    """The session that holds the reservation."""
    waits: tuple[Wait, ...]
    """Of each job that waits for somebody else than its own workload, whom it waits for."""
    holds: tuple[Hold, ...]
    """The intervals in which the QPU lock was held, oldest first; of very many, the last ones."""


def take_snapshot(qpu: QPU, clock: Clock) -> Snapshot:
    """Return what ``qpu`` is doing now.

    May be called from any thread and waits for no job. It looks at every unfinished job while it
    has the mutex of the QPU: call it for people to read, not in a loop without pause.

    Args:
        qpu: Which one.
        clock: That of the runtime which the QPU belongs to.
    """
    with qpu.mutex:
        now = clock.now()
        scheduler = qpu.scheduler
        locks = scheduler.locks
        lanes = [scheduler.jobs[job_id] for job_id in locks.lanes.holders]
        on_qpu = next(iter(locks.qpu.holders), None)
        waits = (scheduler.waits_for(job_id, now) for job_id in scheduler.jobs)
        return Snapshot(
            at=now,
            lanes=locks.lanes.capacity,
            in_lanes=tuple(
                LaneUse(job.id, type(job.state).__name__, job.story[-1][0]) for job in lanes
            ),
            on_qpu=on_qpu,
            on_qpu_since=None if on_qpu is None else locks.qpu.held_since(on_qpu),
            reserved_for=next(iter(locks.reservation.holders), None),
            waits=tuple(wait for wait in waits if wait is not None),
            holds=tuple(locks.qpu.history),
        )
