"""Circuits without feed-forward have exactly the distribution that Aer gives the whole device.

Aer's own rounding is about 1e-9; a naive sum over branches, which rounds less, is asked too.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import XGate, efficient_su2
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDynamicalDecoupling
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from tests.examples import examples
from tests.simulation.aer_oracle import aer_distribution
from tests.simulation.comparing import assert_same
from tests.simulation.devices import device, noise_model
from tests.simulation.reference import reference_distribution
from tests.simulation.strategies import static_circuits, static_devices


@settings(max_examples=examples(daily=8))
@given(data=st.data(), name=static_devices)
def test_as_aer_on_small_devices(data, name):
    circuit = data.draw(static_circuits(name))
    values = data.draw(
        st.lists(st.floats(-7, 7), min_size=circuit.num_parameters, max_size=circuit.num_parameters)
    )
    backend = device(name)
    found = outcome_probabilities(compile_circuit(circuit, backend), values)
    bound = circuit.assign_parameters(dict(zip(circuit.parameters, values, strict=True)))
    assert_same(found, aer_distribution(bound, noise_model(backend)), circuit)
    assert_same(found, reference_distribution(bound, backend, noise_model(backend)), circuit)


# Aer's own noise model of 133 qubits takes as long as a hundred other tests.
@pytest.mark.slow
@pytest.mark.parametrize("name", ["montreal", "torino"])
def test_as_aer_on_a_large_device(name):
    backend = device(name)
    ansatz = efficient_su2(4, reps=2)
    ansatz.measure_all()
    circuit = transpile(ansatz, backend, optimization_level=1, seed_transpiler=1)
    values = np.random.default_rng(5).uniform(-np.pi, np.pi, circuit.num_parameters)
    found = outcome_probabilities(compile_circuit(circuit, backend), values)
    bound = circuit.assign_parameters(values)
    assert_same(found, aer_distribution(bound, noise_model(backend)), circuit)


def test_as_aer_with_dynamical_decoupling_in_idle_periods():
    backend = device("manila")
    ansatz = efficient_su2(4, reps=1)
    ansatz.measure_all()
    circuit = transpile(ansatz, backend, optimization_level=1, seed_transpiler=1)
    circuit = circuit.assign_parameters(np.linspace(0.2, 2.9, circuit.num_parameters))
    scheduling = PassManager(
        [
            ALAPScheduleAnalysis(target=backend.target),
            PadDynamicalDecoupling(dd_sequence=[XGate(), XGate()], target=backend.target),
        ]
    )
    padded = scheduling.run(circuit)
    operations = padded.count_ops()
    assert operations["delay"] > 5
    assert operations["x"] > 3
    found = outcome_probabilities(compile_circuit(padded, backend))
    assert_same(found, aer_distribution(padded, noise_model(backend)), padded)
    assert_same(found, reference_distribution(padded, backend, noise_model(backend)), padded)


# 60 examples in the full check: Aer's density matrix of ten qubits takes up to 1.2 s, and half a
# second in the mean, so that 200 would take two minutes.
@settings(max_examples=examples(daily=5, full=60))
@given(num_qubits=st.integers(8, 10), seed=st.integers(0, 1000))
def test_eight_to_ten_qubits_with_depolarizing_noise_only(num_qubits, seed):
    rng = np.random.default_rng(seed)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["sx", "rz"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    model.add_all_qubit_readout_error(ReadoutError([[0.98, 0.02], [0.05, 0.95]]))
    circuit = QuantumCircuit(num_qubits, num_qubits)
    for _ in range(2):
        for qubit in range(num_qubits):
            circuit.rz(rng.uniform(-3, 3), qubit)
            circuit.sx(qubit)
        for qubit in rng.permutation(num_qubits - 1).tolist():
            circuit.cx(qubit, qubit + 1)
    circuit.measure(range(num_qubits), range(num_qubits))
    backend = AerSimulator(noise_model=model)
    found = outcome_probabilities(compile_circuit(circuit, backend))
    assert_same(found, aer_distribution(circuit, model), circuit)
