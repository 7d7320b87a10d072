"""P11: circuits of fifty and more joined qubits, with the noise of a device."""

import gc
import re
import time

import numpy as np
import rustworkx as rx
from qiskit import QuantumCircuit, transpile
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke
from samplomatic import build
from samplomatic.quantum_program import QuantumProgram
from samplomatic.transpiler import generate_boxing_pass_manager

from qiskit_modes import EstimatorV2, Executor, SamplerV2, Session
from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.simulation import compile_circuit
from tests.benchmarks.published import published
from tests.benchmarks.timing import Row, timed
from tests.simulation.devices import (
    brickwork,
    cut_noise,
    path_through,
    placed_on,
    repetition_code,
)

__all__ = ["wide"]

SHOTS = 1024


def wide():
    """P11: what no state of all qubits could answer."""
    backend = FakeSherbrooke()
    line = path_through(backend, 100)
    sampler = SamplerV2(backend)
    sampler.run([placed_on(backend, _ghz(2), line[:2])], shots=1).result()  # a worker is there

    def sampled(circuit, shots=SHOTS):
        return lambda: sampler.run([circuit], shots=shots).result()

    ghz = placed_on(backend, _ghz(100), line)
    first, again = timed(sampled(ghz)), timed(sampled(ghz))
    yield _row("GHZ, 100 qubits, new / again", [first, again], [0.5, 0.15], ghz, backend)
    yield from _hello_world(backend)
    for layers, target in ((1, 0.3), (2, 2.0), (3, 10.0)):
        circuit = placed_on(backend, _qaoa(_chain(100), layers), line)
        what = f"QAOA on a line, 100 qubits, p = {layers}"
        yield _row(what, [timed(sampled(circuit))], [target], circuit, backend)
    for layers, target in ((4, 1.0), (8, 5.0), (12, 50.0)):
        circuit = placed_on(backend, brickwork(100, layers), line)
        what = f"brickwork, 100 qubits in a line, {layers} layers"
        yield _row(what, [timed(sampled(circuit))], [target], circuit, backend)
    edges = sorted({tuple(sorted(edge)) for edge in backend.coupling_map.get_edges()})
    circuit = placed_on(backend, _qaoa(edges, 1, 127), range(127))
    what = "QAOA on the device's own graph, 127 qubits, p = 1"
    yield _row(what, [timed(sampled(circuit))], [120.0], circuit, backend)
    circuit = placed_on(backend, repetition_code(21, 5), line[:41])
    what = "repetition code, distance 21, 5 rounds, feed-forward"
    yield _row(what, [timed(sampled(circuit))], [10.0], circuit, backend)
    yield from _kicked_ising(backend, edges)
    yield _too_many_steps(backend, edges)
    yield _propagated(backend, edges)
    yield from _submission(backend, line)
    yield _hello_world_extrapolated(backend)
    yield _ten_qubits(backend)
    yield from _tutorials(backend, line)
    yield from published(backend, line)
    yield _growth(backend, line, sampled)
    yield _against_tensor_networks(backend, line, sampled)


def _row(what, seconds, targets, circuit, backend):
    measured = " / ".join(f"{each:.2f}" for each in seconds)
    wanted = " / ".join(f"{each:g}" for each in targets)
    met = all(each <= most for each, most in zip(seconds, targets, strict=True))
    methods = compile_circuit(circuit, backend).metadata["methods"]
    return Row("P11", what, f"{measured} s", f"<= {wanted} s", met, "; ".join(methods))


def _hello_world(backend):
    isa, observables = _ghz_and_correlators(backend)
    estimator = EstimatorV2(backend, options={"resilience_level": 1})
    seconds = timed(lambda: estimator.run([(isa, observables)]).result())
    what = "GHZ, 100 qubits, 99 correlators in one PUB, level 1, first run"
    yield Row("P11", what, f"{seconds:.2f} s", "<= 5 s", seconds <= 5)


def _ghz_and_correlators(backend):
    circuit = QuantumCircuit(100)
    circuit.h(0)
    for qubit in range(99):
        circuit.cx(qubit, qubit + 1)
    isa = transpile(circuit, backend, optimization_level=1, seed_transpiler=3)
    terms = [SparsePauliOp.from_sparse_list([("ZZ", [0, k], 1)], 100) for k in range(1, 100)]
    return isa, [term.apply_layout(isa.layout) for term in terms]


