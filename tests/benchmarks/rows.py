"""The rows of the table, one function for each."""

import os
import subprocess
import sys
import textwrap
import threading
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import (
    FakeManilaV2,
    FakeMontrealV2,
    FakeSherbrooke,
    FakeTorino,
)

from qiskit_modes import SamplerV2, Session
from qiskit_modes.primitives.estimator.steps import estimator_steps
from qiskit_modes.primitives.inputs.pubs import coerce_estimator_pubs
from qiskit_modes.primitives.options.resolve import resolve_estimator_options
from qiskit_modes.runtime import JobMode, JobRecord, StepFunctions, default_runtime
from qiskit_modes.scheduling import Instance, Mode
from tests.benchmarks import service
from tests.benchmarks.against_aer import against_aer, noisy_lines
from tests.benchmarks.batch_speedup import on_the_manual_clock, real_jobs
from tests.benchmarks.in_process import client_door
from tests.benchmarks.mitigation import default_options, heavy_techniques
from tests.benchmarks.over_http import over_http
from tests.benchmarks.programs import quantum_program
from tests.benchmarks.queueing import long_queue, waiting_workloads
from tests.benchmarks.shared_results import shared_results
from tests.benchmarks.timing import Row, median_ms, percentile_ms, timed, times
from tests.benchmarks.wide import wide
from tests.benchmarks.workloads import SHOTS, VQE, feed_forward, heavy

LAYERS = 50
"""Of a circuit that keeps a QPU busy."""

ITERATIONS = 200
"""Of ours; upstream's take seconds each on large fakes, so two of them have to do there."""

PAIRS = 1000
"""Jobs of P4, and as many programs that are executed directly."""


def vqe_iterations():
    """P1: one iteration of a small VQE on four fakes."""
    targets = {FakeManilaV2: 15, FakeMontrealV2: 100, FakeSherbrooke: 350, FakeTorino: 1000}
    for fake, target in targets.items():
        backend = fake()
        vqe = VQE(backend)
        theirs = min(times(vqe.upstream(), 5 if backend.num_qubits < 20 else 2))
        with Session(backend) as session:
            iteration = vqe.ours(session)
            first = timed(iteration)
            ours = times(iteration, ITERATIONS)
        ratio = theirs * 1e3 / median_ms(ours)
        yield Row(
            "P1",
            f"VQE iteration, {backend.name}",
            f"{ratio:,.0f} times",
            f">= {target:,}",
            ratio >= target,
            f"upstream {theirs:.2f} s, ours {median_ms(ours):.1f} ms, first {first * 1e3:.0f} ms",
        )


def against_the_simulation_itself():
    """P3: one iteration against the C++ time of the plain noisy program in Aer."""
    vqe = VQE(FakeTorino())
    with Session(vqe.backend) as session:
        iteration = vqe.ours(session)
        timed(iteration)
        ours = times(iteration, ITERATIONS)
    floor = [_plain_program_seconds(vqe) for _ in range(5)]
    ratio = median_ms(ours) / median_ms(floor)
    yield Row(
        "P3",
        "VQE iteration / C++ time of its plain program in Aer, fake_torino",
        f"{ratio:.1f}",
        "<= 4",
        ratio <= 4,
        f"ours {median_ms(ours):.2f} ms, C++ {median_ms(floor):.2f} ms",
    )


