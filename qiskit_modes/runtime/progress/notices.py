"""Notices to users, once, about a job that does not start, or that will take long.

They are records of a logger of their own, so that a server, whose terminal no user looks at, can
write them elsewhere.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qiskit_modes.durations import duration
from qiskit_modes.scheduling.instructions import Wait
from qiskit_modes.scheduling.rules.waiting import CALIBRATION, MAINTENANCE

if TYPE_CHECKING:
    from qiskit_modes.runtime.records import JobRecord
    from qiskit_modes.simulation.run.estimate import SimulationEstimate

__all__ = [
    "LONG_SECONDS",
    "NOTICES",
    "describe_compilation",
    "describe_length",
    "describe_wait",
    "give_notice",
]

NOTICES = logging.getLogger("qiskit_modes.notices")
"""Notices, at level WARNING; the records have the attributes ``notice``, one word of what kind it
is, ``job_id`` and ``instance``."""

LONG_SECONDS = 60.0
"""Of a job that will take longer, users are told when it begins."""


def give_notice(kind: str, job: JobRecord, text: str) -> None:
    """Tell users about a job; may take as long as whoever reads the log.

    Args:
        kind: ``"waits"`` or ``"long"``.
        job: Which one.
        text: What there is to say.
    """
    about = {"notice": kind, "job_id": job.id, "instance": job.instance.id}
    NOTICES.warning("%s", text, extra=about)


def describe_length(job_id: str, estimate: SimulationEstimate, processes: int) -> str | None:
    """Return how long a job will take, by which method, and the ways out; None if it is short.

    Args:
        job_id: The job.
        estimate: What it takes.
        processes: How many worker processes share it.
    """
    from qiskit_modes.simulation.run.estimate import readable_seconds

    if estimate.seconds < LONG_SECONDS * processes:
        return None
    shared = "" if processes == 1 else f" in {processes} processes"
    return (
        f"Job {job_id} will take about {readable_seconds(estimate.seconds / processes)}{shared} to "
        f"simulate, by {', '.join(estimate.methods)}. Until then it can be cancelled: "
        "job.cancel(). What takes less: fewer shots, fewer layers of gates, qubits that are joined "
        "along a line; and of an estimator, observables on fewer qubits."
    )


def describe_compilation(job_id: str, expected: float | None) -> str:
    """Return that a job takes long to compile, and the ways out.

    Args:
        job_id: The job.
        expected: How many seconds it will take by an estimate; None if it has taken long already.
    """
    from qiskit_modes.simulation.run.estimate import readable_seconds

    if expected is None:
        text = f"Job {job_id} has been compiled for {LONG_SECONDS:.0f} s and is not done"
    else:
        length = readable_seconds(expected)
        text = f"Job {job_id} will take about {length} to compile, before it is simulated"
    return (
        f"{text}. Until then it can be cancelled: job.cancel(). What takes less: fewer gates, "
        "fewer noise factors, bases and randomisations, and fewer circuits in one job. One that "
        "was compiled before is not compiled again, also with other parameter values."
    )


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
            f"{duration(round(wait.seconds_if_idle))}, and at once if you close it."
        )
    elif wait.longest_seconds is not None:
        text += f" This lasts {duration(round(wait.longest_seconds))} at most."
    return text
