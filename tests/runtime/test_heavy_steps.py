"""Heavy steps in worker processes: the same as here, or an error, never a hang."""

import json
import os
import queue
import sys
import threading
from contextlib import contextmanager
from functools import partial

import pytest

from qiskit_modes.exceptions import (
    RuntimeClosedError,
    UnsupportedCircuitError,
    WorkerDiedError,
)
from qiskit_modes.planning.draw.trace_format import chrome_trace
from qiskit_modes.planning.recording.facts import recording_of_jobs
from qiskit_modes.planning.recording.recording import Recording
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from qiskit_modes.runtime.offload import HEAVY_SECONDS
from qiskit_modes.runtime.progress.outlook import take_outlook
from qiskit_modes.runtime.workers.assigning import placement
from qiskit_modes.scheduling import Mode
from tests.runtime import heavy_functions as heavy
from tests.runtime.conftest import DEADLINE, Gate, Machine, finished, program, runtime_is_gone
from tests.threads import wait_until

HERE = os.getpid()


class Lane:
    """A job whose compilation calls what a test says with the means that it is given."""

    def __init__(self, machine, call, workload=None):
        self.value = None
        self.job = machine.job(workload=workload)
        self.job.under_way.steps = self.job.under_way.steps.__class__(
            partial(self._compile, call), self.job.under_way.steps.post_processing
        )
        machine.submit(self.job)

    def _compile(self, call, elsewhere):
        self.value = call(elsewhere)
        return program()

    def result(self):
        finished(self.job)
        if self.job.error is not None:
            raise self.job.error
        return self.value


def heavy_call(function, *args):
    return lambda elsewhere: elsewhere(1.0, function, *args)


class Room(Machine):
    """A machine with a place here, which a test can take, and one in a worker."""

    @contextmanager
    def taken_here(self):
        """Take the place here with a step that ends at the end, or when its gate is opened."""
        gate = Gate()
        lane = Lane(self, heavy_call(gate))
        assert gate.entered.wait(DEADLINE)
        try:
            yield gate
        finally:
            gate.opened.set()
            finished(lane.job)

    def get_ready(self):
        """Return when the worker is ready, as it gets when a step has waited."""
        with self.taken_here():
            waiting = Lane(self, heavy_call(heavy.where))
            wait_until(lambda: self.runtime.executor.workers.takes_steps(heavy.__name__))
        assert waiting.result() == HERE, "what waited before it was ready was for here"

    def seen(self, lane):
        """What the progress line says of a job's parts."""
        return take_outlook(lane.job, self.runtime.clock.now(), ended=0).pieces

    def lane(self, function, *args, **more):
        """A job that leaves a heavy step to its means."""
        return Lane(self, heavy_call(function, *args), **more)


@contextmanager
def ready_room():
    before = set(threading.enumerate())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placement, "WORTH_A_WORKER_SECONDS", 0.0)
        with LocalRuntime(workers=WorkerPool(2)) as runtime:
            room = Room(runtime)
            room.get_ready()
            yield room
    runtime_is_gone(before)


@pytest.fixture(scope="module")
def room():
    """Shared, because its worker is slow to get ready; nothing is left in it."""
    with ready_room() as room:
        yield room


@pytest.fixture
def own_room():
    """One that a test may destroy."""
    with ready_room() as room:
        yield room


def test_a_step_alone_is_done_here(room):
    assert room.lane(heavy.where).result() == HERE


def test_a_step_beside_another_one_is_done_in_a_worker(room):
    with room.taken_here():
        assert room.lane(heavy.where).result() != HERE


def test_a_light_step_never_waits_for_a_place(room):
    with room.taken_here():
        light = Lane(room, lambda elsewhere: elsewhere(HEAVY_SECONDS / 2, heavy.where))
        assert light.result() == HERE


def test_a_step_of_a_batch_is_done_in_a_worker(room):
    batch = room.open(Mode.BATCH)
    assert room.lane(heavy.where, workload=batch).result() != HERE
    room.runtime.executor.close_workload(batch)


def test_it_is_told_who_did_a_step_and_how_long(room):
    with room.taken_here():
        lanes = [room.lane(heavy.where)]
        lanes[0].result()
    lanes.append(room.lane(heavy.where))
    names = [f"process {lanes[0].result()}", "this process"]
    assert lanes[1].result() == HERE
    recording = recording_of_jobs([each.job for each in lanes], room.runtime, "")
    for job, lane, name in zip(recording.jobs, lanes, names, strict=True):
        (work,) = (each for each in lane.job.work if each.step == "compile")
        assert work.worker == name
        assert recording.compilers_of(job) == (name,)
        ((_, start, end),) = recording.compile_work[job.number]
        assert job.times["compiling"] <= start <= end <= job.times["executing"]
        assert end - start == pytest.approx(work.stopped - work.started, abs=1e-3)
    assert Recording.from_dict(json.loads(json.dumps(recording.to_dict()))) == recording
    events = chrome_trace(recording)["traceEvents"]
    process = next(e["pid"] for e in events if e["args"].get("name") == "workers")
    mine = [event for event in events if event["pid"] == process]
    tracks = {e["tid"]: e["args"]["name"] for e in mine if e["name"] == "thread_name"}
    spans = [(tracks[e["tid"]], e["args"]["id"]) for e in mine if e["name"].startswith("compile ")]
    assert spans == [(name, lane.job.id) for name, lane in zip(names, lanes, strict=True)]


