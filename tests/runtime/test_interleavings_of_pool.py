"""Every order in which threads can meet at the pool of workers."""

from concurrent.futures import BrokenExecutor, Future
from functools import partial

import pytest

from qiskit_modes.exceptions import RuntimeClosedError
from qiskit_modes.runtime.workers import leaving, pool
from qiskit_modes.runtime.workers.engine import LokyEngine
from qiskit_modes.runtime.workers.loky.worker import LokyWorker
from qiskit_modes.runtime.workers.pool import WorkerPool
from qiskit_modes.runtime.workers.work_items import ProgramAbandoned, StepItem, Turn
from qiskit_modes.runtime.workers.worker_process import Execution, UnknownCircuits
from tests.runtime.controlled_machine import program


class Killed(RuntimeError):  # noqa: N818 - named for what happened
    """What an executor answers for that was killed."""


class ControlledFuture(Future):
    """A future with a point before it is answered and before somebody asks to be told."""

    def __init__(self, run):
        super().__init__()
        self.run, self.name = run, run.named("future")

    def add_done_callback(self, function):
        self.run.point(self.name)
        super().add_done_callback(function)

    def answer(self, value):
        self.run.point(self.name)
        if not self.done():
            self.set_exception(value) if isinstance(value, Exception) else self.set_result(value)


class Process:
    """An executor of one process: a thread of the run for each program, until it is killed."""

    def __init__(self, run, answers):
        self.run, self.answers, self.name = run, answers, run.named("process")
        self.futures, self.killed = [], False

    def submit(self, function, *args):
        self.run.point(self.name)
        if self.killed:
            raise Killed("cannot schedule new futures after shutdown")
        if not args:
            future = Future()  # of its start: nobody waits for it here
            future.set_result(1)
            return future
        future = ControlledFuture(self.run)
        self.futures.append(future)
        self.run.spawn(partial(self._work, future), "process")
        return future

    def _work(self, future):
        self.run.point(self.name)
        if not self.killed:
            future.answer(self.answers.pop(0) if self.answers else Execution("samples", 0.0, 0.0))

    def shutdown(self, *, wait, kill_workers):
        self.run.point(self.name)
        self.killed = True
        for future in self.futures:
            future.answer(Killed("before this could complete"))


class Pool:
    """A pool of such executors, and what it has answered."""

    def __init__(self, run, patch, *, size=1, answers=()):
        for module in (pool, leaving):
            patch(module, leaves=True)
        self.run, self.answers, self.got = run, list(answers), {}
        self.made = []
        kind = partial(LokyWorker, self._new_executor)
        self.pool = WorkerPool(engine=LokyEngine(size, kind))

    def _new_executor(self):
        self.made.append(Process(self.run, self.answers))
        return self.made[-1]

    def submit(self, name):
        self.got[name] = []
        return self.pool.submit(program(), self.got[name].append)

    def check(self):
        """Everything was answered, once; who is idle has nothing to do; all are ours."""
        assert all(len(answers) == 1 for answers in self.got.values()), self.got
        assert not self.pool._turns
        assert len(self.pool._workers) <= self.pool.size
        assert all(worker.item is None for worker in self.pool._workers)
        assert not any(worker.executor.killed for worker in self.pool._workers)
        return [type(answer).__name__ for (answer,) in self.got.values()]


@pytest.mark.parametrize("size", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_program_is_abandoned_while_it_is_answered_and_another_one_comes(explore, size):
    seen = set()

    def scenario(run, patch):
        pool = Pool(run, patch, size=size)

        def submit_and_abandon():
            ticket = pool.submit("mine")
            pool.pool.abandon(ticket)

        run.spawn(submit_and_abandon, "user")
        run.spawn(partial(pool.submit, "other"), "another")
        run.go()
        mine, other = (pool.check()[list(pool.got).index(name)] for name in ("mine", "other"))
        seen.add(mine)
        assert other == "Execution", "nobody dies with another's program"

    explore(scenario, least=10)
    assert {"Execution", "Killed"} <= seen


def test_a_program_is_abandoned_while_its_worker_asks_for_its_circuits(explore):
    seen = set()

    def scenario(run, patch):
        pool = Pool(run, patch, answers=[UnknownCircuits(("a",))])
        ticket = pool.submit("mine")
        run.spawn(partial(pool.pool.abandon, ticket), "user")
        run.go()
        seen.update(pool.check())

    explore(scenario, least=3)
    assert {"Execution", "Killed", "ProgramAbandoned"} <= seen


def test_the_pool_is_closed_while_a_program_comes_and_another_is_answered(explore):
    seen = set()

    def scenario(run, patch):
        pool = Pool(run, patch)
        pool.submit("first")

        def submit():
            try:
                pool.submit("late")
            except RuntimeClosedError:
                del pool.got["late"]
                seen.add("refused")

        run.spawn(submit, "user")
        run.spawn(pool.pool.close, "closer")
        run.go()
        seen.update(pool.check())
        assert not pool.pool._workers
        assert all(process.killed for process in pool.made)

    explore(scenario, least=10)
    assert {"Execution", "Killed", "refused"} <= seen


def test_a_worker_dies_while_its_program_is_abandoned(explore):
    """One stop for one worker: two at once are more than an executor may have to bear."""

    def scenario(run, patch):
        pool = Pool(run, patch, answers=[BrokenExecutor("died")])
        ticket = pool.submit("mine")
        (process,) = pool.made
        stops, shut_down = [], process.shutdown
        process.shutdown = lambda **how: (stops.append(1), shut_down(**how))
        run.spawn(partial(pool.pool.abandon, ticket), "user")
        run.go()
        pool.check()
        assert len(stops) == 1

    explore(scenario, least=3)


# -- the place for heavy steps in this process -----------------------------------------------------


class Steps:
    """Heavy steps that can be done in this process only, and who has the place for them."""

    def __init__(self, pool):
        self.pool, self.inside, self.done, self.ended = pool, 0, [], []

    def do(self, name):
        """What a lane does: take the place or wait for it, and give it back."""
        try:
            taken = self.pool.pool.take_here_nowait()
            if not taken:
                turn = ControlledFuture(self.pool.run)
                self.pool.pool.send_away(StepItem("a module", None, on_done=turn.answer))
                self.pool.run.point(turn.name, when=turn.done)
                taken = turn.result() is Turn.HERE
        except (RuntimeClosedError, ProgramAbandoned):
            self.ended.append(name)
            return
        assert taken
        self.inside += 1
        self.pool.run.point("the place here")
        assert self.inside == 1, "two have the place"
        self.done.append(name)
        self.inside -= 1
        self.pool.pool.leave_here()


def test_the_place_here_is_handed_on_and_never_lost(explore):
    def scenario(run, patch):
        steps = Steps(Pool(run, patch))
        for name in ("one", "another", "third"):
            run.spawn(partial(steps.do, name), name)
        run.go()
        assert sorted(steps.done) == ["another", "one", "third"]
        assert steps.pool.pool.take_here_nowait(), "it is free again"

    explore(scenario, least=10)


def test_the_pool_is_closed_while_steps_wait_for_the_place_here(explore):
    seen = set()

    def scenario(run, patch):
        steps = Steps(Pool(run, patch))
        for name in ("one", "another"):
            run.spawn(partial(steps.do, name), name)
        run.spawn(steps.pool.pool.close, "closer")
        run.go()
        assert len(steps.done) + len(steps.ended) == 2, "nobody waits for ever"
        seen.add(len(steps.ended))

    explore(scenario, least=10)
    assert seen == {0, 1, 2}
