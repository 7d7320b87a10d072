"""Circuits of Clifford gates: every gate, and the affine space of their outcomes."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import (
    CXGate,
    CYGate,
    CZGate,
    DCXGate,
    ECRGate,
    HGate,
    RXXGate,
    RYYGate,
    RZXGate,
    RZZGate,
    SdgGate,
    SGate,
    SwapGate,
    SXdgGate,
    SXGate,
    XGate,
    YGate,
    ZGate,
    iSwapGate,
)
from qiskit.quantum_info import Clifford, Operator, Statevector, random_clifford
from qiskit_aer import AerSimulator

from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.compile.stabilizers import outcome_space, words_of
from qiskit_modes.simulation.read.read_ideal import read_ideal_circuit
from qiskit_modes.simulation.settings import Settings
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample

QUARTER = np.pi / 2
GATES = [HGate(), SGate(), SdgGate(), SXGate(), SXdgGate(), XGate(), YGate(), ZGate()]
GATES += [CXGate(), CYGate(), CZGate(), SwapGate(), DCXGate(), iSwapGate(), ECRGate()]
GATES += [kind(sign * QUARTER) for kind in (RZZGate, RXXGate, RYYGate, RZXGate) for sign in (1, -1)]
IDEAL = AerSimulator()


def random_circuit(num_qubits, depth, seed):
    random, circuit = np.random.default_rng(seed), QuantumCircuit(num_qubits)
    for _ in range(depth):
        gate = GATES[random.integers(len(GATES))]
        on = random.permutation(num_qubits)[: gate.num_qubits].tolist()
        circuit.append(gate, on)
        circuit.rz(QUARTER * random.integers(-3, 4), on[0])
    return circuit


def distribution(circuit, measured):
    """Return the outcomes' probabilities, found as a space; the first qubit is bit 0."""
    gates = read_ideal_circuit(circuit, frozenset()).gates
    words = words_of(gates)
    start, directions = outcome_space(words, range(circuit.num_qubits), measured)
    found = {}
    for chosen in np.ndindex(*(2,) * len(directions)):
        bits = (start + np.array(chosen, dtype=int) @ directions.astype(int)) % 2
        key = int(sum(int(bit) << place for place, bit in enumerate(bits)))
        found[key] = found.get(key, 0.0) + 0.5 ** len(directions)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_random_circuits(seed):
    num_qubits = 2 + seed % 5
    circuit = random_circuit(num_qubits, 12, seed)
    measured = np.random.default_rng(seed).permutation(num_qubits)[: 1 + seed % num_qubits]
    exact = Statevector(circuit).probabilities(measured.tolist())
    found = distribution(circuit, measured.tolist())
    for outcome, probability in enumerate(exact):
        assert found.get(outcome, 0.0) == pytest.approx(probability, abs=1e-9)
    assert len(found) == sum(probability > 1e-9 for probability in exact), "directions depend"


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: f"{gate.name} {gate.params}")
def test_every_gate_is_known(gate):
    circuit = QuantumCircuit(2)
    circuit.append(gate, [1, 0][: gate.num_qubits])
    assert words_of(read_ideal_circuit(circuit, frozenset()).gates) is not None


def test_all_single_qubit_clifford_gates_are_known_and_no_others():
    for seed in range(100):
        circuit = QuantumCircuit(1)
        circuit.unitary(Operator(random_clifford(1, seed=seed)).data, 0)
        assert words_of(read_ideal_circuit(circuit, frozenset()).gates) is not None
    for gate in ("t", "tdg"):
        circuit = QuantumCircuit(1)
        getattr(circuit, gate)(0)
        assert words_of(read_ideal_circuit(circuit, frozenset()).gates) is None


def clifford_ladder(num_qubits):
    circuit = QuantumCircuit(num_qubits, num_qubits)
    circuit.h(0)
    circuit.x(1)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.sx(num_qubits - 1)
    circuit.measure(range(num_qubits), range(num_qubits))
    return circuit


@pytest.mark.parametrize("num_qubits", [13, 70])
def test_many_qubits_are_a_stabilizer_group(num_qubits):
    circuit = clifford_ladder(num_qubits)
    compiled = compile_circuit(circuit, IDEAL)
    assert compiled.metadata["methods"] == ["stabilizer group"]
    exact = outcome_probabilities(compiled)
    assert set(exact.values()) == {0.25}
    assert_drawn_from(memory_counts(circuit, sample(compiled, shots=40_000)), exact)
    others = sample(compile_circuit(circuit, IDEAL, Settings(state_vectors=False)), shots=200)
    assert set(memory_counts(circuit, others)) == set(exact)


def test_what_the_user_has_named_is_used():
    circuit = clifford_ladder(13)
    compiled = compile_circuit(circuit, AerSimulator(method="statevector"))
    assert compiled.metadata["methods"] == ["state vector"]


def test_bits_are_those_of_their_qubits():
    circuit = QuantumCircuit(14, 3)
    circuit.h(range(14))
    circuit.cz(range(13), range(1, 14))
    circuit.h(range(14))
    circuit.measure([5, 13, 0], [2, 0, 1])
    compiled = compile_circuit(circuit, IDEAL)
    assert compiled.metadata["methods"] == ["stabilizer group"]
    state = Clifford(circuit.remove_final_measurements(inplace=False).copy())
    exact = {}
    for label, weight in _outcomes(state, [13, 0, 5]).items():
        exact[int(label, 2)] = weight
    assert outcome_probabilities(compiled) == pytest.approx(exact)


def _outcomes(clifford, qubits):
    from qiskit.quantum_info import StabilizerState

    return StabilizerState(clifford).probabilities_dict(qubits)
