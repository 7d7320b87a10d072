"""``python -m tests.benchmarks.simulated_cluster``: a SIMULATION of 8 to 1,000 workers.

No cluster runs here. A head and its workers are played on SimPy's virtual clock, with what was
measured on two cores: what a piece costs the head, how long it travels, how long it computes. It
says from how many workers on the head is the bottleneck, and what would move that. Memory, lost
workers and the scheduler's own limit are left out; Dask's documentation gives it some 5,000 tasks
a second, above what one head can send.
"""

import argparse
from dataclasses import dataclass, replace

import simpy

from qiskit_modes.simulation.run.division import LONGEST_PIECE_SECONDS, MANY_PIECES

__all__ = ["LOADS", "SIZES", "Load", "simulated"]

SIZES = (8, 32, 100, 300, 1000)

HEAD_SECONDS = 2.6e-3
"""CPU of the head for one piece, there and back: measured with pieces of next to nothing."""

TRAVEL_SECONDS = 15e-3
"""From the head to a worker and back, without what the head computes."""

BERTHS = 2
"""Pieces that a worker has at a time: one computes, one is on its way."""

COMPILE_SHARE = 0.1
"""Of a heavy compile, what the head does all the same: reading the circuit, and its key."""


@dataclass(frozen=True)
class Load:
    """One kind of load: as many pieces as there are, each alike."""

    name: str
    pieces: int
    seconds: float
    """Of one piece in a worker."""
    head_seconds: float = HEAD_SECONDS
    divisible: bool = False
    """Whether it is one job, which may be divided into fewer and longer pieces."""
    in_turn: bool = False
    """Whether each piece is sent when the one before it has come back."""


LOADS = (
    Load("10,000 parameter sets, 10 noisy qubits", 2_600, 0.05, divisible=True),
    Load("10 million trajectories, 20 qubits", 20_000, 0.05, divisible=True),
    Load("small jobs, one after another", 200, 0.003, in_turn=True),
    Load("a batch of 2,000 heavy compiles", 2_000, 0.5, HEAD_SECONDS + COMPILE_SHARE * 0.5),
)


def simulated(load, workers, *, longer=False):
    """Return the makespan of a load, and which part of it the head was busy, both simulated.

    Args:
        load: What is to be done.
        workers: How many there are.
        longer: Whether many pieces are made longer, as `qiskit_modes.simulation.split` does.
    """
    if longer and load.divisible:
        whole = load.pieces * load.seconds
        seconds = max(load.seconds, min(whole / MANY_PIECES, LONGEST_PIECE_SECONDS))
        load = replace(load, pieces=round(whole / seconds), seconds=seconds)
    env = simpy.Environment()
    head, computing = simpy.Resource(env), simpy.Resource(env, workers)
    berths = simpy.Resource(env, 1 if load.in_turn else BERTHS * workers)
    busy = 0.0

    def piece():
        nonlocal busy
        with berths.request() as berth:
            yield berth
            for half in range(2):
                with head.request() as mine:
                    yield mine
                    yield env.timeout(load.head_seconds / 2)
                    busy += load.head_seconds / 2
                if half:
                    return
                yield env.timeout(TRAVEL_SECONDS / 2)
                with computing.request() as worker:
                    yield worker
                    yield env.timeout(load.seconds)
                yield env.timeout(TRAVEL_SECONDS / 2)

    for _ in range(load.pieces):
        env.process(piece())
    env.run()
    return env.now, busy / env.now


def _row(load, workers, longer):
    seconds, busy = simulated(load, workers, longer=longer)
    efficiency = load.pieces * load.seconds / (workers * seconds)
    return f"{efficiency:.0%} (head {busy:.0%})"


def main(arguments=None):
    """Simulate, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.simulated_cluster",
        description=__doc__.partition("\n")[0],
    )
    parser.parse_args(arguments)
    print("SIMULATED: efficiency of the workers, and how busy the head is\n")
    for longer in (False, True):
        print("\nlonger pieces where there are many\n" if longer else "pieces of 50 ms\n")
        print("| load | " + " | ".join(f"{size:,} workers" for size in SIZES) + " |")
        print("| --- " * (len(SIZES) + 1) + "|")
        for load in LOADS:
            cells = (_row(load, size, longer) for size in SIZES)
            print(f"| {load.name} | " + " | ".join(cells) + " |", flush=True)
    print(
        f"\nA head is busy with pieces alone from {LOADS[0].seconds / HEAD_SECONDS:.0f} workers "
        f"on, where each takes {LOADS[0].seconds * 1e3:.0f} ms; n times as long, n times as many."
    )


if __name__ == "__main__":
    main()
