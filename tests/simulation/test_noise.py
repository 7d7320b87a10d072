"""Errors are those of Aer's noise models, entry by entry."""

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Delay
from qiskit.circuit.library import CXGate, PauliGate, UnitaryGate, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    LocalNoisePass,
    NoiseModel,
    QuantumError,
    ReadoutError,
    RelaxationNoisePass,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.aer.errors import compact
from qiskit_modes.simulation.noise.device import DeviceNoise
from qiskit_modes.simulation.noise.model import error_matrix
from qiskit_modes.simulation.noise.source import NO_CONFUSION, quantum_error
from qiskit_modes.simulation.pauli_basis import from_superoperator, to_superoperator
from tests.simulation.devices import device, noise_model

FLIP = pauli_error([("X", 1.0)])


def transfer_matrix(error):
    return from_superoperator(SuperOp(error).data)


@pytest.mark.parametrize(
    "name", ["manila", "lima", "generic-1", pytest.param("fractional", marks=pytest.mark.slow)]
)
def test_every_error_of_a_device(name):
    backend = device(name)
    model, ours = noise_model(backend), DeviceNoise(backend)
    for label, by_qubits in model._local_quantum_errors.items():
        for qubits, error in by_qubits.items():
            expected = transfer_matrix(error)
            np.testing.assert_allclose(ours.after(label, qubits), expected, atol=1e-12)
            np.testing.assert_allclose(error_matrix(error), expected, atol=1e-12)
            rebuilt = transfer_matrix(ours.aer_error(label, qubits))
            np.testing.assert_allclose(rebuilt, expected, atol=1e-12)
    for qubit in range(backend.num_qubits):
        error = model._local_readout_errors[(qubit,)]
        np.testing.assert_allclose(ours.confusion(qubit), error.probabilities.T, atol=1e-15)


@pytest.mark.parametrize(
    "error",
    [
        pauli_error([("IX", 0.1), ("ZY", 0.2), ("II", 0.7)]),
        depolarizing_error(0.3, 2),
        amplitude_damping_error(0.2).expand(pauli_error([("Y", 0.1), ("I", 0.9)])),
        thermal_relaxation_error(50e-6, 30e-6, 1e-6),
    ],
)
def test_the_error_of_a_matrix_is_the_same_channel_for_aer(error):
    """What sources of noise that only know matrices leave to Aer."""
    matrix = error_matrix(error)
    np.testing.assert_allclose(to_superoperator(matrix), SuperOp(error).data, atol=1e-12)
    again = quantum_error(matrix)
    np.testing.assert_allclose(transfer_matrix(again), matrix, atol=1e-12)
    assert quantum_error(matrix.copy()) is again


def test_an_error_of_pauli_strings_stays_one_for_aer():
    error = quantum_error(error_matrix(pauli_error([("XI", 0.1), ("IY", 0.2), ("II", 0.7)])))
    written = {
        "".join(step.operation.params[0] for step in c.data): p
        for c, p in zip(error.circuits, error.probabilities, strict=True)
    }
    assert written == pytest.approx({"XI": 0.1, "IY": 0.2, "II": 0.7})
    assert quantum_error(None) is None


@pytest.mark.parametrize("name", ["manila", "lima", "generic-1"])
def test_errors_for_aer_have_few_terms_and_are_the_same_channel(name):
    backend = device(name)
    sizes = []
    for label, by_qubits in noise_model(backend)._local_quantum_errors.items():
        for qubits, error in by_qubits.items():
            fewer = compact(error)
            np.testing.assert_allclose(transfer_matrix(fewer), transfer_matrix(error), atol=1e-12)
            assert len(fewer.circuits) <= 5 ** len(qubits)
            assert compact(error) is fewer
            assert DeviceNoise(backend).aer_error(label, qubits) is DeviceNoise(backend).aer_error(
                label, qubits
            )
            sizes.append((len(error.circuits), len(fewer.circuits)))
    assert any(after < before for before, after in sizes)


def test_an_error_whose_terms_cannot_be_merged_stays_what_it_is():
    flip_after_reset = QuantumCircuit(2)
    flip_after_reset.reset(0)
    flip_after_reset.x(0)
    entangling = QuantumCircuit(2)
    entangling.cx(0, 1)
    nothing = QuantumCircuit(2)
    nothing.z(1)
    nothing.z(1)
    error = QuantumError([(flip_after_reset, 0.2), (entangling, 0.3), (nothing, 0.5)])
    np.testing.assert_allclose(transfer_matrix(compact(error)), transfer_matrix(error), atol=1e-12)


