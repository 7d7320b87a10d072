"""Notices to users, once, about a job that does not start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_modes.scheduling.instructions import Wait
from qiskit_modes.scheduling.rules.waiting import CALIBRATION, MAINTENANCE

if TYPE_CHECKING:
    from qiskit_modes.runtime.records import JobRecord

__all__ = ["describe_wait"]


def describe_wait(job: JobRecord, wait: Wait) -> str:
    """Return one sentence or two: whom a job waits for, and for how long at most."""
    blocker = job.qpu.scheduler.workloads.get(wait.blocker_id)
    if wait.blocker_id in (CALIBRATION, MAINTENANCE):
        who = f"the {wait.blocker_id} of {job.qpu.name}, which"
    elif blocker is not None:
        who = f"{blocker.mode} {blocker.id}, which"
    else:
        who = f"job {wait.blocker_id}, which"
    text = f"Job {job.id} waits for {who} {wait.reason}."
    if wait.seconds_if_idle is not None:
        text += (
            f" It is idle: unless it submits another job it gives the QPU back in "
            f"{wait.seconds_if_idle:.0f} s, and at once if you close it."
        )
    elif wait.longest_seconds is not None:
        text += f" This lasts {wait.longest_seconds:.0f} s at most."
    return text
