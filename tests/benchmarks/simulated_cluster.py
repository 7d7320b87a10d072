"""``python -m tests.benchmarks.simulated_cluster``: a SIMULATION of 8 to 1,000 workers.

No cluster runs here. The package's own scheduler, as its replays have it, and its own pool of
workers (turns, placement, memory) run on SimPy's virtual clock. The workers, the network and the
head's CPU are simulated, with what was measured on two cores; the pieces are those into which the
package divides real programs. It says from how many workers on the head is the bottleneck, and
what would move that. Lost workers and Dask's scheduler, which is given some 5,000 tasks a second by
its documentation, are left out.
"""

import argparse
import math
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import simpy

from qiskit_modes.planning.compare.machine import (
    NANOSECONDS,
    ReplayedQPU,
    StepTimes,
    nanoseconds,
)
from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.runtime.workers.engine import Engine
from qiskit_modes.runtime.workers.pool import WorkerPool
from qiskit_modes.runtime.workers.split_program import SplitProgram
from qiskit_modes.runtime.workers.work_items import StepItem, Turn
from qiskit_modes.runtime.workers.worker_process import Done, Execution
from qiskit_modes.scheduling import Instance, Ledger, Mode
from qiskit_modes.scheduling.events import JobSubmitted, WorkloadOpened
from qiskit_modes.simulation import Program, Run, compile_circuit
from qiskit_modes.simulation.run import division
from qiskit_modes.simulation.run.program import Samples
from tests.benchmarks.cluster import placed, random_rotations, rotations, sherbrooke
from tests.runtime.clusters import Berth, Host

__all__ = ["SIZES", "Load", "Piece", "Simulated", "loads", "pieces", "simulated"]

SIZES = (8, 32, 100, 300, 1000)

HEAD_SECONDS = 2.6e-3
"""CPU of the head for one piece, there and back: measured with pieces of next to nothing."""

HEAD_SECONDS_PER_MB = 1e-3
"""The same for what a piece brings back, which is unpickled twice and copied into the whole."""

TRAVEL_SECONDS = 15e-3
"""From the head to a worker and back, without what the head computes."""

COMPILE_SHARE = 0.1
"""Of a heavy compile, what the head does all the same: reading the circuit, and its key."""

IMPORT_SECONDS = 1.5
"""What a worker needs to import before it can do heavy steps."""

WORKER_BYTES = 300 << 20
"""What a worker of Dask (65 MiB) and its child that has imported Qiskit (235 MiB) take."""

WORKER_LIMIT_BYTES = 4 << 30
"""What each worker may take."""

MODULE = "simulated"


@dataclass(frozen=True)
class Piece:
    """One of the pieces of a program, as far as it matters to who has it."""

    seconds: float
    peak_bytes: int
    answer_bytes: int
    circuits = {}  # noqa: RUF012 - they are in the workers after the first piece
    runs = ()


@dataclass(frozen=True)
class Load:
    """Jobs of one kind."""

    name: str
    jobs: int = 1
    pieces: tuple[Piece, ...] = ()
    """Of each job."""
    compile_seconds: float = 0.0
    """Of each job, heavy: a worker's."""
    in_turn: bool = False
    """Whether each job is submitted when the one before it has ended; otherwise they are a batch
    on each QPU."""
    qpus: int = 1

    @property
    def seconds(self):
        """How long all of it takes on one worker that does nothing else."""
        pieces = sum(piece.seconds for piece in self.pieces)
        return self.jobs * (pieces + self.compile_seconds)


@dataclass(frozen=True)
class Simulated:
    """What came of a simulation."""

    seconds: float
    """From the first submission to the last end, on the virtual clock."""
    efficiency: float
    """Which part of what the workers could have done in that time was done."""
    head_busy: float
    head_bytes: int
    """Most that the head held of answers that had not been given to their users."""
    worker_bytes: int
    """Most that one worker took."""
    pool_seconds: float
    """What the pool itself took of this machine's CPU for each item."""


class _Host(Host):
    """One simulated worker, with its two berths."""

    def __init__(self, simulation):
        super().__init__()
        self.core = simpy.Resource(simulation.env)


