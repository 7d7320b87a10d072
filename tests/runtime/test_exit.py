"""What happens to jobs when the program ends before them."""

import signal
import subprocess
import sys
import textwrap

import pytest

from tests import programs

PROGRAM = """
    import signal, sys
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit_aer import AerSimulator
    from qiskit_modes import SamplerV2

    circuit, angle = QuantumCircuit(8), Parameter("angle")
    for layer in range(50):
        for qubit in range(7):
            circuit.rx(angle, qubit)
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    sampler = SamplerV2(AerSimulator())
    jobs = [sampler.run([(circuit, [[n] for n in range(3000)])], shots=1) for _ in range(6)]
    while not any(job.on_qpu() for job in jobs):
        jobs[0]._record.finished.wait(0.01)
    print("on the QPU", flush=True)
"""


def run(ending, *, interrupt=False):
    """Run a program with six jobs, one of them on the QPU; return its exit code and stderr."""
    program = programs.SIGNALS_AS_USUAL + textwrap.dedent(PROGRAM) + ending
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program]
    with programs.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout.readline() == "on the QPU\n", process.stderr.read()
            if interrupt:
                process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, errors


@pytest.mark.parametrize(
    ("ending", "interrupt", "code"),
    [
        ("", False, 0),
        pytest.param("sys.exit(3)", False, 3, marks=pytest.mark.slow),
        pytest.param("raise ValueError('mine')", False, 1, marks=pytest.mark.slow),
        ("jobs[0].result()", True, -signal.SIGINT),
    ],
    ids=["end of the script", "sys.exit", "an exception", "Ctrl-C in result()"],
)
def test_jobs_outstanding_at_exit_are_cancelled_with_one_warning(ending, interrupt, code):
    returned, errors = run(ending, interrupt=interrupt)
    assert returned == code
    assert errors.count("OutstandingJobsWarning:") == 1
    assert "6 job(s) had not finished" in errors
    assert "resource_tracker" not in errors, "no semaphore is left behind"
    assert "Exception ignored" not in errors


AT_EACH_STEP = """
    import signal, threading
    from qiskit_modes.runtime import LocalRuntime, WorkerPool
    from qiskit_modes.scheduling import Mode
    from tests.runtime.conftest import Gate, Machine, program
    from tests.runtime.test_disasters import in_a_worker, on_the_qpu

    # The first job of the day is in its last step, the next one on the QPU, one compiles, and two
    # wait: for the QPU and for a lane.
    machine = Machine(LocalRuntime(lanes=4, workers=WorkerPool(1, light_seconds=0)))
    steps = [Gate() for _ in range(2)]
    last = machine.submit(post_process=steps[0])
    assert steps[0].entered.wait(60)
    on_qpu = machine.submit(compile=lambda: in_a_worker(signal.pause))
    on_the_qpu(on_qpu)
    jobs = [last, on_qpu, machine.submit(), machine.submit(compile=steps[1])]
    jobs += [machine.submit(), machine.submit(workload=machine.open(Mode.SESSION))]
    assert steps[1].entered.wait(60)
    # What stands in a lane is waited for, so it has to go on when its job was cancelled.
    open_all = lambda: (last.finished.wait(), [step.opened.set() for step in steps])
    threading.Thread(target=open_all, daemon=True).start()
    print([job.status for job in jobs], flush=True)
"""


BEFORE_ANY_WORKER = """
    import threading
    from qiskit_modes.runtime import LocalRuntime, WorkerPool
    from tests.runtime.conftest import Gate, Machine

    machine = Machine(LocalRuntime(workers=WorkerPool(1, light_seconds=0)))
    step = Gate()
    job = machine.submit(compile=step)
    assert step.entered.wait(60)
    # What stands in a lane is waited for, so it has to go on when its job was cancelled.
    open_it = lambda: (job.finished.wait(10), step.opened.set())
    threading.Thread(target=open_it, daemon=True).start()
"""


def test_a_job_is_ended_at_exit_before_any_worker_has_started():
    """Otherwise its worker would start while the program ends, and say that it could not."""
    command = [sys.executable, "-c", textwrap.dedent(BEFORE_ANY_WORKER)]
    done = programs.run(command, text=True, timeout=100)
    assert done.returncode == 0
    assert done.stderr.count("OutstandingJobsWarning:") == 1
    assert "Traceback" not in done.stderr


def test_jobs_in_every_step_are_ended_at_exit():
    command = [sys.executable, "-c", textwrap.dedent(AT_EACH_STEP)]
    done = programs.run(command, text=True, timeout=100)
    assert done.stdout == f"{['RUNNING'] * 4 + ['QUEUED'] * 2}\n", done.stderr
    assert done.returncode == 0
    assert done.stderr.count("OutstandingJobsWarning:") == 1
    assert "6 job(s) had not finished" in done.stderr
    assert "Exception ignored" not in done.stderr
