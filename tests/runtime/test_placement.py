"""Which place a heavy step gets: decided without any thread."""

import pytest

from qiskit_modes.runtime.workers.assigning import placement
from qiskit_modes.runtime.workers.assigning.placement import Placement
from qiskit_modes.runtime.workers.assigning.roster import Roster
from qiskit_modes.runtime.workers.work_items import ProgramItem, StepItem
from qiskit_modes.runtime.workers.worker import ExecutorWorker
from qiskit_modes.runtime.workers.worker_process import Done, NotDone
from qiskit_modes.simulation.run.program import Program
from tests.runtime.clusters import Berth, Host

MODULE = "some.module"
BUSY = ProgramItem(Program({}, (), 0), on_done=lambda _: None)
"""A program that a worker executes."""


class OurWorker(ExecutorWorker):
    """Stands for a process of ours."""

    takes_steps = True


class Room:
    """Placement, and the workers around them."""

    def __init__(self, size, *, workers=1, kind=OurWorker):
        self.places, self.kind, self.workers = Placement(size), kind, []
        self.roster = Roster()
        for _ in range(workers):
            self.new_worker()

    def new_worker(self):
        return self.take_in(self.kind(None))

    def take_in(self, worker):
        self.workers.append(worker)
        self.roster.add(worker)
        return worker

    def assign(self):
        """What is assigned: which worker by its number, or "here"; and the step, or "import"."""
        assigned = self.places.assign(self.roster, self.new_worker)
        return [
            (
                "here" if worker is None else self.workers.index(worker),
                "import" if step.readies else step,
            )
            for worker, step in assigned
        ]

    def add(self, **more):
        item = step(**more)
        self.places.add(item)
        return item

    def end(self, worker, *, well=True):
        item, self.workers[worker].item = self.workers[worker].item, None
        answer = Done(b"") if well else NotDone("the test says so")
        self.places.answered(item, self.workers[worker], answer)


def step(*, call=b"a call", seconds=0.1, of_batch=False):
    return StepItem(MODULE, call, seconds, of_batch, on_done=lambda _: None)


@pytest.fixture
def at_once(monkeypatch):
    """A worker gets ready for the first step that waits."""
    monkeypatch.setattr(placement, "WORTH_A_WORKER_SECONDS", 0.0)


def with_a_ready_worker(**more):
    room = Room(2, workers=2, **more)
    room.workers[1].ready_for.add(MODULE)
    return room


def test_the_place_here_is_one_and_goes_to_who_has_waited_longest():
    room = Room(1)
    assert room.places.take_here_nowait()
    assert not room.places.take_here_nowait()
    first, second = room.add(), room.add()
    assert room.assign() == []
    room.places.leave_here()
    assert room.assign() == [("here", first)]
    assert room.assign() == [], "it is taken again"
    room.places.leave_here()
    assert room.assign() == [("here", second)]


def test_a_step_beside_another_one_goes_to_a_ready_worker_but_not_to_the_last_free_one():
    room = with_a_ready_worker()
    room.workers[0].ready_for.add(MODULE)
    assert room.places.take_here_nowait()
    first, second = room.add(), room.add()
    assert room.assign() == [(1, first)]
    room.end(1)
    room.workers[1].item = BUSY
    assert room.assign() == [(0, second)]


def test_a_worker_that_executes_a_program_gets_no_step():
    room = with_a_ready_worker()
    assert room.places.take_here_nowait()
    room.workers[1].item = BUSY
    room.add()
    assert room.assign() == []


def test_of_a_batch_only_what_does_not_travel_is_done_here_once_a_worker_is_ready():
    room = with_a_ready_worker()
    first, second = room.add(of_batch=True), room.add(of_batch=True)
    stays = room.add(of_batch=True, call=None)
    assert room.assign() == [("here", stays), (1, first)]
    room.places.leave_here()
    assert room.assign() == []
    room.end(1)
    assert room.assign() == [(1, second)]


def test_a_batch_goes_on_when_the_worker_of_the_programs_is_gone():
    room = with_a_ready_worker()
    first, second = room.add(of_batch=True), room.add(of_batch=True)
    assert room.assign() == [(1, first)]
    room.roster.remove(room.workers.pop(0))
    assert room.assign() == []
    room.end(0)
    assert room.assign() == [(0, second)], "the programs can start another worker"


def test_a_batch_does_not_wait_for_a_worker_that_executes_a_program():
    room = with_a_ready_worker()
    room.workers[1].item = BUSY
    waiting = room.add(of_batch=True)
    assert room.assign() == [("here", waiting)]


def test_no_worker_gets_ready_for_what_cannot_travel(at_once):
    room = Room(3, workers=2)
    room.workers[1].ready_for.add(MODULE)
    assert room.places.take_here_nowait()
    room.add(call=None)
    assert room.assign() == []