class _Berth(Berth):
    def __init__(self, simulation, host):
        super().__init__(host)
        self._simulation = simulation

    def run(self, program, keys, threads):
        """See `Worker`."""
        samples = Execution(Samples(()), 0.0, program.seconds)
        return self._do(program.seconds, samples, program.peak_bytes, program.answer_bytes)

    def call(self, function, *args):
        """See `Worker`."""
        assert function is worker_process.do
        is_import = args[0].startswith(b"\x80")
        return self._do(IMPORT_SECONDS if is_import else float(args[0]), Done(b""))

    def _do(self, seconds, answer, peak_bytes=0, answer_bytes=0):
        future, simulation = Future(), self._simulation
        over = partial(future.set_result, answer)
        work = (self.host, seconds, peak_bytes, answer_bytes, over)
        simulation.env.process(simulation.piece(*work))
        return future


class _Engine(Engine):
    takes_light = False
    steps_take_all = True

    def __init__(self, simulation, workers):
        super().__init__(workers)
        self._simulation, self.hosts = simulation, [_Host(simulation) for _ in range(workers)]
        self._next = [*self.hosts, *self.hosts]

    def memory_bytes(self):
        """See `Engine`."""
        return self.size * WORKER_LIMIT_BYTES

    def room(self, workers):
        """See `Engine`."""
        return len(self._next)

    def new_worker(self):
        """See `Engine`."""
        return _Berth(self._simulation, self._next.pop(0))


class _Pool(WorkerPool):
    def _peak_bytes(self, program):
        return program.peak_bytes


class _Simulation:
    """One load on so many workers."""

    def __init__(self, load, workers, *, together=1, share=COMPILE_SHARE):
        self.env, self._load, self._share = simpy.Environment(), load, share
        self._per_piece = HEAD_SECONDS / together
        self._head = simpy.Resource(self.env)
        self.head_busy = self.worker_bytes = self.held = self.head_bytes = 0
        self.pool_seconds, self._items = 0.0, 0
        self._pool = _Pool(engine=_Engine(self, workers), light_seconds=0)
        self._ended = self.env.event()
        ledger, neighbours = Ledger(), []
        self._qpus = [
            ReplayedQPU(self.env, lanes=5, ledger=ledger, neighbours=neighbours, ends=self._begin)
            for _ in range(load.qpus)
        ]

    def piece(self, host, seconds, peak_bytes, answer_bytes, over):
        """One piece or step, there and back."""
        yield from self._on_head(self._per_piece / 2)
        yield self._wait(TRAVEL_SECONDS / 2)
        with host.core.request() as mine:
            yield mine
            self.worker_bytes = max(self.worker_bytes, WORKER_BYTES + peak_bytes)
            yield self._wait(seconds)
        yield self._wait(TRAVEL_SECONDS / 2)
        back = self._per_piece / 2 + HEAD_SECONDS_PER_MB * answer_bytes / 1e6
        yield from self._on_head(back)
        self.held += answer_bytes
        self.head_bytes = max(self.head_bytes, self.held)
        self._timed(over)

    def _on_head(self, seconds):
        with self._head.request() as mine:
            yield mine
            yield self._wait(seconds)
            self.head_busy += seconds

    def _wait(self, seconds):
        return self.env.timeout(nanoseconds(seconds))

    def _timed(self, call):
        """Call the pool, and count what it really takes of a core."""
        start = time.thread_time()
        call()
        self.pool_seconds += time.thread_time() - start
        self._items += 1

    def _begin(self, _, step):
        if step == "compile" and self._load.compile_seconds:
            return self.env.process(self._compile())
        if step == "execute" and self._load.pieces:
            return self._execute()
        return None

    def _compile(self):
        seconds = self._load.compile_seconds
        yield from self._on_head(self._share * seconds)
        answered = self.env.event()
        call = str((1 - self._share) * seconds).encode()
        step = StepItem(
            MODULE, call, seconds, of_batch=not self._load.in_turn, on_done=answered.succeed
        )
        self._timed(partial(self._pool.send_away, step))
        if (yield answered) is Turn.HERE:
            yield from self._on_head((1 - self._share) * seconds)
            self._timed(self._pool.leave_here)

    def _execute(self):
        executed, load = self.env.event(), self._load

        def done(answer):
            assert isinstance(answer, Execution), answer
            self.held -= sum(piece.answer_bytes for piece in load.pieces)
            executed.succeed()

        self._timed(SplitProgram(self._pool, load.pieces, done, source=id(executed)).start)
        return executed

    def run(self):
        """Return how long it takes, on the virtual clock."""
        self.env.process(self._submit())
        self.env.run(until=self._ended)
        return self.env.now / NANOSECONDS

    def _submit(self):
        load, waiting = self._load, []
        for number, qpu in enumerate(self._qpus):
            if not load.in_turn:
                qpu.open(WorkloadOpened(f"batch {number}", Mode.BATCH, Instance()))
        for number in range(load.jobs):
            which = number % len(self._qpus)
            workload = None if load.in_turn else f"batch {which}"
            event = JobSubmitted(str(number), Instance(), workload)
            job = self._qpus[which].submit(event, StepTimes())
            waiting.append(job.ended)
            if load.in_turn:
                yield job.ended
        yield self.env.all_of(waiting)
        self._ended.succeed()


