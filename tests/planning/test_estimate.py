"""Estimates follow the published formula, with every assumption said."""

import json

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from qiskit_ibm_runtime.options_models import EstimatorOptions

from qiskit_modes import Batch, EstimatorV2, SamplerV2, Session, estimate_usage
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.testing import Scenario

BACKEND = FakeManilaV2()
TARGET = BACKEND.target
RESET = max(each.duration for each in TARGET["reset"].values())
DELAY = 250e-6


@pytest.fixture
def measured():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


@pytest.fixture
def ansatz():
    circuit = QuantumCircuit(2)
    circuit.rz(Parameter("a"), 0)
    return circuit


def repetition(circuit_seconds):
    return RESET + circuit_seconds + DELAY


MEASURED = TARGET["x"][(0,)].duration + TARGET["measure"][(0,)].duration


def test_a_sampler_by_the_published_formula(measured):
    estimate = estimate_usage([measured], BACKEND, shots=8000)
    assert estimate.executions == 8000
    assert estimate.seconds == pytest.approx(2 + 8000 * repetition(MEASURED))
    assert estimate.quick_seconds == pytest.approx(4.8)
    (circuit,) = estimate.circuits
    assert circuit.circuit_seconds == pytest.approx(MEASURED)
    assert (circuit.pub, circuit.executions) == (0, 8000)


def test_parameter_sets_and_pubs_multiply(ansatz):
    ansatz.measure_all()
    pubs = [(ansatz, np.zeros((3, 4, 1)), 10), (ansatz, [0.5], 7)]
    estimate = estimate_usage(pubs, BACKEND)
    assert [each.executions for each in estimate.circuits] == [120, 7]


def test_an_estimator_counts_its_bases(ansatz):
    observable = SparsePauliOp(["ZZ", "IZ", "XX", "YI"])
    estimate = estimate_usage(
        [(ansatz, observable, [[0.1], [0.2]])], BACKEND, {"default_shots": 100}
    )
    assert estimate.executions == 3 * 2 * 100
    assert sorted(each.purpose for each in estimate.circuits) == ["X0 X1", "Z0 Y1", "Z0 Z1"]
    by_purpose = {each.purpose: each.circuit_seconds for each in estimate.circuits}
    assert by_purpose["X0 X1"] > by_purpose["Z0 Z1"]


def test_executions_are_those_that_the_job_counts(ansatz, measured):
    observables = ["ZZ", "XX"]
    with Scenario():
        estimator = EstimatorV2(BACKEND, options={"default_precision": 0.1})
        job = estimator.run([(ansatz, observables, [[0.1], [0.2]])])
        sampled = SamplerV2(BACKEND).run([measured, (measured, None, 12)])
    planned = estimate_usage([(ansatz, observables, [[0.1], [0.2]])], BACKEND, estimator.options)
    assert planned.executions == 2 * 100  # shapes (2,) and (2,) are zipped
    assert planned.quick_seconds == pytest.approx(job.usage_estimation["quantum_seconds"])
    both = estimate_usage([measured, (measured, None, 12)], BACKEND)
    assert both.executions == 4096 + 12
    assert both.quick_seconds == pytest.approx(sampled.usage_estimation["quantum_seconds"])


def test_rep_delay_acts_on_every_execution(measured):
    usual = estimate_usage([measured], BACKEND, shots=1000)
    short = estimate_usage([measured], BACKEND, {"execution": {"rep_delay": 0}}, shots=1000)
    assert usual.seconds - short.seconds == pytest.approx(1000 * DELAY)
    assert any("rep_delay is 0 µs, as the options say" in text for text in short.assumptions)
    assert any("250 µs, the backend's default" in text for text in usual.assumptions)


def test_modes_of_several_jobs(measured):
    estimate = estimate_usage(
        [measured], BACKEND, jobs=10, classical_time=3, thinking_time="5s", mode="session"
    )
    one = estimate.job_seconds
    assert estimate.mode_seconds == {
        "job": pytest.approx(10 * one),
        "batch": pytest.approx(10 * one),
        "session": pytest.approx(10 * (one + 3) + 9 * 5),
    }
    assert estimate.seconds == estimate.mode_seconds["session"]


