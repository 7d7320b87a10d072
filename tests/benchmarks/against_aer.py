"""P10: simulators against the better of Aer's own ways to run the same circuits."""

import gc
import statistics

import numpy as np
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_aer.primitives import EstimatorV2 as AerEstimator
from qiskit_aer.primitives import SamplerV2 as AerSampler
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke

from qiskit_modes import EstimatorV2, SamplerV2
from tests.benchmarks.timing import Row, timed
from tests.simulation.devices import cut_noise

__all__ = ["against_aer", "noisy_lines"]

QUBITS = (2, 4, 8, 10, 12, 14, 16, 18, 20, 22, 24)
MOST_TURNS, LEAST_TURNS = 200, 5
"""How often each way runs, by turns, so that all meet the same weather. The median counts."""
TURNS_SECONDS = 2.0
"""After so long there are no more turns than the least."""
SLOW_QUBITS = 22
"""From here on one of each has to do: Aer's take seconds."""
NEW_LINES = 3
"""Circuits of each noisy line."""

CASES = (
    # layers, shots, qubits
    (2, 1024, QUBITS),
    (2, 100, (4, 12, 20)),
    (2, 400_000, (2, 4, 8, 12, 16, 20)),
    (40, 100_000, (4, 8, 10, 12, 14)),
)

LINE = (0, 1, 2, 3, 4, 15, 22, 21, 20, 33, 39, 40, 41, 42, 43, 34, 24, 25, 26, 16)
"""Twenty neighbours on fake_sherbrooke whose couplers work."""
MOST_AER_SECONDS = 3.0
"""Where Aer would take longer for a noisy line, its time follows from that of fewer shots."""


def against_aer():
    """Ideal circuits: the better of Aer's ``run`` with memory and its primitives / ours."""
    backend = AerSimulator()
    for layers, shots, qubits in CASES:
        what = f"ideal sampler, {layers} layers, {shots:,} shots"
        ways = _sampling(backend, shots)
        yield from _rows(what, qubits, ways, lambda n, k=layers: _ansatz(n, k))
    ways = _sampling(backend, 1024)
    yield from _rows("ideal sampler, GHZ, 1,024 shots", (4, 12, 20, 24), ways, _ghz)
    ways = _estimating(backend, 1024)
    what = "ideal estimator, 2 layers, two bases, 1,024 shots"
    yield from _rows(what, QUBITS, ways, _observed)


def _sampling(backend, shots):
    aer, ours = AerSampler(), SamplerV2(backend)
    theirs = [
        lambda circuit: backend.run(circuit, shots=shots, memory=True).result(),
        lambda circuit: aer.run([circuit], shots=shots).result(),
    ]
    return theirs, lambda circuit: ours.run([circuit], shots=shots).result()


def _estimating(backend, shots):
    aer = AerEstimator(options={"default_precision": shots**-0.5})
    ours = EstimatorV2(backend, options={"default_shots": shots, "resilience_level": 0})
    return [lambda pub: aer.run([pub]).result()], lambda pub: ours.run([pub]).result()


_random = np.random.default_rng(1)


def _bound(num_qubits, layers):
    ansatz = efficient_su2(num_qubits, reps=layers).decompose()
    return ansatz.assign_parameters(_random.uniform(-np.pi, np.pi, ansatz.num_parameters))


def _ansatz(num_qubits, layers):
    circuit = _bound(num_qubits, layers)
    circuit.measure_all()
    return circuit


def _ghz(num_qubits):
    circuit = QuantumCircuit(num_qubits)
    # The sign of a qubit that is measured as it is: new circuits have another one.
    for qubit in np.flatnonzero(_random.integers(2, size=num_qubits)):
        circuit.x(int(qubit))
    circuit.h(0)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def _observed(num_qubits):
    pairs = [("ZZ", [qubit, qubit + 1], 1.0) for qubit in range(num_qubits - 1)]
    fields = [("X", [qubit], 0.5) for qubit in range(num_qubits)]
    return _bound(num_qubits, 2), SparsePauliOp.from_sparse_list(pairs + fields, num_qubits)


