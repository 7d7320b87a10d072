"""A job gives the same bits alone and after any other: nothing that is kept decides what comes out.

Alone means in a process in which nothing has run yet; after means after others in one process, in
several orders, and among others in several threads.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import Any

import pytest

from tests import fresh
from tests.primitives.job_families import Case, families, few_families, in_order, in_threads

IN_PROCESS = ("native", "client", "client-side")


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    fresh.stop()


def together(function: Callable[..., Any], arguments: Iterable[Any]) -> list[Any]:
    """Call a function in processes of their own, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda argument: fresh.call(function, argument), arguments))


def check(chosen: Sequence[Sequence[Case]], shuffles: int) -> int:
    """Check that each case gives alone what it gives after others, and return how many pairs met.

    A pair is two different cases of which one was run before the other in one process.
    """
    generator = random.Random(len(chosen))
    cases = list(dict.fromkeys(case for family in chosen for case in family))
    alone = dict(zip(cases, together(in_order, [[case] for case in cases]), strict=True))
    alone = {case: digest for case, (digest,) in alone.items()}
    orders: list[Sequence[Case]] = []
    for family in chosen:
        orders += [family, family[::-1]]
        orders += [generator.sample(family, len(family)) for _ in range(shuffles)]
    orders += [generator.sample(cases, min(40, len(cases))) for _ in range(shuffles)]
    for order, found in zip(orders, together(in_order, orders), strict=True):
        differ = [case for case, each in zip(order, found, strict=True) if each != alone[case]]
        assert not differ, order
    threads = [_in_threads(family, generator) for family in chosen]
    threads = [each for each in threads if each]
    for started, found in zip(threads, together(in_threads, threads), strict=True):
        for order, digests in zip(started, found, strict=True):
            assert digests == [alone[case] for case in order]
    # The caches of worker processes, which have imports and orders of sets of their own.
    order = generator.sample(cases, min(40, len(cases)))
    assert fresh.call(in_order, order, True) == [alone[case] for case in order]
    return len({pair for order in orders for pair in combinations(order, 2)})


def _in_threads(family: Sequence[Case], generator: random.Random) -> list[list[Case]]:
    """Return what three threads run at once, each in an order of its own."""
    cases = [each for each in family if (each.door, each.calibration) == ("native", "usual")]
    return [generator.sample(cases, len(cases)) for _ in range(3)] if len(cases) > 1 else []


def test_a_job_gives_alone_what_it_gives_after_others():
    assert check(few_families(), shuffles=0) >= 42


@pytest.mark.slow
def test_two_thousand_pairs_of_jobs_at_every_door():
    pairs = check(families((*IN_PROCESS, "http")), shuffles=1)
    assert pairs >= 2000