def _kicked_ising(backend, edges):
    for steps in (2, 3):
        isa = placed_on(backend, _trotterised(edges, steps), range(127))
        magnetisation = SparsePauliOp.from_sparse_list(
            [("Z", [qubit], 1 / 127) for qubit in range(127)], 127
        )
        estimator = EstimatorV2(backend, options={"resilience_level": 0, "default_shots": SHOTS})
        seconds = timed(lambda: estimator.run([(isa, magnetisation)]).result())  # noqa: B023
        what = f"kicked Ising, 127 qubits, {steps} steps, magnetisation"
        yield Row("P11", what, f"{seconds:.1f} s", "<= 60 s", seconds <= 60, "light cones apart")


def _trotterised(edges, steps):
    circuit = QuantumCircuit(127)
    graph = rx.PyGraph()
    graph.add_nodes_from(range(127))
    graph.add_edges_from([(*edge, None) for edge in edges])
    colours = rx.graph_greedy_edge_color(graph)
    for _ in range(steps):
        circuit.rx(0.6, range(127))
        for number in sorted(colours, key=lambda k: (colours[k], k)):
            circuit.rzz(-np.pi / 2, *graph.edge_list()[number])
    return circuit


def _too_many_steps(backend, edges):
    isa = placed_on(backend, _trotterised(edges, 5), range(127))
    magnetisation = SparsePauliOp.from_sparse_list([("Z", [k], 1 / 127) for k in range(127)], 127)
    weight_17 = SparsePauliOp.from_sparse_list([("XYZ" * 5 + "XY", range(37, 54), 1)], 127)
    estimator = EstimatorV2(backend, options={"resilience_level": 0, "default_shots": SHOTS})
    reasons, seconds = [], []
    for observable in (magnetisation, weight_17):
        words = []
        seconds.append(timed(lambda: words.append(_refusal(estimator, isa, observable))))  # noqa: B023
        reasons.append(re.search(r"of which \d+ have to be held", words[0]))
    measured = " / ".join(f"{each:.2f}" for each in seconds)
    what = "kicked Ising, 127 qubits, 5 steps, magnetisation / weight 17: until refused"
    refused = all(reasons) and max(seconds) <= 60
    return Row("P11", what, f"{measured} s", "<= 60 s", refused, "each with its window")


def _refusal(estimator, isa, observable):
    """What is said of a job that is too wide, at once or once its terms were looked at."""
    try:
        job = estimator.run([(isa, observable)])
    except SimulationTooLargeError as error:
        return error.message
    job.wait_for_final_state(timeout=60)
    return job.error_message() or "answered"


def _propagated(backend, edges):
    """What is refused above, as an approximation that is asked for."""
    isa = placed_on(backend, _trotterised(edges, 5), range(127))
    magnetisation = SparsePauliOp.from_sparse_list([("Z", [k], 1 / 127) for k in range(127)], 127)
    options = {"resilience_level": 0, "simulator": {"pauli_propagation_max_terms": 10_000}}
    estimator = EstimatorV2(backend, options=options)
    results = []
    seconds = timed(lambda: results.append(estimator.run([(isa, magnetisation)]).result()))
    stds = float(results[0][0].data.stds)
    spread = results[0][0].metadata["simulation"]["spread_of_repetitions"]
    what = "kicked Ising, 127 qubits, 5 steps, magnetisation by Pauli propagation, 10,000 terms"
    detail = f"standard error at most {stds:.3f}, spread {spread:.4f}"
    met = seconds <= 60 and stds < 0.1
    return Row("P11", what, f"{seconds:.1f} s", "<= 60 s", met, detail)


