"""A user's gate with the name of one of Aer's is what it is, also where Aer simulates it."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Gate, Instruction, Parameter
from qiskit.circuit.library import PauliGate
from qiskit.transpiler.basepasses import TransformationPass
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, pauli_error

from qiskit_modes import SamplerV2
from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation import compile_circuit
from qiskit_modes.simulation.circuits.aer_instructions import NO_GATES, executed_by_method
from qiskit_modes.simulation.settings import Settings
from tests.simulation.comparing import memory_counts, sample
from tests.simulation.test_aer_instructions import INSTRUCTIONS

WIDTHS = {each.name: each for each in INSTRUCTIONS.values()}
NAMES = sorted(executed_by_method("automatic") - NO_GATES)
"""All names that Aer knows, of gates and of what else it calls by a name."""


class Turns(Gate):
    """A gate by its matrix alone: X on each qubit."""

    def __array__(self, dtype=None, copy=None):
        del copy
        return np.eye(1 << self.num_qubits, dtype=dtype)[::-1]


def flips(num_qubits: int) -> QuantumCircuit:
    """X on each qubit, as a circuit."""
    circuit = QuantumCircuit(num_qubits)
    circuit.x(range(num_qubits))
    return circuit


def _defined(name, num_qubits, params):
    gate = Gate(name, num_qubits, params)
    gate.definition = flips(num_qubits)
    return gate


def _composed(name, num_qubits, params):
    del params
    instruction = Instruction(name, num_qubits, 0, [])
    instruction.definition = flips(num_qubits)
    return instruction


def _converted(name, num_qubits, params):
    del params
    circuit = flips(num_qubits)
    circuit.name = name
    return circuit.to_gate()


KINDS = {
    "matrix": Turns,
    "definition": _defined,
    "circuit": _converted,
    "instruction": _composed,
}


def own(kind: str, name: str):
    """Return a gate that flips its qubits, with the width and the parameters of Aer's."""
    of_aer = WIDTHS.get(name)
    width = max(1, of_aer.num_qubits) if of_aer is not None else 2
    params = [] if of_aer is None else list(of_aer.params)
    if not all(isinstance(value, float) for value in params):
        params = []
    return KINDS[kind](name, width, params)


def around(gate, *, body: bool, delay: bool = False) -> QuantumCircuit:
    """Return a circuit whose outcome says what a gate does, and what it does to nobody else."""
    width = gate.num_qubits
    circuit = QuantumCircuit(width, width + 1)
    circuit.x(0)
    if delay:
        circuit.delay(10, 0)
    circuit.measure(0, width)
    if body:
        with circuit.if_test((circuit.clbits[width], 1)):
            circuit.append(gate, circuit.qubits)
    else:
        circuit.append(gate, circuit.qubits)
    circuit.measure(range(width), range(width))
    return circuit


def expected(gate, error: int = 0) -> int:
    width = gate.num_qubits
    return (1 << width) + (((1 << width) - 1) ^ 1 ^ error)


BACKENDS = {
    "exact": (AerSimulator(), Settings(only="exact")),
    "trajectories": (AerSimulator(), Settings(only="trajectories")),
    "statevector": (AerSimulator(method="statevector"), Settings(state_vectors=False)),
    "matrix product state": (AerSimulator(method="matrix_product_state"), Settings()),
    "stabilizer": (AerSimulator(method="stabilizer"), Settings()),
}


