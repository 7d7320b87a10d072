"""A table of disasters: whatever goes wrong, wherever, ends in an error and leaves the QPU serving.

A row says what happens and where, stages it with a job, and names how that job ends. The test is
the same for all: the job ends in time, its user gets an exception that says why, the next job runs,
and when all is over nothing is held. What happens at the exit of the interpreter is in `test_exit`,
and Ctrl-C at the user's own calls in `test_interrupts`.
"""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from qiskit_ibm_runtime.exceptions import (
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobMaxTimeoutError,
    RuntimeJobTimeoutError,
)

from qiskit_modes.exceptions import (
    QiskitModesError,
    RefusedError,
    UnsupportedCircuitError,
    WorkerDiedError,
)
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.runtime import StepFunctions
from qiskit_modes.runtime.threads import timer
from qiskit_modes.runtime.workers import leaving, worker_process
from qiskit_modes.scheduling import Mode
from qiskit_modes.scheduling.job import Ready
from qiskit_modes.simulation.run.program import Program
from tests.runtime import heavy_functions as heavy
from tests.runtime.conftest import DEADLINE, Gate, finished, program
from tests.threads import wait_until

THREADS, PROCESS, PLACES = "threaded", "machine", "machine_with_places"
"""Where programs run: in a thread that cannot be killed, or in a worker process of ours; in the
third the steps of a batch go to a second worker."""

RAISED = {
    "ERROR": RuntimeJobFailureError,
    "CANCELLED": RuntimeInvalidStateError,
    "TOO LONG": RuntimeJobMaxTimeoutError,
}
"""What the user of a job that ended like this gets from its ``result()``."""


@dataclass(frozen=True)
class Disaster:
    what: str
    at: str
    stage: Callable
    """Lets it happen to a job of the staged machine, and returns the job."""
    ends: str
    error: type[BaseException] | None
    """What the job keeps as the cause."""
    on: str

    def __str__(self):
        return f"{self.what} at {self.at}"


TABLE = []


def disaster(what, at, ends, error=None, *, on=THREADS):
    def enter(stage):
        places = at if isinstance(at, tuple) else (at,)
        for place in places:
            given = (lambda s, place=place: stage(s, place)) if len(places) > 1 else stage
            TABLE.append(Disaster(what, place, given, ends, error, on))
        return stage

    return enter


class Staged:
    """A machine, and gates that are opened when the disaster is over."""

    def __init__(self, machine, monkeypatch):
        self.machine, self.monkeypatch, self.gates = machine, monkeypatch, []
        self.executor = machine.runtime.executor
        self.submit, self.cancel = machine.submit, self.executor.cancel

    def gate(self):
        self.gates.append(Gate())
        return self.gates[-1]

    def held_program(self):
        """A gate on the QPU: the programs of a machine with threads stand there."""
        gate = self.gate()

        def run(program, keys, threads=1):
            gate()
            return worker_process.Execution("samples", 0.0, 0.0)

        self.monkeypatch.setattr(worker_process, "run", run)
        return gate

    def held_in(self, step):
        """A job that stands in a step: on the QPU, or in a lane."""
        if step == "execute":
            gate = self.held_program()
            job = self.submit()
        elif step == "compile":
            gate = self.gate()
            job = self.submit(compile=lambda: gate() or program())
        else:
            gate = self.gate()
            job = self.submit(post_process=lambda *_: gate())
        assert gate.entered.wait(DEADLINE)
        return job

    def queued(self, **more):
        """A job that waits behind five others in the lanes."""
        for _ in range(5):
            self.held_in("compile")
        job = self.submit(**more)
        assert job.status == "QUEUED"
        return job

    def ready(self):
        """A job that waits for the QPU, which another one has."""
        self.held_in("execute")
        job = self.submit()
        wait_until(lambda: isinstance(job.core.state, Ready))
        return job

    def worker(self):
        """The process id of the only worker."""
        (worker,) = self.executor.workers._workers
        return worker.executor.submit(os.getpid).result(DEADLINE)