def _submission(backend, line):
    """Until ``run()`` returns, and until what is too wide is refused."""
    observable = SparsePauliOp.from_sparse_list([("Z", [qubit], 1) for qubit in line], 127)
    twirling = {"enable_gates": True, "enable_measure": True}
    estimator = EstimatorV2(backend, options={"resilience_level": 2, "twirling": twirling})
    sampler = SamplerV2(backend, options={"twirling": twirling})
    others = [
        EstimatorV2(backend, options={"twirling": twirling, "resilience": resilience})
        for resilience in (
            {"pec_mitigation": True},
            {"zne_mitigation": True, "zne": {"amplifier": "pea"}},
        )
    ]
    executor = Executor(backend)
    small = placed_on(backend, brickwork(2, 1), line[:2])  # so that all modules are there
    sampler.run([small], shots=64).result()
    few = SparsePauliOp.from_sparse_list([("Z", [line[0]], 1)], 127)
    for each in (estimator, *others):
        each.run([(small.remove_final_measurements(inplace=False), few)]).result()
    refused, returns = (30, "refused", 2.0), (10, "run() returns", 0.1)
    for session, (layers, what, most) in ((None, refused), (Session(backend), returns)):
        if session is not None:  # jobs wait behind it, so that none is compiled while one is timed
            SamplerV2(session).run([small], shots=64).result()
        circuit = placed_on(backend, brickwork(100, layers), line)
        bare = circuit.remove_final_measurements(inplace=False)
        program = _twirled_program(circuit)
        jobs, seconds = [], []
        for run in (
            lambda: estimator.run([(bare, observable)]),  # noqa: B023
            lambda: sampler.run([circuit], shots=SHOTS),  # noqa: B023
            lambda: others[0].run([(bare, observable)]),  # noqa: B023
            lambda: others[1].run([(bare, observable)]),  # noqa: B023
            lambda: executor.run(program),  # noqa: B023
        ):
            gc.collect()  # what came before leaves nothing to do for this one
            begin = time.perf_counter()
            try:
                jobs.append(run())
            except SimulationTooLargeError:
                jobs.append(None)
            seconds.append(time.perf_counter() - begin)
            if jobs[-1] is not None:
                jobs[-1].cancel()
        measured = " / ".join(f"{each:.2f}" for each in seconds)
        met = max(seconds) <= most and (what == "refused") == (not any(jobs))
        who = "level 2 / sampler / PEC / PEA / executor"
        title = f"100 qubits, {len(bare.data):,} gates, twirled, {who}: {what}"
        if session is not None:
            session.cancel()
        yield Row("P11", title, f"{measured} s", f"<= {most:g} s", met)


