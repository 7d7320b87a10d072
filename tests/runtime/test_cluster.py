"""Jobs on a Dask cluster of real processes: the same bits, and what happens when it breaks."""

import hashlib
import json
import logging
import os
import pickle
import queue
import re
import signal
import threading
import time
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import EstimatorV2, SamplerV2, record
from qiskit_modes.cli import main
from qiskit_modes.exceptions import ClusterError
from qiskit_modes.planning.draw.trace_format import chrome_trace
from qiskit_modes.planning.recording.recording import Recording
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from qiskit_modes.runtime.progress.outlook import take_outlook
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.runtime.step_runner import StepRunner
from qiskit_modes.runtime.workers.dask import child, examine, silence
from qiskit_modes.runtime.workers.dask import host as dask_host
from qiskit_modes.runtime.workers.dask.clients import connect
from qiskit_modes.runtime.workers.dask.engine import DaskEngine
from qiskit_modes.runtime.workers.dask.host import DaskWorker
from qiskit_modes.runtime.workers.loky.process import child_environment
from qiskit_modes.runtime.workers.loky.worker import LokyWorker
from qiskit_modes.runtime.workers.work_items import StepItem, pack
from qiskit_modes.runtime.workers.worker_process import Done
from qiskit_modes.simulation.run import division
from tests.runtime import heavy_functions
from tests.runtime.clusters import started_scheduler, started_worker
from tests.runtime.conftest import DEADLINE, Machine
from tests.runtime.test_disasters import in_a_worker, on_the_qpu
from tests.threads import wait_until

pytest.importorskip("distributed")

BACKEND = FakeManilaV2()


@pytest.fixture
def runtime(cluster):
    before = set(threading.enumerate())
    made = DaskEngine(connect(cluster.scheduler_address))
    with LocalRuntime(workers=WorkerPool(engine=made, light_seconds=0)) as runtime:
        yield runtime
    left = {each for each in set(threading.enumerate()) - before if "qiskit_modes" in each.name}
    for thread in left:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in left)


@pytest.fixture
def machine(runtime, monkeypatch):
    """Stand-ins for programs, which are not divided."""
    stand_in_programs(monkeypatch)
    return Machine(runtime)


def stand_in_programs(monkeypatch):
    monkeypatch.setattr(StepRunner, "_divide", lambda _, program: [program])
    monkeypatch.setattr(WorkerPool, "_peak_bytes", lambda *_: 0)


def circuit():
    """A circuit of five noisy qubits, with one parameter, as the backend executes it."""
    circuit, angle = QuantumCircuit(5), Parameter("angle")
    circuit.sx(0)
    for qubit in range(4):
        circuit.cx(qubit, qubit + 1)
        circuit.rz(angle, qubit)
        circuit.sx(qubit)
    return circuit


def digests(*, sets=30):
    """What a sampler and a mitigating estimator give of one seed."""
    measured = circuit()
    measured.measure_all()
    sampler = SamplerV2(BACKEND)
    sampler.options.simulator.seed_simulator = 11
    bits = sampler.run([(measured, [[0.1 * n] for n in range(sets)])], shots=500)
    estimator = EstimatorV2(BACKEND, options={"resilience_level": 2})
    estimator.options.simulator.seed_simulator = 12
    values = estimator.run([(circuit(), SparsePauliOp("ZZZZZ"), [[0.3], [0.4]])])
    arrays = bits.result()[0].data.meas.array, values.result()[0].data.evs
    return [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]


def in_process(workers):
    with LocalRuntime(workers=workers) as runtime, use_runtime(runtime):
        return digests()


def test_a_seed_gives_the_same_bits_as_here(runtime):
    with use_runtime(runtime):
        assert digests() == in_process(1)


