"""Programs that have jobs done in processes of their own end, and start workers where they may."""

import multiprocessing
import os
import sys

import pytest

from tests import programs
from tests.runtime import children

EVERY_DAY = ["executor-fork", "fork-exit"]

OTHERS = [
    "executor-spawn",
    "executor-forkserver",
    "process-fork",
    "process-spawn",
    "process-forkserver",
    "process-fork-daemon",
    "process-spawn-daemon",
    "pool-fork",
    "pool-spawn",
    "pool-forkserver",
    "joblib-loky",
    "joblib-multiprocessing",
    "billiard-fork",
    "fork-_exit",
]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


def run(kind, *more):
    return programs.run(
        [sys.executable, "-W", "ignore", "-m", children.__name__, kind, *more],
        text=True,
        timeout=110,
    )


@pytest.mark.parametrize("kind", EVERY_DAY)
def test_children_of_a_program_that_has_workers_end_with_their_results(kind):
    done = run(kind, "after a job of its own")
    assert done.stdout == "done\n", done.stderr
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("after a job of its own",)], ids=["first", "later"])
@pytest.mark.parametrize("kind", [*EVERY_DAY, *OTHERS])
def test_children_end_with_their_results(kind, more):
    done = run(kind, *more)
    assert done.stdout == "done\n", done.stderr
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_every_way_of_starting_a_process_is_tried():
    kinds = {*EVERY_DAY, *OTHERS}
    for method in multiprocessing.get_all_start_methods():
        for way in ("executor", "process", "pool"):
            assert f"{way}-{method}" in kinds
    assert {kind.partition("-")[0] for kind in kinds} <= set(vars(children))
