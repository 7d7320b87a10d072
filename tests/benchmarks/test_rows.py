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
    service,
    simulated_cluster,
)
from tests.benchmarks.simulated_cluster import Piece


@pytest.mark.parametrize(
    "name",
    [
        *["P7", "P9", "P9b", "S1", "S2"],
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ["D1", "E1", "D2", "P2b", "P4", "S5"]
        ),
    ],
)
def test_a_light_row_measures_something(name, monkeypatch):
    monkeypatch.setattr(queueing, "JOBS", 200)
    monkeypatch.setattr(queueing, "WAITING", 200)
    monkeypatch.setattr(over_http, "JOBS", 3)
    monkeypatch.setattr(service, "JOBS", 16)
    monkeypatch.setattr(service, "KEPT", 100)
    monkeypatch.setattr(rows, "LAYERS", 2)
    monkeypatch.setattr(rows, "PAIRS", 20)
    for row in rows.quiet(rows.ROWS[name]):
        assert row.id == name
        assert any(digit in row.measured for digit in "123456789")


@pytest.mark.parametrize(("lanes", "ratio", "bound"), [(5, 1.0, 2), (5, 4.0, 5), (2, 4.0, 2)])
def test_a_batch_is_as_fast_as_it_can_be(lanes, ratio, bound):
    """On a moved clock no machine is too slow: what is lost is the beginning and the end."""
    assert batch_speedup.bound(lanes, ratio) == bound
    assert 0.88 * bound < batch_speedup.staged_speedup(lanes, ratio, jobs=40) <= bound


@pytest.mark.slow
def test_the_table_of_a_cluster_is_printed(monkeypatch, capsys):
    """With loads of next to nothing: each is run here and there, and the bits are compared."""
    few = {
        "parameter_sets": {"sets": 2},
        "trajectories": {"shots": 50},
        "small_jobs": {"jobs": 2},
        "heavy_compiles": {"jobs": 2, "layers": 20},
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


def alike(count, seconds, peak_bytes=0):
    """A job of so many equal pieces."""
    return simulated_cluster.Load("", pieces=(Piece(seconds, peak_bytes, 0),) * count)


def test_the_simulated_head_is_the_bottleneck_only_where_pieces_are_short():
    """What is simulated is an arithmetic of queues: its ends are known without it."""
    load = alike(800, 0.05)
    few = simulated_cluster.simulated(load, 8)
    assert load.seconds / 8 <= few.seconds <= 1.05 * load.seconds / 8
    many = simulated_cluster.simulated(load, 300)
    assert many.seconds >= 0.999 * 800 * simulated_cluster.HEAD_SECONDS
    assert many.head_busy > 0.95
    together = simulated_cluster.simulated(load, 300, together=4)
    assert together.seconds < 0.5 * many.seconds


def test_simulated_pieces_wait_for_memory_as_real_ones_do():
    limit = 8 * simulated_cluster.WORKER_LIMIT_BYTES
    found = simulated_cluster.simulated(alike(20, 1.0, limit // 2), 8)
    assert 10 <= found.seconds < 10.5, "two at a time"


def test_a_simulated_batch_compiles_in_the_lanes_of_its_qpu():
    """The scheduler is the package's own: five jobs of a QPU are in progress at a time."""
    piece = (Piece(0.001, 0, 0),)
    one = simulated_cluster.Load("", 100, piece, 0.5)
    assert 100 * 0.45 / 5 < simulated_cluster.simulated(one, 20).seconds < 1.5 * 100 * 0.5 / 5
    four = simulated_cluster.simulated(replace(one, qpus=4), 40)
    read_by_head = 100 * 0.5 * simulated_cluster.COMPILE_SHARE
    assert read_by_head < four.seconds < 0.7 * simulated_cluster.simulated(one, 40).seconds
