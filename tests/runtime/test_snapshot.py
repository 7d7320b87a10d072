import pytest

from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.snapshot import LaneUse, take_snapshot
from qiskit_modes.scheduling import Instance, Ledger, Mode
from qiskit_modes.scheduling.events import (
    JobCompiled,
    JobExecuted,
    JobSubmitted,
    WorkloadOpened,
)
from qiskit_modes.scheduling.locks import Hold


class Stopped:
    """A clock that shows what it was set to."""

    time = 0.0

    def now(self):
        return self.time


@pytest.fixture
def clock():
    return Stopped()


@pytest.fixture
def qpu():
    """A QPU with a session that has two jobs, and one job outside: only the rules, no threads."""
    qpu = QPU("test", lanes=5, ledger=Ledger())
    me = Instance()
    handle = qpu.scheduler.handle
    handle(WorkloadOpened("session", Mode.SESSION, me, None), 0.0)
    handle(JobSubmitted("first", me, "session", None), 1.0)
    handle(JobSubmitted("second", me, "session", None), 2.0)
    handle(JobSubmitted("outside", me, None, None), 3.0)
    handle(JobCompiled("first"), 4.0)
    return qpu


def test_it_tells_who_holds_what(qpu, clock):
    clock.time = 5.0
    seen = take_snapshot(qpu, clock)
    assert (seen.at, seen.lanes) == (5.0, 5)
    assert seen.in_lanes == (
        LaneUse("first", "Executing", 4.0),
        LaneUse("second", "Compiling", 2.0),
    )
    assert (seen.on_qpu, seen.on_qpu_since) == ("first", 4.0)
    assert seen.reserved_for == "session"
    assert seen.holds == ()


def test_it_tells_who_waits_for_whom(qpu, clock):
    clock.time = 5.0
    (wait,) = take_snapshot(qpu, clock).waits
    assert (wait.job_id, wait.blocker_id) == ("outside", "session")
    assert wait.reason == "has the QPU for itself"


def test_it_tells_who_had_the_qpu_lock(qpu, clock):
    qpu.scheduler.handle(JobExecuted("first"), 6.0)
    clock.time = 7.0
    seen = take_snapshot(qpu, clock)
    assert seen.holds == (Hold("first", 4.0, 6.0),)
    assert (seen.on_qpu, seen.on_qpu_since) == (None, None)


def test_an_idle_qpu_is_free(clock):
    seen = take_snapshot(QPU("test", lanes=5, ledger=Ledger()), clock)
    assert (seen.in_lanes, seen.on_qpu, seen.reserved_for, seen.waits) == ((), None, None, ())