@pytest.fixture
def staged(request, monkeypatch):
    case = request.param
    staged = Staged(request.getfixturevalue(case.on), monkeypatch)
    yield case, staged
    for gate in staged.gates:
        gate.opened.set()


def fail_with(error):
    def fail(*_):
        raise error

    return fail


def on_the_qpu(job):
    wait_until(lambda: job.core.executing_at is not None)


def in_a_worker(action, circuits=None, *, runs=1):
    """A program whose execution does something: a run is asked for its circuit, and acts.

    The run is there only once the program has travelled: in this process, too, runs are looked at.
    """

    class Run:
        @property
        def circuit(self):
            return action()

    class Empty(Program):
        def __reduce__(self):
            return Program, (self.circuits, (Run(),) * runs, self.seed)

    return Empty(circuits or {}, (), 0)


# -- something is raised ---------------------------------------------------------------------------


class Unprintable(Exception):  # noqa: N818 - a user's own
    def __str__(self):
        raise ValueError("no words for it")


for _what, _error in {
    "exception": ValueError("boom"),
    "exception without words": Unprintable(),
    "Ctrl-C": KeyboardInterrupt(),
    "end of the thread": SystemExit(3),
    "no memory": MemoryError(),
}.items():

    @disaster(_what, ("compile", "post_process"), "ERROR", type(_error))
    def _raised_in_a_lane(staged, step, error=_error):
        return staged.submit(**{step: fail_with(error)})

    @disaster(_what, "execute", "ERROR", type(_error))
    def _raised_by_a_worker_of_somebody_else(staged, error=_error):
        """Whatever the executor is, and whatever it answers with."""
        errors = [error]

        def run(program, keys, threads=1):
            if errors:
                raise errors.pop()
            return worker_process.Execution("samples", 0.0, 0.0)

        staged.monkeypatch.setattr(worker_process, "run", run)
        return staged.submit()


@disaster("exception", "execute", "ERROR", KeyError, on=PROCESS)
def _raised_in_a_worker(staged):
    return staged.submit(compile=lambda: in_a_worker(lambda: "a circuit that is not there"))


@disaster("no memory", "execute", "ERROR", MemoryError, on=PROCESS)
def _no_memory_in_a_worker(staged):
    def need_more():
        raise MemoryError

    return staged.submit(compile=lambda: in_a_worker(need_more))


@disaster("no program", "execute", "ERROR", BaseException)
def _nothing_was_compiled(staged):
    return staged.submit(compile=lambda: None)


@disaster("no worker can be made", "execute", "ERROR", OSError)
def _no_worker(staged):
    def no_worker():
        raise OSError("too many open files")

    def compile():  # its worker has died meanwhile, and there will be no other one
        staged.executor.workers._workers.clear()
        staged.monkeypatch.setattr(staged.executor.workers.engine, "new_worker", no_worker)
        return program()

    make = staged.executor.workers.engine.new_worker
    job = staged.submit(compile=compile)
    assert job.finished.wait(DEADLINE)
    staged.monkeypatch.setattr(staged.executor.workers.engine, "new_worker", make)
    return job


# -- no thread can be started ----------------------------------------------------------------------


def no_thread(*_, **__):
    raise RuntimeError("can't start new thread")


@disaster("no thread for a lane", ("compile", "post_process"), "ERROR", QiskitModesError)
def _no_lane(staged, step):
    runner = staged.executor._runner
    if step == "compile":
        with staged.monkeypatch.context() as patch:
            patch.setattr(runner._threads._pool, "_adjust_thread_count", no_thread)
            patch.setattr(runner._threads, "_afterwards", lambda _: False)
            return staged.submit()

    def compile():
        staged.monkeypatch.setattr(runner._threads._pool, "submit", no_thread)
        return program()

    lanes = runner._threads._pool.submit
    job = staged.submit(compile=compile)
    assert job.finished.wait(DEADLINE)
    staged.monkeypatch.setattr(runner._threads._pool, "submit", lanes)
    return job


