"""Every order in which two or three threads can meet in the session executor."""

from concurrent.futures import BrokenExecutor
from functools import partial

import pytest

from qiskit_modes.exceptions import RefusedError, RuntimeClosedError, WorkerDiedError
from qiskit_modes.runtime.session_executor import SessionExecutor
from qiskit_modes.runtime.steps import Durations, ScriptedSteps
from qiskit_modes.scheduling import Mode
from qiskit_modes.scheduling.events import TimePassed
from qiskit_modes.scheduling.job import RAN_TOO_LONG
from tests.runtime.controlled_machine import Machine, on_the_qpu, quietly

all_or_drawn = pytest.mark.parametrize(
    "seed", [1, pytest.param(None, marks=pytest.mark.slow, id="all")]
)


# -- the hand-over of the outbox -------------------------------------------------------------------


@pytest.mark.parametrize("lanes", [1, 2])
def test_two_submit_at_once(explore, lanes):
    def scenario(run, patch):
        machine = Machine(run, patch, lanes=lanes)
        for _ in range(2):
            run.spawn(partial(machine.submit, machine.job()), "user")
        run.go()
        assert len(machine.lanes.held) == lanes
        assert machine.finish() == ["DONE"] * 2

    explore(scenario, least=2)


@all_or_drawn
def test_three_submit_at_once(explore, seed):
    def scenario(run, patch):
        machine = Machine(run, patch)
        for _ in range(3):
            run.spawn(partial(machine.submit, machine.job()), "user")
        run.go()
        assert len(machine.lanes.held) == 3
        assert machine.finish() == ["DONE"] * 3

    explore(scenario, least=1000, seed=seed)


def test_a_hand_over_that_is_not_looked_at_again_is_noticed(explore, monkeypatch):
    """The exploration sees what it is for: a lost wake-up, put in on purpose."""

    def carry_out_once(self, qpu):
        if qpu.outbox and qpu.carrying.acquire(blocking=False):
            while qpu.outbox:
                self._runner.carry_out(qpu.outbox.popleft())
            qpu.carrying.release()

    monkeypatch.setattr(SessionExecutor, "_carry_out", carry_out_once)

    def scenario(run, patch):
        machine = Machine(run, patch)
        for _ in range(2):
            run.spawn(partial(machine.submit, machine.job()), "user")
        run.go()
        assert len(machine.lanes.held) == 2, "one was lost"

    with pytest.raises(AssertionError, match="one was lost"):
        explore(scenario, least=1)


# -- jobs, cancels and ends ------------------------------------------------------------------------


@all_or_drawn
def test_a_job_is_submitted_while_another_is_cancelled_and_the_session_closes(explore, seed):
    seen = set()

    def scenario(run, patch):
        machine = Machine(run, patch, lanes=1)
        session = machine.open()
        first = machine.submit(machine.job(session))
        second = machine.job(session)
        run.spawn(quietly(partial(machine.submit, second)), "submitter")
        run.spawn(quietly(partial(machine.executor.cancel, first)), "canceller")
        run.spawn(partial(machine.executor.close_workload, session), "closer")
        run.go()
        seen.add(tuple(machine.finish()))
        assert session.core.state == "closed"

    explore(scenario, least=1000, seed=seed)
    assert seen == {("CANCELLED",), ("CANCELLED", "DONE")}


@all_or_drawn
@pytest.mark.parametrize("next_one", [False, True], ids=["alone", "and the next is ready"])
def test_a_program_ends_while_its_job_is_cancelled(explore, next_one, seed):
    seen = set()

    def scenario(run, patch):
        machine = Machine(run, patch)
        job = on_the_qpu(machine)
        if next_one:
            machine.submit(machine.job())
            machine.lanes.held.pop()()
        answer = machine.programs.held.pop()
        run.spawn(answer, "worker")
        run.spawn(quietly(partial(machine.executor.cancel, job)), "canceller")
        run.go()
        statuses = machine.finish()
        assert statuses[1:] == ["DONE"] * next_one
        seen.add(statuses[0])
        assert (job.result is not None) == (statuses[0] == "DONE")

    explore(scenario, least=400, seed=seed)
    assert seen == {"CANCELLED"}, "its result is not there before it is post-processed"


@all_or_drawn
def test_a_job_is_post_processed_while_it_is_cancelled(explore, seed):
    seen = set()

    def scenario(run, patch):
        machine = Machine(run, patch)
        job = on_the_qpu(machine)
        machine.programs.held.pop()()
        run.spawn(machine.lanes.held.pop(), "lane")
        run.spawn(quietly(partial(machine.executor.cancel, job)), "canceller")
        run.go()
        seen.update(machine.finish())
        assert (job.result is not None) == (job.status == "DONE")

    explore(scenario, least=400, seed=seed)
    assert seen == {"CANCELLED", "DONE"}


@all_or_drawn
def test_a_worker_dies_while_its_job_is_cancelled(explore, seed):
    seen = set()

    def scenario(run, patch):
        machine = Machine(run, patch)
        job = on_the_qpu(machine)
        machine.submit(machine.job())
        machine.lanes.held.pop()()
        machine.programs.error = BrokenExecutor("died")
        run.spawn(machine.programs.held.pop(), "worker")
        run.spawn(quietly(partial(machine.executor.cancel, job)), "canceller")
        run.go()
        machine.programs.error = None
        status, after = machine.finish()
        seen.add(status)
        assert after == "DONE", "the QPU goes on serving"
        assert isinstance(job.error, WorkerDiedError) or status == "CANCELLED"

    explore(scenario, least=400, seed=seed)
    assert seen == {"CANCELLED", "ERROR"}


