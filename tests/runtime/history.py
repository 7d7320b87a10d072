"""What happened in a run with many users, and whether the rules of a mutex allow it.

The run is over when it is checked, so that the checker is in nobody's way.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from qiskit_modes.exceptions import WorkerDiedError
from qiskit_modes.runtime import JobRecord
from qiskit_modes.scheduling import Hold, Mode
from qiskit_modes.scheduling.job import Cancelled

__all__ = ["LANES", "History", "Holds", "check"]

LANES = 5


@dataclass
class Holds:
    """Of one QPU: who held what from when to when."""

    lanes: list[Hold]
    qpu: list[Hold]
    reservation: list[Hold]


@dataclass
class History:
    """What happened."""

    jobs: list[JobRecord] = field(default_factory=list)
    workloads: list = field(default_factory=list)
    cancels: Counter = field(default_factory=Counter)
    """Cancels of jobs that were accepted, by the ids of the jobs."""
    cancelled_workloads: set = field(default_factory=set)
    kills: int = 0
    holds: dict = field(default_factory=dict)
    """By the QPU's name."""


def check(history):
    """Compare a history with the rules of a mutex.

    Raises:
        AssertionError: Saying what is against them.
    """
    jobs = {job.id: job for job in history.jobs}
    workload_of = {job.id: job.workload.id for job in history.jobs if job.workload}
    for holds in history.holds.values():
        never_two_at_once(holds.qpu, "the QPU lock")
        never_two_at_once(holds.reservation, "the reservation")
        never_more_than(LANES, holds.lanes)
        for reserved in holds.reservation:
            no_stranger_within(reserved, holds.lanes + holds.qpu, workload_of)
        for hold in holds.qpu:
            core = jobs[hold.holder].core
            assert (core.executing_at, core.released_at) == (hold.start, hold.end)
    held = Counter(hold.holder for holds in history.holds.values() for hold in holds.qpu)
    in_lanes = Counter(hold.holder for holds in history.holds.values() for hold in holds.lanes)
    for job in history.jobs:
        ends_once(job, history)
        assert held[job.id] == (job.core.executing_at is not None), "it held the QPU lock once"
        assert in_lanes[job.id] == (job.core.running_at is not None), "it held one lane, once"
        assert job.core.held_seconds(0.0) == sum(
            hold.end - hold.start
            for holds in history.holds.values()
            for hold in holds.qpu
            if hold.holder == job.id
        )
    for workload in history.workloads:
        usage_is_what_was_held(workload, history)
    first_in_first_out(history)


def never_two_at_once(holds, what):
    for before, after in pairwise(sorted(holds, key=lambda hold: (hold.start, hold.end))):
        assert before.end <= after.start, f"{what} was held twice at once: {before}, {after}"


def never_more_than(capacity, holds):
    # At one moment, who leaves makes room for who comes.
    changes = sorted([(h.start, 1) for h in holds] + [(h.end, -1) for h in holds])
    inside = 0
    for _, change in changes:
        inside += change
        assert inside <= capacity, f"more than {capacity} jobs were in lanes"


def no_stranger_within(reserved, holds, workload_of):
    for hold in holds:
        outside = hold.end <= reserved.start or hold.start >= reserved.end
        mine = workload_of.get(hold.holder) == reserved.holder
        assert outside or mine, f"{hold} within {reserved}"


def ends_once(job, history):
    core = job.core
    assert [state for _, state in core.story].count("Finished") == 1, "a job ends once"
    assert core.story[-1][1] == "Finished"
    assert job.finished.is_set(), "whoever waits for it is told"
    times = [core.submitted_at, core.running_at, core.executing_at, core.released_at]
    passed = [at for at in times if at is not None]
    assert passed == sorted(passed)
    assert core.submitted_at <= core.settled_at <= core.story[-1][0]
    assert (job.status == "DONE") == (job.result is not None)
    if history.cancels[job.id]:
        assert job.status == "CANCELLED", "a cancel that was accepted counts"
        assert history.cancels[job.id] == 1
    elif job.status == "CANCELLED":
        assert isinstance(core.ending, Cancelled)
        assert job.workload is not None, "nobody cancelled it"
        assert job.workload.id in history.cancelled_workloads, "nobody wanted that"
    else:
        assert job.status == "DONE" or isinstance(job.error, WorkerDiedError), job.reason
        assert job.status == "DONE" or history.kills


def usage_is_what_was_held(workload, history):
    core = workload.core
    assert core.state == "closed"
    if core.mode is Mode.SESSION:
        held = sum(
            hold.end - hold.start
            for holds in history.holds.values()
            for hold in holds.reservation
            if hold.holder == core.id
        )
    else:
        mine = [job.core for job in history.jobs if job.workload is workload]
        held = sum(job.charged_seconds(0.0) for job in mine)
    usage = core.usage_seconds(0.0)
    assert usage == pytest.approx(held, abs=1e-6), "what was held is what is charged"


def first_in_first_out(history):
    lines = {}
    for job in sorted(history.jobs, key=lambda job: job.core.submitted_at):
        if job.workload is None and job.core.running_at is not None:
            lines.setdefault((job.qpu, job.instance.id), []).append(job.core)
    for line in lines.values():
        for before, after in pairwise(line):
            if before.submitted_at < after.submitted_at:
                assert before.running_at <= after.running_at, "overtaken in its instance's line"
