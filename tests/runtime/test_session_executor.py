"""The shell: steps in lanes, programs in workers, and everything that can go wrong between."""

import itertools
import os
import signal
import threading

import pytest

from qiskit_modes.exceptions import RefusedError, RuntimeClosedError, WorkerDiedError
from qiskit_modes.runtime import LocalRuntime, StepFunctions, WorkerPool
from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.scheduling import Mode, WorkloadState
from qiskit_modes.scheduling.job import RAN_TOO_LONG
from tests.runtime.conftest import DEADLINE, Gate, Machine, finished, program
from tests.threads import wait_until


@pytest.fixture
def staged(threaded, monkeypatch):
    """A machine whose QPU does what ``staged.qpu_gate`` lets it do."""
    threaded.qpu_gate = Gate()

    def run(program, keys, threads=1):
        threaded.qpu_gate()
        return worker_process.Execution("samples", 0.0, 0.0)

    monkeypatch.setattr(worker_process, "run", run)
    yield threaded
    threaded.qpu_gate.opened.set()


def test_a_job_goes_through_its_three_steps(threaded):
    seen = []
    job = threaded.submit(
        compile=lambda: seen.append("compile") or program(),
        post_process=lambda samples, span: seen.append("post-process") or (samples, span),
    )
    assert finished(job) == ["DONE"]
    assert seen == ["compile", "post-process"]
    samples, span = job.result
    assert samples.runs == ()
    assert job.core.executing_at is not None
    assert span.start <= span.stop


def test_the_qpu_is_locked_neither_for_compilation_nor_for_post_processing(threaded):
    compiling, post_processing = Gate(), Gate()
    job = threaded.submit(
        compile=lambda: compiling() or program(), post_process=lambda *_: post_processing()
    )
    for gate in (compiling, post_processing):
        assert gate.entered.wait(DEADLINE)
        assert threaded.qpu.scheduler.locks.qpu.idle
        assert threaded.qpu.scheduler.locks.lanes.holders == (job.id,)
        assert job.status == "RUNNING"
        gate.opened.set()
    assert finished(job) == ["DONE"]


def test_jobs_compile_beside_each_other_and_execute_one_after_the_other(threaded):
    together = threading.Barrier(5)
    jobs = [
        threaded.submit(compile=lambda: (together.wait(DEADLINE), program())[1]) for _ in range(5)
    ]
    assert finished(*jobs) == ["DONE"] * 5
    holds = sorted((job.core.executing_at, job.core.released_at) for job in jobs)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(holds))


@pytest.mark.parametrize("step", ["compile", "post_process"])
@pytest.mark.parametrize("error", [ValueError("boom"), KeyboardInterrupt(), SystemExit(3)])
def test_whatever_is_raised_in_a_lane_fails_the_job_and_frees_the_lane(threaded, step, error):
    def fail(*_):
        raise error

    job = threaded.submit(**{step: fail})
    assert finished(job) == ["ERROR"]
    assert job.error is error
    assert type(error).__name__ in job.reason
    assert finished(threaded.submit()) == ["DONE"]


def test_a_program_that_does_not_pickle_fails_its_job(machine):
    job = machine.submit(compile=lambda: program(seed=threading.Lock()))
    assert finished(job) == ["ERROR"]
    assert "pickle" in job.reason
    assert finished(machine.submit()) == ["DONE"]


def test_what_the_simulation_raises_is_the_jobs_error(machine):
    from qiskit_modes.simulation.run.program import Program, Run

    job = machine.submit(compile=lambda: Program({}, (Run("unknown", None, 1),), 0))
    assert finished(job) == ["ERROR"]
    assert job.error is not None
    assert finished(machine.submit()) == ["DONE"]


def test_cancelling_while_a_job_compiles_ends_it_at_once_and_its_lane_later(threaded):
    gate = Gate()
    job = threaded.submit(compile=lambda: gate() or program())
    assert gate.entered.wait(DEADLINE)
    threaded.runtime.executor.cancel(job)
    assert finished(job) == ["CANCELLED"]
    assert threaded.qpu.scheduler.locks.lanes.holders == (job.id,)
    gate.opened.set()
    assert finished(threaded.submit()) == ["DONE"]
    assert job.core.executing_at is None


def test_what_cannot_be_killed_keeps_the_qpu_until_it_returns(staged):
    first, second = staged.submit(), staged.submit()
    assert staged.qpu_gate.entered.wait(DEADLINE)
    on_qpu = first if first.core.executing_at is not None else second
    staged.runtime.executor.cancel(on_qpu)
    assert finished(on_qpu) == ["CANCELLED"]
    assert staged.qpu.scheduler.locks.qpu.holders == (on_qpu.id,)
    staged.qpu_gate.opened.set()
    assert set(finished(first, second)) == {"CANCELLED", "DONE"}
    assert on_qpu.result is None


def test_a_job_that_has_ended_cannot_be_cancelled(threaded):
    job = threaded.submit()
    finished(job)
    with pytest.raises(RefusedError, match="already ended"):
        threaded.runtime.executor.cancel(job)


def test_a_session_keeps_others_out_until_it_is_closed(staged):
    session = staged.open()
    mine = staged.submit(workload=session)
    assert staged.qpu_gate.entered.wait(DEADLINE)
    other = staged.submit()
    assert other.status == "QUEUED"
    staged.qpu_gate.opened.set()
    assert finished(mine) == ["DONE"]
    assert other.status == "QUEUED"
    assert session.core.state is WorkloadState.ACTIVE
    staged.runtime.executor.close_workload(session)
    assert finished(other) == ["DONE"]
    assert other.core.running_at >= session.core.closed_at


