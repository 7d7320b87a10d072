"""Who is free, without a search: as a look at all workers would have it."""

import random
import sys

import pytest

from qiskit_modes.runtime.workers.assigning.roster import Roster
from qiskit_modes.runtime.workers.work_items import ProgramItem, StepItem
from qiskit_modes.simulation.run.program import Program
from tests.runtime.clusters import Berth, Host


class Told(Berth):
    """A berth that says which programs it knows; what it had, its host knows."""

    def knows(self, keys):
        return keys in self.host.known


def program(key):
    item = ProgramItem(Program({}, (), 0), on_done=lambda _: None)
    item.keys = (key,)
    return item


def step(*, readies=False):
    item = StepItem("some.module", b"", on_done=lambda _: None)
    item.readies = readies
    return item


def by_a_look_at_all(workers, keys):
    """The worker that is to have a program, as it is said in words."""
    held_up = {each.home for each in workers if each.item and each.item.readies}
    return min(
        (each for each in workers if each.item is None),
        key=lambda each: (each.load, each.home in held_up, not each.knows(keys)),
        default=None,
    )


@pytest.mark.parametrize("seed", range(20))
def test_it_finds_whom_a_look_at_all_of_them_would_find(seed):
    drawn, roster, workers, leaving = random.Random(seed), Roster(), [], []
    hosts = [Host() for _ in range(drawn.randint(1, 8))]
    for host in hosts:
        host.known = set()
    for _ in range(300):
        what = drawn.random()
        if what < 0.15 and len(workers) < 16:
            workers.append(Told(drawn.choice(hosts)))
            roster.add(workers[-1])
        elif what < 0.2 and workers:
            leaving.append(workers.pop(drawn.randrange(len(workers))))
            roster.remove(leaving[-1])
        elif what < 0.25 and leaving:  # it is stopped on another thread, and then answered
            gone = leaving.pop()
            gone.host.berths.remove(gone)
            gone.item = None
        elif what < 0.6 and any(each.item for each in workers):
            drawn.choice([each for each in workers if each.item]).item = None
        else:
            item = program(drawn.choice("abc")) if drawn.random() < 0.7 else None
            worker = roster.best(item.keys if item else ("a",))
            if worker is not None:
                worker.item = item or step(readies=drawn.random() < 0.3)
                worker.host.known |= {item.keys} if item else set()
        assert list(roster) == workers
        assert roster.busy == sum(each.item is not None for each in workers)
        assert roster.free() == [each for each in workers if each.item is None]
        assert roster.free(0) == [each for each in workers if each.item is None and not each.load]
        assert set(roster.steps) == {each for each in workers if each.item and each.item.is_step}
        for key in "abcd":
            assert roster.best((key,)) is by_a_look_at_all(workers, (key,))


def test_of_many_the_one_that_had_a_program_last_has_it_again():
    roster, hosts = Roster(), [Host() for _ in range(100)]
    for host in hosts:
        host.known = set()
        roster.add(Told(host))
    *_, last = roster
    last.item = program("a")
    last.host.known.add(("a",))
    last.item = None
    assert roster.best(("a",)) is last
    assert roster.best(("b",)) is not None


def test_it_costs_the_same_among_thousands():
    """Counted in calls, which no busy machine changes."""

    def calls(count):
        roster = Roster()
        for _ in range(count):
            host = Host()
            host.known = set()
            roster.add(Told(host))
            roster.add(Told(host))
        made = 0

        def note(*_):
            nonlocal made
            made += 1

        sys.setprofile(note)
        for _ in range(100):
            worker = roster.best(("a",))
            worker.item = program("a")
            worker.item = None
        sys.setprofile(None)
        return made

    assert calls(2_000) < 1.5 * calls(50)
