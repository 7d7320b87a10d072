"""The checker of histories lets a good one pass, and finds what is wrong with broken ones."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from qiskit_modes.store.rows import JobRow, UsageRow, WorkloadRow
from tests.soak.histories import History, Submission, check

SECOND = 1_000_000


def job(number: int, key: str, start: int, mode: str = "job", **changes: Any) -> JobRow:
    """A job that has had the QPU for a second."""
    facts = {
        "mode": mode,
        "times": {"executing": start * SECOND, "released": (start + 1) * SECOND},
        "charged_seconds": 1.0,
    }
    row = JobRow(
        id=f"j{number}",
        head="head",
        instance="lab",
        qpu="manila",
        program="sampler",
        created_at=0,
        ending="completed",
        is_final=True,
        submission_key=key,
        tags=(key,),
        facts=facts,
    )
    return replace(row, **changes)


def workload(name: str, mode: str, start: int, end: int, used: float) -> WorkloadRow:
    facts = {
        "accepting_jobs": False,
        "windows": [[start * SECOND, end * SECOND]],
        "window_seconds": [float(end - start)],
        "usage_seconds": used,
    }
    return WorkloadRow(name, "head", "lab", "manila", mode, 0, end * SECOND, facts)


def good() -> History:
    """A job that has completed, one that has failed, one of a batch, one of a session, and one that
    was cancelled; one that was deleted, whose charge stays."""
    failed = {"mode": "job", "times": {}, "reason": "the service was restarted"}
    cancelled = {"mode": "job", "times": {}}
    told = {f"k{n}": (f"j{n}", {3: "b", 4: "s"}.get(n)) for n in range(1, 7)}
    return History(
        submitted={
            key: Submission(job_id, "lab", within, (key,)) for key, (job_id, within) in told.items()
        },
        told=[("j1", "Completed", "[1]"), ("j2", "Failed", None), ("j6", "Completed", "[6]")],
        cancelled=["j5"],
        deleted=["j6"],
        opened={"b": ("lab", "batch"), "s": ("lab", "session")},
        closed=[("s", 5.0)],
        reasons=("the service was restarted",),
        jobs={
            row.id: row
            for row in (
                job(1, "k1", 1),
                job(2, "k2", 0, ending="failed", facts=failed),
                job(3, "k3", 3, mode="batch", workload="b"),
                job(4, "k4", 11, mode="session", workload="s"),
                job(5, "k5", 0, ending="cancelled", facts=cancelled),
            )
        },
        results={"j1": "[1]", "j3": "[3]", "j4": "[4]"},
        workloads={
            "b": workload("b", "batch", 2, 5, used=1.0),
            "s": workload("s", "session", 10, 15, used=5.0),
        },
        usage=[
            UsageRow("j1", 0, "lab", 0, 1.0),
            UsageRow("j3", 0, "lab", 0, 1.0),
            UsageRow("s", 0, "lab", 0, 5.0),
            UsageRow("j6", 0, "lab", 0, 1.0),
        ],
    )


def test_the_checker_lets_a_good_one_pass():
    assert check(good()) == []


def with_row(rows: str, name: str, **changes: Any) -> Callable[[History], None]:
    def change(history: History) -> None:
        kept = getattr(history, rows)
        facts = {**kept[name].facts, **changes.pop("facts", {})}
        kept[name] = replace(kept[name], **changes, facts=facts)

    return change


def with_charge(*charge: Any) -> Callable[[History], None]:
    return lambda history: history.usage.append(UsageRow(*charge))


def without_charge(source: str) -> Callable[[History], None]:
    def change(history: History) -> None:
        history.usage = [row for row in history.usage if row.source != source]

    return change


def lacking(what: str, key: str) -> Callable[[History], None]:
    return lambda history: getattr(history, what).pop(key)


def times(start: float, end: float) -> dict[str, Any]:
    return {"times": {"executing": int(start * SECOND), "released": int(end * SECOND)}}


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lacking("jobs", "j1"), "job j1 was lost"),
        (
            lambda history: history.jobs.update(j7=job(7, "k1", 30)),
            "key k1 is 2 jobs",
        ),
        (with_row("jobs", "j1", submission_key="other"), "job j1 has the key other, not k1"),
        (with_row("jobs", "j1", instance="other"), "job j1 has the instance other, not lab"),
        (with_row("jobs", "j3", workload=None), "job j3 has the workload None, not b"),
        (with_row("jobs", "j1", tags=()), "job j1 has the tags (), not ('k1',)"),
        (lambda history: history.jobs.update(j6=job(6, "k6", 30)), "j6 was deleted, and is there"),
        (with_row("jobs", "j2", ending="unfinished"), "job j2 has no end"),
        (with_row("jobs", "j1", is_final=False), "job j1 has no end"),
        (with_row("jobs", "j2", ending="cancelled"), "told to be Failed, and is cancelled"),
        (with_row("jobs", "j2", facts={"reason": "a bug"}), "job j2 failed, and says 'a bug'"),
        (lacking("results", "j1"), "job j1 is completed with no result"),
        (lambda history: history.results.update(j5="[5]"), "job j5 is cancelled with a result"),
        (lambda history: history.results.update(j1="[2]"), "another result than was told"),
        (
            with_row("jobs", "j5", ending="failed", facts={"reason": "the service was restarted"}),
            "job j5 was told to be cancelled, and is failed",
        ),
        (lacking("workloads", "b"), "workload b was lost"),
        (with_row("workloads", "s", instance="other"), "workload s is ('other', 'session')"),
        (with_row("workloads", "b", closed_at=None), "workload b is open"),
        (with_row("workloads", "b", facts={"accepting_jobs": True}), "workload b is open"),
        (
            with_row("workloads", "s", facts={"usage_seconds": 4.0}),
            "workload s was told to have used 5.0, and has 4.0",
        ),
        (with_row("workloads", "b", facts={"usage_seconds": 3.0}), "batch b has used 3.0"),
        (with_charge("j1", 0, "lab", 0, 1.0), "j1 was charged 2 times for its part 0"),
        (with_charge("s", 1, "lab", 0, 1.0), "s was charged 6.0, not 5.0"),
        (with_charge("j4", 0, "lab", 0, 1.0), "j4 was charged 1.0, not 0.0"),
        (with_charge("j2", 0, "lab", 0, 0.5), "j2 was charged 0.5, not 0.0"),
        (with_charge("b", 0, "lab", 0, 1.0), "b was charged 1.0, not 0"),
        (with_charge("j9", 0, "lab", 0, 1.0), "j9 was charged, and is nothing"),
        (without_charge("j1"), "j1 was charged 0.0, not 1.0"),
        (without_charge("j3"), "j3 was charged 0.0, not 1.0"),
        (without_charge("s"), "s was charged 0.0, not 5.0"),
        (
            lambda history: history.usage.__setitem__(0, UsageRow("j1", 0, "other", 0, 1.0)),
            "j1 was charged to other",
        ),
        (with_row("jobs", "j3", facts=times(1.5, 2.5)), "jobs j1 and j3 had manila at once"),
        (with_row("jobs", "j1", facts=times(12, 13)), "job j1 had manila within session s"),
        (
            lambda history: history.workloads.update(t=workload("t", "session", 14, 16, 2.0)),
            "sessions s and t had manila at once",
        ),
    ],
)
def test_the_checker_finds_broken_histories(change, finding):
    history = deepcopy(good())
    change(history)
    assert finding in " | ".join(check(history))