def test_without_a_ready_worker_steps_of_a_batch_are_done_here():
    room = Room(2)
    first = room.add(of_batch=True)
    assert room.assign() == [("here", first)]


def test_no_worker_gets_ready_before_it_would_have_paid():
    room = Room(2)
    assert room.places.take_here_nowait()
    for _ in range(3):
        room.add(seconds=0.125)
        assert room.assign() == []
    room.add(seconds=0.125)
    assert room.assign() == [(1, "import")], "a new one: the other is left to the programs"
    assert room.assign() == [], "one import at a time"


def test_after_the_import_what_waits_goes_there(at_once):
    room = Room(2)
    assert room.places.take_here_nowait()
    waiting = room.add()
    assert room.assign() == [(1, "import")]
    room.end(1)
    assert room.assign() == [(1, waiting)]


def test_an_import_that_fails_leaves_the_worker_as_it_was(at_once):
    room = Room(2)
    assert room.places.take_here_nowait()
    room.add()
    assert room.assign() == [(1, "import")]
    room.end(1, well=False)
    assert not room.workers[1].ready_for


def test_more_workers_get_ready_side_by_side_as_long_as_one_is_left(at_once):
    room = Room(4)
    assert room.places.take_here_nowait()
    first, second = room.add(), room.add()
    assert room.assign() == [(1, "import"), (2, "import")], "one for each step that waits"
    room.end(1)
    assert room.assign() == [(1, first)]
    room.end(2)
    assert room.assign() == [(2, second)]
    room.end(1)
    room.end(2)
    steps = [room.add() for _ in range(3)]
    assert room.assign() == [(2, steps[0]), (1, steps[1]), (3, "import")]
    room.end(3)
    assert room.assign() == [(3, steps[2])]
    room.add()
    assert room.assign() == [], "the fourth worker is left to the programs"


def test_each_worker_that_gets_ready_has_to_be_worth_it():
    room = Room(4)
    assert room.places.take_here_nowait()
    room.add(seconds=0.9)
    room.add(seconds=0.05)
    assert room.assign() == [(1, "import")]
    room.add(seconds=0.05)
    assert room.assign() == [(2, "import")]


class Cluster(Room):
    """A cluster, with a berth at each of its workers at first."""

    def __init__(self, size, *, ready):
        self.hosts = [Host() for _ in range(size)]
        super().__init__(size, workers=size)
        self.places = Placement(size, takes_all=True)
        for host in self.hosts[:ready]:
            host.ready_for.add(MODULE)

    def new_worker(self):
        host = min(self.hosts, key=lambda each: len(each.berths))
        if len(host.berths) == 2:
            return None
        return self.take_in(Berth(host))


def test_steps_that_are_not_long_take_all_workers_of_a_cluster():
    room = Cluster(2, ready=2)
    length = placement.LONGEST_SECONDS
    steps = [room.add(of_batch=True, seconds=length) for _ in range(3)]
    assert room.assign() == [(1, steps[0]), (0, steps[1])]
    assert len(room.workers) == 2, "what is not brief is not sent in advance"
    room.end(1)
    assert room.assign() == [(1, steps[2])]


def test_a_long_step_leaves_a_worker_of_a_cluster_to_the_programs():
    room = Cluster(2, ready=2)
    steps = [room.add(of_batch=True, seconds=2 * placement.LONGEST_SECONDS) for _ in range(2)]
    assert room.assign() == [(1, steps[0])]
    short = room.add(of_batch=True, seconds=0.3)
    assert room.assign() == [(0, short)], "in whose way it is no longer than a piece"


def test_brief_steps_are_sent_to_workers_of_a_cluster_in_advance():
    room = Cluster(2, ready=2)
    steps = [room.add(of_batch=True, seconds=placement.BRIEF_SECONDS) for _ in range(5)]
    assert room.assign() == [(1, steps[0]), (0, steps[1]), (2, steps[2]), (3, steps[3])]
    assert [worker.host for worker in room.workers] == room.hosts * 2
    assert room.assign() == []
    room.end(0)
    assert room.assign() == [(0, steps[4])]


def test_all_workers_of_a_cluster_get_ready_but_not_all_at_once(at_once):
    room = Cluster(3, ready=0)
    assert room.places.take_here_nowait()
    steps = [room.add(seconds=0.3) for _ in range(3)]
    assert room.assign() == [(2, "import"), (1, "import")]
    assert room.assign() == []
    room.end(2)
    assert room.assign() == [(2, steps[0]), (0, "import")]
    room.end(1)
    assert room.assign() == [(1, steps[1])]
    room.end(0)
    assert room.assign() == [(0, steps[2])]


@pytest.mark.parametrize("size", [1, 2])
def test_one_worker_or_workers_of_somebody_else_get_no_steps(at_once, size):
    room = Room(size, workers=size, kind=OurWorker if size == 1 else ExecutorWorker)
    assert room.places.take_here_nowait()
    room.add()
    assert room.assign() == []
    assert len(room.workers) == size
