"""The estimator as users meet it: from ``run()`` through the runtime to the result."""
# ruff: noqa: F811 - fixtures of another folder are imported, and then asked for by name

import inspect

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import BaseEstimatorV2, PrimitiveResult, PubResult
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.exceptions import IBMInputValueError
from qiskit_ibm_runtime.executor_estimator import Estimator as TheirEstimator
from qiskit_ibm_runtime.options_models import EstimatorOptions

from qiskit_modes import Batch, Estimator, EstimatorV2, LocalService, Session
from qiskit_modes.exceptions import InvalidInputError, NotISAError, UnsupportedOptionError
from tests.modes.staging import stage, timed  # noqa: F401


def up(qubits=1):
    circuit = QuantumCircuit(qubits)
    circuit.x(0)
    return circuit


def turned():
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    return circuit


def parametric():
    circuit = QuantumCircuit(1)
    circuit.rz(Parameter("a"), 0)
    return circuit


def test_it_is_an_estimator(ideal, timed):
    assert Estimator is EstimatorV2
    assert isinstance(EstimatorV2(mode=ideal), BaseEstimatorV2)
    for name in ("__init__", "run"):
        theirs = inspect.signature(getattr(TheirEstimator, name)).parameters
        ours = inspect.signature(getattr(EstimatorV2, name)).parameters
        assert {k: (p.kind, p.default) for k, p in theirs.items()} == {
            k: (p.kind, p.default) for k, p in ours.items()
        }


def test_a_result(ideal, timed):
    observables = ["Z", SparsePauliOp(["Z", "I"], [2.0, 0.5]), {"X": 1.0}]
    job = EstimatorV2(mode=ideal).run([(up(), observables)])
    result = job.result(timeout=20)
    assert isinstance(result, PrimitiveResult)
    assert isinstance(result[0], PubResult)
    assert result[0].data.evs.shape == result[0].data.stds.shape == (3,)
    assert result[0].data.evs[:2] == pytest.approx([-1.0, -1.5])
    assert abs(result[0].data.evs[2]) < 0.1
    assert result[0].metadata["target_precision"] == 0.015625


def test_observables_and_values_broadcast(ideal, timed):
    angles = np.linspace(0, np.pi, 5)
    pub = (turned(), [["Z"], ["Y"]], angles[:, None])
    data = EstimatorV2(mode=ideal).run([pub]).result(timeout=20)[0].data
    assert data.evs.shape == (2, 5)
    assert data.evs[0] == pytest.approx(np.cos(angles), abs=0.1)
    assert data.evs[1] == pytest.approx(-np.sin(angles), abs=0.1)


@pytest.mark.parametrize(
    ("options", "argument", "own", "shots"),
    [
        (None, None, None, 4096),
        ({"default_precision": 0.1}, None, None, 100),
        ({"default_precision": 0.1, "default_shots": 50}, None, None, 50),
        ({"default_shots": 50}, 0.2, None, 25),
        ({"default_shots": 50}, 0.2, 0.5, 4),
    ],
)
def test_whose_precision_counts(ideal, timed, options, argument, own, shots):
    estimator = EstimatorV2(mode=ideal, options={"resilience_level": 0, **(options or {})})
    job = estimator.run([(up(), "Z", None, own)], precision=argument)
    assert job.result(timeout=20)[0].metadata["shots"] == shots


@pytest.mark.parametrize("seed", [0, 5])
def test_a_seed_reproduces(ideal, timed, seed):
    def value(**simulator):
        estimator = EstimatorV2(mode=ideal, options={"simulator": simulator})
        return float(estimator.run([(up(), "X")]).result(timeout=20)[0].data.evs)

    assert value(seed_simulator=seed) == value(seed_simulator=seed)
    assert len({value() for _ in range(4)}) > 1


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_result_says_what_was_mitigated(ideal, timed, level):
    estimator = EstimatorV2(mode=ideal, options={"resilience_level": level})
    metadata = estimator.run([(up(), "Z")]).result(timeout=20).metadata
    assert metadata["resilience_level"] == level
    assert metadata["resilience"]["measure_mitigation"] is (level > 0)
    assert metadata["resilience"]["zne_mitigation"] is (level > 1)
    assert metadata["twirling"]["enable_measure"] is (level > 0)
    assert metadata["twirling"]["enable_gates"] is (level > 1)


