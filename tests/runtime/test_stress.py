"""Many users at once, with cancels, closes and worker kills; and a checker of what was recorded.

The run is real: threads, worker processes, the machine's clock. What it leaves behind is a history:
who asked for what, who held which lock from when to when, how every job ended.
"""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator

from qiskit_modes.exceptions import RefusedError
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from qiskit_modes.scheduling import Hold, Instance, Mode
from qiskit_modes.simulation import compile_circuit
from qiskit_modes.simulation.run.program import Program, Run
from tests.runtime.conftest import Machine, runtime_is_gone
from tests.runtime.history import LANES, History, Holds, check

WORKERS = 2


class User:
    """Opens, submits, waits, cancels and closes as chance will have it."""

    def __init__(self, machines, history, programs, dice, submitted, patience_seconds):
        self.machines, self.history, self.programs = machines, history, programs
        self.dice, self.submitted = dice, submitted
        self.patience_seconds = patience_seconds
        self.instance = Instance(f"instance {dice.randrange(4)}")

    def work(self, jobs):
        while jobs > 0:
            count = min(jobs, self.dice.randint(1, 8))
            self._work_in(self.dice.choice([Mode.JOB, Mode.JOB, Mode.BATCH, Mode.SESSION]), count)
            jobs -= count

    def _work_in(self, mode, count):
        machine = self.dice.choice(self.machines)
        workload = None if mode is Mode.JOB else machine.open(mode)
        if workload is not None:
            self.history.workloads.append(workload)
        jobs = [self._submit(machine, workload) for _ in range(count)]
        if self.dice.random() < 0.3:
            self._cancel(machine, self.dice.choice(jobs))
        if self.dice.random() < 0.3:
            assert self.dice.choice(jobs).finished.wait(self.patience_seconds)
        if workload is None:
            return
        executor = machine.runtime.executor
        if self.dice.random() < 0.2:
            self.history.cancelled_workloads.add(workload.id)
            executor.cancel_workload(workload)
        executor.close_workload(workload)

    def _submit(self, machine, workload):
        program = self.dice.choice(self.programs)
        job = machine.job(compile=lambda: program, workload=workload)
        if workload is None:
            job.instance = self.instance
        machine.submit(job)
        self.history.jobs.append(job)
        self.submitted.release()
        return job

    def _cancel(self, machine, job):
        with contextlib.suppress(RefusedError):
            machine.runtime.executor.cancel(job)
            self.history.cancels[job.id] += 1


def tiny_programs():
    """Real ones, of a few circuits and parameters."""
    programs = []
    for qubits in (1, 2, 3):
        circuit, angle = QuantumCircuit(qubits), Parameter("angle")
        circuit.rx(angle, 0)
        for qubit in range(1, qubits):
            circuit.cx(qubit - 1, qubit)
        circuit.measure_all()
        compiled = compile_circuit(circuit, AerSimulator())
        for seed in range(4):
            run = Run(compiled.key, np.full((1, 1), 0.1 * seed), 10)
            programs.append(Program({compiled.key: compiled}, (run,), seed))
    return programs


@dataclass(frozen=True)
class Load:
    """How much of it, and how long it may take before it counts as a hang."""

    users: int
    jobs: int
    kills: int
    patience_seconds: float