@disaster("no thread for a lane, but another one is free", "compile", "DONE")
def _another_lane_does_it(staged):
    """The pool has put it into its queue before it failed; it is done once."""
    lanes = staged.executor._runner._threads._pool
    submit = lanes.submit

    def submit_and_fail(*work):
        assert submit(*work).exception(DEADLINE) is None
        raise RuntimeError("can't start new thread")

    with staged.monkeypatch.context() as patch:
        patch.setattr(lanes, "submit", submit_and_fail)
        patch.setattr(staged.executor._runner._threads, "_afterwards", lambda _: False)
        return staged.submit()


@disaster("no thread for a stopper", "execute, in a worker process", "CANCELLED", on=PROCESS)
def _no_stopper(staged):
    job = staged.submit(compile=lambda: in_a_worker(signal.pause))
    on_the_qpu(job)
    with staged.monkeypatch.context() as patch:
        patch.setattr(leaving, "threading", SimpleNamespace(Thread=no_thread))
        staged.cancel(job)
    return job


@disaster("no thread for the timer", "execute", "TOO LONG")
def _no_timer(staged):
    """The deadline is acted on when the next thread has something to say."""
    staged.held_program()
    job = staged.machine.job()
    with staged.monkeypatch.context() as patch:
        patch.setattr(timer, "threading", SimpleNamespace(Thread=no_thread))
        staged.machine.runtime.submit(job, max_execution_seconds=0.02)
        on_the_qpu(job)
    staged.submit()
    return job


# -- what does not travel --------------------------------------------------------------------------


@disaster("unpicklable input", "execute", "ERROR", BaseException, on=PROCESS)
def _program_does_not_pickle(staged):
    return staged.submit(compile=lambda: program(seed=threading.Lock()))


@disaster("unpicklable result", "execute", "ERROR", TypeError, on=PROCESS)
def _samples_do_not_pickle(staged):
    class Unpicklable:
        registers, number, first_set = {}, 0, 0

        def __reduce__(self):
            raise TypeError("stays here")

    def circuit():
        import qiskit_modes.simulation.run.execution as execution

        execution._run_together = lambda *_: [Unpicklable()]
        return "any"

    # Of two runs the circuits are looked at before one of them is executed.
    circuits = {"any": SimpleNamespace(shared_states=())}
    return staged.submit(compile=lambda: in_a_worker(circuit, circuits, runs=2))


@disaster("unpicklable error", "execute", "ERROR", BaseException, on=PROCESS)
def _error_does_not_unpickle(staged):
    class Picky(Exception):  # noqa: N818 - a user's own
        def __init__(self, one, two):
            super().__init__(one)

    def fail():
        raise Picky(1, 2)

    return staged.submit(compile=lambda: in_a_worker(fail))


# -- killed ----------------------------------------------------------------------------------------


@disaster("kill -9", "execute", "ERROR", WorkerDiedError, on=PROCESS)
def _killed_while_it_executes(staged):
    return staged.submit(compile=lambda: in_a_worker(lambda: os.kill(os.getpid(), signal.SIGKILL)))


@disaster("exit of the worker", "execute", "ERROR", WorkerDiedError, on=PROCESS)
def _worker_exits(staged):
    return staged.submit(compile=lambda: in_a_worker(lambda: os._exit(0)))


@disaster("kill -9", "queued", "DONE", on=PROCESS)
def _killed_before_it_is_needed(staged):
    """Nobody's program was in it: nobody has to know."""
    finished(staged.submit())
    (worker,) = staged.executor.workers._workers
    dead = worker.executor.submit(os.kill, staged.worker(), signal.SIGKILL)
    assert dead.exception(DEADLINE) is not None
    return staged.submit()


@disaster("kill -9 of the worker of another job", "ready", "DONE", on=PROCESS)
def _killed_while_another_job_has_it(staged):
    other = staged.submit(compile=lambda: in_a_worker(signal.pause))
    on_the_qpu(other)
    job = staged.submit()
    (worker,) = staged.executor.workers._workers
    os.kill(worker.up.result(DEADLINE), signal.SIGKILL)
    assert finished(other) == ["ERROR"]
    assert isinstance(other.error, WorkerDiedError)
    return job