@pytest.mark.parametrize(
    "body", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["", "in a body"]
)
@pytest.mark.parametrize(
    "way",
    [
        way if way in {"exact", "trajectories"} else pytest.param(way, marks=pytest.mark.slow)
        for way in BACKENDS
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_every_name_that_aer_knows(kind, way, body):
    backend, settings = BACKENDS[way]
    wrong = {}
    for name in NAMES:
        if kind == "instruction" and name.startswith(("save_", "set_")):
            continue  # refused by name
        gate = own(kind, name)
        if kind == "matrix" and gate.num_qubits > 3:
            continue  # no matrix is taken of it
        circuit = around(gate, body=body)
        counts = memory_counts(circuit, sample(circuit, backend, shots=10, settings=settings))
        if counts != {expected(gate): 10}:
            wrong[name] = counts
    assert not wrong


class Seen(TransformationPass):
    """A pass that adds an X to the first qubit of each of the gates of a name."""

    def __init__(self, name):
        super().__init__()
        self._name = name

    def run(self, dag):
        seen = dag.copy_empty_like()
        error = pauli_error([("X", 1.0)]).to_instruction()
        for node in dag.topological_op_nodes():
            seen.apply_operation_back(node.op, node.qargs, node.cargs)
            if node.op.name == self._name:
                seen.apply_operation_back(error, node.qargs[:1])
        return seen


def whole(circuit, model, passes=()):
    """Return what is counted where the whole model acts; an error is too wide to be cut."""
    model._custom_noise_passes.extend(passes)
    compiled = compile_circuit(circuit, AerSimulator(noise_model=model))
    assert compiled.metadata["noise"] == "full model"
    return memory_counts(circuit, sample(compiled, shots=10))


@pytest.mark.parametrize("body", [False, True], ids=["", "in a body"])
@pytest.mark.parametrize("kind", ["matrix", "definition", "circuit"])
def test_the_error_of_a_name_acts_after_the_gate_as_a_whole(kind, body):
    for name in ("h", "cx", "swap", "unitary", "mcx", "ccx"):
        gate = own(kind, name)
        if kind == "matrix" and gate.num_qubits > 3:
            continue
        model = NoiseModel()
        letters = "I" * (gate.num_qubits - 1) + "X"
        model.add_all_qubit_quantum_error(pauli_error([(letters, 1.0)]), name)
        circuit = around(gate, body=body)
        outcomes = {expected(gate, error=1): 10}
        for way in ("exact", "trajectories"):
            counts = memory_counts(
                circuit,
                sample(
                    circuit,
                    AerSimulator(noise_model=model),
                    shots=10,
                    settings=Settings(only=way),
                ),
            )
            assert counts == outcomes, (name, way)
        delayed = around(gate, body=body, delay=True)
        assert whole(delayed, model, [Seen("nothing")]) == outcomes, name


@pytest.mark.parametrize("kind", ["matrix", "definition", "circuit"])
def test_the_whole_model_has_no_errors_for_what_a_gate_is_made_of(kind):
    for name in ("h", "cx", "pauli"):
        gate = own(kind, name)
        model = NoiseModel()
        # What it is written as in Clifford gates, or as it says itself.
        model.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), ["y", "z", "unitary"])
        circuit = around(gate, body=False, delay=True)
        circuit.data.pop(0)
        assert whole(circuit, model, [Seen("x")]) == {
            expected(gate) ^ 1 ^ (1 << gate.num_qubits): 10
        }


@pytest.mark.parametrize("kind", ["matrix", "definition"])
def test_passes_of_a_model_see_the_gate_that_the_user_wrote(kind):
    gate = own(kind, "h")
    circuit = around(gate, body=False, delay=True)
    assert whole(circuit, NoiseModel(), [Seen("h")]) == {expected(gate, error=1): 10}


def test_values_of_a_gates_parameters_reach_what_it_is_defined_as():
    inner, angle, unused = Parameter("inner"), Parameter("a"), Parameter("b")
    definition = QuantumCircuit(1)
    definition.rx(inner, 0)
    definition.name = "rz"
    circuit = QuantumCircuit(1, 1)
    circuit.append(definition.to_gate({inner: 2 * angle}), [0])
    forgetful = Gate("rx", 1, [unused])
    forgetful.definition = flips(1)
    circuit.append(forgetful, [0])
    circuit.measure(0, 0)
    values = [[np.pi / 2, 1.0]]
    for way in ("exact", "trajectories"):
        drawn = sample(
            circuit, AerSimulator(), values=values, shots=10, settings=Settings(only=way)
        )
        assert memory_counts(circuit, drawn) == {0: 10}


