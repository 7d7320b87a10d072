"""The pool of workers: circuits travel once, and nothing is lost when a worker is."""

import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor

import loky
import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.exceptions import RuntimeClosedError
from qiskit_modes.runtime import WorkerPool
from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.runtime.workers.loky.process import semaphore_names
from qiskit_modes.runtime.workers.loky.worker import LokyWorker
from qiskit_modes.runtime.workers.work_items import ProgramAbandoned
from qiskit_modes.runtime.workers.worker import ExecutorWorker
from qiskit_modes.simulation import compile_circuit
from qiskit_modes.simulation.run.program import Program, Run
from tests import programs
from tests.runtime import heavy_functions
from tests.runtime.conftest import DEADLINE, Gate


class Answers:
    """Collects what a pool answers."""

    def __init__(self):
        self.arrived = threading.Event()
        self.answer = None

    def __call__(self, answer):
        assert not self.arrived.is_set(), "a program is answered once"
        self.answer = answer
        self.arrived.set()

    def get(self):
        assert self.arrived.wait(DEADLINE)
        return self.answer


@pytest.fixture
def sent(monkeypatch):
    """What reaches the workers: for each call, the keys of the circuits that travelled."""
    calls = []
    original = worker_process.run

    def run(program, keys, threads=1):
        calls.append(tuple(program.circuits))
        return original(program, keys)

    monkeypatch.setattr(worker_process, "run", run)
    worker_process._circuits.clear()
    yield calls
    worker_process._circuits.clear()


@pytest.fixture
def pool():
    pool = WorkerPool(1, new_executor=lambda: ThreadPoolExecutor(1))
    yield pool
    pool.close()


def submit(pool, *keys):
    answers = Answers()
    ticket = pool.submit(Program(dict.fromkeys(keys, "circuit"), (), 0), answers)
    return ticket, answers


def test_circuits_travel_once(pool, sent):
    submit(pool, "a", "b")[1].get()
    submit(pool, "b", "c")[1].get()
    submit(pool, "a")[1].get()
    assert sent == [("a", "b"), ("c",), ()]


def test_a_worker_that_has_forgotten_is_sent_everything_again(pool, sent):
    submit(pool, "a", "b")[1].get()
    worker_process._circuits.clear()
    answer = submit(pool, "a", "b")[1].get()
    assert isinstance(answer, worker_process.Execution)
    assert sent == [("a", "b"), (), ("a", "b")]


def test_a_worker_remembers_only_so_many_circuits(pool, sent, monkeypatch):
    monkeypatch.setattr(worker_process, "CACHED_CIRCUITS", 2)
    for key in ("a", "b", "c", "a"):
        submit(pool, key)[1].get()
    assert sent == [("a",), ("b",), ("c",), ("a",)]
    assert list(worker_process._circuits) == ["c", "a"]


def test_a_program_that_is_alone_has_all_of_the_cores(monkeypatch):
    gate = Gate()
    monkeypatch.setattr(
        worker_process,
        "run",
        lambda p, keys, threads=1: (keys == ("long",) and gate()) or threads,
    )
    monkeypatch.setattr(ExecutorWorker, "shares_cores", True)
    pool = WorkerPool(3, new_executor=lambda: ThreadPoolExecutor(1))
    assert submit(pool, "short")[1].get() == 3
    ticket, long = submit(pool, "long")
    assert gate.entered.wait(DEADLINE)
    assert ticket.threads == 3
    assert submit(pool, "short")[1].get() == 2
    gate.opened.set()
    long.get()
    assert submit(pool, "short")[1].get() == 3
    pool.close()


def test_a_program_goes_to_the_worker_that_knows_its_circuits(monkeypatch):
    gate = Gate()
    original = worker_process.run
    monkeypatch.setattr(
        worker_process,
        "run",
        lambda p, keys, _=1: (keys == ("long",) and gate()) or original(p, keys),
    )
    pool = WorkerPool(2, new_executor=lambda: ThreadPoolExecutor(1))
    _, long = submit(pool, "long")
    assert gate.entered.wait(DEADLINE)
    beside, answers = submit(pool, "short")
    answers.get()
    worker = beside.worker
    gate.opened.set()
    long.get()
    for _ in range(3):
        ticket, answers = submit(pool, "short")
        answers.get()
        assert ticket.worker is worker
    pool.close()


