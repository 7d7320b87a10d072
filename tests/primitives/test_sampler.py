"""The sampler as users meet it: from ``run()`` through the runtime to the result."""
# ruff: noqa: F811 - fixtures of another folder are imported, and then asked for by name

import inspect

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.primitives import BaseSamplerV2, BitArray, PrimitiveResult, SamplerPubResult
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.exceptions import IBMInputValueError, RuntimeJobFailureError
from qiskit_ibm_runtime.executor_sampler import Sampler as TheirSampler
from qiskit_ibm_runtime.options_models import SamplerOptions

from qiskit_modes import LocalService, Sampler, SamplerV2
from qiskit_modes.exceptions import (
    InvalidInputError,
    NotISAError,
    OptionWithoutEffectWarning,
    SimulationTooLargeError,
    UnsupportedOptionError,
)
from qiskit_modes.simulation.run import execution
from tests.modes.staging import flipped, stage, timed  # noqa: F401


def turned():
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("a"), 0)
    circuit.measure(0, 0)
    return circuit


def test_it_is_a_sampler(ideal, timed):
    assert Sampler is SamplerV2
    assert isinstance(SamplerV2(mode=ideal), BaseSamplerV2)
    for name in ("__init__", "run"):
        theirs = inspect.signature(getattr(TheirSampler, name)).parameters
        ours = inspect.signature(getattr(SamplerV2, name)).parameters
        assert {k: (p.kind, p.default) for k, p in theirs.items()} == {
            k: (p.kind, p.default) for k, p in ours.items()
        }


def test_a_result(manila, timed):
    job = SamplerV2(mode=manila).run([flipped()], shots=500)
    result = job.result(timeout=20)
    assert isinstance(result, PrimitiveResult)
    assert isinstance(result[0], SamplerPubResult)
    assert isinstance(result[0].data.c, BitArray)
    assert result[0].data.c.num_shots == 500
    assert result[0].data.c.get_counts()["1"] > 450
    assert result[0].join_data().num_bits == 1
    assert job.result() is result


def test_every_register_and_every_parameter_set(ideal, timed):
    first, second = ClassicalRegister(1, "first"), ClassicalRegister(2, "second")
    circuit = QuantumCircuit(QuantumRegister(3), first, second)
    circuit.rx(Parameter("a"), 0)
    circuit.x(2)
    circuit.measure([0, 1, 2], [0, 1, 2])
    values = np.array([[0.0], [np.pi]])
    data = SamplerV2(mode=ideal).run([(circuit, values)], shots=64).result(timeout=20)[0].data
    assert data.shape == data.first.shape == data.second.shape == (2,)
    assert data.first[0].get_counts() == {"0": 64}
    assert data.first[1].get_counts() == {"1": 64}
    assert data.second[0].get_counts() == {"10": 64}


def test_measurement_and_branch_in_the_middle(ideal, timed):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    bits = SamplerV2(mode=ideal).run([circuit], shots=400).result(timeout=20)[0].data.c
    counts = bits.get_counts()
    assert set(counts) == {"00", "11"}
    assert min(counts.values()) > 120


@pytest.mark.parametrize(
    ("options", "argument", "own", "expected"),
    [
        (None, None, None, 4096),
        ({"default_shots": 10}, None, None, 10),
        ({"default_shots": 10}, 20, None, 20),
        ({"default_shots": 10}, 20, 30, 30),
        ({"default_shots": 10}, None, 30, 30),
    ],
)
def test_whose_shots_count(ideal, timed, options, argument, own, expected):
    sampler = SamplerV2(mode=ideal, options=options)
    job = sampler.run([(flipped(), None, own)], shots=argument)
    assert job.result(timeout=20)[0].data.c.num_shots == expected


@pytest.mark.parametrize("seed", [0, 5])
def test_a_seed_reproduces(ideal, timed, seed):
    def bits(**simulator):
        sampler = SamplerV2(mode=ideal, options={"simulator": simulator})
        return sampler.run([(turned(), [1.5])]).result(timeout=20)[0].data.c.array.tobytes()

    assert bits(seed_simulator=seed) == bits(seed_simulator=seed)
    assert bits() != bits()


def test_options_may_be_changed_and_count_when_it_runs(ideal, timed):
    sampler = SamplerV2(mode=ideal)
    sampler.options.default_shots = 7
    assert sampler.run([flipped()]).result(timeout=20)[0].data.c.num_shots == 7
    sampler.options = {"default_shots": 8}
    assert isinstance(sampler.options, SamplerOptions)
    job = sampler.run([flipped()])
    sampler.options.default_shots = 9
    assert job.result(timeout=20)[0].data.c.num_shots == 8


def test_what_was_submitted_is_not_changed_afterwards(ideal, timed, stage):
    circuit, values = turned(), np.array([np.pi])
    stage.shut()
    job = SamplerV2(mode=ideal).run([(circuit, values)], shots=10)
    values[:] = 0.0
    circuit.reset(0)
    stage.open()
    assert job.result(timeout=20)[0].data.c.get_counts() == {"1": 10}


def test_any_backend_of_qiskit(timed):
    backend = GenericBackendV2(3, basis_gates=["x", "cx"], seed=1)
    job = SamplerV2(mode=backend).run([flipped()], shots=100)
    assert job.result(timeout=20)[0].data.c.get_counts()["1"] > 80
    assert job.backend() is backend


