"""Where noise cannot be cut, the whole circuit runs on Aer with the whole model, and says so."""

import pickle
import threading

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.library import UnitaryGate
from qiskit.transpiler.basepasses import TransformationPass
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, pauli_error

from qiskit_modes import SamplerV2
from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation import Program, Run, compile_circuit, execute, join, split
from qiskit_modes.simulation.settings import Settings
from tests.simulation.aer_oracle import aer_distribution
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample
from tests.simulation.devices import device


class Crosstalk(TransformationPass):
    """After each X gate, errors on its neighbours: qubits that the gate is not on."""

    def run(self, dag):
        noisy = dag.copy_empty_like()
        error = depolarizing_error(0.3, 1).to_instruction()
        for node in dag.topological_op_nodes():
            noisy.apply_operation_back(node.op, node.qargs, node.cargs)
            if node.op.name == "x":
                place = dag.qubits.index(node.qargs[0])
                for neighbour in dag.qubits[max(place - 1, 0) : place + 2]:
                    if neighbour not in node.qargs:
                        noisy.apply_operation_back(error, [neighbour])
        return noisy


def simulator(noise_pass: TransformationPass, **options: object) -> AerSimulator:
    model = NoiseModel(["sx", "rx", "x", "cx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["sx", "rx"])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [1])
    model._custom_noise_passes.append(noise_pass)
    return AerSimulator(noise_model=model, **options)


def delayed(angle: object = 0.4) -> QuantumCircuit:
    circuit = QuantumCircuit(4, 3)
    circuit.sx(0)
    circuit.cx(0, 2)
    circuit.delay(100, 1)
    circuit.rx(angle, 1)
    circuit.x(1)
    circuit.measure(range(3), [2, 0, 1])
    return circuit


def test_samples_are_those_of_aer_and_the_metadata_says_why():
    backend = simulator(Crosstalk())
    compiled = compile_circuit(delayed(), backend)
    assert compiled.metadata["noise"] == "full model"
    assert "Crosstalk" in compiled.metadata["reason"]
    assert compiled.metadata["methods"] == ["Aer's automatic"]
    expected = aer_distribution(delayed(), backend.options.noise_model)
    counts = memory_counts(delayed(), sample(delayed(), backend, shots=20_000))
    assert_drawn_from(counts, expected)


def test_parameters_stay_open_and_seeds_hold_however_the_job_is_divided():
    angle = Parameter("angle")
    backend = simulator(Crosstalk(), method="density_matrix")
    compiled = compile_circuit(delayed(angle), backend)
    assert compile_circuit(delayed(angle), backend) is compiled
    run = Run(compiled.key, np.array([[0.0], [3.0], [0.5]]), shots=4000)
    program = Program({compiled.key: compiled}, (run,), seed=4)
    whole = execute(program).runs[0].registers["c"]
    pieces = split(program)
    assert len(pieces) > 1
    joined = join([execute(pickle.loads(pickle.dumps(each))) for each in pieces])
    assert (joined.runs[0].registers["c"] == whole).all()
    for values, shots in zip(run.parameter_values, whole, strict=True):
        bound = delayed(angle).assign_parameters(values)
        expected = aer_distribution(bound, backend.options.noise_model)
        assert_drawn_from(memory_counts(bound, {"c": shots[None]}), expected)


def test_a_pass_from_the_users_own_script_travels_to_a_worker():
    class Local(Crosstalk):
        """As in a notebook: a class that no worker can import."""

    backend = simulator(Local())
    result = SamplerV2(backend).run([delayed()], shots=2000).result()[0]
    assert result.metadata["simulation"]["noise"] == "full model"
    counts = {int(key, 2): n for key, n in result.data.c.get_counts().items()}
    assert_drawn_from(counts, aer_distribution(delayed(), backend.options.noise_model))


def test_a_model_that_cannot_travel_is_refused_with_the_reason():
    noise_pass = Crosstalk()
    noise_pass.lock = threading.Lock()
    with pytest.raises(UnsupportedCircuitError, match=r"Crosstalk.*pickle"):
        compile_circuit(delayed(), simulator(noise_pass))


def test_a_change_anywhere_in_the_model_is_noticed():
    backend = simulator(Crosstalk())
    before = compile_circuit(delayed(), backend)
    model = backend.options.noise_model
    model.add_quantum_error(pauli_error([("X", 1.0)]), "sx", [0], warnings=False)
    after = compile_circuit(delayed(), backend)
    assert after is not before
    assert after.key != before.key


def test_an_error_on_very_many_qubits():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("XIIII", 0.5), ("IIIII", 0.5)]), "wide")
    circuit = QuantumCircuit(5, 1)
    circuit.append(UnitaryGate(np.eye(32), label="wide"), range(5))
    circuit.measure(4, 0)
    compiled = compile_circuit(circuit, AerSimulator(noise_model=model))
    assert compiled.metadata["noise"] == "full model"
    assert "5 qubits" in compiled.metadata["reason"]
    counts = memory_counts(circuit, sample(compiled, shots=4000))
    assert_drawn_from(counts, {0: 0.5, 1: 0.5})


def test_a_state_that_is_set():
    circuit = QuantumCircuit(2, 2)
    circuit.set_statevector([0.6, 0, 0, 0.8])
    circuit.measure([0, 1], [0, 1])
    compiled = compile_circuit(circuit, AerSimulator())
    assert compiled.metadata["noise"] == "none"
    assert "set_statevector" in compiled.metadata["reason"]
    assert_drawn_from(memory_counts(circuit, sample(compiled, shots=4000)), {0: 0.36, 3: 0.64})


def test_what_aer_does_not_know_either_is_refused_by_name():
    inner = QuantumCircuit(1)
    inner.x(0)
    gate = Gate("mine", 1, [])
    gate.definition = inner
    circuit = delayed()
    circuit.append(gate, [0])
    with pytest.raises(UnsupportedCircuitError, match="mine"):
        compile_circuit(circuit, simulator(Crosstalk()))


def test_a_large_unitary_is_left_to_aer():
    circuit = QuantumCircuit(8, 8)
    circuit.append(UnitaryGate(np.eye(256)[::-1]), range(8))
    circuit.measure(range(8), range(8))
    compiled = compile_circuit(circuit, AerSimulator(), Settings(state_vectors=False))
    assert "8 qubits" in compiled.metadata["reason"]
    assert memory_counts(circuit, sample(compiled, shots=20)) == {255: 20}
    ideal = compile_circuit(circuit, AerSimulator())
    assert ideal.metadata["methods"] == ["state vector"]
    assert memory_counts(circuit, sample(ideal, shots=20)) == {255: 20}


def test_a_device_that_is_no_simulator_has_no_whole_model():
    circuit = QuantumCircuit(2, 2)
    circuit.set_statevector([1, 0, 0, 0])
    circuit.measure([0, 1], [0, 1])
    with pytest.raises(UnsupportedCircuitError, match=r"AerSimulator.from_backend"):
        compile_circuit(circuit, device("manila"))