def test_a_closed_session_refuses(threaded):
    session = threaded.open()
    threaded.runtime.executor.close_workload(session)
    with pytest.raises(RefusedError, match="it was closed"):
        threaded.submit(workload=session)


def test_the_timer_deactivates_an_idle_batch(threaded):
    batch = threaded.open(Mode.BATCH)
    assert finished(threaded.submit(workload=batch)) == ["DONE"]
    # The batch says nothing when its second is over; it is looked at.
    wait_until(lambda: batch.core.state is not WorkloadState.ACTIVE)
    assert batch.core.state is WorkloadState.INACTIVE
    (window,) = batch.core.windows
    assert window.end - batch.core.last_job_completed == pytest.approx(1.0)


def test_a_job_is_stopped_at_its_limit(staged):
    job = staged.job()
    staged.runtime.submit(job, max_execution_seconds=0.05)
    assert finished(job) == ["ERROR"]
    assert job.core.ending == RAN_TOO_LONG
    assert job.reason == "Error code 1305; Ran too long"


@pytest.fixture
def busy_worker(machine):
    """A machine whose only worker is in the middle of a program; with the worker's process id."""
    import numpy as np
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit_aer import AerSimulator

    from qiskit_modes.simulation import compile_circuit
    from qiskit_modes.simulation.run.program import Program, Run

    assert finished(machine.submit()) == ["DONE"]
    (worker,) = machine.runtime.executor.workers._workers
    process_id = worker.executor.submit(os.getpid).result(DEADLINE)
    circuit, angle = QuantumCircuit(8), Parameter("angle")
    for _ in range(50):
        for qubit in range(7):
            circuit.rx(angle, qubit)
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    compiled = compile_circuit(circuit, AerSimulator())
    long = Program({compiled.key: compiled}, (Run(compiled.key, np.zeros((9000, 1)), 1),), 0)
    job = machine.submit(compile=lambda: long)
    wait_until(lambda: job.core.executing_at is not None or job.finished.is_set())
    assert not job.finished.is_set()
    return machine, job, process_id


def test_a_killed_worker_is_an_error_of_its_job_and_the_next_job_runs(busy_worker):
    machine, job, process_id = busy_worker
    os.kill(process_id, signal.SIGKILL)
    assert finished(job) == ["ERROR"]
    assert isinstance(job.error, WorkerDiedError)
    assert job.error.__cause__ is not None
    assert job.core.charged_seconds(machine.runtime.clock.now()) == 0
    assert finished(machine.submit()) == ["DONE"]


def test_cancelling_what_a_worker_runs_stops_it_and_replaces_it(busy_worker):
    machine, job, process_id = busy_worker
    machine.runtime.executor.cancel(job)
    assert finished(job) == ["CANCELLED"]
    assert finished(machine.submit()) == ["DONE"]
    (worker,) = machine.runtime.executor.workers._workers
    assert worker.executor.submit(os.getpid).result(DEADLINE) != process_id


def test_shutting_down_cancels_what_has_not_ended(staged):
    jobs = [staged.submit() for _ in range(7)]
    assert staged.qpu_gate.entered.wait(DEADLINE)
    threading.Timer(0.05, staged.qpu_gate.opened.set).start()
    outstanding = staged.runtime.shut_down()
    assert {job.id for job in outstanding} == {job.id for job in jobs}
    assert set(finished(*jobs)) == {"CANCELLED"}
    with pytest.raises(RuntimeClosedError, match="shut down"):
        staged.submit()


def test_finished_jobs_are_kept_up_to_a_bound_and_their_inputs_go_first(threaded):
    jobs = [threaded.submit() for _ in range(130)]
    finished(*jobs)
    ids = [job.id for job in jobs]
    jobs = [threaded.runtime.job(job_id) for job_id in ids]
    assert all(job is not None for job in jobs)
    assert sum(job.inputs is not None for job in jobs) == 100
    assert not threaded.qpu.scheduler.jobs, "the scheduler keeps no job that has ended"


def test_many_threads_submit_and_cancel_without_losing_a_job():
    with LocalRuntime(workers=WorkerPool(1)) as runtime:
        machine = Machine(runtime)
        jobs, mutex = [], threading.Lock()

        def user(number):
            workload = machine.open(Mode.BATCH) if number % 2 else None
            for turn in range(20):
                job = machine.submit(workload=workload)
                with mutex:
                    jobs.append(job)
                if turn % 5 == 0:
                    try:
                        runtime.executor.cancel(job)
                    except RefusedError:
                        assert job.core.ending is not None
            if workload is not None:
                runtime.executor.close_workload(workload)

        threads = [threading.Thread(target=user, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        assert set(finished(*jobs)) <= {"DONE", "CANCELLED"}
        assert len(jobs) == 160
        with machine.qpu.mutex:
            machine.qpu.scheduler.validate()
            assert machine.qpu.scheduler.locks.lanes.idle


def test_a_fork_starts_with_a_runtime_of_its_own():
    import multiprocessing
    import warnings

    from qiskit_modes.runtime import default_runtime

    runtime = default_runtime()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads, on purpose
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=lambda: queue.put(default_runtime() is runtime), daemon=True)
        child.start()
    assert queue.get(timeout=DEADLINE) is False
    child.join(DEADLINE)


def test_steps_may_be_of_any_kind(threaded):
    job = threaded.job()
    job.under_way.steps = StepFunctions(
        compiling=lambda _: program(), post_processing=lambda samples, span: {"answer": 42}
    )
    assert finished(threaded.submit(job)) == ["DONE"]
    assert job.result == {"answer": 42}