@pytest.mark.parametrize("mode", [Mode.SESSION, Mode.BATCH])
def test_a_session_is_closed_while_its_last_job_ends(explore, mode):
    def scenario(run, patch):
        machine = Machine(run, patch)
        session = machine.open(mode)
        job = machine.submit(machine.job(session))
        machine.lanes.held.pop()()
        machine.programs.held.pop()()
        stranger = machine.submit(machine.job())
        run.spawn(machine.lanes.held.pop(0), "lane")
        run.spawn(partial(machine.executor.close_workload, session), "closer")
        run.go()
        assert session.core.state == "closed"
        assert job.status == "DONE"
        assert stranger.core.running_at is not None, "the reservation is given back, once"
        machine.finish()

    explore(scenario, least=100)


@pytest.mark.parametrize("ends", ["close", "cancel"])
def test_a_job_is_submitted_while_its_session_ends(explore, ends):
    seen = set()

    def scenario(run, patch):
        machine = Machine(run, patch)
        session = machine.open()
        run.spawn(quietly(partial(machine.submit, machine.job(session))), "submitter")
        end = (
            machine.executor.close_workload if ends == "close" else machine.executor.cancel_workload
        )
        run.spawn(partial(end, session), "closer")
        run.go()
        seen.add(tuple(machine.finish()))
        assert session.core.state == "closed"

    explore(scenario, least=2)
    assert seen == {(), ("DONE",)}, "refused, or run: it had started by then"


def test_a_job_is_submitted_while_its_session_is_deactivated(explore):
    seen = set()

    def scenario(run, patch):
        machine = Machine(run, patch)
        session = machine.open()
        machine.submit(machine.job(session))
        for _ in range(2):
            machine.lanes.finish()
            machine.programs.finish()
        machine.clock.time += 60
        late = machine.job(session)
        run.spawn(partial(machine.submit, late), "submitter")
        run.spawn(machine.clock.deadlines.pop(machine.qpu), "timer")
        run.go()
        machine.finish()
        assert late.status == "DONE"
        seen.add(len(session.core.windows))
        machine.executor.close_workload(session)

    explore(scenario, least=2)
    assert seen == {2}, "it was over before the job came, whoever looked first"


@all_or_drawn
def test_a_program_ends_at_its_limit_while_its_job_is_cancelled(explore, seed):
    seen = set()

    def scenario(run, patch):
        machine = Machine(run, patch)
        job = on_the_qpu(machine, max_execution_seconds=5)
        machine.clock.time += 5.25  # what ends at its very limit has not exceeded it
        run.spawn(machine.programs.held.pop(), "worker")
        run.spawn(quietly(partial(machine.executor.cancel, job)), "canceller")
        run.spawn(partial(machine.executor._post, machine.qpu, TimePassed()), "timer")
        run.go()
        machine.finish()
        seen.add(job.core.ending)

    explore(scenario, least=20, seed=seed)
    assert seen == {RAN_TOO_LONG}, "its time was over before any of them looked"


@all_or_drawn
def test_a_program_that_would_not_end_is_stopped_whenever_its_job_is_cancelled(explore, seed):
    """From the lane to the QPU: the cancel finds the job compiling, ready, or executing."""

    def scenario(run, patch):
        machine = Machine(run, patch, live=True, stubborn=True)
        job = machine.job()
        machine.lanes.live = False
        machine.submit(job)
        machine.lanes.live = True
        run.spawn(machine.lanes.held.pop(), "lane")
        run.spawn(partial(machine.executor.cancel, job), "canceller")
        run.go()
        assert machine.finish() == ["CANCELLED"]

    explore(scenario, least=1000, seed=seed)


def test_a_scripted_step_ends_while_its_job_is_cancelled(explore):
    def scenario(run, patch):
        machine = Machine(run, patch)
        scripted = ScriptedSteps(Durations(1, 1, 1))
        job = machine.submit(machine.job(scripted=scripted))
        ends = machine.clock.deadlines.pop(job.id)
        run.spawn(ends, "timer")
        run.spawn(partial(machine.executor.cancel, job), "canceller")
        run.go()
        assert machine.finish() == ["CANCELLED"]

    explore(scenario, least=2)


# -- the end of everything -------------------------------------------------------------------------


@pytest.mark.parametrize("scripted", [None, ScriptedSteps(Durations(1, 1, 1))], ids=["", "timed"])
@pytest.mark.parametrize("reserved", [False, True], ids=["free", "reserved"])
@all_or_drawn
def test_a_job_is_submitted_while_the_runtime_shuts_down(explore, scripted, reserved, seed):
    seen = set()

    def scenario(run, patch):
        machine = Machine(run, patch)
        if reserved:  # by a session that nothing will deactivate: the clock stands still
            session = machine.open()
            machine.submit(machine.job(session))
            machine.lanes.finish()
            machine.programs.finish()
            machine.lanes.finish()
        late = machine.job(scripted=scripted)
        submit = partial(machine.submit, late)
        run.spawn(quietly(submit, RefusedError, RuntimeClosedError), "submitter")
        run.spawn(machine.executor.shut_down, "closer")
        run.go()
        seen.update(machine.finish()[reserved:] or ["refused"])

    explore(scenario, least=10, seed=seed)
    assert "DONE" not in seen
    assert "refused" in seen