def test_it_is_told_which_worker_did_what(runtime, monkeypatch):
    monkeypatch.setattr(division, "PIECE_SECONDS", 0.002)  # enough pieces for both
    with use_runtime(runtime), record() as recorder:
        measured = circuit()
        measured.measure_all()
        job = SamplerV2(BACKEND).run([(measured, [[0.1 * n] for n in range(300)])], shots=4000)
        job.result()
    names = {f"worker {host.name}" for host in runtime.executor.workers.engine.hosts()}
    recording = recorder.recording()
    (recorded,) = recording.jobs
    assert set(recording.workers_of(recorded)) == names
    for _, start, end in recording.work[1]:
        assert recorded.executing_at <= start <= end <= recorded.released_at
    assert Recording.from_dict(json.loads(json.dumps(recording.to_dict()))) == recording
    events = chrome_trace(recording)["traceEvents"]
    process = next(e["pid"] for e in events if e["args"].get("name") == "workers")
    mine = [event for event in events if event["pid"] == process]
    assert {e["args"]["name"] for e in mine if e["name"] == "thread_name"} == names
    assert len([e for e in mine if e["ph"] == "X"]) == len(recording.work[1]) > 2
    busy = job.metrics()["workers"]
    assert set(busy) == names
    assert all(seconds > 0 for seconds in busy.values())
    counted = runtime.workers.tally.totals()
    assert {name for name, step in counted if step == "execute"} == names
    done = {name: sum(n for (of, _), (n, _) in counted.items() if of == name) for name in names}
    assert sum(done.values()) == len(recording.work[1])


def test_who_waits_sees_how_many_pieces_are_done(machine, monkeypatch):
    monkeypatch.setattr(StepRunner, "_divide", lambda _, program: [program] * 3)
    job = machine.submit(compile=lambda: in_a_worker(signal.pause))
    on_the_qpu(job)
    seen = []

    def two_have_pieces():
        seen.append(take_outlook(job, machine.runtime.clock.now(), ended=0).pieces)
        return " and " in seen[-1]

    wait_until(two_have_pieces)
    names = sorted(
        f"worker {host.name}" for host in machine.runtime.executor.workers.engine.hosts()
    )
    assert seen[-1] == f"0/3 pieces, {' and '.join(names)}"
    machine.runtime.cancel(job)
    assert job.finished.wait(DEADLINE)


def test_memory_is_kept_in_workers_as_in_processes_of_this_machine(runtime):
    """Dask has its workers give memory back at once, which costs programs twice the CPU."""
    engine = runtime.executor.workers.engine
    (host, *_) = engine.hosts()
    worker = DaskWorker(host)
    names = [name for name in child_environment() if name.startswith("MALLOC_")]
    there = [worker.call(os.getenv, name).result(DEADLINE) for name in names]
    worker.stop()
    assert there == [child_environment()[name] for name in names]
    assert len(names) == 2


def test_a_cancelled_job_frees_its_qpu_and_its_worker(machine):
    job = machine.submit(compile=lambda: in_a_worker(signal.pause))
    on_the_qpu(job)
    began = time.monotonic()
    machine.runtime.cancel(job)
    other = machine.submit()
    on_the_qpu(other)
    freed_after = time.monotonic() - began
    others = [other, *(machine.submit() for _ in range(3))]
    assert all(each.finished.wait(DEADLINE) for each in [job, *others])
    assert [each.status for each in (job, *others)] == ["CANCELLED", *["DONE"] * 4]
    assert freed_after < 2
    assert time.monotonic() - began < 20


def test_what_is_stopped_before_it_was_sent_is_never_sent(runtime, monkeypatch):
    """Otherwise nobody would stop it any more, and it would keep a thread of its worker."""
    engine = runtime.executor.workers.engine
    worker = DaskWorker(engine.hosts()[0])
    worker.stop()
    sent = []
    monkeypatch.setattr(engine._client, "submit", lambda *what, **_: sent.append(what))
    with pytest.raises(BrokenExecutor, match="was stopped"):
        worker.call(signal.pause)
    assert not sent


def test_a_piece_that_kills_its_process_is_tried_three_times(machine, tmp_path):
    tries = tmp_path / "tries"

    def die():
        with tries.open("a") as file:
            file.write("x")
        os.abort()

    job = machine.submit(compile=lambda: in_a_worker(die))
    assert job.finished.wait(DEADLINE)
    assert job.status == "ERROR"
    assert type(job.error).__name__ == "WorkerDiedError"
    assert tries.read_text() == "xxx"
    after = machine.submit()
    assert after.finished.wait(DEADLINE)
    assert after.status == "DONE"


def test_each_worker_has_a_piece_and_the_next_one_on_its_way(machine, monkeypatch):
    monkeypatch.setattr(StepRunner, "_divide", lambda _, program: [program] * 6)
    given, all_given = [], threading.Event()
    call = DaskWorker.call

    def noted(worker, *what):
        given.append(worker.host.address)
        if len(given) == 4:
            all_given.set()
        return call(worker, *what)

    monkeypatch.setattr(DaskWorker, "call", noted)
    job = machine.submit(compile=lambda: in_a_worker(signal.pause))
    assert all_given.wait(DEADLINE)
    assert sorted(map(given.count, set(given))) == [2, 2]
    machine.runtime.cancel(job)
    assert job.finished.wait(DEADLINE)


