"""``python -m tests.benchmarks.batch_speedup``: how much faster a batch is than single jobs.

Jobs that each take ``c`` seconds of classical work before the QPU, ``q`` on it and ``p`` after it,
one after another take ``n (c + q + p)``. In a batch as many are in progress as there are lanes, and
the QPU takes one at a time: it cannot be faster by more than ``min(lanes, (c + q + p) / q)``. IBM
says "up to five times". Here the steps last what is asked for, on a clock that is moved by hand
(P6a); real jobs on this machine are bound by its cores too (P6b).
"""

import gc
import os
import statistics
import time
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke

from qiskit_modes import Batch, SamplerV2, record
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.testing import Scenario
from tests.benchmarks.timing import Row

__all__ = ["bound", "on_the_manual_clock", "real_jobs", "staged_speedup"]

LANES = (1, 2, 3, 5, 8)
RATIOS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Classical seconds for each second on the QPU, three quarters of them before it."""

JOBS = 150
"""In one batch; so many that its beginning and its end, when lanes are idle, weigh little."""

HEADLINE = 5.0


def bound(lanes, ratio):
    """Return the most by which a batch can be faster."""
    return min(lanes, 1.0 + ratio)


def staged_speedup(lanes, ratio, jobs=JOBS):
    """Return how much faster a batch is than single jobs, by the real executor on a moved clock."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    backend = AerSimulator()
    steps = {"compile_time": 0.75 * ratio, "quantum_time": 1.0, "post_process_time": 0.25 * ratio}
    with Scenario(lanes=lanes, **steps) as scenario:
        start = scenario.clock.now()
        with Batch(backend):
            sampler = SamplerV2(options={"default_shots": 1})
            submitted = [sampler.run([circuit]) for _ in range(jobs)]
        for job in submitted:
            job.wait_for_final_state()
        batch = scenario.clock.now() - start
        alone = SamplerV2(backend, options={"default_shots": 1})
        few = min(jobs, 10)  # one after another they all take the same time
        start = scenario.clock.now()
        for _ in range(few):
            alone.run([circuit]).wait_for_final_state()
        return (scenario.clock.now() - start) * jobs / few / batch


def on_the_manual_clock():
    """P6a: the batch's speed-up for steps of given length, next to its bound."""
    grid = {(n, r): staged_speedup(n, r) for n in LANES for r in RATIOS}
    shares = {case: speedup / bound(*case) for case, speedup in grid.items()}
    worst = min(shares, key=shares.get)
    five = [ratio for ratio in RATIOS if grid[5, ratio] >= 0.95 * HEADLINE]
    yield Row(
        "P6a",
        f"batch against single jobs, {len(grid)} cases: the least part of "
        "min(lanes, (c+q+p)/q) that is reached",
        f"{shares[worst]:.1%}",
        ">= 95 %",
        shares[worst] >= 0.95,
        f"five lanes, (c+p)/q = {', '.join(f'{r:g}' for r in RATIOS)}: "
        f"{', '.join(f'{grid[5, r]:.2f}' for r in RATIOS)} times; IBM's five times holds from "
        f"(c+p)/q = {min(five):g} on",
    )


@dataclass
class _RealJobs:
    """Jobs whose circuits nobody has seen before, so that each is compiled afresh."""

    qubits: int = 8
    layers: int = 20
    shots: int = 20_000
    jobs: int = 24
    """So many that the beginning and the end, when one core has nothing to do, weigh little."""

    def __post_init__(self):
        self.backend = FakeSherbrooke()
        self._passes = generate_preset_pass_manager(1, self.backend, seed_transpiler=1)
        self._random = np.random.default_rng(1)

    def circuits(self):
        return [self._passes.run(self._circuit()) for _ in range(self.jobs)]

    def _circuit(self):
        circuit = QuantumCircuit(self.qubits)
        for _ in range(self.layers):
            for qubit in range(self.qubits):
                circuit.rx(self._random.uniform(0, np.pi), qubit)
                circuit.rz(self._random.uniform(0, np.pi), qubit)
            for qubit in range(self.qubits - 1):
                circuit.cx(qubit, qubit + 1)
        circuit.measure_all()
        return circuit

    def one_after_another(self):
        """Return the seconds that the jobs take, and the means of their three steps."""
        circuits = self.circuits()
        gc.collect()  # what came before
        sampler = SamplerV2(self.backend)
        with record() as recorder:
            start = time.perf_counter()
            for circuit in circuits:
                sampler.run([circuit], shots=self.shots).result()
            seconds = time.perf_counter() - start
        jobs = recorder.recording().jobs
        states = ("compiling", "executing", "post_processing")
        steps = [statistics.fmean(job.seconds(state) for job in jobs) for state in states]
        return seconds, steps

    def in_a_batch(self):
        """Return the seconds that as many jobs take in a batch, and how much of it on the QPU."""
        circuits = self.circuits()
        gc.collect()
        start = time.perf_counter()
        with Batch(self.backend) as batch:
            sampler = SamplerV2()
            jobs = [sampler.run([circuit], shots=self.shots) for circuit in circuits]
        for job in jobs:
            job.result()
        seconds = time.perf_counter() - start
        return seconds, batch.usage() / seconds


def real_jobs():
    """P6b: the same with real jobs on a 127-qubit fake, by turns, the best of three each."""
    work = _RealJobs()
    cores = os.cpu_count() or 1
    with LocalRuntime() as runtime, use_runtime(runtime):
        for _ in range(2):
            work.in_a_batch()  # the workers have started, and have made their imports
        pairs = [(work.one_after_another(), work.in_a_batch()) for _ in range(3)]
    (alone, (c, q, p)) = min((each for each, _ in pairs), key=lambda each: each[0])
    batch, busy = min(each for _, each in pairs)
    most = min(5, cores, (c + q + p) / q)
    share = alone / batch / most
    yield Row(
        "P6b",
        f"batch against single jobs, real ones on fake_sherbrooke, {cores} cores: the part of "
        "min(lanes, cores, (c+q+p)/q) that is reached",
        f"{share:.0%}",
        ">= 80 %",
        share >= 0.8,
        f"{alone / batch:.2f} of {most:.2f} times; c, q, p = "
        f"{c * 1e3:.0f}, {q * 1e3:.0f}, {p * 1e3:.0f} ms; the batch kept the QPU busy for "
        f"{busy:.0%} of the time",
    )


def main():
    """Print the whole table of P6a."""
    for ratio in RATIOS:
        [f"{staged_speedup(n, ratio):.2f} ({bound(n, ratio):.2f})" for n in LANES]


if __name__ == "__main__":
    main()
