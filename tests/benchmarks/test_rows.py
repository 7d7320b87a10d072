"""The benchmark's rows run; nothing is said about time here."""

import pytest

from tests.benchmarks import batch_speedup, over_http, queueing, rows


@pytest.mark.parametrize("name", ["D1", "D2", "E1", "P2b", "P4", "P7", "P9", "P9b"])
def test_a_light_row_measures_something(name, monkeypatch):
    monkeypatch.setattr(queueing, "JOBS", 200)
    monkeypatch.setattr(queueing, "WAITING", 200)
    monkeypatch.setattr(over_http, "JOBS", 3)
    monkeypatch.setattr(rows, "LAYERS", 2)
    for row in rows.quiet(rows.ROWS[name]):
        assert row.id == name
        assert any(digit in row.measured for digit in "123456789")


@pytest.mark.parametrize(("lanes", "ratio", "bound"), [(5, 1.0, 2), (5, 4.0, 5), (2, 4.0, 2)])
def test_a_batch_is_as_fast_as_it_can_be(lanes, ratio, bound):
    """On a moved clock no machine is too slow: what is lost is the beginning and the end."""
    assert batch_speedup.bound(lanes, ratio) == bound
    assert 0.88 * bound < batch_speedup.staged_speedup(lanes, ratio, jobs=40) <= bound