def test_a_waiting_program_that_is_abandoned_is_answered_without_being_run(pool, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(worker_process, "run", lambda *_: gate())
    submit(pool)
    assert gate.entered.wait(DEADLINE)
    ticket, answers = submit(pool)
    pool.abandon(ticket)
    assert isinstance(answers.get(), ProgramAbandoned)
    gate.opened.set()


def test_closing_answers_what_waits_and_refuses_what_comes(pool, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(worker_process, "run", lambda *_: gate())
    submit(pool)
    assert gate.entered.wait(DEADLINE)
    _, waiting = submit(pool)
    pool.close()
    assert isinstance(waiting.get(), ProgramAbandoned)
    with pytest.raises(RuntimeClosedError):
        submit(pool)
    gate.opened.set()


def test_an_executor_that_cannot_be_used_fails_its_program_and_is_replaced():
    made = []

    def new_executor():
        made.append(ThreadPoolExecutor(1))
        if len(made) == 1:
            made[0].shutdown()
        return made[-1]

    pool = WorkerPool(1, new_executor=new_executor)
    assert isinstance(submit(pool)[1].get(), RuntimeError)
    assert isinstance(submit(pool)[1].get(), worker_process.Execution)
    pool.close()


class ActorDiedError(Exception):
    """As Ray says that a worker is dead: with no error that anybody else knows."""


class Actor(ThreadPoolExecutor):
    """An executor that answers nothing but that once it is dead."""

    is_dead = False

    def submit(self, *what):
        if not self.is_dead:
            return super().submit(*what)
        answer = Future()
        self.die(answer)
        return answer


def cancel(answer):
    answer.cancel()
    answer.set_running_or_notify_cancel()


@pytest.mark.parametrize(
    ("die", "error"),
    [
        (lambda answer: answer.set_exception(ActorDiedError()), ActorDiedError),
        (cancel, ProgramAbandoned),
    ],
    ids=["an error of its own", "cancelled"],
)
def test_an_executor_that_says_in_its_own_words_that_it_is_dead_is_replaced(die, error):
    made = []

    def new_executor():
        made.append(Actor(1))
        made[-1].die = die
        return made[-1]

    pool = WorkerPool(1, new_executor=new_executor)
    assert isinstance(submit(pool)[1].get(), worker_process.Execution)
    made[0].is_dead = True
    assert isinstance(submit(pool)[1].get(), error)
    assert isinstance(submit(pool)[1].get(), worker_process.Execution)
    assert len(made) == 2
    pool.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such mask")
def test_the_first_worker_too_starts_with_control_c_held_back():
    code = (
        "import signal\n"
        "from qiskit_modes.runtime.workers.loky.worker import LokyWorker\n"
        "worker = LokyWorker()\n"
        "worker.start()\n"
        "print(worker.executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, []).result())\n"
        "worker.stop()"
    )
    done = programs.run([sys.executable, "-c", code], text=True, check=True)
    assert "SIGINT" in done.stdout


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="semaphores have no names there")
def test_a_worker_that_is_up_leaves_no_name_behind():
    """Whatever becomes of the process: nobody is left who could remove them."""
    code = (
        "import os\n"
        "from qiskit_modes.runtime.workers.loky.worker import LokyWorker\n"
        "worker = LokyWorker()\n"
        "worker.start()\n"
        "worker.executor.submit(os.getpid).result()\n"
        "print([name for name in os.listdir('/dev/shm') if f'-{os.getpid()}-' in name])\n"
        "os._exit(0)"
    )
    done = programs.run([sys.executable, "-c", code], text=True, check=True)
    assert done.stdout == "[]\n"
    assert "leaked" not in done.stderr


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="semaphores have no names there")
@pytest.mark.parametrize("begins", [True, False], ids=["starting", "never started"])
def test_a_worker_that_was_stopped_leaves_no_name_behind(begins):
    """Whoever still holds it, such as a thread that the end of the process overtakes."""
    code = (
        "import os\n"
        "from qiskit_modes.runtime.workers.loky.worker import LokyWorker\n"
        "worker = LokyWorker()\n"
        "executor = worker.executor\n"
        "held = {**vars(executor), 'call': vars(executor._call_queue).copy()}\n"
        f"if {begins}: worker.start()\n"
        "worker.stop()\n"
        "print([name for name in os.listdir('/dev/shm') if f'-{os.getpid()}-' in name])\n"
        "os._exit(0)"
    )
    done = programs.run([sys.executable, "-c", code], text=True, check=True)
    assert done.stdout == "[]\n"
    assert "leaked" not in done.stderr


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="semaphores have no names there")
@pytest.mark.parametrize("whose", ["loky", "joblib.externals.loky"])
def test_a_worker_that_is_stopped_while_it_starts_dies_before_its_semaphores_lose_their_names(
    monkeypatch, whose
):
    """It opens them by their names, and would end with a traceback for all to see."""
    # Once joblib is imported, loky takes what its copy makes of the context's name.
    context = pytest.importorskip(f"{whose}.backend.context").LokyContext()
    executor = loky.ProcessPoolExecutor(max_workers=1, context=context, initializer=signal.pause)
    worker = LokyWorker(lambda: executor)
    worker.start()
    names, at_its_death = semaphore_names(executor), []
    manager = executor._executor_manager_thread
    kill = manager.kill_workers

    def there():
        return {name for name in names if os.path.exists(f"/dev/shm/sem.{name[1:]}")}

    def killed(reason=""):
        at_its_death.append(there())
        kill(reason=reason)

    monkeypatch.setattr(manager, "kill_workers", killed)
    worker.stop()
    assert names
    assert at_its_death == [names]
    assert not there()