def test_a_session_is_charged_a_minute_of_idling_at_most(measured):
    estimate = estimate_usage([measured], BACKEND, jobs=2, thinking_time="1h")
    assert estimate.mode_seconds["session"] == pytest.approx(2 * estimate.job_seconds + 60)
    assert any("becomes inactive" in text for text in estimate.assumptions)


def test_a_session_charges_in_fact_what_was_estimated(measured):
    """The rules themselves, with the estimated time on the QPU, charge the estimate."""
    estimate = estimate_usage([measured], BACKEND, jobs=3, classical_time=2, thinking_time=7)
    quantum = estimate.job_seconds
    with Scenario(compile_time=2, quantum_time=quantum) as scenario:
        for kind in (Session, Batch):
            with kind(BACKEND) as workload:
                for number in range(3):
                    SamplerV2().run([measured]).result()
                    if number < 2:
                        scenario.clock.advance(7)
            mode = "session" if kind is Session else "batch"
            assert workload.usage() == pytest.approx(estimate.mode_seconds[mode])


def test_a_mode_may_be_a_session_a_batch_or_a_backend(measured):
    with Scenario(), pytest.warns(match="No job was submitted"), Batch(BACKEND) as batch:
        assert estimate_usage([measured], BACKEND, mode=batch).mode == "batch"
    assert estimate_usage([measured], BACKEND, mode=BACKEND).mode == "job"
    with pytest.raises(InvalidInputError, match="mode must be"):
        estimate_usage([measured], BACKEND, mode="dedicated")


def test_a_backend_without_durations_counts_typical_ones(measured):
    estimate = estimate_usage([measured], AerSimulator(), shots=100)
    assert estimate.seconds == pytest.approx(2 + 100 * 350e-6)
    assert any("does not tell how long" in text for text in estimate.assumptions)
    assert any("reset before each execution takes no time" in text for text in estimate.assumptions)


@pytest.mark.parametrize(
    ("pubs", "options", "kind"),
    [
        ([(QuantumCircuit(1), "Z")], None, "Z0"),
        ([(QuantumCircuit(1), ["Z", "X"])], {}, "Z0"),
        ([(QuantumCircuit(1), {"Z": 2.0})], None, "Z0"),
        ([(QuantumCircuit(1), np.array(["Z"]))], None, "Z0"),
        ([(QuantumCircuit(1), SparsePauliOp("Z"))], EstimatorOptions(), "Z0"),
    ],
)
def test_an_estimator_is_recognised(pubs, options, kind):
    assert kind in [each.purpose for each in estimate_usage(pubs, BACKEND, options).circuits]


def test_the_primitive_can_be_said(measured):
    with pytest.raises(InvalidInputError, match="takes a list of PUBs"):
        estimate_usage([measured], BACKEND, primitive="estimator")
    with pytest.raises(InvalidInputError, match="primitive must be"):
        estimate_usage([measured], BACKEND, primitive="simulator")
    with pytest.raises(InvalidInputError, match="jobs must be"):
        estimate_usage([measured], BACKEND, jobs=0)


def test_shots_and_precision_belong_to_one_primitive_each(measured, ansatz):
    with pytest.raises(InvalidInputError, match="precision is an estimator's"):
        estimate_usage([measured], BACKEND, precision=0.1)
    with pytest.raises(InvalidInputError, match="default_shots"):
        estimate_usage([(ansatz, "ZZ", [0.1])], BACKEND, shots=10)
    estimate = estimate_usage([(ansatz, "ZZ", [0.1])], BACKEND, precision=0.1)
    assert estimate.executions == 100


def test_it_can_be_read_and_stored(measured):
    estimate = estimate_usage([measured], BACKEND, jobs=2)
    text = str(estimate)
    assert "2 jobs" in text
    assert f"{estimate.job_seconds:.2f} s; 3.43 s by the quick formula" in text
    assert all(assumption in text for assumption in estimate.assumptions)
    data = json.loads(json.dumps(estimate.to_dict()))
    assert data["seconds"] == estimate.seconds
    assert data["circuits"][0]["executions"] == 4096