@disaster("Ctrl-C of the terminal", "execute, in a worker process", "DONE", on=PROCESS)
def _ctrl_c_reaches_the_worker_too(staged):
    """It is for the process that the user talks to."""

    staged.executor.workers.warm_up()

    def compile():
        (worker,) = staged.executor.workers._workers
        os.kill(worker.up.result(DEADLINE), signal.SIGINT)
        return program()

    return staged.submit(compile=compile)


@disaster("kill -9", "compile", "DONE", on=PROCESS)
def _killed_while_the_job_compiles(staged):
    staged.executor.workers.warm_up()

    def compile():
        (worker,) = staged.executor.workers._workers
        dead = worker.executor.submit(os.kill, staged.worker(), signal.SIGKILL)
        assert dead.exception(DEADLINE) is not None
        return program()

    return staged.submit(compile=compile)


@disaster("kill -9", "post_process", "DONE", on=PROCESS)
def _killed_when_it_is_needed_no_more(staged):
    def post_process(*_):
        (worker,) = staged.executor.workers._workers
        dead = worker.executor.submit(os.kill, staged.worker(), signal.SIGKILL)
        assert dead.exception(DEADLINE) is not None
        return "result"

    return staged.submit(post_process=post_process)


def heavy_step(staged, function):
    """A job whose compilation leaves a step to the worker that is ready for it."""
    workload = staged.machine.open(Mode.BATCH)
    job = staged.machine.job(workload=workload)
    arguments = () if function is heavy.refuse else (os.getpid(),)
    job.under_way.steps = StepFunctions(
        lambda elsewhere: elsewhere(1.0, function, *arguments), job.under_way.steps.post_processing
    )
    staged.machine.submit(job)
    staged.executor.close_workload(workload)
    return job


@disaster("exception", "compile, in a worker process", "ERROR", UnsupportedCircuitError, on=PLACES)
def _raised_in_a_heavy_step(staged):
    return heavy_step(staged, heavy.refuse)


@disaster("kill -9", "compile, in a worker process", "ERROR", WorkerDiedError, on=PLACES)
def _killed_in_a_heavy_step(staged):
    return heavy_step(staged, heavy.die)


@disaster("cancel", "compile, in a worker process", "CANCELLED", on=PLACES)
def _cancelled_in_a_heavy_step(staged):
    """Its lane is not free before the step has ended; this one ends when all is shut down."""
    job = heavy_step(staged, heavy.stay)
    (worker,) = (each for each in staged.executor.workers._workers if each.ready_for)
    wait_until(lambda: worker.item is not None)
    staged.cancel(job)
    return job


# -- cancelled -------------------------------------------------------------------------------------


@disaster("cancel", ("compile", "execute", "post_process"), "CANCELLED")
def _cancelled_in_a_step(staged, step):
    job = staged.held_in(step)
    staged.cancel(job)
    return job


@disaster("cancel", ("queued", "ready"), "CANCELLED")
def _cancelled_while_it_waits(staged, place):
    job = getattr(staged, place)()
    staged.cancel(job)
    assert job.finished.is_set(), "there is nothing to wait for"
    return job


@disaster("cancel", "execute, in a worker process", "CANCELLED", on=PROCESS)
def _cancelled_in_a_worker(staged):
    """It is stopped: the program itself would never end."""
    job = staged.submit(compile=lambda: in_a_worker(signal.pause))
    on_the_qpu(job)
    staged.cancel(job)
    return job


@disaster("cancel of its session", "queued", "CANCELLED")
def _session_is_cancelled(staged):
    session = staged.machine.open(Mode.SESSION)
    job = staged.queued(workload=session)
    staged.executor.cancel_workload(session)
    return job


# -- time is over ----------------------------------------------------------------------------------


