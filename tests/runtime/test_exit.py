"""What happens to jobs when the program ends before them."""

import signal
import subprocess
import sys
import textwrap

import pytest

# A shell that starts a test run in the background has its children ignore Ctrl-C.
PROGRAM = """
    import signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
    program = textwrap.dedent(PROGRAM) + ending
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
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
        ("sys.exit(3)", False, 3),
        ("raise ValueError('mine')", False, 1),
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