def test_heavy_steps_are_done_by_all_workers_side_by_side(runtime, tmp_path):
    """Where only this process compiled, a hundred workers would share its core."""
    pool, answers = runtime.executor.workers, queue.SimpleQueue()
    for started in pool.warm_up(2):
        started.result(DEADLINE)
    assert pool.take_here_nowait()
    module, call = heavy_functions.__name__, pack(heavy_functions.meet, (tmp_path, 2))
    for _ in range(6):
        pool.send_away(StepItem(module, call, seconds=0.3, of_batch=True, on_done=answers.put))
    done = [answers.get(timeout=DEADLINE) for _ in range(6)]
    pool.leave_here()
    assert all(isinstance(each, Done) for each in done), done
    processes = {pickle.loads(each.value) for each in done}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert {each.work.worker for each in done} == {
        f"worker {host.name}" for host in pool.engine.hosts()
    }
    assert {name for name, step in pool.tally.totals() if step == "compile"} == {
        each.work.worker for each in done
    }


def test_somebody_elses_dask_executor_ends_in_good_order(cluster, caplog):
    """It refuses to be shut down with ``cancel_futures``."""
    from distributed import Client

    with Client(cluster.scheduler_address, set_as_default=False) as client:
        with LocalRuntime(workers=client.get_executor) as runtime, use_runtime(runtime):
            bell = QuantumCircuit(2)
            bell.measure_all()
            job = SamplerV2(BACKEND).run([bell], shots=10)
            assert job.result()[0].data.meas.num_shots == 10
        assert not [each for each in caplog.records if each.levelname == "ERROR"]


def test_clocks_of_other_machines_are_not_compared(tmp_path):
    """A worker's clock may be a million seconds ahead: only how long it took travels."""
    code = "import time; real = time.monotonic; time.monotonic = lambda: real() + 1e6\n"
    (tmp_path / "sitecustomize.py").write_text(code)
    with (
        started_scheduler() as (_, address),
        started_worker(address, PYTHONPATH=str(tmp_path)),
        connect(address) as client,
    ):
        client.wait_for_workers(1, timeout=DEADLINE)
        pool = WorkerPool(engine=DaskEngine(connect(address)), light_seconds=0)
        with LocalRuntime(workers=pool) as runtime, use_runtime(runtime), record() as recorder:
            measured = circuit()
            measured.measure_all()
            job = SamplerV2(BACKEND).run([(measured, [0.1])], shots=100_000)
            job.result()
    (recorded,), ((_, start, end),) = recorder.recording().jobs, recorder.recording().work[1]
    executed = job.metrics()["circuits_execution_time_ns"] / 1e9
    assert 0.001 < executed <= recorded.held_seconds()
    assert abs(executed - (end - start)) < 0.01


def test_a_worker_with_too_little_memory_is_named_with_what_the_job_needs():
    with (
        started_scheduler() as (_, address),
        started_worker(address, "--memory-limit", "1MB", "--name", "tiny"),
        connect(address) as client,
    ):
        client.wait_for_workers(1, timeout=DEADLINE)
        with LocalRuntime(workers=address) as runtime, use_runtime(runtime):
            wide = QuantumCircuit(20)
            for layer in range(30):
                for qubit in range(19):
                    wide.rx(0.1 + layer, qubit)
                    wide.cx(qubit, qubit + 1)
            wide.measure_all()
            job = SamplerV2(AerSimulator()).run([wide])
            with pytest.raises(Exception, match=r"needs .* GB of memory.* tiny, has 0\.0 GB"):
                job.result(timeout=DEADLINE)
            assert job.status() == "ERROR"
            assert all(qpu.scheduler.locks.qpu.idle for qpu in runtime.qpus())


def test_more_memory_than_any_worker_has_is_refused_with_both_numbers(runtime):
    for host in runtime.executor.workers.engine.hosts():
        host.memory_bytes = 1000
    measured = circuit()
    measured.measure_all()
    with use_runtime(runtime):
        job = SamplerV2(BACKEND).run([(measured, [0.1])])
        with pytest.raises(Exception, match="the largest worker of the cluster"):
            job.result()