def test_instructions_without_an_error_have_none():
    backend = device("manila")
    errors = noise_model(backend)._local_quantum_errors
    ours = DeviceNoise(backend)
    for label in backend.target.operation_names:
        for qubits in backend.target[label] or ():
            if qubits not in errors.get(label, {}):
                assert ours.after(label, qubits) is None


def test_only_what_is_asked_about_is_read_from_a_large_device():
    backend = FakeSherbrooke()
    ours = DeviceNoise(backend)
    assert ours.after("ecr", (1, 0)) is not None
    assert set(ours.facts) == {("gate", "ecr", (1, 0))}


@pytest.mark.parametrize(("duration", "unit"), [(1000, "ns"), (2.5, "us"), (450, "dt"), (0, "s")])
def test_relaxation_during_a_delay(duration, unit):
    backend = device("lima")
    delay = Delay(duration, unit)
    (relaxation_pass,) = noise_model(backend)._custom_noise_passes
    expected = transfer_matrix(relaxation_pass._func(delay, [3]))
    found = DeviceNoise(backend).relaxation_during(delay, 3)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_unphysical_reports_are_cut_as_aer_cuts_them():
    backend = GenericBackendV2(2, basis_gates=["cx", "x"], seed=1)
    target = backend.target
    for error in (0.0, 1e-9, 0.7, 0.95, 1.0):
        properties = target["cx"][(0, 1)]
        properties.error = error
        target.update_instruction_properties("cx", (0, 1), properties)
        expected = NoiseModel.from_backend(backend)._local_quantum_errors["cx"][(0, 1)]
        found = DeviceNoise(backend).after("cx", (0, 1))
        np.testing.assert_allclose(found, transfer_matrix(expected), atol=1e-12)


def test_readout_errors_of_a_target_may_be_asymmetric():
    backend = GenericBackendV2(2, seed=1)
    properties = backend.target["measure"][(0,)]

    class Asymmetric(type(properties)):
        prob_meas1_prep0 = 0.01
        prob_meas0_prep1 = 0.2

    backend.target.update_instruction_properties("measure", (0,), Asymmetric(error=0.5))
    np.testing.assert_allclose(DeviceNoise(backend).confusion(0), [[0.99, 0.2], [0.01, 0.8]])


def test_a_backend_without_errors_runs_without_noise_and_says_so():
    backend = GenericBackendV2(2, noise_info=False)
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.delay(100, 1, unit="ns")
    circuit.measure([0, 1], [0, 1])
    compiled = compile_circuit(circuit, backend)
    assert outcome_probabilities(compiled)[1] == pytest.approx(1)
    assert compiled.metadata["noise"] == "none"
    assert DeviceNoise(backend).confusion(0) is NO_CONFUSION


def one_qubit_model(*labels, error=FLIP):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(error, list(labels))
    return model


def probability_of_one(circuit, model):
    compiled = compile_circuit(circuit, AerSimulator(noise_model=model))
    return sum(p for memory, p in outcome_probabilities(compiled).items() if memory & 1)


def aers_answer(circuit, model):
    """What Aer measures; in these tests always the same."""
    counts = AerSimulator(noise_model=model, method="statevector").run(circuit, shots=20).result()
    (only,) = counts.get_counts()
    return int(only, 2) & 1


@pytest.mark.parametrize(
    ("gate", "label"),
    [
        (XGate(), "x"),
        (XGate(label="mine"), "mine"),
        (XGate(label="mine"), "x"),
        (UnitaryGate(np.eye(2)), "unitary"),
        (UnitaryGate(np.eye(2), label="mine"), "unitary"),
        (UnitaryGate(np.eye(2), label="mine"), "mine"),
        (PauliGate("Z"), "pauli"),
        (PauliGate("Z"), "Z"),
        (Delay(10), "delay"),
    ],
)
def test_an_error_belongs_to_a_label(gate, label):
    circuit = QuantumCircuit(1, 1)
    circuit.append(gate, [0])
    circuit.measure(0, 0)
    model = one_qubit_model(label)
    assert probability_of_one(circuit, model) == pytest.approx(aers_answer(circuit, model))


def test_errors_of_measure_come_before_it_and_those_of_reset_after():
    circuit = QuantumCircuit(1, 1)
    circuit.reset(0)
    circuit.measure(0, 0)
    for label in ("measure", "reset"):
        model = one_qubit_model(label)
        assert aers_answer(circuit, model) == 1
        assert probability_of_one(circuit, model) == pytest.approx(1)