def _rows(what, qubits, ways, make):
    """Yield a row for new circuits and one for a circuit that was run before."""
    theirs, ours = ways
    for call in (*theirs, ours):
        call(make(2))  # what is imported once, and the first worker
    ratios = {"new": [], "again": []}
    for num_qubits in qubits:
        slow = num_qubits >= SLOW_QUBITS
        latest = {}

        def new_one(which, num_qubits=num_qubits, latest=latest):
            latest[which] = make(num_qubits)
            return latest[which]

        ratios["new"].append(_ratio(ways, new_one, slow=slow))
        ratios["again"].append(_ratio(ways, latest.__getitem__, slow=slow))
    for which, measured in ratios.items():
        yield Row(
            "P10",
            f"Aer / ours: {what}; {which}; {', '.join(map(str, qubits))} qubits",
            ", ".join(_shown(ratio) for ratio in measured),
            ">= 1 each",
            min(measured) >= 1,
        )


def _ratio(ways, circuit_of, *, slow):
    """Return the median time of the better of Aer's ways by that of ours.

    Args:
        ways: Aer's, and ours.
        circuit_of: Returns the circuit that one of the ways runs next, given its number. Each has
            one of its own: what a circuit remembers of being read would help those that come later.
        slow: Whether one turn has to do.
    """
    theirs, ours = ways
    calls = list(enumerate((*theirs, ours)))
    seconds = [[] for _ in calls]
    gc.collect()
    for turn in range(1 if slow else MOST_TURNS):
        if turn >= LEAST_TURNS and sum(map(sum, seconds)) > TURNS_SECONDS:
            break
        for which, call in calls:
            circuit = circuit_of(which)
            seconds[which].append(timed(lambda call=call, circuit=circuit: call(circuit)))
        calls.append(calls.pop(0))  # nobody is always the one who comes first
    *aer, mine = map(statistics.median, seconds)
    return min(aer) / mine


def _shown(ratio):
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"


def noisy_lines():
    """Lines of fake_sherbrooke, Aer with the noise of the qubits in use cut out by hand / ours."""
    backend = FakeSherbrooke()
    whole = NoiseModel.from_backend(backend)
    sampler = SamplerV2(backend)
    qubits = (4, 8, 10, 12, 14, 16, 18, 20)
    first, again = [], []
    for num_qubits in qubits:
        line = LINE[:num_qubits]
        passes = generate_preset_pass_manager(
            1, backend, initial_layout=list(line), seed_transpiler=1
        )
        circuits = [passes.run(_ansatz(num_qubits, 2)) for _ in range(NEW_LINES)]
        cut = cut_noise(whole, {qubit: place for place, qubit in enumerate(line)})
        aer = _aer_seconds(circuits[0], cut, line)

        def run(circuit):
            return timed(lambda: sampler.run([circuit], shots=1024).result())

        # The median: one of them meets the start of the first worker.
        first.append(aer / statistics.median(map(run, circuits)))
        again.append(aer / statistics.median(map(run, circuits)))
    for which, measured in (("new", first), ("again", again)):
        yield Row(
            "P10b",
            "Aer / ours: noisy lines of fake_sherbrooke, 2 layers, 1,024 shots; "
            f"{which}; {', '.join(map(str, qubits))} qubits",
            ", ".join(_shown(ratio) for ratio in measured),
            ">= 1 each",
            min(measured) >= 1,
            "Aer's noise model cut by hand, its best method",
        )


def _aer_seconds(circuit, model, line, shots=1024):
    """Return what Aer's best method takes for a circuit that is cut to its qubits."""
    place = {qubit: index for index, qubit in enumerate(line)}
    cut = QuantumCircuit(len(line), circuit.num_clbits)
    for step in circuit.data:
        on = [circuit.find_bit(qubit).index for qubit in step.qubits]
        if step.name != "barrier":
            clbits = [circuit.find_bit(bit).index for bit in step.clbits]
            cut.append(step.operation, [place[qubit] for qubit in on], clbits)
    methods = ["statevector", "density_matrix"] if len(line) <= 8 else ["statevector"]
    return min(_method_seconds(cut, model, method, shots) for method in methods)


def _method_seconds(circuit, model, method, shots):
    """Return the seconds for so many shots; where they are too many, from two smaller numbers."""
    simulator = AerSimulator(noise_model=model, method=method)

    def run(number):
        return timed(lambda: simulator.run(circuit, shots=number, memory=True).result())

    few, more = (8, 64) if circuit.num_qubits < 14 else (1, 3)  # a second each on 20 qubits
    if circuit.num_qubits < 14:
        run(1)
    begin = run(few)
    expected = begin + max(0.0, run(more) - begin) / (more - few) * (shots - few)
    return run(shots) if expected < MOST_AER_SECONDS else expected