def test_workers_that_come_are_used(runtime, cluster):
    engine = runtime.executor.workers.engine
    came = threading.Event()
    tell = engine.on_change
    engine.on_change = lambda: (tell(), len(engine.hosts()) == 3 and came.set())
    cluster.scale(3)
    assert came.wait(DEADLINE)
    cluster.scale(2)


STRANGERS = {
    "another Qiskit": (
        (
            "import importlib.metadata as metadata\n"
            "real = metadata.version\n"
            "metadata.version = lambda name: '1.0' if name == 'qiskit' else real(name)\n"
        ),
        r"has qiskit 1\.0, here \d",
    ),
    "no Aer": (
        (
            "import importlib.metadata as metadata\n"
            "real = metadata.version\n"
            "metadata.version = lambda name: real('absent' if name == 'qiskit-aer' else name)\n"
        ),
        r"has no qiskit-aer, here \d",
    ),
    "nothing of ours": (
        (
            "import sys\n"
            "class Absent:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name.partition('.')[0] == 'qiskit_modes': raise ModuleNotFoundError(name)\n"
            "sys.meta_path.insert(0, Absent())\n"
        ),
        r"cannot import qiskit_modes .*install it there",
    ),
}
"""Workers that will not do: what their Python does before anything else, and what is said."""


@pytest.fixture
def strangers(tmp_path):
    """The address of a scheduler whose workers have other packages than this process."""
    with started_scheduler() as (_, address), ExitStack() as stack:
        for name, (code, _) in STRANGERS.items():
            folder = tmp_path / name.replace(" ", "_")
            folder.mkdir()
            (folder / "sitecustomize.py").write_text(code)
            stack.enter_context(started_worker(address, PYTHONPATH=str(folder)))
        with connect(address) as client:
            client.wait_for_workers(len(STRANGERS), timeout=DEADLINE)
        yield address


def test_workers_that_differ_are_named_and_shown(strangers, capsys):
    with pytest.raises(ClusterError) as raised:
        LocalRuntime(workers=strangers)
    for name, (_, words) in STRANGERS.items():
        assert re.search(words, str(raised.value)), name
    assert main(["doctor", "--cluster", strangers, "--json"]) == 1
    reports = json.loads(capsys.readouterr().out)["workers"]
    assert len(reports) == len(STRANGERS)
    for name, (_, words) in STRANGERS.items():
        assert any(re.search(words.removeprefix("has "), each["problem"]) for each in reports), name


