"""``python -m tests.benchmarks.cluster [ADDRESS]``: what a cluster gains, beside the local pool.

The address is of any Dask scheduler, or ``local:N``, which is the default with a worker for each
core. Four kinds of load are run on one worker of the cluster and on all of them, and in the same
minutes on one process of this machine and on one for each core; so the ratios hold also where the
times do not. What is divided is computed by plain processes, too, to which nothing is sent: their
speed-up is what these cores can give. The bits of a seed are compared.
"""

import argparse
import hashlib
import math
import os
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass
from functools import cache

import numpy as np
import psutil
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke, FakeTorino

from qiskit_modes import Batch, SamplerV2, Session
from qiskit_modes.exceptions import BrokenHardwareWarning
from qiskit_modes.runtime import LocalRuntime, WorkerPool, use_runtime
from qiskit_modes.runtime.step_runner import StepRunner
from qiskit_modes.runtime.workers.dask import child
from qiskit_modes.runtime.workers.dask.clients import connect, local_cluster
from qiskit_modes.runtime.workers.dask.engine import DaskEngine
from tests.benchmarks.plain import seconds_of_plain_processes
from tests.benchmarks.timing import median_ms, timed, times
from tests.benchmarks.workloads import VQE
from tests.runtime.clusters import SomeWorkers
from tests.simulation.devices import path_through, placed_on

__all__ = ["LOADS", "Load", "compared", "main"]

SEED = 5


@dataclass(frozen=True)
class Load:
    """A kind of load; its size is for two cores, and is multiplied for larger clusters."""

    words: str
    count: int
    """How many there are of what the words say, usually."""
    run: Callable[[int], bytes]
    """Runs so many times the usual amount, and returns the bits that came of it."""
    grows: bool = True
    """Whether more of it is another measurement; otherwise it is always the usual amount."""

    def name(self, times_as_much):
        """What the table calls so many times the usual amount of it."""
        return self.words.format(self.count * (times_as_much if self.grows else 1))


