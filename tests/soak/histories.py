"""Histories of a server that is killed and started again, and what must be true of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from qiskit_modes.store.rows import JobRow, UsageRow, WorkloadRow

__all__ = ["FINAL", "History", "Submission", "check"]

FINAL = frozenset({"Completed", "Failed", "Cancelled"})

_STATES = {"completed": "Completed", "failed": "Failed", "cancelled": "Cancelled"}

_SAME_SECONDS = 1e-9
_SAME_MICROSECONDS = 1_000
"""By which the calendars of two processes, and sums of times, may differ."""


@dataclass(frozen=True)
class Submission:
    """A job as a client has submitted it."""

    id: str
    """What the server has answered."""
    instance: str
    workload: str | None = None
    tags: tuple[str, ...] = ()


@dataclass
class History:
    """What clients were told, in its order, and what is there in the end."""

    submitted: dict[str, Submission] = field(default_factory=dict)
    """What was answered to each key."""
    told: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Job, final state, and result if it was read, as somebody was told."""
    cancelled: list[str] = field(default_factory=list)
    """Jobs whose cancellation was accepted."""
    deleted: list[str] = field(default_factory=list)
    """Jobs whose deletion was accepted."""
    opened: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Instance and mode of each session and batch whose id was told."""
    closed: list[tuple[str, float]] = field(default_factory=list)
    """Sessions and batches that somebody was told to be closed, and their usage then."""
    reasons: tuple[str, ...] = ()
    """What the failures that there may be say."""
    jobs: dict[str, JobRow] = field(default_factory=dict)
    """Those that are there in the end."""
    results: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    workloads: dict[str, WorkloadRow] = field(default_factory=dict)
    usage: list[UsageRow] = field(default_factory=list)


def check(history: History) -> list[str]:
    """Return what is wrong with a history, a sentence each."""
    return [
        *_what_was_submitted(history),
        *_ends(history),
        *_what_was_told(history),
        *_workloads(history),
        *_charges(history),
        *_exclusion(history),
    ]


def _what_was_submitted(history: History) -> Iterator[str]:
    for key, told in history.submitted.items():
        row = history.jobs.get(told.id)
        if told.id in history.deleted:
            if row is not None:
                yield f"job {told.id} was deleted, and is there"
        elif row is None:
            yield f"job {told.id} was lost"
        else:
            for what, is_now, was in (
                ("key", row.submission_key, key),
                ("instance", row.instance, told.instance),
                ("workload", row.workload, told.workload),
                ("tags", row.tags, told.tags),
            ):
                if is_now != was:
                    yield f"job {told.id} has the {what} {is_now}, not {was}"
    keys = Counter(row.submission_key for row in history.jobs.values() if row.submission_key)
    yield from (f"key {key} is {count} jobs" for key, count in keys.items() if count > 1)


def _ends(history: History) -> Iterator[str]:
    for row in history.jobs.values():
        if row.ending not in _STATES or not row.is_final:
            yield f"job {row.id} has no end"
        if (row.ending == "completed") != (row.id in history.results):
            has = "a" if row.id in history.results else "no"
            yield f"job {row.id} is {row.ending} with {has} result"
        if row.ending == "failed":
            said = f"{row.facts.get('reason') or ''} {history.errors.get(row.id, '')}".strip()
            if not any(reason in said for reason in history.reasons):
                yield f"job {row.id} failed, and says {said[-300:]!r}"


def _what_was_told(history: History) -> Iterator[str]:
    for job_id, state, result in history.told:
        if job_id in history.deleted:
            continue
        row = history.jobs.get(job_id)
        now = "nothing" if row is None else row.ending
        if _STATES.get(now) != state:
            yield f"job {job_id} was told to be {state}, and is {now}"
        if result is not None and history.results.get(job_id) != result:
            yield f"job {job_id} has another result than was told"
    for job_id in history.cancelled:
        row = history.jobs.get(job_id)
        if row is not None and row.ending != "cancelled":
            yield f"job {job_id} was told to be cancelled, and is {row.ending}"


def _workloads(history: History) -> Iterator[str]:
    for workload_id, told in history.opened.items():
        row = history.workloads.get(workload_id)
        if row is None:
            yield f"workload {workload_id} was lost"
        elif (row.instance, row.mode) != told:
            yield f"workload {workload_id} is {(row.instance, row.mode)}, not {told}"
    for row in history.workloads.values():
        if row.closed_at is None or row.facts["accepting_jobs"]:
            yield f"workload {row.id} is open"
    for workload_id, seconds in history.closed:
        row = history.workloads.get(workload_id)
        used = None if row is None else row.facts["usage_seconds"]
        if used is None or abs(used - seconds) > _SAME_SECONDS:
            yield f"workload {workload_id} was told to have used {seconds}, and has {used}"


def _charges(history: History) -> Iterator[str]:
    """A job is charged once, unless it is of a session: that is charged each of its windows."""
    counts = Counter((row.source, row.part) for row in history.usage)
    yield from (
        f"{source} was charged {count} times for its part {part}"
        for (source, part), count in counts.items()
        if count > 1
    )
    expected: dict[str, tuple[str, float]] = {}
    for job in history.jobs.values():
        alone = job.facts["mode"] != "session"
        expected[job.id] = job.instance, job.facts.get("charged_seconds", 0.0) if alone else 0.0
    for workload in history.workloads.values():
        windows = workload.facts["window_seconds"] if workload.mode == "session" else []
        expected[workload.id] = workload.instance, sum(each or 0.0 for each in windows)
    seconds: dict[str, float] = defaultdict(float)
    for charge in history.usage:
        seconds[charge.source] += charge.seconds
        if charge.source in history.deleted:
            continue
        if charge.source not in expected:
            yield f"{charge.source} was charged, and is nothing"
        elif charge.instance != expected[charge.source][0]:
            yield f"{charge.source} was charged to {charge.instance}"
    for source, (_, due) in expected.items():
        if abs(seconds[source] - due) > _SAME_SECONDS:
            yield f"{source} was charged {seconds[source]}, not {due}"
    yield from _usage_of_batches(history)


def _usage_of_batches(history: History) -> Iterator[str]:
    """A batch has used what its jobs have, unless some of them were deleted."""
    lacking = {each.workload for each in history.submitted.values() if each.id in history.deleted}
    for batch in history.workloads.values():
        if batch.mode == "batch" and batch.id not in lacking:
            jobs = [job for job in history.jobs.values() if job.workload == batch.id]
            due = sum(job.facts.get("charged_seconds", 0.0) for job in jobs)
            used = batch.facts["usage_seconds"]
            if abs(used - due) > _SAME_SECONDS:
                yield f"batch {batch.id} has used {used}, and its jobs {due}"


def _exclusion(history: History) -> Iterator[str]:
    """One job at a time holds a QPU, and in a session's window only the session's."""
    held: dict[str, list[tuple[int, int, str, str | None]]] = defaultdict(list)
    for job in history.jobs.values():
        times = job.facts["times"]
        if "executing" in times and "released" in times:
            held[job.qpu].append((times["executing"], times["released"], job.id, job.workload))
    windows: dict[str, list[tuple[int, int, str, str | None]]] = defaultdict(list)
    for session in history.workloads.values():
        if session.mode == "session":
            windows[session.qpu] += [
                (start, end, session.id, session.id) for start, end in session.facts["windows"]
            ]
    for what, places in (("jobs", held), ("sessions", windows)):
        for qpu, intervals in places.items():
            for first, second in _overlapping(intervals):
                yield f"{what} {first} and {second} had {qpu} at once"
    for qpu, intervals in windows.items():
        for start, end, session_id, _ in intervals:
            for begun, ended, job_id, workload in held[qpu]:
                both = min(end, ended) - max(start, begun)
                if workload != session_id and both > _SAME_MICROSECONDS:
                    yield f"job {job_id} had {qpu} within session {session_id}"


def _overlapping(
    intervals: Iterable[tuple[int, int, str, str | None]],
) -> Iterator[tuple[str, str]]:
    for first, second in pairwise(sorted(intervals)):
        if second[0] < first[1] - _SAME_MICROSECONDS:
            yield first[2], second[2]