@disaster("timeout", "execute", "TOO LONG")
def _too_long_on_the_qpu(staged):
    staged.held_program()
    job = staged.machine.job()
    staged.machine.runtime.submit(job, max_execution_seconds=0.02)
    return job


@disaster("timeout", "execute, in a worker process", "TOO LONG", on=PROCESS)
def _too_long_in_a_worker(staged):
    job = staged.machine.job(compile=lambda: in_a_worker(signal.pause))
    staged.machine.runtime.submit(job, max_execution_seconds=0.02)
    return job


@disaster("timeout of its session", "queued", "ERROR")
def _session_is_over(staged):
    session = staged.machine.open(Mode.BATCH)
    gate = staged.gate()
    for _ in range(5):
        staged.submit(workload=session, compile=lambda: gate() or program())
    job = staged.submit(workload=session)
    assert job.status == "QUEUED"
    staged.machine.runtime.executor.expire_workload(session)
    return job


# -- the test of them all --------------------------------------------------------------------------


@pytest.mark.parametrize("staged", TABLE, ids=str, indirect=True)
def test_a_disaster_ends_in_an_error_and_the_qpu_goes_on_serving(staged):
    case, staged = staged
    machine = staged.machine
    job = case.stage(staged)
    status = "ERROR" if case.ends == "TOO LONG" else case.ends
    assert finished(job) == [status]
    if case.error is not None:
        assert isinstance(job.error, case.error)
        assert type(job.error).__name__ in job.reason
    user = RuntimeJobV2(job, machine.runtime)
    if status == "DONE":
        assert user.result(0) == "result"
    else:
        with pytest.raises(RAISED[case.ends]) as raised:
            user.result(0)
        assert raised.value.__cause__ is job.error
        assert job.result is None
    with pytest.raises(RefusedError, match="already ended"):
        staged.cancel(job)

    for gate in staged.gates:
        gate.opened.set()
    assert finished(machine.submit()) == ["DONE"]
    machine.runtime.shut_down()
    assert job.status == status, "what is final stays so"
    with machine.qpu.mutex:
        machine.qpu.scheduler.validate()
        locks = machine.qpu.scheduler.locks
        assert locks.lanes.idle
        assert locks.qpu.idle
    assert not machine.runtime.executor.jobs.unfinished()
    assert job.under_way.steps is None
    assert job.under_way.program is None
    assert job.under_way.samples is None


# -- at the user's own calls -----------------------------------------------------------------------


def test_a_submission_that_is_refused_leaves_nothing(threaded):
    session = threaded.open()
    threaded.runtime.executor.close_workload(session)
    job = threaded.job(workload=session)
    with pytest.raises(RefusedError, match="takes no more jobs"):
        threaded.submit(job)
    assert threaded.runtime.job(job.id) is None
    assert finished(threaded.submit()) == ["DONE"]


def test_waiting_for_a_result_times_out_and_the_job_goes_on(threaded):
    gate = Gate()
    job = threaded.submit(compile=lambda: gate() or program())
    user = RuntimeJobV2(job, threaded.runtime)
    with pytest.raises(RuntimeJobTimeoutError):
        user.result(timeout=0.01)
    gate.opened.set()
    assert user.result(timeout=DEADLINE) == "result"


@pytest.fixture
def ctrl_c_counts():
    """Python's own handler, also where the shell had Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_counts")
def test_ctrl_c_while_waiting_for_a_result_leaves_the_job_alone(threaded):
    gate = Gate()
    job = threaded.submit(compile=lambda: gate() or program())
    assert gate.entered.wait(DEADLINE)
    user, main = RuntimeJobV2(job, threaded.runtime), threading.get_ident()
    interrupter = threading.Thread(target=lambda: signal.pthread_kill(main, signal.SIGINT))

    def wait():
        interrupter.start()
        user.result(timeout=DEADLINE)

    with pytest.raises(KeyboardInterrupt):
        wait()
    interrupter.join(DEADLINE)
    gate.opened.set()
    assert user.result(timeout=DEADLINE) == "result"