def simulated(load, workers, **more):
    """Return what comes of a load on so many workers, simulated.

    Args:
        load: What is to be done.
        workers: How many there are.
        more: ``together``, how many pieces travel in one message; ``share``, which part of a heavy
            compile the head does.
    """
    simulation = _Simulation(load, workers, **more)
    seconds = simulation.run()
    return Simulated(
        seconds,
        load.seconds / (workers * seconds),
        simulation.head_busy / seconds,
        simulation.head_bytes,
        simulation.worker_bytes,
        simulation.pool_seconds / max(1, simulation._items),
    )


@cache
def _compiled(circuit):
    return compile_circuit(placed(circuit), sherbrooke())


def pieces(circuit, *, sets=1, shots):
    """The pieces into which the package divides a program, as it compiles and divides it now."""
    compiled = _compiled(circuit)
    values = np.linspace(0, 3, sets)[:, None] if circuit is rotations else np.empty((1, 0))
    program = Program({compiled.key: compiled}, (Run(compiled.key, values, shots),), 1)
    count = len(division.split(program))
    whole = division.seconds_together(program, program.runs)
    answer = sets * shots * math.ceil(compiled.num_clbits / 8)
    peak = division.peak_bytes(program)
    return (Piece(whole / count, peak, answer // count),) * count


def loads():
    """The four kinds of load, with pieces as the package makes them."""
    sets = pieces(rotations, sets=100_000, shots=1024)
    shots = pieces(random_rotations, shots=100_000_000)
    return (
        Load("100,000 parameter sets, 10 noisy qubits", pieces=sets),
        Load("100 million trajectories, 24 qubits", pieces=shots),
        Load("small jobs, one after another", 200, (Piece(0.003, 1 << 20, 4096),), in_turn=True),
        Load("a batch of 500 heavy compiles", 500, (Piece(0.003, 1 << 20, 1000),), 0.5),
        Load(
            "the same on 20 QPUs, a batch on each",
            500,
            (Piece(0.003, 1 << 20, 1000),),
            0.5,
            qpus=20,
        ),
    )


def _cell(found):
    return f"{found.efficiency:.0%} (head {found.head_busy:.0%})"


def _table(title, rows, sizes):
    print(f"\n{title}\n")
    print("| load | " + " | ".join(f"{size:,} workers" for size in sizes) + " |")
    print("| --- " * (len(sizes) + 1) + "|")
    for name, load, more in rows:
        cells = (_cell(simulated(load, size, **more)) for size in sizes)
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main(arguments=None):
    """Simulate, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.simulated_cluster",
        description=__doc__.partition("\n")[0],
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of workers")
    sizes = parser.parse_args(arguments).sizes
    known = loads()
    print("SIMULATED: efficiency of the workers, and how busy the head is")
    _table("as it is", [(load.name, load, {}) for load in known], sizes)
    sets, shots, _, _, compiles = known
    moved = [
        (f"{sets.name}, 4 pieces in a message", sets, {"together": 4}),
        (f"{shots.name}, 4 pieces in a message", shots, {"together": 4}),
        (f"{compiles.name}, circuits read by workers", compiles, {"share": 0.01}),
    ]
    _table("what would move it (not built)", moved, sizes)
    print("\n| load | pieces | of seconds | head holds | a worker takes | the pool, an item |")
    print("| --- " * 6 + "|")
    for load in known:
        found = simulated(load, max(sizes))
        print(
            f"| {load.name} | {load.jobs * len(load.pieces):,} | {load.pieces[0].seconds:.3f} "
            f"| {found.head_bytes / 1e6:,.0f} MB | {found.worker_bytes / 1e6:,.0f} MB "
            f"| {1e3 * found.pool_seconds:.2f} ms with {max(sizes):,} workers |",
            flush=True,
        )
    print(
        f"\nThe head alone is busy with pieces of 50 ms from {0.05 / HEAD_SECONDS:.0f} workers on."
    )


if __name__ == "__main__":
    main()
