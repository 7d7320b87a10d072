"""What every lock of a QPU guarantees."""

import pytest

from qiskit_modes.scheduling import Hold, Lock, LockManager, LockStatistics
from qiskit_modes.scheduling.errors import NotHolder


@pytest.fixture(params=[1, 3], ids=["one place", "three places"])
def lock(request):
    return Lock("thing", request.param)


def fill(lock):
    holders = [f"h{n}" for n in range(lock.capacity)]
    for holder in holders:
        assert lock.acquire_nowait(holder, 0)
    return holders


def test_never_more_holders_than_places(lock):
    fill(lock)
    assert not lock.acquire_nowait("late", 1)
    lock.request("waiting")
    assert lock.grant(1) is None


def test_those_who_wait_get_it_in_the_order_they_came(lock):
    holders = fill(lock)
    lock.request("first")
    lock.request("second")
    lock.release(holders[0], 1)
    assert lock.grant(1) == "first"
    assert lock.grant(1) is None
    assert lock.waiting == ("second",)


def test_a_newcomer_does_not_overtake(lock):
    holders = fill(lock)
    lock.request("first")
    lock.release(holders[0], 1)
    assert not lock.acquire_nowait("newcomer", 1)
    assert lock.acquire_nowait("calibration", 1, ahead=True)


def test_a_stranger_cannot_release(lock):
    with pytest.raises(NotHolder, match="stranger does not hold the thing; held by nobody"):
        lock.release("stranger", 1)


def test_who_withdraws_is_not_served(lock):
    holders = fill(lock)
    lock.request("first")
    lock.withdraw("first")
    lock.withdraw("never came")
    lock.release(holders[0], 1)
    assert lock.grant(1) is None


def test_every_hold_is_remembered(lock):
    lock.acquire_nowait("a", 1)
    assert lock.held_since("a") == 1
    assert lock.release("a", 4) == Hold("a", 1, 4)
    assert list(lock.history) == [Hold("a", 1, 4)]


def test_statistics_are_a_picture_of_the_moment(lock):
    lock.acquire_nowait("a", 1)
    before = lock.statistics()
    lock.request("b")
    assert before == LockStatistics("thing", lock.capacity, ("a",), ())


def test_a_dead_holder_breaks_all_its_locks():
    locks = LockManager(lanes=2)
    locks.lanes.acquire_nowait("dead", 0)
    locks.qpu.acquire_nowait("dead", 0)
    locks.qpu.request("next")
    locks.release_all("dead", 5)
    assert locks.lanes.idle
    assert locks.qpu.grant(5) == "next"
    assert locks.statistics()["QPU lock"].holders == ("next",)


def test_a_lock_has_at_least_one_place():
    with pytest.raises(ValueError, match="at least 1"):
        Lock("thing", 0)