@pytest.mark.parametrize("kind", ["definition", "matrix", "instruction"])
@pytest.mark.parametrize("name", sorted(NO_GATES - {"store"}))  # which Qiskit takes apart
def test_a_gate_with_the_name_of_what_is_no_gate_is_refused(kind, name):
    circuit = QuantumCircuit(1, 1)
    circuit.append(KINDS[kind](name, 1, []), [0])
    circuit.measure(0, 0)
    with pytest.raises(UnsupportedCircuitError, match=f"called {name!r}"):
        SamplerV2(AerSimulator()).run([circuit])


def _loop() -> QuantumCircuit:
    circuit = QuantumCircuit(4, 2)
    with circuit.for_loop(range(3)):
        circuit.x(0)
        circuit.x(2)
        circuit.x(3)
    return circuit


def _paulis() -> QuantumCircuit:
    circuit = QuantumCircuit(4, 2)
    circuit.append(PauliGate("XXXX"), range(4))
    return circuit


def _label() -> QuantumCircuit:
    circuit = QuantumCircuit(4, 2)
    circuit.initialize("1111", range(4))
    return circuit


def _loop_with_a_loop() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(4), ClassicalRegister(2), ClassicalRegister(1))
    with circuit.for_loop(range(1)):
        circuit.x(0)
        circuit.x(2)
        circuit.x(3)
        circuit.measure(3, 2)
    # Of the other qubits' concern; without what it waits for it would not end.
    with circuit.while_loop((circuit.clbits[2], 1)):
        circuit.x(3)
        circuit.measure(3, 2)
    return circuit


@pytest.mark.parametrize("method", [None, "matrix_product_state"])
@pytest.mark.parametrize("made", [_loop, _paulis, _label, _loop_with_a_loop])
def test_what_acts_on_qubits_that_it_does_not_join_acts_on_each(made, method):
    circuit = made()
    circuit.measure([0, 2], [0, 1])
    backend = AerSimulator() if method is None else AerSimulator(method=method)
    drawn = sample(circuit, backend, shots=10, settings=Settings(only="trajectories"))
    assert memory_counts(circuit, drawn) == {3: 10}


def test_what_is_no_clifford_gate_is_not_taken_for_one_by_the_stabilizer_method():
    class Quarter(Gate):
        def __array__(self, dtype=None, copy=None):
            del copy
            return np.diag([1, np.exp(0.25j * np.pi)]).astype(dtype or complex)

    circuit = around(Quarter("x", 1, []), body=False)
    with pytest.raises(UnsupportedCircuitError, match="'x' on 1 qubits, which is left to Aer"):
        compile_circuit(circuit, AerSimulator(method="stabilizer"))


@pytest.mark.parametrize("way", BACKENDS)
@pytest.mark.parametrize("body", [False, True], ids=["", "in a body"])
def test_a_gate_may_leave_some_of_its_qubits_alone(way, body):
    backend, settings = BACKENDS[way]
    definition = QuantumCircuit(4, name="h")
    definition.x([0, 2])
    for gate, qubits in ((definition.to_gate(), [0, 3, 1, 4]), (PauliGate("IXIX"), [0, 3, 1, 4])):
        circuit = QuantumCircuit(5, 3)
        circuit.x(2)
        circuit.measure(2, 2)
        if body:
            with circuit.if_test((circuit.clbits[2], 1)):
                circuit.append(gate, qubits)
        else:
            circuit.append(gate, qubits)
        circuit.measure([0, 1], [0, 1])
        counts = memory_counts(circuit, sample(circuit, backend, shots=10, settings=settings))
        assert counts == {7: 10}
