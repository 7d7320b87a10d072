"""Nothing of the environment in which a worker is started fails a job that could run."""

import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from qiskit_modes.runtime import WorkerPool
from qiskit_modes.runtime.workers import starting, worker_process
from qiskit_modes.runtime.workers.engine import LokyEngine
from qiskit_modes.runtime.workers.loky.worker import LokyWorker
from qiskit_modes.runtime.workers.worker import ExecutorWorker, ThreadWorker
from tests.runtime.test_workers import submit

PROGRAM = """
    import fcntl, os, resource, sys
    from concurrent.futures import ThreadPoolExecutor
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator
    from qiskit_modes import SamplerV2
    from qiskit_modes.runtime import LocalRuntime, WorkerPool
    from qiskit_modes.runtime.shared_runtime import use_runtime
    from qiskit_modes.runtime.workers.worker import ThreadWorker
    import qiskit_modes.simulation.run.execution, qiskit_modes.simulation.run.division

    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    sampler = SamplerV2(AerSimulator())
    with open("answers", "w") as file:  # not in the place of a standard stream
        answers = fcntl.fcntl(file, fcntl.F_DUPFD, 10)

    def closed(*streams):
        for stream in streams:
            stream.close()
        return streams

    def full():
        stream = open("/dev/full", "w")
        stream.write("lost")
        return stream, stream

    def remove_directory():
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")

    def allow_no_descriptors():
        used = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    streams, executable, directory = (sys.stdout, sys.stderr), sys.executable, os.getcwd()
    states = {
        "as the shell has left it": lambda: None,
        "no streams": lambda: setattr(sys, "stdout", None) or setattr(sys, "stderr", None),
        "closed streams": lambda: closed(*(open(os.devnull, "w") for _ in range(2))),
        "full streams": full,
        "a deleted directory": remove_directory,
        "no descriptors": allow_no_descriptors,
        "no interpreter": lambda: setattr(sys, "executable", ""),
        "an interpreter that cannot be run": lambda: setattr(sys, "executable", "/nowhere"),
        "closed descriptors": lambda: [os.close(each) for each in range(3) if is_open(each)],
    }

    def is_open(descriptor):
        return os.path.exists(f"/proc/self/fd/{descriptor}")

    for name, enter in states.items():
        new = enter()
        if isinstance(new, tuple):
            sys.stdout, sys.stderr = new
        workers = WorkerPool(light_seconds=0)
        with LocalRuntime(workers=workers) as runtime, use_runtime(runtime):
            data = sampler.run([circuit], shots=100).result()[0].data
            assert data.meas.get_counts() == {"1": 100}
            there = runtime.executor.workers._workers
            where = {isinstance(worker, ThreadWorker) for worker in there}
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        (sys.stdout, sys.stderr), sys.executable = streams, executable
        os.chdir(directory)
        os.write(answers, f"{name}: {where}\\n".encode())
"""

IN_A_WORKER, HERE = "{False}", "{True}"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are as on Linux")
@pytest.mark.parametrize(
    "redirection",
    ["", "<&- >&- 2>&-"],
    ids=["open", "closed by the shell"],
)
def test_a_job_runs_whatever_its_process_has_done_to_itself(redirection, tmp_path):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    command = f"exec {sys.executable} -W ignore program.py {redirection}"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, timeout=100, check=False
    )
    answers = dict(line.split(": ") for line in (tmp_path / "answers").read_text().splitlines())
    assert answers == {
        "as the shell has left it": IN_A_WORKER,
        "no streams": IN_A_WORKER,
        "closed streams": IN_A_WORKER,
        "full streams": IN_A_WORKER,
        "a deleted directory": HERE,
        "no descriptors": HERE,
        "no interpreter": HERE,
        "an interpreter that cannot be run": HERE,
        "closed descriptors": IN_A_WORKER,
    }, done.stderr.decode()


class Refusing:
    """An executor of loky's kind whose process cannot be started."""

    def submit(self, *_):
        raise OSError(28, "No space left on device")

    def shutdown(self, **_):
        pass


@pytest.fixture
def pool_without_processes():
    pool = WorkerPool(engine=LokyEngine(2, partial(LokyWorker, Refusing)))
    yield pool
    pool.close()


def test_a_thread_stands_in_for_workers_and_it_is_said_once(pool_without_processes, caplog):
    pool = pool_without_processes
    answers = [submit(pool, "a")[1] for _ in range(5)]
    assert all(isinstance(each.get(), worker_process.Execution) for each in answers)
    (stopgap,) = pool._workers
    assert isinstance(stopgap, ThreadWorker)
    assert pool._dispatcher.room() == 0, "one at a time: Aer holds the interpreter anyway"
    (told,) = caplog.records
    assert "No space left on device" in told.getMessage()
    assert "/dev/shm" in told.getMessage()


def test_processes_are_tried_again_when_it_is_time(pool_without_processes, monkeypatch):
    pool = pool_without_processes
    submit(pool)[1].get()
    made = []

    def new_worker():
        made.append(ExecutorWorker(ThreadPoolExecutor(1)))
        return made[-1]

    monkeypatch.setattr(pool.engine, "_new_worker", new_worker)
    submit(pool)[1].get()
    assert not made
    pool.engine._no_processes_before = time.monotonic()
    submit(pool)[1].get()
    assert list(pool._workers) == made


def test_streams_are_as_they_were(monkeypatch):
    class Full:
        written = ""

        def flush(self):
            raise OSError(28, "No space left on device")

        def write(self, text):
            self.written += text

    full = Full()
    monkeypatch.setattr(sys, "stdout", full)
    monkeypatch.setattr(sys, "stderr", None)
    with starting.start_conditions():
        sys.stdout.flush()
        sys.stderr.flush()
        print("goes where it would have gone", end="")  # noqa: T201
        print("goes nowhere", file=sys.stderr)  # noqa: T201
    assert sys.stdout is full
    assert sys.stderr is None
    assert full.written == "goes where it would have gone"
