"""Reasons why a job does not run yet: whom it waits for, and for how long at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_modes.scheduling.instructions import Wait
from qiskit_modes.scheduling.job import Job, Queued, Ready

if TYPE_CHECKING:
    from qiskit_modes.scheduling.state import SchedulerState

__all__ = ["CALIBRATION", "MAINTENANCE", "explain_wait"]

MAINTENANCE = "maintenance"
"""What jobs wait for while the QPU is out of service."""

CALIBRATION = "calibration"
"""Who holds the QPU lock while the QPU is calibrated."""


def explain_wait(scheduler: SchedulerState, job: Job, now: float) -> Wait | None:
    """Return whom ``job`` waits for; None if it does not wait, or only for its own workload."""
    match job.state:
        case Queued():
            return _wait_for_lane(scheduler, job, now)
        case Ready():
            return _wait_for_qpu(scheduler, job, now)
        case _:
            return None


def _wait_for_lane(scheduler: SchedulerState, job: Job, now: float) -> Wait | None:
    reserved_for = scheduler.locks.reservation.holders
    if reserved_for:
        return _wait_for_session(scheduler, job, reserved_for[0], now)
    draining_for = scheduler.draining_for
    if draining_for is not None and draining_for.id != job.workload_id:
        return Wait(
            job.id,
            draining_for.id,
            "is next, and gets the QPU for itself when the jobs in progress have ended",
            longest_seconds=None,
        )
    strangers = [
        holder for holder in scheduler.locks.lanes.holders if _is_stranger(scheduler, job, holder)
    ]
    if strangers and (draining_for is not None or not scheduler.locks.lanes.free):
        return Wait(job.id, strangers[0], "is in progress", longest_seconds=None)
    if CALIBRATION in scheduler.locks.qpu:
        return _wait_for_calibration(scheduler, job, now)
    return None


def _wait_for_session(
    scheduler: SchedulerState, job: Job, session_id: str, now: float
) -> Wait | None:
    if session_id == job.workload_id:
        return None
    session = scheduler.workloads[session_id]
    ends_at = session.ends_at()
    assert ends_at is not None, "an active session has started"
    idle_ends_at = session.idle_since + session.interactive_ttl_seconds
    return Wait(
        job.id,
        session_id,
        "has the QPU for itself",
        longest_seconds=max(ends_at - now, 0.0),
        seconds_if_idle=None if session.has_jobs else max(idle_ends_at - now, 0.0),
    )


def _wait_for_qpu(scheduler: SchedulerState, job: Job, now: float) -> Wait | None:
    if CALIBRATION in scheduler.locks.qpu:
        return _wait_for_calibration(scheduler, job, now)
    if scheduler.locks.qpu.idle:
        remaining = scheduler.maintained_until - now
        return Wait(job.id, MAINTENANCE, "is under way", longest_seconds=max(remaining, 0.0))
    holder = scheduler.locks.qpu.holders[0]
    if not _is_stranger(scheduler, job, holder):
        return None
    return Wait(job.id, holder, "is on the QPU", longest_seconds=None)


def _wait_for_calibration(scheduler: SchedulerState, job: Job, now: float) -> Wait:
    assert scheduler.calibration_ends_at is not None
    remaining = max(scheduler.calibration_ends_at - now, 0.0)
    return Wait(job.id, CALIBRATION, "is under way", longest_seconds=remaining)


def _is_stranger(scheduler: SchedulerState, job: Job, other_id: str) -> bool:
    """Tell whether another job is of another workload; one instance's job mode counts as one."""
    other = scheduler.jobs[other_id]
    if job.workload_id is None and other.workload_id is None:
        return job.instance.id != other.instance.id
    return job.workload_id != other.workload_id
