"""The page of a job: what became of it, its steps, its inputs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from qiskit_modes.memory import size_of
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.server.page.qpus import blocker_name
from qiskit_modes.server.page.timeline import Timeline, of_one
from qiskit_modes.server.page.words import (
    Owner,
    duration,
    name_of,
    owner_of_job,
    whole_moment,
)
from qiskit_modes.wire.job_request import request_of

__all__ = ["JobLook", "job_look"]

_MOST_TEXT = 20_000
"""Characters of the inputs that are shown."""


@dataclass(frozen=True)
class JobLook:
    """A job as its page shows it."""

    id: str
    owner: Owner
    status: str
    headline: str
    reason: str
    facts: list[tuple[str, str]]
    timeline: Timeline
    steps: list[tuple[str, str]]
    metrics: str
    logs: str
    inputs: str
    is_open: bool


def job_look(runtime: LocalRuntime, job: JobRecord, seen: Collection[str] | None) -> JobLook:
    """Return a job as its page shows it.

    Args:
        runtime: Whose.
        job: Which one.
        seen: Ids of the instances whose workloads may be named; None for all.
    """
    core, now, owner = job.core, runtime.clock.now(), owner_of_job(job)
    shown = RuntimeJobV2(job, runtime)
    facts = [
        ("Program", _program(job)),
        ("QPU", name_of(job.qpu)),
        ("Instance", job.instance.id),
        ("Mode", f"{owner.mode}: {job.mode.reason}"),
        ("Submitted", whole_moment(runtime.clock.utc(core.submitted_at))),
        ("On the QPU", duration(core.held_seconds(now))),
        ("Usage", duration(core.charged_seconds(now))),
        ("Tags", ", ".join(job.tags) or "–"),
    ]
    return JobLook(
        job.id,
        owner,
        job.status.lower(),
        _story_of_job(runtime, job, seen),
        job.reason or "",
        facts,
        of_one(job, now),
        list(_steps(job, now)),
        json.dumps(shown.metrics(), indent=2, default=str),
        shown.logs() if core.ending is not None else "",
        _inputs(job),
        core.ending is None,
    )


_NOW = {
    "Compiling": "Is being compiled.",
    "Ready": "Is ready, and waits for the QPU.",
    "Executing": "Is on the QPU.",
    "PostProcessing": "Is being post-processed.",
    "Abandoning": "Is being stopped.",
}


def _story_of_job(runtime: LocalRuntime, job: JobRecord, seen: Collection[str] | None) -> str:
    if job.core.ending is not None:
        return {"DONE": "Has its result.", "CANCELLED": "Was cancelled."}.get(job.status, "Failed.")
    now = runtime.clock.now()
    wait = runtime.at_one_moment(
        job.qpu,
        lambda: (
            job.qpu.scheduler.waits_for(job.id, now) if job.id in job.qpu.scheduler.jobs else None
        ),
    )
    if wait is None:
        return _NOW.get(type(job.core.state).__name__, "Waits for a lane.")
    name = blocker_name(runtime, wait.blocker_id, seen)
    most = "" if wait.longest_seconds is None else f", {duration(wait.longest_seconds)} at most"
    return f"Waits: {name} {wait.reason}{most}."


def _steps(job: JobRecord, now: float) -> Iterator[tuple[str, str]]:
    story = list(job.core.story)
    names = {
        "Queued": "Waited for a lane",
        "Compiling": "Compiled",
        "Ready": "Waited for the QPU",
        "Executing": "On the QPU",
        "PostProcessing": "Post-processed",
        "Abandoning": "Being stopped",
    }
    for number, (start, state) in enumerate(story):
        if state in names:
            end = story[number + 1][0] if number + 1 < len(story) else now
            yield names[state], duration(end - start)


def _program(job: JobRecord) -> str:
    request = request_of(job)
    return job.primitive_id if request is None else request.program_id


def _inputs(job: JobRecord) -> str:
    if job.private:
        return "The job is private: its inputs are hidden."
    in_memory = job.request is not None and job.request.params is not None
    if not in_memory and (job.text_bytes or 0) > 10 * _MOST_TEXT:
        return (
            f"Its inputs and its result are in the store, {size_of(job.text_bytes or 0)}: too long "
            "for a page."
        )
    text = job.read_params()
    if text is None:
        return "Its inputs are not kept here."
    if len(text) > 10 * _MOST_TEXT:
        return f"{text[:_MOST_TEXT]}\n… {len(text):,} characters in all"
    pretty = json.dumps(json.loads(text), indent=2)
    return pretty if len(pretty) <= _MOST_TEXT else f"{pretty[:_MOST_TEXT]}\n…"
