"""A circuit's key leaves nothing out: whatever differs in what a circuit does differs in it."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ForLoopOp, Gate, Parameter
from qiskit.circuit.library import HGate, UnitaryGate
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator, SuperOp
from qiskit_aer import AerSimulator

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.primitives.inputs.circuits import own_circuit
from qiskit_modes.simulation import compile_circuit, fingerprint, outcome_probabilities
from tests.simulation.instructions import Pair, error_pairs, pairs, quantum_info_pairs
from tests.simulation.instructions import holding as alone

IDENTITY, FLIP = np.eye(2), np.array([[0, 1], [1, 0]])


class Own(Gate):
    """A user's gate, of which only the matrix is known."""

    def __init__(self, name: str, matrix: np.ndarray) -> None:
        super().__init__(name, 1, [])
        self.matrix = matrix

    def __array__(self, dtype=None, copy=None):
        return np.array(self.matrix, dtype=dtype)


def holding(*gates: Gate) -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    for gate in gates:
        circuit.append(gate, [0])
    circuit.measure(0, 0)
    return circuit


def chance_of_one(circuit: QuantumCircuit) -> float:
    compiled = compile_circuit(circuit, AerSimulator())
    return outcome_probabilities(compiled).get(1, 0.0)


def operator(operation) -> Operator | SuperOp:
    try:
        return Operator(operation)
    except QiskitError:  # it resets its qubits
        return SuperOp(operation)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # deprecated classes are classes too
@pytest.mark.parametrize(
    "pair", [*pairs(), *quantum_info_pairs(), *error_pairs()], ids=lambda pair: pair.name
)
def test_instructions_that_differ_in_an_argument_have_other_keys_or_do_the_same(pair: Pair):
    one, same, other = (fingerprint(alone(make())) for make in (pair.one, pair.one, pair.other))
    assert one == same
    if one == other:
        assert operator(pair.one()) == operator(pair.other())


def test_a_unitary_is_its_matrix():
    circuits = [holding(UnitaryGate(matrix)) for matrix in (IDENTITY, FLIP)]
    assert [chance_of_one(circuit) for circuit in circuits] == pytest.approx([0, 1])


@pytest.mark.parametrize("name", ["h", "x", "rx", "cx", "unitary"])
def test_a_gate_of_ones_own_is_its_matrix_whatever_its_name(name):
    found = [
        chance_of_one(holding(gate))
        for gate in (HGate(), Own(name, IDENTITY), HGate(), Own(name, FLIP), HGate())
    ]
    assert found == pytest.approx([0.5, 0, 0.5, 1, 0.5])


@pytest.mark.parametrize("name", ["h", "x", "mine"])
def test_a_gate_of_ones_own_is_its_definition_though_nothing_is_in_it(name):
    empty, flip = QuantumCircuit(1), QuantumCircuit(1)
    flip.x(0)
    gates = [Gate(name, 1, []) for _ in range(2)]
    gates[0].definition, gates[1].definition = empty, flip
    assert [chance_of_one(holding(gate)) for gate in gates] == pytest.approx([0, 1])


def test_a_gate_that_is_a_name_and_nothing_else_is_the_standard_gate():
    assert chance_of_one(holding(Gate("h", 1, []))) == pytest.approx(0.5)
    assert chance_of_one(holding(Gate("rx", 1, [np.pi / 2]))) == pytest.approx(0.5)


def test_expressions_that_print_alike_are_told_apart():
    a, b = Parameter("a"), Parameter("b")
    one, other = (a / -a) * b, a / (-a * b)
    assert str(one) == str(other)
    keys = set()
    for expression in (one, other):
        circuit = QuantumCircuit(1)
        circuit.rx(expression, 0)
        keys.add(fingerprint(circuit))
    assert len(keys) == 2


def nested(inner_angle: str) -> QuantumCircuit:
    """Two loops whose parameters have one name; the inner one turns by one of them."""
    outer, inner = Parameter("i"), Parameter("i")
    body = QuantumCircuit(1)
    body.rx({"outer": outer, "inner": inner}[inner_angle], 0)
    around = QuantumCircuit(1)
    around.append(ForLoopOp(range(3), inner, body), [0])
    circuit = QuantumCircuit(1, 1)
    circuit.append(ForLoopOp(range(2), outer, around), [0])
    circuit.measure(0, 0)
    return circuit


# Qiskit sees that a parameter has the name of the loop's and is not it: that is what is tested.
@pytest.mark.filterwarnings("ignore:The Parameter provided as a loop_parameter")
def test_parameters_of_loops_are_told_apart_by_what_they_are():
    assert fingerprint(nested("outer")) != fingerprint(nested("inner"))
    found = [chance_of_one(nested(which)) for which in ("outer", "inner")]
    assert found == pytest.approx([np.sin(1.5) ** 2, np.sin(3) ** 2])


@pytest.mark.parametrize("name", ["measure", "reset", "barrier", "delay", "for_loop"])
def test_an_instruction_under_the_name_of_another_is_refused(name):
    inner = QuantumCircuit(1, name=name)
    inner.x(0)
    for instruction in (inner.to_instruction(), inner.to_gate(), Own(name, FLIP)):
        with pytest.raises(UnsupportedCircuitError, match=name):
            fingerprint(holding(instruction))


def test_what_cannot_be_described_equals_nothing():
    gate = Own("x", FLIP)
    gate.matrix = FLIP
    gate.secret = lambda: 1
    assert fingerprint(holding(gate)) != fingerprint(holding(gate))


def test_a_class_that_is_defined_anew_is_another():
    def defined(matrix):
        class Again(Gate):
            def __init__(self):
                super().__init__("x", 1, [])

            def __array__(self, dtype=None, copy=None):
                return matrix

        return Again

    first, second = defined(IDENTITY), defined(IDENTITY)
    assert fingerprint(holding(first())) == fingerprint(holding(first()))
    assert fingerprint(holding(first())) != fingerprint(holding(second()))


def test_a_job_has_a_copy_that_shares_nothing():
    matrix = np.eye(2, dtype=complex)
    gate = Own("x", matrix)
    circuit = holding(UnitaryGate(matrix), gate)
    own, key = own_circuit(circuit)
    matrix[:] = FLIP
    assert key == fingerprint(own)
    assert fingerprint(circuit) != key
    assert chance_of_one(own) == pytest.approx(0)
