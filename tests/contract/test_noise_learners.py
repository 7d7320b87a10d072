"""Upstream's noise learners, unmodified: the service's program, and the one of the client itself.

The one computes the noise, as the native door does. The other prepares circuits of an experiment,
has them executed, and fits the noise to what was measured; its fit is upstream's.
"""

from __future__ import annotations

import numpy as np
import pytest
import qiskit_ibm_runtime
from qiskit import QuantumCircuit
from samplomatic import InjectNoise, Twirl

import qiskit_modes
from qiskit_modes.runtime.local_runtime import LocalRuntime
from tests.contract.doors import DOORS

EXPERIMENT = {
    "num_randomizations": 8,
    "shots_per_randomization": 64,
    "layer_pair_depths": [0, 2, 8],
    "experimental": {"seed_simulator": 5},
}


@pytest.fixture(params=["client", "http"])
def door(request):
    """A door to a runtime that executes."""
    with LocalRuntime() as runtime, DOORS[request.param](runtime, None) as door:
        yield door


@pytest.fixture
def layers(door):
    circuit = QuantumCircuit(door.backend.num_qubits)
    with circuit.box([Twirl(), InjectNoise("first")]):
        circuit.cx(0, 1)
    with circuit.box([Twirl(), InjectNoise("second")]):
        circuit.cx(3, 4)
    return list(circuit.data)


@pytest.fixture
def exact(door, layers):
    """The whole rate of each layer, as the native door computes it."""
    with LocalRuntime():
        fake = qiskit_modes.LocalService().backend("fake_manila")
        learned = qiskit_modes.NoiseLearnerV3(fake).run(layers).result()
    return [float(np.sum(each.rates)) for each in learned.to_pauli_lindblad_maps()]


def rates(result):
    return [float(np.sum(each.rates)) for each in result.to_pauli_lindblad_maps()]


def test_the_one_of_the_service(door, layers, exact):
    job = qiskit_ibm_runtime.NoiseLearnerV3(door.backend).run(layers)
    assert rates(job.result()) == pytest.approx(exact)
    assert job.primitive_id == "noise-learner"
    assert job.usage() > 0


def test_the_one_of_the_client(door, layers, exact):
    pytest.importorskip("qiskit_noise_learning", reason="pip install 'qiskit_modes[test-learning]'")
    from qiskit_ibm_runtime.executor_noise_learner import NoiseLearnerV3

    with door.session(door.backend) as session:
        job = NoiseLearnerV3(options=EXPERIMENT).run(layers)
        assert job.session_id == session.session_id
        learned = rates(job.result())
    assert learned == pytest.approx(exact, rel=0.3)
    again = door.service.job(job.job_id())
    assert again.primitive_id == "executor"
    assert rates(again.result()) == learned
    assert again.usage() > 0


@pytest.fixture
def circuit(door):
    circuit = QuantumCircuit(door.backend.num_qubits)
    for _ in range(2):
        circuit.sx(0)
        circuit.cx(0, 1)
        circuit.cx(1, 2)
    return circuit


@pytest.mark.filterwarnings("ignore:The NoiseLearner class is deprecated")
def test_the_older_one_and_an_estimator_that_takes_its_result(door, circuit):
    learner = qiskit_ibm_runtime.NoiseLearner(door.backend, {"max_layers_to_learn": None})
    job = learner.run([circuit, (circuit, "IIZZZ")])
    learned = job.result()
    assert learned.metadata["backend"] == door.backend.name
    assert job.primitive_id == "noise-learner"
    fake = qiskit_modes.LocalService().backend("fake_manila")
    with LocalRuntime():
        native = qiskit_modes.NoiseLearner(fake, learner.options).run([circuit]).result()
    assert [each.qubits for each in learned] == [each.qubits for each in native]
    for mine, other in zip(learned, native, strict=True):
        np.testing.assert_allclose(mine.error.rates, other.error.rates)
    again = door.service.job(job.job_id()).result()
    assert [each.qubits for each in again] == [each.qubits for each in learned]
    values = []
    for noise in (learned, list(learned), None):
        estimator = door.estimator(door.backend)
        estimator.options.resilience.pec_mitigation = True
        estimator.options.resilience.layer_noise_model = noise
        estimator.options.resilience.layer_noise_learning.max_layers_to_learn = None
        estimator.options.simulator.seed_simulator = 4
        result = estimator.run([(circuit, "IIZZZ")]).result()
        values.append(float(result[0].data.evs))
        told = result.metadata["resilience"]["layer_noise_model"]
        assert sorted(each.qubits for each in told) == sorted(each.qubits for each in learned)
    assert len(set(values)) == 1


@pytest.mark.parametrize("technique", ["pec", "pea"])
def test_noise_learned_on_the_way(door, circuit, technique):
    estimator = door.estimator(door.backend, options={"default_shots": 1024})
    if technique == "pec":
        estimator.options.resilience.pec_mitigation = True
    else:
        estimator.options.resilience.zne_mitigation = True
        estimator.options.resilience.zne.amplifier = "pea"
    estimator.options.resilience.layer_noise_learning.max_layers_to_learn = 1
    estimator.options.resilience.layer_noise_learning.layer_pair_depths = [0, 2]
    result = estimator.run([(circuit, "IIZZZ")]).result()
    assert np.isfinite(result[0].data.evs)
    assert len(result.metadata["resilience"]["layer_noise_model"]) == 1


@pytest.mark.filterwarnings("ignore:.*Calibrator")
def test_a_calibration_is_no_program_here(door):
    if not hasattr(qiskit_ibm_runtime, "Calibrator"):
        pytest.skip("a release without it")
    from qiskit_ibm_runtime.exceptions import RuntimeProgramNotFound

    with pytest.raises(
        RuntimeProgramNotFound,
        match=r"There is no program \W*calibrate\W* here; there is estimator",
    ):
        qiskit_ibm_runtime.Calibrator(door.backend).run()
