"""Pictures of what a runtime remembers, without a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning.draw.drawing import draw_timeline
from qiskit_modes.planning.recording.facts import recording_of_jobs
from qiskit_modes.runtime.around import jobs_beside
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.store.rows import JobQuery

__all__ = ["draw_qpu", "draw_workload"]


def draw_workload(
    workload: WorkloadRecord, runtime: LocalRuntime, title: str | None, save: str | Path | None
) -> Any:
    """Draw a session or batch, and what else its QPU did at the time; see `draw_timeline`.

    Args:
        workload: Which one.
        runtime: Where it runs.
        title: See `draw_timeline`.
        save: See `draw_timeline`.

    Raises:
        InvalidInputError: If no job of it is remembered.
    """
    jobs = _jobs_around(workload, runtime)
    recording = recording_of_jobs(jobs, runtime, workload.core.instance.id)
    number = next((each.number for each in recording.workloads if each.id == workload.id), None)
    if number is None and workload.core.started_at is None:
        raise InvalidInputError(
            f"there is nothing to draw yet: {workload.core.mode.value} {workload.id} has had no "
            "job; submit one, and draw it then"
        )
    if number is None:
        raise InvalidInputError(
            f"there is nothing to draw: no job of {workload.core.mode.value} {workload.id} is "
            "remembered; without a store, of many jobs that were read the latest 1,000 are"
        )
    return draw_timeline(recording, around=number, title=title, save=save)


_MOST_JOBS = 1_000
"""Jobs of a store in the picture of a QPU."""


def _jobs_around(workload: WorkloadRecord, runtime: LocalRuntime) -> list[JobRecord]:
    """Return the jobs that were on the QPU of a session or batch while it lasted."""
    own, _ = runtime.find_jobs(JobQuery(workload=workload.id))
    found = [*own, *jobs_beside(workload, runtime)]
    return sorted(found, key=lambda job: job.core.submitted_at)


def draw_qpu(
    runtime: LocalRuntime,
    qpu: QPU | None,
    instance_id: str,
    title: str | None,
    save: str | Path | None,
) -> Any:
    """Draw everything that is remembered of a QPU, of many jobs the latest 1,000.

    Args:
        runtime: Where it is.
        qpu: Which one; None for the one with most jobs.
        instance_id: Whose jobs are the user's own.
        title: See `draw_timeline`.
        save: See `draw_timeline`.

    Raises:
        InvalidInputError: If no job is remembered.
    """
    if runtime.store is None:  # where QPUs of two backends may have one name
        jobs = [job for job in runtime.jobs_at_hand() if qpu is None or job.qpu is qpu]
    else:
        name = None if qpu is None else qpu.name
        jobs = runtime.find_jobs(JobQuery(qpu=name, newest_first=True, limit=_MOST_JOBS))[0][::-1]
    recording = recording_of_jobs(jobs, runtime, instance_id)
    return draw_timeline(recording, title=title, save=save)
