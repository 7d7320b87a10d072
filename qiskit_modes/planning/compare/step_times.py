"""Durations of the steps of recorded jobs in a replay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from statistics import fmean

from qiskit_modes.planning.compare.machine import StepTimes, nanoseconds
from qiskit_modes.planning.recording.recorded_job import RecordedJob
from qiskit_modes.planning.recording.recording import Recording
from qiskit_modes.scheduling.job import Fault

__all__ = ["as_estimated", "as_recorded"]

_STATES = {"compile": "compiling", "execute": "executing", "post_process": "post_processing"}


def as_recorded(job: RecordedJob) -> StepTimes:
    """Return the steps as they were; None for those that were stopped, or never reached."""
    seconds = {step: _undisturbed(job, state) for step, state in _STATES.items()}
    reached = [step for step, state in _STATES.items() if state in job.times]
    return StepTimes(
        compile=_ns(seconds["compile"]),
        execute=_ns(seconds["execute"]),
        post_process=_ns(seconds["post_process"]),
        abandon=nanoseconds(job.seconds("abandoning") or 0.0),
        fails_in=reached[-1] if job.outcome == "failed" and reached else "",
        fault=Fault.SYSTEM if job.fault == "system" else Fault.USER,
        reason=job.reason,
        code=job.code,
    )


def as_estimated(
    recording: Recording,
    *,
    estimated_qpu: bool = True,
    compile_seconds: float | None = None,
    post_process_seconds: float | None = None,
) -> dict[int, StepTimes]:
    """Return the steps of every job by its number, each with an end.

    What was stopped or never reached in the recording lasts as long as in the other jobs on
    average.

    Args:
        recording: The jobs.
        estimated_qpu: Whether jobs have the QPU for the time that hardware would take by its
            estimate; otherwise for as long as in the recording.
        compile_seconds: How long each job is compiled; None for as long as in the recording.
        post_process_seconds: The same for what comes after the QPU.
    """
    recorded = {job.number: as_recorded(job) for job in recording.jobs}
    usual = {step: _mean(getattr(times, step) for times in recorded.values()) for step in _STATES}
    said = {"compile": compile_seconds, "post_process": post_process_seconds}
    steps = {}
    for job in recording.jobs:
        known = {step: getattr(recorded[job.number], step) for step in _STATES}
        durations = {step: usual[step] if ns is None else ns for step, ns in known.items()}
        durations |= {step: nanoseconds(each) for step, each in said.items() if each is not None}
        estimate = job.estimated_seconds or job.quick_seconds
        if estimated_qpu and estimate is not None:
            durations["execute"] = nanoseconds(estimate)
        steps[job.number] = replace(
            recorded[job.number],
            compile=durations["compile"],
            execute=durations["execute"],
            post_process=durations["post_process"],
        )
    return steps


def _undisturbed(job: RecordedJob, state: str) -> float | None:
    """Return how long a step took that came to its end by itself, or by failing."""
    seconds = job.seconds(state)
    stopped = job.times.get("abandoning")
    start = job.times.get(state)
    if seconds is None or start is None:
        return None
    return None if stopped is not None and start + seconds >= stopped else seconds


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else nanoseconds(seconds)


def _mean(durations: Iterable[int | None]) -> int:
    known = [each for each in durations if each is not None]
    return round(fmean(known)) if known else 0