def test_the_doctor_runs_a_job_on_every_worker(cluster, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["doctor", "--cluster", cluster.scheduler_address]) == 0
    shown = capsys.readouterr().out
    assert shown.count("tcp://127.0.0.1:") == 3
    assert shown.count(" ms ") == 2 * 2
    assert "…" not in shown
    assert f"qiskit {child.versions()['qiskit']}," in shown
    assert "FAILED" not in shown
    assert main(["doctor", "--cluster", cluster.scheduler_address, "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)["workers"]
    for report in reports:
        assert report["problem"] is None
        assert report["same_bits"]
        assert report["keeps_memory"]
        assert report["versions"] == child.versions()
        assert 0 < report["round_trip_seconds"] < report["job_seconds"] + DEADLINE
    assert len(reports) == 2


@pytest.mark.parametrize("address", ["", pytest.param("local:2", marks=pytest.mark.slow)])
def test_the_demonstration_runs_on_a_cluster(address, cluster, monkeypatch, capsys):
    monkeypatch.setenv("QISKIT_MODES_CLUSTER", address or cluster.scheduler_address)
    small = ["--quiet", "--maxiter", "6", "--shots", "300000", "--backend", "fake_manila"]
    assert main(["demo", *small]) in (0, 1), "so few energies need not find the ground state"
    shown = capsys.readouterr()
    assert "Bell job" in shown.out
    told = " ".join(shown.out.split())
    assert re.search(r"executed their programs, and how many: .*worker \S+ \(\d+, ", told), told
    assert "Traceback" not in shown.out + shown.err


def test_a_number_is_processes_of_this_machine():
    with LocalRuntime(workers=3) as runtime:
        pool = runtime.executor.workers
        assert pool.size == 3
        assert isinstance(pool.engine.new_worker(), LokyWorker)


def test_a_client_and_the_environment_say_the_same(cluster, monkeypatch):
    from distributed import Client

    monkeypatch.setenv("QISKIT_MODES_CLUSTER", cluster.scheduler_address)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        for workers in (None, client, cluster.scheduler_address):
            with LocalRuntime(workers=workers) as runtime:
                assert len(runtime.executor.workers.engine.hosts()) == 2
        assert client.status == "running", "it is its owner's"


@pytest.fixture
def scheduler():
    """A scheduler and a worker as commands start them, and the scheduler's address."""
    with started_scheduler() as (process, address), started_worker(address):
        yield process, address


@pytest.fixture
def tracebacks():
    """What Dask's client has logged with a traceback."""
    found, handler = [], logging.Handler()
    handler.emit = lambda record: record.exc_info and found.append(record)
    logging.getLogger("distributed.client").addHandler(handler)
    yield found
    logging.getLogger("distributed.client").removeHandler(handler)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_scheduler_that_goes_away_ends_every_job_and_locks_no_qpu(
    how, scheduler, monkeypatch, tracebacks
):
    """Or that stands still, as where its machine does, or the network between."""
    stand_in_programs(monkeypatch)
    if how == signal.SIGSTOP:
        monkeypatch.setattr(silence, "PATIENCE_SECONDS", 0.2)
        monkeypatch.setattr(examine, "MEMBERS_SECONDS", 1.0)
    process, address = scheduler
    pool = WorkerPool(engine=DaskEngine(connect(address)), light_seconds=0)
    with LocalRuntime(workers=pool) as runtime:
        machine = Machine(runtime)
        jobs = [machine.submit(compile=lambda: in_a_worker(signal.pause))]
        on_the_qpu(jobs[0])  # before there are others: which of several is compiled first is open
        jobs += [machine.submit(compile=lambda: in_a_worker(signal.pause)) for _ in range(2)]
        process.send_signal(how)
        assert all(job.finished.wait(2 * DEADLINE) for job in jobs)
        assert {type(job.error) for job in jobs} == {ClusterError}
        assert machine.qpu.scheduler.locks.qpu.idle
        after = machine.submit()
        assert after.finished.wait(DEADLINE)
        assert isinstance(after.error, ClusterError)
        if how == signal.SIGSTOP:
            process.send_signal(signal.SIGCONT)
            while isinstance(after.error, ClusterError):  # until it has been found again
                after = machine.submit()
                assert after.finished.wait(DEADLINE)
            assert after.status == "DONE"
        began = time.monotonic()
    assert time.monotonic() - began < 15
    assert not tracebacks


def test_what_cannot_be_stopped_keeps_nobody_waiting(scheduler, monkeypatch):
    """The way to a worker leads through the scheduler, which may stand still."""
    process, address = scheduler
    stand_in_programs(monkeypatch)
    monkeypatch.setattr(dask_host, "STOP_SECONDS", 0.5)
    pool = WorkerPool(engine=DaskEngine(connect(address)), light_seconds=0)
    with LocalRuntime(workers=pool) as runtime:
        machine = Machine(runtime)
        job = machine.submit(compile=lambda: in_a_worker(signal.pause))
        on_the_qpu(job)
        process.send_signal(signal.SIGSTOP)
        runtime.cancel(job)
        assert job.finished.wait(DEADLINE)
        assert machine.qpu.scheduler.locks.qpu.idle
        began = time.monotonic()
    assert time.monotonic() - began < 15


@pytest.mark.slow
def test_workers_on_two_addresses_give_the_same_bits(monkeypatch):
    """As on two machines: what they send each other and the head goes through the network."""
    monkeypatch.setattr(division, "PIECE_SECONDS", 0.002)
    hosts = ("127.0.0.1", "127.0.0.2")
    with started_scheduler() as (_, address), ExitStack() as stack:
        for host in hosts:
            stack.enter_context(started_worker(address, "--host", host))
        stack.enter_context(connect(address)).wait_for_workers(2, timeout=DEADLINE)
        pool = WorkerPool(engine=DaskEngine(connect(address)), light_seconds=0)
        with LocalRuntime(workers=pool) as runtime, use_runtime(runtime), record() as recorder:
            found = digests()
    assert found == in_process(1)
    busy = {name for each in recorder.recording().work.values() for name, *_ in each}
    assert all(any(host in name for name in busy) for host in hosts), busy
