"""Circuits of the shape of published tutorials: as wide and as deep, with all their shots."""

from collections.abc import Iterator

import numpy as np
import rustworkx as rx
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.fake_provider import FakeFez

from qiskit_modes import EstimatorV2, SamplerV2
from tests.benchmarks.timing import Row, timed
from tests.simulation.devices import placed_on

__all__ = ["published"]


def published(backend: BackendV2, line: list[int]) -> Iterator[Row]:
    """P11: four pages of tutorials at full size, each answered."""
    yield _back_propagation(backend, line[:50])
    yield _nishimori()
    yield _checked_ghz()
    yield _long_range(backend, line[:62])


def _row(what: str, seconds: float, most: float, detail: str) -> Row:
    return Row("P11", what, f"{seconds:.1f} s", f"<= {most:g} s", seconds <= most, detail)


def _back_propagation(backend: BackendV2, line: list[int]) -> Row:
    """Heisenberg chain of 50 qubits, 3 steps of Trotter's formula (18 layers), 50 terms."""
    circuit = QuantumCircuit(50)
    circuit.x(range(0, 50, 2))
    for _ in range(3):
        for first in (0, 1):
            for a in range(first, 49, 2):  # three gates on each pair, as a synthesis has them
                circuit.cx(a, a + 1)
                circuit.rx(0.4, a)
                circuit.rz(0.4, a + 1)
                circuit.cx(a, a + 1)
                circuit.rx(0.4 - np.pi / 2, a)
                circuit.cx(a, a + 1)
        circuit.rz(0.2, range(50))
    isa = placed_on(backend, circuit, line)
    terms = SparsePauliOp.from_sparse_list([("Z", [qubit], 1 / 50) for qubit in line], 127)
    estimator = EstimatorV2(backend, options={"resilience_level": 0, "default_shots": 4096})
    seconds = timed(lambda: estimator.run([(isa, terms)]).result())
    what = "operator back-propagation: 50 qubits in a line, 18 layers, 50 terms, level 0"
    return _row(what, seconds, 20.0, "a Heisenberg chain, three steps, 4,096 shots")


def _sites_and_bonds(backend: BackendV2) -> tuple[rx.PyGraph, list[int]]:
    """A heavy-hex graph without what does not work, and its largest connected part."""
    gate = next(name for name in ("cz", "ecr") if name in backend.target)
    graph = rx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(backend.num_qubits))
    for pair, properties in backend.target[gate].items():
        if properties is not None and (properties.error or 0.0) < 0.5:
            graph.add_edge(*sorted(pair), None)
    return graph, sorted(max(rx.connected_components(graph), key=len))


def _nishimori() -> Row:
    """Sites of degree 2 and 3 joined by bonds that are measured: 21 strengths, 10,000 shots each.

    A bond and its two sites take two gates each; no more than six layers.
    """
    backend = FakeFez()
    graph, part = _sites_and_bonds(backend)
    part = part[:144]
    colours = rx.graph_greedy_edge_color(graph)
    order = sorted(colours, key=lambda k: (colours[k], k))
    edges = [graph.edge_list()[k] for k in order if set(graph.edge_list()[k]) <= set(part)]
    circuits = []
    for strength in np.linspace(0.05, 1.0, 21):
        circuit = QuantumCircuit(144)
        place = {qubit: at for at, qubit in enumerate(part)}
        circuit.h(range(144))
        for edge in edges:
            circuit.rzz(strength * np.pi / 2, *(place[qubit] for qubit in edge))
        circuit.h(range(144))
        circuit.measure_all()
        circuits.append(placed_on(backend, circuit, part))
    sampler = SamplerV2(backend)
    seconds = timed(lambda: sampler.run(circuits, shots=10_000).result())
    what = "Nishimori transition: 144 qubits of a heavy-hex graph, 6 layers, 21 x 10,000 shots"
    return _row(what, seconds, 60.0, "rzz of 21 strengths on every coupler, on fake_fez")


def _checked_ghz() -> Row:
    """A GHZ state grown over a tree of the device's graph, and qubits that check two of it."""
    backend = FakeFez()
    graph, part = _sites_and_bonds(backend)
    far = rx.distance_matrix(graph.subgraph(part)).max(axis=1)
    begin = part[int(far.argmin())]
    grown, checks, layers = [begin], [], {begin: 0}
    pairs: list[tuple[int, int]] = []
    for qubit in grown:
        for other in sorted(graph.neighbors(qubit)):
            if len(grown) + len(checks) >= 108:
                break
            if other in layers:
                continue
            near = [each for each in graph.neighbors(other) if each in layers]
            if len(near) == 2 and other not in checks:
                checks.append(other)
                continue
            if other not in checks:
                layers[other] = layers[qubit] + 1
                grown.append(other)
                pairs.append((qubit, other))
    used = [*grown, *checks]
    place = {qubit: at for at, qubit in enumerate(used)}
    circuit = QuantumCircuit(len(used))
    circuit.h(0)
    for pair in pairs:
        circuit.cx(*(place[qubit] for qubit in pair))
    for check in checks:
        for qubit in graph.neighbors(check):
            if qubit in layers:
                circuit.cx(place[qubit], place[check])
    circuit.measure_all()
    isa = placed_on(backend, circuit, used)
    sampler = SamplerV2(backend)
    seconds = timed(lambda: sampler.run([isa], shots=10_000).result())
    depth = isa.depth(lambda step: len(step.qubits) == 2)
    what = f"GHZ with checks: {len(used)} qubits, {depth} layers, 10,000 shots"
    return _row(what, seconds, 60.0, f"{len(checks)} checks, on fake_fez")


def _long_range(backend: BackendV2, line: list[int]) -> Row:
    """CNOTs over up to 60 qubits by Bell pairs, measured, with two parities fed forward."""
    circuits = []
    for number in range(39):
        between = 2 * (number * 30 // 38)
        last = between + 1
        circuit = QuantumCircuit(QuantumRegister(between + 2, "line"))
        flips = ClassicalRegister(between // 2, "flips")
        phases, ends = ClassicalRegister(between // 2, "phases"), ClassicalRegister(2, "ends")
        circuit.h(0)
        for first in range(1, last, 2):  # Bell pairs
            circuit.h(first)
            circuit.cx(first, first + 1)
        for first in range(0, last, 2):
            circuit.cx(first, first + 1)
        circuit.add_register(ends)
        if between:
            circuit.add_register(flips, phases)
            circuit.h(range(2, last, 2))
            circuit.measure(range(1, last, 2), flips)
            circuit.measure(range(2, last, 2), phases)
            for register, gate, at in ((flips, "x", last), (phases, "z", 0)):
                parity = expr.lift(register[0])
                for bit in register[1:]:
                    parity = expr.bit_xor(parity, bit)
                with circuit.if_test(parity):
                    getattr(circuit, gate)(at)
        circuit.measure([0, last], ends)
        circuits.append(placed_on(backend, circuit, line[: between + 2]))
    sampler = SamplerV2(backend)
    seconds = timed(lambda: sampler.run(circuits, shots=1024).result())
    what = "long-range entanglement, dynamic: up to 62 qubits, two parities, 39 x 1,024 shots"
    return _row(what, seconds, 60.0, "Bell pairs in a line, measured, and corrected by parities")
