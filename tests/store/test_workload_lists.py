"""Workloads of all modes together: a store finds what memory finds, by every filter."""

from __future__ import annotations

from itertools import product

import pytest

from qiskit_modes.runtime.keeping.archive import _is_wanted
from qiskit_modes.runtime.keeping.job_rows import ENDINGS
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.store.rows import JobRow, WorkloadQuery, WorkloadRow
from qiskit_modes.store.sql_store import SqlStore
from tests.store.dump import FACTS

FAILED = {"reason": "it failed", "code": None, "fault": "user"}
CANCELLED = {"reason": "it was not wanted", "code": None, "by": "user"}
TOO_LONG = {"reason": "Ran too long", "code": 1305, "by": "limit"}
ENDED = [
    ("completed", {}),
    ("failed", FAILED),
    ("cancelled", CANCELLED),
    ("cancelled", TOO_LONG),
]
BEATS = {
    "times": {},
    "max_ttl_seconds": 60.0,
    "interactive_ttl_seconds": 1.0,
    "active_ttl_seconds": None,
    "backend": "fake_manila",
    "accepting_jobs": False,
    "windows": [],
    "window_seconds": [],
    "jobs_submitted": 2,
    "closed_because": "its user closed it",
    "closed_by": "closing",
    "usage_seconds": 0.0,
}


def jobs():
    """Jobs of two instances on two QPUs, in all modes, with every ending."""
    places = product(
        ("lab", "other"), ("fake_manila", "fake_quito"), (None, "session-1", "batch-2")
    )
    for number, ((instance, qpu, workload), (ending, why)) in enumerate(product(places, ENDED)):
        mode = "job" if workload is None else workload.partition("-")[0]
        yield JobRow(
            f"job-{number}",
            "head",
            instance,
            qpu,
            "sampler",
            1_000 + number // 3,  # several at one moment
            workload,
            ending,
            is_final=True,
            ended_at=2_000,
            tags=("Tag_%", "ordinary") if number % 5 == 0 else (),
            facts={**FACTS, **why, "mode": mode},
        )


def workloads():
    for number, mode in enumerate(("session", "batch", "session", "batch")):
        at, is_closed = 1_005 + number, number < 2
        states = [["active", at], ["closed", at + 9]] if is_closed else [["active", at]]
        name = f"{mode}-{number + 1}"
        facts = {**BEATS, "timestamps": states}
        yield WorkloadRow(
            name, "head", "lab", "fake_manila", mode, at, at + 9 if is_closed else None, facts
        )


QUERIES = [
    WorkloadQuery(modes, instances, qpus, text, is_open, endings)
    for modes in (None, {"job"}, {"session", "batch"}, {"batch"}, ())
    for instances in (None, {"lab"}, {"lab", "other"}, ())
    for qpus in (None, {"fake_quito"})
    for text in ("", "TAG_%", "JOB-1", "sion-", "nothing")
    for is_open in (None, True, False)
    for endings in (None, *ENDINGS.values())
][::11]
"""Of all combinations every eleventh, so that each pair of values is among them."""


def fill(url):
    store = SqlStore(url)
    with store.writing() as changes:
        for row in jobs():
            changes.add_job(row, {})
        for row in workloads():
            changes.save_workload(row)
    store.close()


def test_a_store_finds_what_memory_would(url):
    fill(url)
    with LocalRuntime(store=url) as runtime:
        everything, count = runtime.find_workloads(WorkloadQuery())
        assert count == len(everything) == 20, "16 of job mode, and 4 sessions and batches"
        tags = runtime.tags_of_workloads(["session-1", "batch-2"])
        assert set(tags) == {"session-1", "batch-2"}
        assert set(tags["batch-2"]) == {"Tag_%", "ordinary"}
        sizes = set()
        for query in QUERIES:
            wanted = [each.id for each in everything if _is_wanted(each, query, tags)]
            found, count = runtime.find_workloads(query)
            assert [each.id for each in found] == wanted, query
            assert count == len(wanted)
            sizes.add(count)
        assert len(sizes) > 6, "the filters part them"
        pages = [
            runtime.find_workloads(WorkloadQuery(skip=at, limit=7))[0] for at in range(0, 28, 7)
        ]
        assert [each.id for page in pages for each in page] == [each.id for each in everything]
        began = [
            each.core.submitted_at if isinstance(each, JobRecord) else each.core.opened_at
            for each in everything
        ]
        assert began == sorted(began, reverse=True)
        assert runtime.places_of(None) == ({"fake_manila", "fake_quito"}, {"lab", "other"})
        assert runtime.places_of(["other"])[1] == {"other"}


def test_what_is_counted_is_what_was_kept(url):
    fill(url)
    with LocalRuntime(store=url) as runtime:
        of_jobs, of_workloads = runtime.states()
    each = len(list(jobs())) // 8
    for qpu in ("fake_manila", "fake_quito"):
        assert [of_jobs[qpu, state] for state in ENDINGS] == [each, 2 * each, each]
    assert of_workloads["fake_manila", "session", "closed"] == 1


@pytest.mark.parametrize("text", ["\0", "\ud800", "%", "_", "\\", "'"], ids=ascii)
def test_strange_texts_are_in_nothing(url, text):
    with LocalRuntime(store=url) as runtime:
        assert runtime.find_workloads(WorkloadQuery(text=text)) == ([], 0)