def _plain_program_seconds(vqe):
    """Return what Aer reports for both bases, each gate followed by its error's superoperator."""
    from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
    from qiskit_modes.primitives.measurement.bases import measurements_of
    from qiskit_modes.primitives.measurement.basis_change import measured_in

    options = resolve_estimator_options({"default_shots": SHOTS, "resilience_level": 0})
    (pub,) = coerce_estimator_pubs(
        [vqe.pub()],
        vqe.backend,
        precision=None,
        default_precision=options.default_precision,
        default_shots=options.default_shots,
    )
    instructions = instruction_set_of(vqe.backend)
    model = NoiseModel.from_backend(vqe.backend)
    errors = model._local_quantum_errors
    programs = []
    for basis in measurements_of(pub.observables, pub.parameter_shape).bases:
        measured, _ = measured_in(pub.circuit, pub.fingerprint, basis, instructions)
        bound = measured.assign_parameters(pub.parameter_values[0])
        active = sorted({bound.find_bit(q).index for i in bound.data for q in i.qubits})
        where = {qubit: position for position, qubit in enumerate(active)}
        plain = QuantumCircuit(len(active), bound.num_clbits)
        for instruction in bound.data:
            qubits = tuple(bound.find_bit(q).index for q in instruction.qubits)
            places = [where[q] for q in qubits]
            clbits = [bound.find_bit(c).index for c in instruction.clbits]
            plain.append(instruction.operation, places, clbits)
            error = errors.get(instruction.operation.name, {}).get(qubits)
            if error is not None and instruction.operation.name != "measure":
                from qiskit.quantum_info import SuperOp

                plain.append(SuperOp(error).to_instruction(), places)
        programs.append(plain)
    simulator = AerSimulator(
        method="density_matrix", fusion_enable=False, max_parallel_threads=1, seed_simulator=1
    )
    result = simulator.run(programs, shots=SHOTS).result()
    return sum(each.time_taken for each in result.results)


def mode_layer():
    """P4: what the modes add to a job over its program run directly in the worker."""
    backend = FakeTorino()
    vqe, runtime = VQE(backend), default_runtime()
    options = resolve_estimator_options({"default_shots": SHOTS, "resilience_level": 0})
    inputs = coerce_estimator_pubs(
        [vqe.pub()], backend, precision=None, default_precision=0.1, default_shots=SHOTS
    )
    program = estimator_steps(inputs, options, backend).compile()[0]
    steps = StepFunctions(
        compiling=lambda _: program, post_processing=lambda samples, span: samples
    )
    pool, done = runtime.executor.workers, threading.Event()

    def directly():
        done.clear()
        pool.submit(program, lambda answer: done.set())
        done.wait()

    def as_a_job():
        record = JobRecord(
            id=str(uuid.uuid4()),
            qpu=runtime.qpu(backend),
            steps=steps,
            backend=backend,
            instance=Instance(),
            mode=JobMode(Mode.JOB, "a benchmark"),
        )
        runtime.submit(record)
        record.finished.wait()

    times(as_a_job, 50)
    # By turns, so that both meet the same weather.
    pairs = [(timed(directly), timed(as_a_job)) for _ in range(PAIRS)]
    base = median_ms(direct for direct, _ in pairs)
    added = [job - base / 1e3 for _, job in pairs]
    p50, p99 = percentile_ms(added, 50), percentile_ms(added, 99)
    yield Row(
        "P4",
        "added by the mode layer, p50 / p99",
        f"{p50:.2f} / {p99:.2f} ms",
        "<= 1 / 5 ms",
        p50 <= 1 and p99 <= 5,
        f"directly in the worker {base:.2f} ms",
    )


def status_while_simulating():
    """P5: asking for the status while a long simulation runs."""
    backend = AerSimulator()
    job = SamplerV2(backend).run([heavy(18, 600)], shots=1)
    while not job.on_qpu() and not job.in_final_state():
        job._record.finished.wait(0.01)
    asked = []
    while not job.in_final_state() and len(asked) < 2000:
        asked.append(timed(job.status))
        job._record.finished.wait(0.001)
    still_running = not job.in_final_state()
    if still_running:
        job.cancel()
    p99 = percentile_ms(asked, 99)
    yield Row(
        "P5",
        "job.status() during a long simulation, p99",
        f"{p99:.3f} ms",
        "<= 5 ms",
        p99 <= 5 and still_running,
        f"asked {len(asked)} times",
    )


