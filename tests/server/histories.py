"""Histories of a server that is killed and started again, and what must be true of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["History", "check"]

FINAL = frozenset({"Completed", "Failed", "Cancelled"})


@dataclass
class History:
    """What clients were told, in its order, and what is there in the end."""

    submitted: dict[str, str] = field(default_factory=dict)
    """The id that was answered to each key."""
    told: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Job, final state, and result if it was read, as somebody was told."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The rows of the jobs in the end: ``ending``, ``key``, ``charged``, ``mode``."""
    results: dict[str, str] = field(default_factory=dict)
    """The results that are there in the end."""
    usage: list[tuple[str, float]] = field(default_factory=list)
    """Every charge: what for, and how many seconds."""


_STATES = {"completed": "Completed", "failed": "Failed", "cancelled": "Cancelled"}


def check(history: History) -> list[str]:
    """Return what is wrong with a history, a sentence each."""
    wrong = []
    for key, job_id in history.submitted.items():
        if job_id not in history.jobs:
            wrong.append(f"job {job_id} was lost")
        elif history.jobs[job_id]["key"] != key:
            wrong.append(f"job {job_id} is of another key")
    keys = Counter(job["key"] for job in history.jobs.values() if job["key"])
    wrong += [f"key {key} is {count} jobs" for key, count in keys.items() if count > 1]
    for job_id, job in history.jobs.items():
        if job["ending"] not in _STATES:
            wrong.append(f"job {job_id} has no end")
        if job["ending"] == "completed" and job_id not in history.results:
            wrong.append(f"job {job_id} has completed without a result")
    for job_id, state, result in history.told:
        now = history.jobs.get(job_id, {"ending": "nothing"})["ending"]
        if _STATES.get(now) != state:
            wrong.append(f"job {job_id} was told to be {state}, and is {now}")
        if result is not None and history.results.get(job_id) != result:
            wrong.append(f"job {job_id} has another result than was told")
    charges = Counter(source for source, _ in history.usage)
    wrong += [f"{source} was charged {n} times" for source, n in charges.items() if n > 1]
    seconds = dict(history.usage)
    for job_id, job in history.jobs.items():
        expected = 0.0 if job["mode"] == "session" else job["charged"]
        if abs(seconds.get(job_id, 0.0) - expected) > 1e-9:
            wrong.append(f"job {job_id} was charged {seconds.get(job_id)}, not {expected}")
    return wrong