def test_measurements_are_mitigated_unless_something_else_is_said(ideal, timed):
    assert EstimatorV2(mode=ideal).run([(up(), "Z")]).result().metadata["resilience_level"] == 1


def test_the_estimate_counts_bases(ideal, timed):
    estimator = EstimatorV2(mode=ideal, options={"default_shots": 1000, "resilience_level": 0})
    one, two = (estimator.run([(up(), o)]) for o in (["Z"], ["Z", "X"]))
    assert one.usage_estimation == {"quantum_seconds": pytest.approx(2.35)}
    assert two.usage_estimation == {"quantum_seconds": pytest.approx(2.7)}


@pytest.mark.parametrize(("level", "executions"), [(1, 2 * 1024), (2, (3 + 1) * 1024)])
def test_the_estimate_counts_what_mitigation_adds(ideal, timed, level, executions):
    options = {"default_shots": 1000, "resilience_level": level}
    job = EstimatorV2(mode=ideal, options=options).run([(up(), ["Z"])])
    assert job.usage_estimation == {"quantum_seconds": pytest.approx(2 + executions * 0.35e-3)}


@pytest.mark.parametrize("context", [Session, Batch])
def test_inside_a_block(manila, timed, context):
    with context(manila) as workload:
        estimator = EstimatorV2()
        job = estimator.run([(up(), "Z")])
    assert float(job.result(timeout=20)[0].data.evs) < -0.8
    assert job.session_id == workload.session_id
    assert estimator.mode is workload


def test_options_are_upstreams(ideal, timed):
    options = EstimatorOptions()
    options.default_shots = 16
    options.resilience_level = 0
    estimator = EstimatorV2(mode=ideal, options=options)
    assert estimator.options is options
    assert estimator.run([(up(), "Z")]).result(timeout=20)[0].metadata["shots"] == 16


# -- what cannot be run --------------------------------------------------------------------------


def hadamard():
    circuit = QuantumCircuit(1)
    circuit.h(0)
    return circuit


BAD = {
    "an unknown gate": (lambda: [(hadamard(), "Z")], {}, NotISAError, "'h' on qubit 0.*Transpile"),
    "too few letters": (lambda: [(up(2), "Z")], {}, InvalidInputError, "PUB 0.*1 qubit"),
    "too many letters": (lambda: [(up(), "ZZ")], {}, InvalidInputError, "PUB 0.*2 qubits"),
    "no observable": (lambda: [(up(),)], {}, InvalidInputError, "PUB 0.*observables"),
    "no Pauli": (lambda: [(up(), "Q")], {}, InvalidInputError, "PUB 0"),
    "a complex one": (lambda: [(up(), {"Z": 1j})], {}, InvalidInputError, "PUB 0"),
    "no values": (lambda: [(parametric(), "Z")], {}, InvalidInputError, "1 parameter"),
    "shapes": (lambda: [(parametric(), ["Z"] * 2, [[1], [2], [3]])], {}, InvalidInputError, "PUB"),
    "not a number": (lambda: [(parametric(), "Z", [np.nan])], {}, InvalidInputError, "nan.*finite"),
    "precision 0": (lambda: [(up(), "Z")], {"precision": 0}, InvalidInputError, "positive"),
    "precision -1": (lambda: [(up(), "Z", None, -1)], {}, InvalidInputError, "positive"),
    "nothing": (list, {}, InvalidInputError, "no PUBs"),
    "a bare PUB": (lambda: (up(), "Z"), {}, InvalidInputError, "list of PUBs"),
    "a dry run": (lambda: [(up(), "Z")], {"dry_run": True}, UnsupportedOptionError, "dry_run"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_said_at_once_and_the_qpu_goes_on(manila, timed, case):
    pubs, arguments, error, message = BAD[case]
    estimator = EstimatorV2(mode=manila)
    with pytest.raises(error, match=message) as raised:
        estimator.run(pubs(), **arguments)
    assert isinstance(raised.value, IBMInputValueError)
    assert LocalService().jobs() == []
    estimator.run([(up(), "Z")]).result(timeout=20)


def test_what_means_off_is_accepted(manila, timed):
    options = {
        "resilience_level": 0,
        "dynamical_decoupling": {"enable": False},
        "twirling": {"enable_gates": False, "enable_measure": False},
    }
    EstimatorV2(mode=manila, options=options).run([(up(), "Z")]).result(timeout=20)
