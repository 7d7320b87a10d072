"""QPUs take turns at the workers, and programs have their memory."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_modes.runtime import WorkerPool
from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.runtime.workers.assigning.turns import Turns
from qiskit_modes.runtime.workers.loky.worker import loky_executor
from qiskit_modes.simulation.run.program import Program
from tests.runtime.conftest import DEADLINE, Gate

LIMIT = 1000


@dataclass(eq=False)
class Piece:
    source: str
    peak_bytes: int = 0


def turns(*pieces, free=LIMIT):
    made = Turns(LIMIT, lambda: free)
    for piece in pieces:
        made.add(piece)
    return made


def taken(turns, under_way=()):
    piece = turns.next(under_way)
    if piece is not None:
        turns.take(piece)
    return piece


def test_qpus_take_turns_and_each_keeps_its_order():
    long = [Piece("a") for _ in range(4)]
    short, third = Piece("b"), Piece("c")
    waiting = turns(*long, short, third)
    assert [taken(waiting) for _ in range(6)] == [long[0], short, third, *long[1:]]
    assert taken(waiting) is None


def test_what_is_put_back_is_next():
    first, second, other = Piece("a"), Piece("a"), Piece("b")
    waiting = turns(first, second, other)
    assert taken(waiting) is first
    waiting.put_back(first)
    assert [taken(waiting) for _ in range(3)] == [first, other, second]


def test_pieces_take_together_what_one_may_take():
    first, second, small = Piece("a", 600), Piece("b", 600), Piece("c", 3)
    waiting = turns(first, second, small)
    assert taken(waiting) is first
    assert taken(waiting, [first]) is small, "it does not count"
    assert taken(waiting, [first, small]) is None
    assert taken(waiting, []) is second


def test_what_waits_for_memory_is_not_delayed_by_who_overtakes_it():
    running, large, fits, delays = (
        Piece("r", 500),
        Piece("a", 600),
        Piece("b", 300),
        Piece("c", 450),
    )
    waiting = turns(large, delays, fits)
    assert taken(waiting, [running]) is None, "beside 600 and 500 bytes there is no room for 300"
    assert taken(waiting, [Piece("r", 90)]) is large
    assert taken(turns(Piece("a", 950), Piece("b", 40)), [Piece("r", 10)]) is not None


def test_a_piece_waits_while_others_have_the_memory_and_runs_alone_all_the_same():
    large = Piece("a", 500)
    assert taken(turns(large, free=400), [Piece("b", 10)]) is None
    assert taken(turns(large, free=400), []) is large


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, LIMIT)), min_size=1, max_size=30),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_everything_gets_its_turn_and_nothing_takes_too_much(given_pieces, workers, random):
    pieces = [Piece(*each) for each in given_pieces]
    waiting, under_way, order = turns(*pieces), [], []
    while len(order) < len(pieces):
        if len(under_way) < workers and (piece := taken(waiting, under_way)):
            under_way.append(piece)
            order.append(piece)
        else:
            assert under_way, "nothing runs, and nothing may"
            under_way.remove(random.choice(under_way))
        counted = [each.peak_bytes for each in under_way if each.peak_bytes * 256 >= LIMIT]
        assert len(under_way) == 1 or sum(counted) <= LIMIT + LIMIT // 64
    for source in "abc":
        assert [p for p in order if p.source == source] == [p for p in pieces if p.source == source]


def test_a_short_job_on_another_qpu_does_not_wait_for_a_long_one(monkeypatch):
    """It goes when the first piece that was under way has ended, not when all have."""
    gates, order = [Gate() for _ in range(5)], []

    def run(program, keys, threads=1):
        order.append(keys[0])
        if keys[0] != "short":
            gates[int(keys[0])]()

    monkeypatch.setattr(worker_process, "run", run)
    pool, ended = WorkerPool(1, new_executor=lambda: ThreadPoolExecutor(1)), threading.Event()
    for key in range(5):
        pool.submit(Program({str(key): "c"}, (), 0), lambda _: None, source="long")
    assert gates[0].entered.wait(DEADLINE)
    pool.submit(Program({"short": "c"}, (), 0), lambda _: ended.set(), source="short")
    gates[0].opened.set()
    assert ended.wait(DEADLINE)
    assert order[:2] == ["0", "short"]
    for gate in gates:
        gate.opened.set()
    pool.close()


@pytest.mark.parametrize("of_user", [None, "131072"])
def test_workers_keep_memory_for_the_next_arrays_unless_the_user_says_otherwise(
    monkeypatch, of_user
):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    if of_user is not None:
        monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", of_user)
    with loky_executor() as executor:
        found = executor.submit(os.getenv, "MALLOC_TRIM_THRESHOLD_").result(DEADLINE)
    assert found == (of_user or str(256 << 20))
