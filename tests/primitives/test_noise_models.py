"""Simulators whose noise model knows few gates, from ``run()`` to results, against Aer."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_modes import EstimatorV2, SamplerV2
from tests.simulation.comparing import assert_drawn_from


@pytest.fixture
def backend():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.3, 2), ["cx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.5, 1), ["mine"])
    return AerSimulator(noise_model=model, seed_simulator=5)


def prepared():
    """Gates without an error, one with an error, and one that has an error by its label only."""
    circuit = QuantumCircuit(4)
    circuit.h(0)
    circuit.ry(0.7, 1)
    circuit.cx(0, 2)
    circuit.mcx([0, 1, 2], 3, ctrl_state=0b101)
    circuit.unitary([[0, 1], [1, 0]], 1, label="mine")
    circuit.ccx(0, 1, 2, ctrl_state=2)
    return circuit


def test_samples_are_those_of_aer(backend):
    circuit = prepared()
    circuit.measure_all()
    ours = SamplerV2(backend).run([circuit], shots=200_000).result()[0].data.meas.get_int_counts()
    aers = backend.run(circuit, shots=3000).result().get_counts().int_outcomes()
    assert_drawn_from(aers, {key: count / 200_000 for key, count in ours.items()})


@pytest.mark.parametrize("level", [0, 1])
def test_expectation_values_are_those_of_aer(backend, level):
    """The measurement's basis is changed by gates that have no error in this model."""
    observables = [SparsePauliOp(letters) for letters in ("XIZI", "IYIX", "ZZZZ")]
    circuit = prepared()
    saved = circuit.copy()
    saved.save_density_matrix()
    density = backend.run(saved, shots=2000).result().data()["density_matrix"]
    expected = [density.expectation_value(observable).real for observable in observables]
    estimator = EstimatorV2(backend, options={"resilience_level": level})
    estimator.options.simulator.seed_simulator = 3
    data = estimator.run([(circuit, observables)], precision=0.01).result()[0].data
    np.testing.assert_allclose(data.evs, expected, atol=0.08)