def _twirled_program(circuit):
    boxed = generate_boxing_pass_manager(enable_gates=True, enable_measures=True).run(circuit)
    template, samplex = build(boxed)
    program = QuantumProgram(SHOTS // 16)
    program.append_samplex_item(template, samplex=samplex, shape=(16,))
    return program


def _hello_world_extrapolated(backend):
    isa, observables = _ghz_and_correlators(backend)
    estimator = EstimatorV2(backend, options={"resilience_level": 2})
    seconds = timed(lambda: estimator.run([(isa, observables)]).result())
    what = "GHZ, 100 qubits, 99 correlators in one PUB, level 2, first run"
    return Row("P11", what, f"{seconds:.1f} s", "<= 20 s", seconds <= 20)


def _ten_qubits(backend):
    line = path_through(backend, 10)
    pubs, depths = [], []
    for layers in (8, 20, 32):
        circuit = placed_on(backend, brickwork(10, layers), line)
        depths.append(circuit.depth())
        circuit.remove_final_measurements()
        pubs.append((circuit, SparsePauliOp.from_sparse_list([("ZZ", line[:2], 1)], 127)))
    options = {"resilience_level": 2, "twirling": {"enable_gates": True}}
    estimator = EstimatorV2(backend, options=options)
    seconds = timed(lambda: estimator.run(pubs).result())
    what = f"ten qubits, depths {depths}, three noise factors, twirled"
    return Row("P11", what, f"{seconds:.1f} s", "<= 15 s", seconds <= 15)


def _tutorials(backend, line):
    """Circuits of the shape of published tutorials, at full size and with all their shots."""
    sampler = SamplerV2(backend)
    circuit = placed_on(backend, brickwork(31, 2), line[:31])
    seconds = timed(lambda: sampler.run([circuit], shots=4096).result())
    what = "wire cutting, uncut: 31 qubits in a line, 2 layers, 4,096 shots"
    yield _row(what, [seconds], [60.0], circuit, backend)
    edges = sorted({tuple(sorted(edge)) for edge in backend.coupling_map.get_edges()})
    nodes = sorted({q for pair in edges for q in pair})[:100]
    part = [pair for pair in edges if set(pair) <= set(nodes)]
    circuit = placed_on(backend, _qaoa(part, 1, 100), nodes)
    seconds = timed(lambda: sampler.run([circuit], shots=2450).result())
    what = "advanced QAOA: 100 qubits of the device's graph, p = 1, 2,450 shots"
    yield _row(what, [seconds], [60.0], circuit, backend)
    estimator = EstimatorV2(backend, options={"resilience_level": 0})
    terms = SparsePauliOp.from_sparse_list([("ZZ", pair, 1) for pair in part], 127)
    bare = circuit.remove_final_measurements(inplace=False)
    seconds = timed(lambda: estimator.run([(bare, terms)], precision=1 / 32).result())
    what = f"QAOA, 100 qubits, {len(part)} terms, level 0, 1,024 shots"
    yield Row("P11", what, f"{seconds:.1f} s", "<= 20 s", seconds <= 20)
    circuit = placed_on(backend, _staircase(33, 2), line[:33]).remove_final_measurements(
        inplace=False
    )
    rng = np.random.default_rng(2)
    pairs = [sorted(rng.choice(33, 2, replace=False).tolist()) for _ in range(500)]
    seconds = timed(
        lambda: estimator.run(
            [
                (
                    circuit,
                    SparsePauliOp.from_sparse_list(
                        [(letter * 2, [line[a], line[b]], 1) for a, b in pairs], 127
                    ).simplify(),
                )
                for letter in "XYZ"
            ],
            precision=1 / 32,
        ).result()
    )
    what = "Pauli correlation encoding: 33 qubits in a line, 3 x 500 terms, level 0"
    yield Row("P11", what, f"{seconds:.1f} s", "<= 20 s", seconds <= 20)


def _growth(backend, line, sampled):
    seconds = {}
    for size in (25, 50, 100):
        circuit = placed_on(backend, brickwork(size, 8), line[:size])
        timed(sampled(circuit))
        seconds[size] = timed(sampled(circuit))
    ratio = seconds[100] / seconds[25]
    detail = ", ".join(f"{size}: {each:.2f} s" for size, each in seconds.items())
    what = "brickwork, 8 layers, 100 qubits / 25 qubits, again"
    return Row("P11", what, f"{ratio:.1f} times", "<= 5", ratio <= 5, detail)


def _against_tensor_networks(backend, line, sampled):
    """GHZ of 50 qubits, against Aer's matrix product state with the same noise."""
    circuit, shots = placed_on(backend, _ghz(50), line[:50]), 200
    timed(sampled(circuit, shots))
    ours = min(timed(sampled(circuit, shots)) for _ in range(3))
    used = {circuit.find_bit(qubit).index for step in circuit.data for qubit in step.qubits}
    cut = cut_noise(NoiseModel.from_backend(backend), {qubit: qubit for qubit in used})
    simulator = AerSimulator(method="matrix_product_state", noise_model=cut)
    few = 20  # each takes as long as any other
    theirs = timed(lambda: simulator.run(circuit, shots=few).result()) * shots / few
    ratio = theirs / ours
    detail = f"Aer {theirs:.0f} s by {few} of the shots, ours {ours:.2f} s"
    what = "GHZ, 50 qubits, 200 shots: Aer's matrix product state / ours"
    return Row("P11", what, f"{ratio:,.0f} times", ">= 100", ratio >= 100, detail)


def _chain(size):
    return [(qubit, qubit + 1) for qubit in range(size - 1)]


def _ghz(size):
    circuit = QuantumCircuit(size)
    circuit.h(0)
    for pair in _chain(size):
        circuit.cx(*pair)
    circuit.measure_all()
    return circuit


def _qaoa(edges, layers, size=100):
    circuit = QuantumCircuit(size)
    circuit.h(range(size))
    for layer in range(layers):
        for edge in edges:
            circuit.rzz(0.3 + layer, *edge)
        circuit.rx(0.4 + layer, range(size))
    circuit.measure_all()
    return circuit


def _staircase(size, layers):
    rng = np.random.default_rng(1)
    circuit = QuantumCircuit(size)
    for _ in range(layers):
        for qubit in range(size):
            circuit.rx(rng.uniform(0, 6), qubit)
            circuit.rz(rng.uniform(0, 6), qubit)
        for pair in _chain(size):
            circuit.cx(*pair)
    circuit.measure_all()
    return circuit
