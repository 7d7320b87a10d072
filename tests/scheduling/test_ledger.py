"""Usage counts for 28 days, against an allocation."""

from qiskit_modes.scheduling import Instance, Ledger
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