def test_a_backends_own_run_is_never_called(manila, timed, monkeypatch):
    def never(*_, **__):
        raise AssertionError("the backend was asked to run")

    monkeypatch.setattr(type(manila), "run", never)
    SamplerV2(mode=manila).run([flipped()]).result(timeout=20)


# -- what cannot be run --------------------------------------------------------------------------


def hadamard():
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    return circuit


def far_apart():
    circuit = QuantumCircuit(5, 1)
    circuit.cx(0, 4)
    circuit.measure(0, 0)
    return circuit


def parametric():
    circuit = QuantumCircuit(1, 1)
    circuit.rz(Parameter("a"), 0)
    circuit.measure(0, 0)
    return circuit


def doubly():
    circuit = parametric()
    circuit.rz(Parameter("b"), 0)
    return circuit


BAD = {
    "an unknown gate": (lambda: [hadamard()], {}, NotISAError, "'h' on qubit 0.*Transpile"),
    "qubits apart": (lambda: [far_apart()], {}, NotISAError, "'cx' on qubits 0, 4.*Transpile"),
    "too wide": (lambda: [flipped(qubits=6)], {}, NotISAError, "6 qubits.*only 5"),
    "no values": (lambda: [parametric()], {}, InvalidInputError, "1 parameter"),
    "too few values": (lambda: [(doubly(), [1])], {}, InvalidInputError, "2 parameters"),
    "too many values": (lambda: [(doubly(), [1, 2, 3])], {}, InvalidInputError, "2 parameters"),
    "values for nothing": (lambda: [(flipped(), [1])], {}, InvalidInputError, "no parameters"),
    "not a number": (lambda: [(parametric(), [np.nan])], {}, InvalidInputError, "nan.*finite"),
    "no end": (lambda: [(parametric(), [np.inf])], {}, InvalidInputError, "inf.*finite"),
    "no shots": (lambda: [flipped()], {"shots": 0}, InvalidInputError, "positive integer"),
    "less than none": (lambda: [flipped()], {"shots": -1}, InvalidInputError, "positive integer"),
    "half a shot": (lambda: [flipped()], {"shots": 0.5}, InvalidInputError, "positive integer"),
    "none in the PUB": (lambda: [(flipped(), None, 0)], {}, InvalidInputError, "PUB 0.*positive"),
    "nothing": (list, {}, InvalidInputError, "no PUBs"),
    "one circuit": (flipped, {}, InvalidInputError, "list of PUBs"),
    "no circuit": (lambda: ["x"], {}, InvalidInputError, "PUB 0"),
    "the second": (lambda: [flipped(), hadamard()], {}, NotISAError, "PUB 1"),
    "a dry run": (lambda: [flipped()], {"dry_run": True}, UnsupportedOptionError, "dry_run"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_said_at_once_and_the_qpu_goes_on(manila, timed, case):
    pubs, arguments, error, message = BAD[case]
    sampler = SamplerV2(mode=manila)
    with pytest.raises(error, match=message) as raised:
        sampler.run(pubs(), **arguments)
    assert isinstance(raised.value, IBMInputValueError)
    assert LocalService().jobs() == []
    sampler.run([flipped()]).result(timeout=20)


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"defualt_shots": 5}, InvalidInputError, "default_shots"),
        ({"default_shots": "many"}, InvalidInputError, "default_shots"),
        ({"nonsense": {"deep": 1}}, InvalidInputError, "nonsense"),
        (5, InvalidInputError, "SamplerOptions"),
    ],
)
def test_options_that_do_not_exist(manila, timed, options, error, name):
    with pytest.raises(error, match=name):
        SamplerV2(mode=manila, options=options)
    sampler = SamplerV2(mode=manila)
    with pytest.raises(error, match=name):
        sampler.options = options
    sampler.run([flipped()]).result(timeout=20)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"execution": {"meas_type": "kerneled"}}, r"execution\.meas_type"),
        ({"execution": {"init_qubits": False}}, r"execution\.init_qubits"),
        ({"default_shots": 0}, "default_shots"),
        ({"max_execution_time": 0}, "max_execution_time"),
    ],
)
def test_options_that_cannot_be_honoured(manila, timed, options, name):
    sampler = SamplerV2(mode=manila, options=options)
    with pytest.raises(InvalidInputError, match=name):
        sampler.run([flipped()])
    assert LocalService().jobs() == []


def test_an_option_without_effect_is_a_warning_about_the_users_line(manila, timed):
    sampler = SamplerV2(mode=manila, options={"twirling": {"num_randomizations": 4}})
    with pytest.warns(OptionWithoutEffectWarning, match=r"twirling\.num_randomizations") as caught:
        sampler.run([flipped()])
    assert caught[0].filename == __file__


def test_a_circuit_that_does_not_fit_into_memory(timed, monkeypatch):
    circuit = QuantumCircuit(40)
    circuit.rx(0.3, range(40))  # no Clifford gate, so that no stabilizer method will do
    for qubit in [*range(39), *reversed(range(39))]:
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    sampler = SamplerV2(mode=AerSimulator())

    def never(_):
        raise AssertionError("it was tried all the same")

    with monkeypatch.context() as patched:
        patched.setattr(execution, "execute", never)
        try:
            job = sampler.run([circuit], shots=10)
            with pytest.raises(RuntimeJobFailureError) as failure:
                job.result(timeout=20)
            error = failure.value.__cause__
        except SimulationTooLargeError as at_once:
            error = at_once
    assert isinstance(error, SimulationTooLargeError)
    assert error.needed_bytes > error.available_bytes > 0
    assert "memory" in error.message
    sampler.run([flipped()]).result(timeout=20)