def feed_forward_circuit():
    """P5b: six qubits and one if_test, 4096 shots, the whole device against the six qubits."""
    backend = FakeTorino()
    circuit = feed_forward(backend)
    simulator = AerSimulator.from_backend(backend)
    theirs_counts = {}

    def theirs():
        theirs_counts.update(simulator.run(circuit, shots=4096).result().get_counts())

    upstream = timed(theirs)
    sampler = SamplerV2(backend)
    first = timed(lambda: sampler.run([circuit], shots=4096).result())
    ours = times(lambda: sampler.run([circuit], shots=4096).result(), 10)
    counts = sampler.run([circuit], shots=100_000).result()[0].join_data().get_counts()
    distance = _chi_squared({k.replace(" ", ""): n for k, n in theirs_counts.items()}, counts)
    ratio = upstream * 1e3 / median_ms(ours)
    yield Row(
        "P5b",
        "one if_test on six qubits, 4096 shots, fake_torino",
        f"{ratio:,.0f} times",
        ">= 5, counts right",
        ratio >= 5 and distance > 1e-4,
        f"Aer {upstream:.1f} s, ours {median_ms(ours):.1f} ms, first {first * 1e3:.0f} ms, "
        f"same distribution p = {distance:.2f}",
    )


def _chi_squared(few, many):
    """Return the probability that two samples of one distribution differ as much as these."""
    from scipy.stats import chi2_contingency

    keys = sorted(set(few) | set(many))
    table = np.array([[sample.get(key, 0) for key in keys] for sample in (few, many)])
    rare = table.sum(axis=0) < 5 * table.sum() / table[0].sum()
    merged = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    merged = merged[:, merged.sum(axis=0) > 0]
    return float(chi2_contingency(merged).pvalue)


def two_qpus():
    """P7: two QPUs at once against one."""
    circuit = heavy(16, LAYERS)  # a state vector, as Aer has it: at least 100 ms of its C++
    one, other = AerSimulator(), AerSimulator()
    samplers = [SamplerV2(one), SamplerV2(other)]

    def run(which):
        for job in [samplers[which].run([circuit], shots=100) for _ in range(8)]:
            job.result()

    with ThreadPoolExecutor(2) as users:
        list(users.map(run, [0, 1]))  # both workers are started, and know the circuit
        alone = min(times(lambda: run(0), 3))
        together = min(times(lambda: list(users.map(run, [0, 1])), 3))
    ratio = 2 * alone / together
    yield Row(
        "P7",
        "throughput of two QPUs against one",
        f"{ratio:.2f}",
        ">= 1.8",
        ratio >= 1.8,
        f"{alone / 8 * 1e3:.0f} ms a job, {os.cpu_count()} cores",
    )


def first_result():
    """P8: the first result in a fresh Python, import included."""
    common = """
        from qiskit import QuantumCircuit
        from qiskit_ibm_runtime.fake_provider import FakeTorino
        circuit = QuantumCircuit(133, 2)
        circuit.sx(0); circuit.sx(1); circuit.cz(0, 1)
        circuit.measure([0, 1], [0, 1])
        backend = FakeTorino()
    """
    theirs = (
        common
        + """
        from qiskit_ibm_runtime import SamplerV2
        SamplerV2(backend).run([circuit], shots=1024).result()
    """
    )
    ours = (
        common
        + """
        from qiskit_modes import SamplerV2
        SamplerV2(backend).run([circuit], shots=1024).result()
    """
    )

    def fresh(program):
        command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)]
        return min(timed(lambda: subprocess.run(command, check=True)) for _ in range(2))

    upstream, here = fresh(theirs), fresh(ours)
    ratio = upstream / here
    yield Row(
        "P8",
        "first result in a fresh Python, 133 qubits",
        f"{ratio:.1f} times",
        ">= 4",
        ratio >= 4,
        f"upstream {upstream:.1f} s, ours {here:.1f} s",
    )


ROWS = {
    "D1": client_door,
    "D2": over_http,
    "E1": quantum_program,
    "P1": vqe_iterations,
    "P2": default_options,
    "P2b": heavy_techniques,
    "P3": against_the_simulation_itself,
    "P4": mode_layer,
    "P5": status_while_simulating,
    "P5b": feed_forward_circuit,
    "P6a": on_the_manual_clock,
    "P6b": real_jobs,
    "P7": two_qpus,
    "P8": first_result,
    "P9": long_queue,
    "P9b": waiting_workloads,
    "P11": wide,
    "P10": against_aer,
    "P10b": noisy_lines,
    "S1": service.store_writes,
    "S2": service.job_lists,
    "S3": shared_results,
    "S4": service.with_a_store,
    "S5": service.few_and_many_clients,
}


def quiet(row):
    """Run a row without the deprecation warnings of what it is compared with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from row()
