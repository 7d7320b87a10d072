"""The benchmark's rows run; nothing is said about time here."""

import pytest

from tests.benchmarks import queueing, rows


@pytest.mark.parametrize("name", ["D1", "P4", "P7", "P9"])
def test_a_light_row_measures_something(name, monkeypatch):
    monkeypatch.setattr(queueing, "JOBS", 200)
    for row in rows.quiet(rows.ROWS[name]):
        assert row.id == name
        assert any(digit in row.measured for digit in "123456789")