def rotations():
    """A circuit of ten qubits with one parameter."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(10)
    for layer in range(5):
        for qubit in range(10):
            circuit.ry(angle * (layer + 1), qubit)
        for qubit in range(9):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def random_rotations(size=24):
    """A circuit that is too wide for its noise to be simulated but shot by shot."""
    random = np.random.default_rng(1)
    circuit = QuantumCircuit(size)
    for layer in range(4):
        for qubit in range(size):
            circuit.rx(random.uniform(0, 6), qubit)
            circuit.rz(random.uniform(0, 6), qubit)
        for qubit in range(layer % 2, size - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


@cache
def sherbrooke():
    """The device; to read its description takes as long as some of the loads."""
    backend = FakeSherbrooke()
    assert backend.target
    return backend


@cache
def placed(circuit):
    """A circuit on the device; made once, as that is the user's and nothing of what is measured.

    So all runs but the first find it compiled: how long that takes is another load.
    """
    drawn = circuit()
    return placed_on(sherbrooke(), drawn, path_through(sherbrooke(), drawn.num_qubits))


def parameter_sets(times_as_much=1, sets=100):
    """A hundred parameter sets of ten noisy qubits."""
    values = np.linspace(0, 3, sets * times_as_much)[:, None]
    return _sampled((placed(rotations), values), 1024)


def trajectories(times_as_much=1, shots=100_000):
    """A hundred thousand trajectories of a wide circuit."""
    return _sampled((placed(random_rotations),), shots * times_as_much)


def _sampled(pub, shots):
    sampler = SamplerV2(sherbrooke(), options={"simulator": {"seed_simulator": SEED}})
    return sampler.run([pub], shots=shots).result()[0].data.meas.array.tobytes()


def small_jobs(times_as_much=1, jobs=40):
    """Iterations of a small VQE, one after another: nothing of them can be divided."""
    vqe = VQE(FakeTorino())
    options = {"simulator": {"seed_simulator": SEED}}
    with Session(vqe.backend) as session:
        iteration = vqe.ours(session, options)
        return b"".join(iteration()[0].data.evs.tobytes() for _ in range(jobs * times_as_much))


@cache
def _deep_circuits(count, qubits, layers):
    """Circuits that take long to compile; made once, as that is nothing of what is measured."""
    random, line = np.random.default_rng(1), path_through(sherbrooke(), qubits)
    circuits = []
    for _ in range(count):
        circuit = QuantumCircuit(qubits)
        for _ in range(layers):
            for qubit in range(qubits):
                circuit.rx(random.uniform(0, np.pi), qubit)
                circuit.rz(random.uniform(0, np.pi), qubit)
            for qubit in range(qubits - 1):
                circuit.cx(qubit, qubit + 1)
        circuit.measure_all()
        circuits.append(placed_on(sherbrooke(), circuit, line))
    return circuits


def heavy_compiles(times_as_much=1, jobs=16, qubits=6, layers=200):
    """A batch of jobs that are compiled afresh, as their backend has not been seen before."""
    circuits = _deep_circuits(jobs * times_as_much, qubits, layers)
    with Batch(copy(sherbrooke())):
        sampler = SamplerV2(options={"simulator": {"seed_simulator": SEED}})
        jobs = [sampler.run([circuit], shots=1000) for circuit in circuits]
    return b"".join(job.result()[0].data.meas.array.tobytes() for job in jobs)


LOADS = (
    Load("{:,} parameter sets, 10 noisy qubits", 100, parameter_sets),
    Load("{:,} trajectories, 24 qubits", 100_000, trajectories),
    Load("{:,} small jobs, one after another", 40, small_jobs, grows=False),
    Load("a batch of {:,} heavy compiles", 16, heavy_compiles),
)


@dataclass(frozen=True)
class Measured:
    """One load somewhere."""

    seconds: float
    cpu_seconds: float
    """Of the processes that execute, all together."""
    bits: str


@contextmanager
def _on_cluster(address, count):
    client = connect(address)
    engine = SomeWorkers(client, count)
    used = [host.address for host in engine.hosts()]
    with LocalRuntime(workers=WorkerPool(engine=engine)) as runtime, use_runtime(runtime):
        yield lambda: sum(client.run(child.cpu_seconds, workers=used).values())


@contextmanager
def _here(count):
    with LocalRuntime(workers=count) as runtime, use_runtime(runtime):
        yield _cpu_of_workers


def _cpu_of_workers():
    mine = psutil.Process().children(recursive=True)
    used = [each.cpu_times() for each in mine if "loky" in " ".join(each.cmdline())]
    return sum(each.user + each.system for each in used)


def measured(place, load, amount, repetitions):
    """Return the best of several runs, after one that starts workers and has them import."""
    with place as cpu_seconds, warnings.catch_warnings():
        warnings.simplefilter("ignore", BrokenHardwareWarning)  # how long it takes is the same
        load.run(amount)
        best = None
        for _ in range(repetitions):
            before, bits = cpu_seconds(), []
            seconds = timed(lambda: bits.append(load.run(amount)))  # noqa: B023
            found = Measured(seconds, cpu_seconds() - before, hashlib.sha256(bits[0]).hexdigest())
            best = found if best is None or seconds < best.seconds else best
        return best


def programs_of(load, amount):
    """Return the programs of a load that are divided among workers."""
    found, divide = [], StepRunner._divide

    def noted(runner, program):
        pieces = divide(runner, program)
        if len(pieces) > 1:
            found.append(program)
        return pieces

    StepRunner._divide = noted
    try:
        with _here(2), warnings.catch_warnings():
            warnings.simplefilter("ignore", BrokenHardwareWarning)
            load.run(amount)
    finally:
        StepRunner._divide = divide
    return found


def usual_amount(workers):
    """How many times the usual amount so many workers need, to be busy for some time."""
    return max(1, math.ceil(workers / 4))


def compared(address, workers, *, loads=LOADS, repetitions=3, amount=1):
    """Yield what was measured of each load, by place, and the seconds of plain processes.

    These are of one and of as many as there are cores; None of a load that is not divided.

    Args:
        address: Of the scheduler.
        workers: How many there are.
        loads: Which.
        repetitions: Of which the quickest one counts.
        amount: How many times the usual amount.
    """
    cores = os.cpu_count() or 1
    for load in loads:
        much = amount if load.grows else 1
        places = {
            "here 1": _here(1),
            "here all": _here(cores),
            "cluster 1": _on_cluster(address, 1),
            "cluster all": _on_cluster(address, workers),
        }
        found = {name: measured(place, load, much, repetitions) for name, place in places.items()}
        programs = programs_of(load, much)
        plain = seconds_of_plain_processes(programs, cores, repetitions) if programs else None
        yield load, found, plain


def _cells(name, found, plain, workers, cores):
    one, all_ = found["cluster 1"].seconds, found["cluster all"].seconds
    speed_up = one / all_
    here = found["here 1"].seconds / found["here all"].seconds
    same = len({each.bits for each in found.values()}) == 1
    cpu = found["cluster 1"].cpu_seconds / max(found["here 1"].cpu_seconds, 1e-9)
    return (
        name,
        *(f"{each.seconds:.2f} s" for each in found.values()),
        f"{plain[0] / plain[1]:.2f}" if plain else "-",
        f"{here:.2f} ({here / cores:.0%})",
        f"{speed_up:.2f} ({speed_up / workers:.0%})",
        f"{cpu:.2f}",
        "yes" if same else "**NO**",
    )


def round_trips(address, count=40):
    """Return the median milliseconds of a small job that is sent to a worker: here, there."""
    vqe, medians = VQE(FakeTorino()), []
    client = connect(address)
    for pool in (
        WorkerPool(1, light_seconds=0),
        WorkerPool(engine=DaskEngine(client), light_seconds=0),
    ):
        with (
            LocalRuntime(workers=pool) as runtime,
            use_runtime(runtime),
            Session(vqe.backend) as session,
        ):
            iteration = vqe.ours(session)
            iteration()
            medians.append(median_ms(times(iteration, count)))
    return medians


def main(arguments=None):
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.cluster", description=__doc__.partition("\n")[0]
    )
    cores = os.cpu_count() or 1
    parser.add_argument("address", nargs="?", default=f"local:{cores}")
    parser.add_argument("--repetitions", type=int, default=3, help="the quickest counts")
    parser.add_argument(
        "--amount",
        type=int,
        help="how many times the usual amount of work; by default a quarter of the workers' number",
    )
    names = [load.run.__name__ for load in LOADS]
    parser.add_argument("--loads", nargs="+", choices=names, default=names, help="which")
    parsed = parser.parse_args(arguments)
    with ExitStack() as stack:
        address = parsed.address
        if address.startswith("local:"):
            cluster = stack.enter_context(local_cluster(int(address.removeprefix("local:"))))
            address = cluster.scheduler_address
        client = connect(address)
        threads = [
            each["nthreads"] for each in client.scheduler_info(n_workers=-1)["workers"].values()
        ]
        client.close()
        workers = len(threads)
        print(f"{workers} workers with {sum(threads)} threads at {address}; {cores} cores here\n")
        print(
            f"| load | here, 1 process | here, {cores} | cluster, 1 worker | cluster, {workers} "
            "| speed-up of plain processes | here (efficiency) | of the cluster "
            "| CPU of 1 worker / 1 process "
            "| same bits |"
        )
        print("| --- " * 10 + "|")
        start = time.perf_counter()
        amount = parsed.amount or usual_amount(workers)
        loads = [load for load in LOADS if load.run.__name__ in parsed.loads]
        rows = compared(
            address, workers, loads=loads, repetitions=parsed.repetitions, amount=amount
        )
        for load, found, plain in rows:
            cells = _cells(load.name(amount), found, plain, workers, cores)
            print("| " + " | ".join(cells) + " |", flush=True)
        here, there = round_trips(address)
        print(
            "\nA small job that is sent to a worker, median: "
            f"here {here:.1f} ms, there {there:.1f} ms."
        )
        print(f"Measured in {time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