def test_an_error_on_these_qubits_takes_the_place_of_one_on_all():
    model = one_qubit_model("x")
    model.add_quantum_error(pauli_error([("X", 0.25), ("I", 0.75)]), "x", [0])
    circuit = QuantumCircuit(2, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    assert probability_of_one(circuit, model) == pytest.approx(0.75)


def test_a_gate_controlled_on_zero_brings_the_noise_of_the_gates_aer_makes_of_it():
    circuit = QuantumCircuit(2, 1)
    circuit.append(CXGate(ctrl_state=0), [0, 1])
    circuit.measure(1, 0)
    for label in ("x", "cx"):
        error = FLIP if label == "x" else FLIP.tensor(FLIP)
        model = one_qubit_model(label, error=error)
        assert probability_of_one(circuit, model) == pytest.approx(aers_answer(circuit, model))


def test_initialize_by_amplitudes_and_by_label():
    for state in ([0.6, 0.8j], "1"):
        circuit = QuantumCircuit(1, 1)
        circuit.x(0)
        circuit.initialize(state, 0)
        circuit.measure(0, 0)
        expected = 0.64 if state != "1" else 1.0
        assert probability_of_one(circuit, NoiseModel()) == pytest.approx(expected)


def test_channels_that_are_not_mixtures_of_unitaries():
    model = NoiseModel()
    error = amplitude_damping_error(0.3).compose(thermal_relaxation_error(1, 1.5, 0.4))
    model.add_all_qubit_quantum_error(error, "x")
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    one = 0.7 * math.exp(-0.4)
    assert probability_of_one(circuit, model) == pytest.approx(0.8 * one + 0.1 * (1 - one))


def test_noise_instructions_written_into_a_circuit():
    circuit = QuantumCircuit(1, 1)
    circuit.append(FLIP.to_instruction(), [0])
    circuit.append(SuperOp(depolarizing_error(0.2, 1)).to_instruction(), [0])
    circuit.measure(0, 0)
    assert probability_of_one(circuit, NoiseModel()) == pytest.approx(0.9)


def with_pass(noise_pass):
    model = NoiseModel()
    model._custom_noise_passes.append(noise_pass)
    return model


def test_passes_of_a_noise_model_act_only_where_aer_runs_them():
    relaxation = RelaxationNoisePass([1e-6], [1e-6], dt=1e-9, op_types=Delay)
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.delay(1000, 0)
    circuit.measure(0, 0)
    assert probability_of_one(circuit, with_pass(relaxation)) == pytest.approx(math.exp(-1))
    # A pass for other gates acts in circuits with a delay, and in no others: so does Aer.
    flipping = LocalNoisePass(lambda op, qubits: FLIP, op_types=XGate, method="append")
    for has_delay in (False, True):
        circuit = QuantumCircuit(1, 1)
        circuit.x(0)
        if has_delay:
            circuit.delay(10, 0)
        circuit.measure(0, 0)
        model = with_pass(flipping)
        assert probability_of_one(circuit, model) == pytest.approx(aers_answer(circuit, model))


@pytest.mark.parametrize("method", ["append", "prepend", "replace"])
def test_where_a_pass_puts_its_noise(method):
    def half_turn(operation, qubits):
        noise = QuantumCircuit(1)
        noise.sx(0)
        return noise

    model = with_pass(LocalNoisePass(half_turn, op_types=XGate, method=method))
    circuit = QuantumCircuit(1, 1)
    circuit.delay(10, 0)
    circuit.sx(0)
    circuit.x(0)
    circuit.measure(0, 0)
    found = probability_of_one(circuit, model)
    assert found == pytest.approx(1.0 if method == "replace" else 0.0, abs=1e-12)
    assert found == pytest.approx(aers_answer(circuit, model), abs=1e-12)


def test_an_error_of_fewer_qubits_is_on_the_first_of_them():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(FLIP, "mine")
    circuit = QuantumCircuit(2, 1)
    circuit.append(CXGate(label="mine"), [1, 0])
    for qubit in (0, 1):
        measured = circuit.copy()
        measured.measure(qubit, 0)
        found = probability_of_one(measured, model)
        assert found == pytest.approx(aers_answer(measured, model)) == qubit


def test_an_error_of_the_wrong_size_is_refused():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(FLIP.tensor(FLIP), "mine")
    circuit = QuantumCircuit(1, 1)
    circuit.append(XGate(label="mine"), [0])
    circuit.measure(0, 0)
    with pytest.raises(UnsupportedCircuitError, match="'mine'"):
        probability_of_one(circuit, model)


def test_a_delay_in_dt_needs_a_dt():
    backend = GenericBackendV2(1, basis_gates=["x"], dt=None, seed=1)
    if backend.dt is not None:
        backend.target.dt = None
    circuit = QuantumCircuit(1, 1)
    circuit.delay(10, 0)
    circuit.measure(0, 0)
    with pytest.raises(UnsupportedCircuitError, match="dt"):
        compile_circuit(circuit, backend)
