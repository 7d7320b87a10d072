"""The benchmark's rows run; nothing is said about time here."""

import re
from dataclasses import replace
from functools import partial, update_wrapper

import pytest

from tests.benchmarks import (
    batch_speedup,
    cluster,
    over_http,
    queueing,
    rows,
    simulated_cluster,
)


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


def test_the_table_of_a_cluster_is_printed(monkeypatch, capsys):
    """With loads of next to nothing: each is run here and there, and the bits are compared."""
    few = {
        "parameter_sets": {"sets": 2},
        "trajectories": {"shots": 50},
        "small_jobs": {"jobs": 2},
        "heavy_compiles": {"jobs": 2},
    }
    loads = tuple(
        replace(each, run=update_wrapper(partial(each.run, **few[each.run.__name__]), each.run))
        for each in cluster.LOADS
    )
    monkeypatch.setattr(cluster, "LOADS", loads)
    monkeypatch.setattr(cluster, "round_trips", partial(cluster.round_trips, count=2))
    cluster.main(["local:2", "--repetitions", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.endswith("| yes |") for line in lines) == 4
    assert any(re.search(r"here \d+\.\d ms, there \d+\.\d ms", line) for line in lines)


def test_the_simulated_head_is_the_bottleneck_only_where_pieces_are_short():
    """What is simulated is an arithmetic of queues: its ends are known without it."""
    few, many = simulated_cluster.LOADS[:2]
    seconds, busy = simulated_cluster.simulated(few, 8)
    assert few.pieces * few.seconds / 8 <= seconds <= 1.05 * few.pieces * few.seconds / 8
    seconds, busy = simulated_cluster.simulated(few, 300)
    assert seconds >= 0.999 * few.pieces * few.head_seconds
    assert busy > 0.95
    seconds, _ = simulated_cluster.simulated(many, 100, longer=True)
    assert seconds < 1.1 * many.pieces * many.seconds / 100