READY = """
import sys
from qiskit_modes.runtime.workers.worker_process import prepare
prepare()
before = set(sys.modules)
import pickle
import signal
from qiskit_modes.runtime.workers.worker_process import run
run(pickle.loads(sys.stdin.buffer.read()), {keys!r})
print(sorted(name for name in set(sys.modules) - before if name.startswith("qiskit_modes")))
print("qiskit" in sys.modules)
"""


@pytest.mark.parametrize("at", ["answering", "being sent a program"])
def test_a_worker_that_dies_with_half_of_something_in_a_pipe_is_dead(at):
    """Whoever reads or writes the other half must not wait for it for ever."""
    worker, after = LokyWorker(), LokyWorker()
    for each in (worker, after):
        each.start()
        assert each.up.result(DEADLINE)
    if at == "answering":
        answer = worker.call(heavy_functions.die_while_answering)
    else:
        os.kill(worker.up.result(), signal.SIGSTOP)  # it reads nothing
        answer = worker.call(len, b"x" * 2**22)
        os.kill(worker.up.result(), signal.SIGKILL)
    with pytest.raises(BrokenExecutor):
        answer.result(DEADLINE)
    stops = [threading.Thread(target=each.stop, daemon=True) for each in (worker, after)]
    for stop in stops:
        stop.start()
    for stop in stops:
        stop.join(DEADLINE)
        assert not stop.is_alive()


def test_a_worker_starts_without_qiskit_and_imports_nothing_more_for_a_program():
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1, 2], [0, 1, 2])
    passes = generate_preset_pass_manager(0, FakeManilaV2(), seed_transpiler=1)
    for given, backend in ((circuit, AerSimulator()), (passes.run(circuit), FakeManilaV2())):
        compiled = compile_circuit(given, backend)
        program = Program({compiled.key: compiled}, (Run(compiled.key, np.zeros((1, 0)), 9),), 1)
        done = subprocess.run(
            [sys.executable, "-c", READY.format(keys=(compiled.key,))],
            input=pickle.dumps(program),
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode().split("\n")[:2] == ["[]", "False"], done


def test_an_executor_that_cannot_drop_what_waits_is_shut_down_too():
    """As loky's and Dask's: one that goes on would be waited for at the end of the program."""

    class Plain(ThreadPoolExecutor):
        def shutdown(self, wait=True):
            super().shutdown(wait)

    made = []

    def new_executor():
        made.append(Plain(1))
        return made[-1]

    pool = WorkerPool(1, new_executor)
    pool.warm_up()[0].result(DEADLINE)
    pool.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        made[0].submit(int)