@pytest.mark.parametrize("function", [heavy.needs_more, heavy.gives_a_lock])
def test_what_cannot_be_done_away_is_done_here_when_the_place_is_free(room, function):
    with room.taken_here():
        lane = room.lane(function, HERE)

        def is_answered():
            waits = lane.job.under_way.step_item
            return waits is not None and waits.call is None

        wait_until(is_answered)
        assert not lane.job.finished.is_set()
    value = lane.result()
    assert (value if function is heavy.needs_more else value[0]) == HERE


def test_what_does_not_travel_is_done_here(room):
    with room.taken_here():
        lane = room.lane(heavy.where_with, threading.Lock())
    assert lane.result() == HERE


def test_an_error_comes_through_with_its_type_and_text(room):
    with room.taken_here():
        lane = room.lane(heavy.refuse)
        with pytest.raises(UnsupportedCircuitError, match="no gate of this kind") as raised:
            lane.result()
    assert type(raised.value) is UnsupportedCircuitError
    assert lane.job.reason == "UnsupportedCircuitError: no gate of this kind can be simulated"


def test_a_step_that_waits_ends_when_its_job_is_cancelled(room):
    with room.taken_here():
        lane = room.lane(pytest.fail, "it was cancelled")
        wait_until(lambda: lane.job.under_way.step_item is not None)
        room.runtime.executor.cancel(lane.job)
        # Its lane is given back before the place is.
        wait_until(lambda: lane.job.id not in room.qpu.scheduler.jobs)
    assert lane.job.status == "CANCELLED"


def test_a_job_that_was_cancelled_begins_no_further_step(room):
    """Of a compilation of many steps only the one that is being done goes on."""
    gate, begun, over = Gate(), [], threading.Event()

    def two_steps(elsewhere):
        try:
            elsewhere(1.0, gate)
            elsewhere(0.0, begun.append, "another step")
        finally:
            over.set()

    lane = Lane(room, two_steps)
    assert gate.entered.wait(DEADLINE)
    room.runtime.executor.cancel(lane.job)
    gate.opened.set()
    assert over.wait(DEADLINE)
    assert lane.job.status == "CANCELLED"
    assert not begun


def test_others_have_the_interpreter_soon_while_a_step_is_done_here(room):
    before = sys.getswitchinterval()
    assert room.lane(sys.getswitchinterval).result() < before
    wait_until(lambda: sys.getswitchinterval() == before)


def test_a_worker_that_dies_fails_the_step_and_is_replaced(own_room):
    with own_room.taken_here():
        lane = own_room.lane(heavy.die, HERE)
        with pytest.raises(WorkerDiedError, match="died before it had done so"):
            lane.result()
    own_room.get_ready()
    with own_room.taken_here():
        assert own_room.lane(heavy.where).result() != HERE


def test_shutting_down_ends_a_step_in_a_worker_and_one_that_waits(own_room):
    with own_room.taken_here() as gate:
        lane, waiting = own_room.lane(heavy.stay, HERE), own_room.lane(heavy.where)
        wait_until(lambda: waiting.job.under_way.step_item is not None)
        wait_until(lambda: own_room.seen(lane) != "waits to be compiled")
        seen = own_room.seen(lane)
        states = own_room.runtime.executor.workers.states()
        (busy,) = (name for name, state in states if state == "computes a classical step")
        assert (seen, own_room.seen(waiting)) == (f"compiled by {busy}", "waits to be compiled")
        closing = threading.Thread(target=own_room.runtime.shut_down)
        closing.start()
        pool = own_room.runtime.executor.workers
        wait_until(lambda: pool._closed)
        with pytest.raises(RuntimeClosedError):
            pool.take_here_nowait()
        gate.opened.set()
        closing.join(DEADLINE)
        assert not closing.is_alive()
    assert [lane.job.status, waiting.job.status] == ["CANCELLED"] * 2
    assert waiting.value is None


@pytest.mark.slow
def test_with_one_worker_all_steps_are_done_here_one_after_the_other(machine):
    inside, opened = queue.Queue(), [threading.Event() for _ in range(3)]

    def step(number):
        inside.put(number)
        assert opened[number].wait(DEADLINE)

    lanes = [Lane(machine, heavy_call(partial(step, number))) for number in range(3)]
    for _ in lanes:  # in whatever order their threads come to it
        number = inside.get(timeout=DEADLINE)
        assert inside.empty()
        opened[number].set()
        lanes[number].result()
