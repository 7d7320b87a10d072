"""Usage counts for 28 days, against an allocation."""

from qiskit_modes.scheduling import Instance, Ledger
from qiskit_modes.scheduling.ledger import WINDOW_SECONDS

ALICE = Instance("alice", allocation_seconds=100)


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
