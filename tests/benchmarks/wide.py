"""P11: circuits of fifty and more joined qubits, with the noise of a device."""

import numpy as np
import rustworkx as rx
from qiskit import ClassicalRegister, QuantumCircuit, transpile
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke

from qiskit_modes import EstimatorV2, SamplerV2
from qiskit_modes.simulation import compile_circuit
from tests.benchmarks.timing import Row, timed
from tests.simulation.devices import cut_noise, path_through, placed_on

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
        circuit = placed_on(backend, _brickwork(100, layers), line)
        what = f"brickwork, 100 qubits in a line, {layers} layers"
        yield _row(what, [timed(sampled(circuit))], [target], circuit, backend)
    edges = sorted({tuple(sorted(edge)) for edge in backend.coupling_map.get_edges()})
    circuit = placed_on(backend, _qaoa(edges, 1, 127), range(127))
    what = "QAOA on the device's own graph, 127 qubits, p = 1"
    yield _row(what, [timed(sampled(circuit))], [120.0], circuit, backend)
    circuit = placed_on(backend, _repetition_code(21, 5), line[:41])
    what = "repetition code, distance 21, 5 rounds, feed-forward"
    yield _row(what, [timed(sampled(circuit))], [10.0], circuit, backend)
    yield from _kicked_ising(backend, edges)
    yield _growth(backend, line, sampled)
    yield _against_tensor_networks(backend, line, sampled)


def _row(what, seconds, targets, circuit, backend):
    measured = " / ".join(f"{each:.2f}" for each in seconds)
    wanted = " / ".join(f"{each:g}" for each in targets)
    met = all(each <= most for each, most in zip(seconds, targets, strict=True))
    methods = compile_circuit(circuit, backend).metadata["methods"]
    return Row("P11", what, f"{measured} s", f"<= {wanted} s", met, "; ".join(methods))


def _hello_world(backend):
    circuit = QuantumCircuit(100)
    circuit.h(0)
    for qubit in range(99):
        circuit.cx(qubit, qubit + 1)
    isa = transpile(circuit, backend, optimization_level=1, seed_transpiler=3)
    terms = [SparsePauliOp.from_sparse_list([("ZZ", [0, k], 1)], 100) for k in range(1, 100)]
    observables = [term.apply_layout(isa.layout) for term in terms]
    estimator = EstimatorV2(backend, options={"resilience_level": 1})
    seconds = timed(lambda: estimator.run([(isa, observables)]).result())
    what = "GHZ, 100 qubits, 99 correlators in one PUB, level 1, first run"
    yield Row("P11", what, f"{seconds:.2f} s", "<= 5 s", seconds <= 5)


def _kicked_ising(backend, edges):
    for steps in (2, 3):
        circuit = QuantumCircuit(127)
        graph = rx.PyGraph()
        graph.add_nodes_from(range(127))
        graph.add_edges_from([(*edge, None) for edge in edges])
        colours = rx.graph_greedy_edge_color(graph)
        for _ in range(steps):
            circuit.rx(0.6, range(127))
            for number in sorted(colours, key=lambda k: (colours[k], k)):
                circuit.rzz(-np.pi / 2, *graph.edge_list()[number])
        isa = placed_on(backend, circuit, range(127))
        magnetisation = SparsePauliOp.from_sparse_list(
            [("Z", [qubit], 1 / 127) for qubit in range(127)], 127
        )
        estimator = EstimatorV2(backend, options={"resilience_level": 0, "default_shots": SHOTS})
        seconds = timed(lambda: estimator.run([(isa, magnetisation)]).result())  # noqa: B023
        what = f"kicked Ising, 127 qubits, {steps} steps, magnetisation"
        yield Row("P11", what, f"{seconds:.1f} s", "<= 60 s", seconds <= 60, "light cones apart")


def _growth(backend, line, sampled):
    seconds = {}
    for size in (25, 50, 100):
        circuit = placed_on(backend, _brickwork(size, 8), line[:size])
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


def _brickwork(size, layers):
    rng = np.random.default_rng(1)
    circuit = QuantumCircuit(size)
    for layer in range(layers):
        for qubit in range(size):
            circuit.rx(rng.uniform(0, 6), qubit)
            circuit.rz(rng.uniform(0, 6), qubit)
        for qubit in range(layer % 2, size - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def _repetition_code(distance, rounds):
    size = 2 * distance - 1
    circuit = QuantumCircuit(size)
    for number in range(rounds):
        syndrome = ClassicalRegister(distance - 1, f"round{number}")
        circuit.add_register(syndrome)
        for place in range(distance - 1):
            ancilla = 2 * place + 1
            circuit.cx(ancilla - 1, ancilla)
            circuit.cx(ancilla + 1, ancilla)
            circuit.measure(ancilla, syndrome[place])
            with circuit.if_test((syndrome[place], 1)):
                circuit.x(ancilla)
    data = ClassicalRegister(distance, "data")
    circuit.add_register(data)
    circuit.measure(range(0, size, 2), data)
    return circuit
