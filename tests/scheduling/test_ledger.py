"""Usage counts for 28 days, against an allocation."""

import math
from dataclasses import fields
from functools import partial

import pytest

from qiskit_modes.scheduling import Instance, Ledger, Plan
from qiskit_modes.scheduling.plan import FLEX

ALICE = Instance("alice", allocation_seconds=100)
WINDOW_SECONDS = 28 * 24 * 3600


def test_usage_leaves_the_window_after_28_days():
    ledger = Ledger()
    ledger.charge(ALICE, 10, at=0)
    ledger.charge(ALICE, 5, at=1000)
    assert ledger.used(ALICE, 2000) == 15
    assert ledger.used(ALICE, WINDOW_SECONDS) == 5
    assert ledger.used(ALICE, WINDOW_SECONDS + 1000) == 0


def test_the_share_is_relative_to_the_allocation():
    ledger = Ledger()
    ledger.charge(ALICE, 10, at=0)
    assert ledger.share(ALICE, 1) == 0.1
    assert ledger.share(Instance("alice"), 1) == 0.0
    assert ledger.share(Instance("nobody", allocation_seconds=1), 1) == 0.0


def test_a_contract_counts_all_usage():
    bob = Instance("bob", FLEX, allocation_seconds=100)
    ledger = Ledger()
    ledger.charge(bob, 10, at=0)
    assert ledger.used(bob, 10 * WINDOW_SECONDS) == 10
    assert ledger.next_relief(bob) is None


def test_an_instance_at_its_limit_is_relieved_when_usage_leaves_the_window():
    carol = Instance("carol", limit_seconds=10)
    ledger = Ledger()
    ledger.charge(carol, 6, at=5)
    assert not ledger.is_limited(carol, 6)
    ledger.charge(carol, 4, at=7)
    assert ledger.is_limited(carol, 7)
    assert ledger.next_relief(carol) == 5 + WINDOW_SECONDS
    assert not ledger.is_limited(carol, 5 + WINDOW_SECONDS)


def test_what_runs_counts_until_it_is_settled():
    ledger = Ledger()
    meter = ledger.begin(ALICE, at=10)
    assert (ledger.used(ALICE, 14), ledger.charged(ALICE, 14)) == (4, 0)
    ledger.stop(meter, at=15)
    assert ledger.used(ALICE, 100) == 5
    ledger.settle(meter, 5, at=101)
    assert (ledger.used(ALICE, 102), ledger.charged(ALICE, 102)) == (5, 5)
    ledger.settle(ledger.begin(ALICE, at=103), 0, at=110)  # the system's fault
    assert ledger.used(ALICE, 110) == 5


def test_what_runs_may_count_at_its_end():
    late = Instance("late", Plan(running_usage_counts=False), limit_seconds=3)
    ledger = Ledger()
    meter = ledger.begin(late, at=0)
    assert ledger.used(late, 10) == 0
    assert ledger.reaches_limit_at(late) is None
    ledger.settle(meter, 10, at=10)
    assert ledger.reaches_limit_at(late) == 10


def test_a_limit_is_reached_sooner_the_more_runs():
    carol = Instance("carol", limit_seconds=10)
    ledger = Ledger()
    assert ledger.reaches_limit_at(carol) is None
    ledger.charge(carol, 4, at=1)
    assert ledger.reaches_limit_at(carol) is None
    first = ledger.begin(carol, at=2)
    assert ledger.reaches_limit_at(carol) == 8
    ledger.begin(carol, at=4)
    assert ledger.reaches_limit_at(carol) == 6
    ledger.settle(first, 0, at=5)
    assert ledger.reaches_limit_at(carol) == 10


def test_an_account_is_seen_through_the_window_of_each_plan():
    short = Instance("alice", Plan(window_seconds=10.0))
    ever = Instance("alice", Plan(window_seconds=None))
    ledger = Ledger()
    ledger.charge(ALICE, 1, at=0)
    assert ledger.used(short, 5) == 1
    ledger.charge(short, 2, at=8)
    assert [ledger.used(each, 12) for each in (short, ALICE, ever)] == [2, 3, 3]
    assert [ledger.used(each, WINDOW_SECONDS) for each in (short, ALICE, ever)] == [0, 2, 3]


def test_other_limits_of_an_instance_hold_for_every_object_of_its_id():
    ledger = Ledger()
    ledger.charge(ALICE, 10, at=0)
    ledger.change(Instance("alice", limit_seconds=10), at=1)
    assert ledger.is_limited(ALICE, 1)
    ledger.change(ALICE, at=2)
    assert not ledger.is_limited(Instance("alice", limit_seconds=1), 2)


def test_whoever_watches_is_told_of_each_change_once_and_of_what_leaves_a_window():
    ledger = Ledger()
    one, other = ledger.watch(), ledger.watch()
    assert ledger.shared
    ledger.charge(Instance("carol", Plan(window_seconds=100.0)), 1, at=0)
    for watch in (one, other):
        assert ledger.take_changes(watch, 1) == {"carol"}
        assert ledger.take_changes(watch, 99) == set()
    assert ledger.take_changes(one, 100) == {"carol"}
    del other, watch
    assert not ledger.shared


def test_what_leaves_next_is_known_at_a_glance():
    ledger = Ledger()
    watch = ledger.watch()
    assert ledger.next_leaving == math.inf
    ledger.charge(ALICE, 10, at=0)
    ledger.charge(ALICE, 5, at=1000)
    ledger.charge(Instance("bob"), 5, at=500)
    for at in (0, 500, 1000):
        assert ledger.next_leaving == at + WINDOW_SECONDS
        ledger.take_changes(watch, ledger.next_leaving)
    assert ledger.next_leaving == math.inf


def test_watches_are_told_before_what_leaves_next_moves_on():
    """So that who finds the time moved on, without a mutex, finds what was told, too."""
    for asked in ("changes", "usage"):
        ledger = Ledger()
        ledger.charge(ALICE, 10, at=0)
        watch, seen = ledger.watch(), []
        watch.changed = _Noting(lambda ledger=ledger, seen=seen: seen.append(ledger.next_leaving))
        if asked == "changes":
            ledger.take_changes(watch, WINDOW_SECONDS)
        else:
            ledger.used(ALICE, WINDOW_SECONDS)
        assert seen == [WINDOW_SECONDS]
        assert ledger.next_leaving == math.inf


class _Noting(set):
    def __init__(self, note):
        super().__init__()
        self._note = note

    def add(self, instance_id):
        self._note()
        super().add(instance_id)


@pytest.mark.parametrize("limits", [Plan, partial(Instance, "somebody")], ids=["plan", "instance"])
def test_times_are_numbers_that_calendars_have(limits):
    """All that there are; an endless one is one that nobody will see the end of."""
    names = [each.name for each in fields(limits()) if each.name.endswith("_seconds")]
    assert len(names) >= 2
    for name in names:
        assert getattr(limits(**{name: math.inf}), name) == 1e9
        assert getattr(limits(**{name: 0}), name) == 0
        for wrong in (-1, math.nan, -math.inf):
            with pytest.raises(ValueError, match=f"{name} must be a number of seconds"):
                limits(**{name: wrong})