def kill_now_and_then(pool, load, history, submitted):
    """Kill a worker, whatever it is doing, whenever so many more jobs have been submitted."""
    for _ in range(load.kills):
        for _ in range(load.jobs // (load.kills + 1)):
            submitted.acquire()
        for worker in list(pool._workers):
            processes = list(getattr(worker.executor, "_processes", None) or {})
            if processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(processes[0], signal.SIGKILL)
                    history.kills += 1
                break


def stress(seed, load):
    """Let them all loose; return what happened."""
    history, submitted, programs = History(), threading.Semaphore(0), tiny_programs()
    pool = WorkerPool(WORKERS, light_seconds=0)  # what is light needs no worker to be killed
    with LocalRuntime(lanes=LANES, workers=pool) as runtime:
        for started in pool.warm_up():  # somebody must be there to be killed
            started.result(load.patience_seconds)
        machines = [Machine(runtime) for _ in range(2)]
        work = [(kill_now_and_then, pool, load, history, submitted)]
        for number in range(load.users):
            dice = random.Random(f"{seed} {number}")
            user = User(machines, history, programs, dice, submitted, load.patience_seconds)
            work.append((user.work, load.jobs // load.users + (number < load.jobs % load.users)))
        until = runtime.clock.now() + load.patience_seconds
        _all_at_once(work, until, runtime.clock.now)
        for job in history.jobs:
            left = max(until - runtime.clock.now(), 0.0)
            assert job.finished.wait(left), f"job {job.id} hangs: {job.core.story}"
    for number, machine in enumerate(machines):
        machine.qpu.scheduler.validate()
        locks = machine.qpu.scheduler.locks
        assert not locks.lanes.holders + locks.qpu.holders + locks.reservation.holders
        holds = [list(lock.history) for lock in (locks.lanes, locks.qpu, locks.reservation)]
        history.holds[number] = Holds(*holds)
    return history


def _all_at_once(work, until, now):
    errors = []

    def guarded(function, *arguments):
        try:
            function(*arguments)
        except BaseException as error:  # shown on the test's own thread
            errors.append(error)

    threads = [
        threading.Thread(target=guarded, args=each, name=f"user {number}", daemon=True)
        for number, each in enumerate(work)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(until - now(), 0.0))
    assert not errors, errors
    assert not [thread.name for thread in threads if thread.is_alive()], "they hang"


# -- the tests -------------------------------------------------------------------------------------


def stress_and_check(seed, load):
    before, start = set(threading.enumerate()), time.monotonic()
    history = stress(seed, load)
    print(f"{load.jobs} jobs of {load.users} users in {time.monotonic() - start:.1f} s")  # noqa: T201
    runtime_is_gone(before)
    assert len(history.jobs) == load.jobs
    assert history.kills
    check(history)
    return history


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_many_users_at_once(seed):
    history = stress_and_check(seed, Load(32, 2_000, kills=12, patience_seconds=1500.0))
    ends = Counter(job.status for job in history.jobs)
    assert ends["DONE"] > 1_000
    assert ends["CANCELLED"] > 10


@pytest.fixture(scope="module")
def small_history():
    return stress_and_check("small", Load(8, 120, kills=1, patience_seconds=100.0))


def test_a_few_users_at_once(small_history):
    assert {job.status for job in small_history.jobs} >= {"DONE", "CANCELLED"}


@pytest.mark.parametrize(
    ("holds", "message"),
    [
        (Holds([], [Hold("a", 0, 2), Hold("b", 1, 3)], []), "the QPU lock was held twice"),
        (Holds([], [], [Hold("s", 0, 2), Hold("t", 1, 3)]), "the reservation was held twice"),
        (Holds([Hold(f"{n}", 0, 1) for n in range(6)], [], []), "more than 5 jobs"),
        (Holds([Hold("stranger", 1, 2)], [], [Hold("s", 0, 3)]), "within"),
    ],
)
def test_the_checker_sees_holds_that_are_against_the_rules(holds, message):
    history = History(holds={"qpu": holds})
    with pytest.raises(AssertionError, match=message):
        check(history)


def _done(history):
    return next(job for job in history.jobs if job.status == "DONE")


def _end_twice(history, patch):
    core = _done(history).core
    patch.setattr(core, "story", [*core.story, core.story[-1]])


def _never_wake(history, patch):
    patch.setattr(_done(history), "finished", threading.Event())


def _run_what_was_cancelled(history, patch):
    patch.setitem(history.cancels, _done(history).id, 1)


def _cancel_what_nobody_cancelled(history, patch):
    cancelled = next(job for job in history.jobs if history.cancels[job.id])
    patch.setattr(cancelled, "workload", None)
    patch.setitem(history.cancels, cancelled.id, 0)


def _forget_a_hold(history, patch):
    holds = next(holds for holds in history.holds.values() if holds.qpu)
    patch.setattr(holds, "qpu", holds.qpu[1:])


def _charge_too_much(history, patch):
    core = next(w.core for w in history.workloads if w.core.mode is Mode.BATCH)
    patch.setattr(core, "job_seconds", core.job_seconds + 1.0)


def _overtake(history, patch):
    """As if the last one of a line had come first."""
    lines = {}
    for job in history.jobs:
        if job.workload is None and job.core.running_at is not None:
            lines.setdefault((job.qpu, job.instance.id), []).append(job.core)
    longest = max(lines.values(), key=len)
    last = max(longest, key=lambda core: core.running_at)
    patch.setattr(last, "submitted_at", float("-inf"))


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (_end_twice, "a job ends once"),
        (_never_wake, "whoever waits for it"),
        (_run_what_was_cancelled, "a cancel that was accepted counts"),
        (_cancel_what_nobody_cancelled, "nobody cancelled it"),
        (_forget_a_hold, "held the QPU lock once"),
        (_charge_too_much, "what is charged"),
        (_overtake, "overtaken"),
    ],
)
def test_the_checker_sees_a_history_that_was_tampered_with(
    small_history, monkeypatch, breaks, message
):
    check(small_history)
    breaks(small_history, monkeypatch)
    with pytest.raises(AssertionError, match=message):
        check(small_history)
