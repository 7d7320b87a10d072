from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Parameter, ParameterVector, QuantumCircuit
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Pauli, SparseObservable, SparsePauliOp

from qiskit_modes.exceptions import InvalidInputError, NotISAError


def rotated(num_parameters: int = 3, *, measure: bool = True) -> QuantumCircuit:
    """Rotations of qubit 0 of two qubits, by parameters whose names sort as they were made."""
    circuit = QuantumCircuit(2)
    for index in range(num_parameters):
        circuit.rz(Parameter("abc"[index]), 0)
        circuit.sx(0)
    if measure:
        circuit.measure_all()
    return circuit


def registered(*registers: ClassicalRegister) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    for register in registers:
        circuit.add_register(register)
    return circuit


CIRCUIT = rotated(0)
STATE = rotated(0, measure=False)
ROTATED = rotated()
ROTATED_STATE = rotated(measure=False)
VALUES = [0.1, 0.2, 0.3]

BAD_SAMPLER_PUBS = {
    "a circuit": (CIRCUIT, "takes a list of PUBs, not a single QuantumCircuit"),
    "a SamplerPub": (SamplerPub.coerce(CIRCUIT), "not a single SamplerPub"),
    "a bare PUB": ((ROTATED, VALUES), "looks like a single PUB"),
    "a bare PUB with an array": ((ROTATED, np.ones(3)), "looks like a single PUB"),
    "a bare PUB in a list": ([ROTATED, np.ones(3)], "looks like a single PUB"),
    "text": ("circuit", "takes a list of PUBs, not 'circuit'"),
    "None": (None, "takes a list of PUBs"),
    "nothing": ([], "no PUBs"),
    "no PUB": ([3], "PUB 0 must be a tuple"),
    "no circuit": ([("circuit", VALUES)], "PUB 0: the first element must be a QuantumCircuit"),
    "too many elements": ([(CIRCUIT, None, 1, 2)], "PUB 0 has 4 elements"),
    "an empty tuple": ([()], "PUB 0 has 0 elements"),
    "the second is wrong": ([CIRCUIT, (ROTATED, [1.0])], "PUB 1: the circuit has 3 parameters"),
    "an observable": (
        [(CIRCUIT, SparsePauliOp("ZZ"))],
        "PUB 0: .* not .* SparsePauliOp: .*Estimator",
    ),
    "observables": ([(CIRCUIT, [[Pauli("ZZ")]])], "not observables such as Pauli"),
    "Pauli strings": ([(CIRCUIT, ["ZZ", "XX"])], "not observables such as str"),
    "zero shots": ([(CIRCUIT, None, 0)], "PUB 0: shots must be a positive integer"),
    "negative shots": ([(CIRCUIT, None, -5)], "PUB 0: shots must be a positive integer"),
    "fractional shots": ([(CIRCUIT, None, 10.5)], r"positive integer, not 10.5 \(float\)"),
    "a bool as shots": ([(CIRCUIT, None, True)], "positive integer, not True"),
    "zero shots in a SamplerPub": (
        [SamplerPub(CIRCUIT, shots=0, validate=False)],
        "PUB 0: shots must be a positive integer",
    ),
    "a register that is no name": ([registered(ClassicalRegister(1, "c-1"))], "named 'c-1'"),
    "a register that is a keyword": ([registered(ClassicalRegister(1, "if"))], "named 'if'"),
    "a register like an attribute": ([registered(ClassicalRegister(1, "shape"))], "named 'shape'"),
    "another one": ([registered(ClassicalRegister(1, "items"))], "named 'items'"),
}

BAD_VALUES = {
    "missing": (None, r"3 parameters \(a, b, c\), but no values were given"),
    "too few": ([0.1, 0.2], r"3 parameters .* but the values have shape \(2,\)"),
    "too many": (np.ones((5, 4)), r"the values have shape \(5, 4\)"),
    "a number": (0.5, r"the values have shape \(\)"),
    "NaN": ([0.1, float("nan"), 0.3], "parameter 'b' has the value nan in parameter set 0"),
    "infinite": ([VALUES, [1, 2, np.inf]], "parameter 'c' has the value inf in parameter set 1"),
    "complex": ([0.1, 0.2, 0.3j], "complex"),
    "complex array": (np.ones(3, dtype=complex), "complex"),
    "complex in a mapping": ({"a": 1j, "b": 0, "c": 0}, "complex"),
    "text": (["x", "y", "z"], "cannot be read as an array of numbers"),
    "ragged": ([[1, 2, 3], [1, 2]], "cannot be read as an array of numbers"),
    "unknown name": ({"a": 1, "b": 2, "d": 3}, "values are given for d, but the circuit has 3"),
    "missing name": ({"a": 1, "b": 2}, "no values are given for c"),
    "a name twice": ({("a", "b"): [1, 2], ("b", "c"): [3, 4]}, "given twice for b"),
    "shapes that differ": ({"a": [1, 2], "b": [1, 2, 3], "c": 1}, "cannot be read as arrays"),
    "a BindingsArray with another": (BindingsArray({"x": 1.0}), "values are given for x"),
}

BAD_OBSERVABLES = {
    "narrow": ("Z", r"the observable is on 1 qubits, but the circuit has 2.*apply_layout"),
    "wide": ("ZZZ", r"is on 3 qubits, but the circuit has 2"),
    "narrow in an array": ([["Z"], ["X"]], r"observable at index \(0, 0\) is on 1 qubits"),
    "of two widths": (["ZZ", "X"], "number of qubits must be the same"),
    "none": ([], r"array of observables is empty \(shape \(0,\)\)"),
    "none in two dimensions": (np.zeros((2, 0), dtype=object), "empty"),
    "zero": (SparsePauliOp("ZZ", 0.0), "Empty observable"),
    "not Hermitian": (SparsePauliOp("ZZ", 1j), "Non-Hermitian"),
    "no Pauli string": ("ZQ", "cannot be used"),
    "a number": (3, "cannot be used"),
    "None": (None, "cannot be used"),
}

BAD_ESTIMATOR_PUBS = {
    "a circuit": (STATE, "not a single QuantumCircuit"),
    "a bare PUB": ((STATE, "ZZ"), "looks like a single PUB"),
    "circuits only": ([STATE, STATE], "looks like a single PUB"),
    "an EstimatorPub": (EstimatorPub.coerce((STATE, "ZZ")), "not a single EstimatorPub"),
    "nothing": ([], "no PUBs"),
    "too short": ([(STATE,)], "PUB 0 has 1 elements"),
    "no circuit": ([("ZZ", STATE)], "first element must be a QuantumCircuit"),
    "zero precision": ([(STATE, "ZZ", None, 0)], "PUB 0: precision must be a positive finite"),
    "negative precision": ([(STATE, "ZZ", None, -0.1)], "precision must be a positive finite"),
    "NaN precision": ([(STATE, "ZZ", None, float("nan"))], "precision must be a positive finite"),
    "precision as text": ([(STATE, "ZZ", None, "high")], "precision must be a positive number"),
    "tiny precision": ([(STATE, "ZZ", None, 1e-200)], "precision must be at least 0.0001"),
    "shapes that do not broadcast": (
        [(ROTATED_STATE, ["ZZ", "XX"], np.ones((3, 3)))],
        "PUB 0: .*not broadcastable",
    ),
}


@pytest.mark.parametrize("case", BAD_SAMPLER_PUBS)
def test_bad_sampler_pubs_are_explained(case: str, ideal, sampler_inputs: Callable[..., Any]):
    pubs, words = BAD_SAMPLER_PUBS[case]
    with pytest.raises(InvalidInputError, match=words):
        sampler_inputs(pubs, ideal)


@pytest.mark.parametrize("case", BAD_ESTIMATOR_PUBS)
def test_bad_estimator_pubs_are_explained(case: str, ideal, estimator_inputs: Callable[..., Any]):
    pubs, words = BAD_ESTIMATOR_PUBS[case]
    with pytest.raises(InvalidInputError, match=words):
        estimator_inputs(pubs, ideal)


@pytest.mark.parametrize("case", BAD_VALUES)
def test_bad_parameter_values_are_explained(
    case: str, ideal, sampler_inputs: Callable[..., Any], estimator_inputs: Callable[..., Any]
):
    values, words = BAD_VALUES[case]
    with pytest.raises(InvalidInputError, match=f"PUB 0: .*{words}"):
        sampler_inputs([(ROTATED, values)], ideal)
    with pytest.raises(InvalidInputError, match=f"PUB 0: .*{words}"):
        estimator_inputs([(ROTATED_STATE, "ZZ", values)], ideal)


def test_values_for_a_circuit_without_parameters_are_refused(ideal, sampler_inputs):
    with pytest.raises(InvalidInputError, match="the circuit has no parameters, but the values"):
        sampler_inputs([(CIRCUIT, [0.1])], ideal)


@pytest.mark.parametrize("case", BAD_OBSERVABLES)
def test_bad_observables_are_explained(case: str, ideal, estimator_inputs: Callable[..., Any]):
    observables, words = BAD_OBSERVABLES[case]
    with pytest.raises(InvalidInputError, match=f"(?s)PUB 0: .*{words}"):
        estimator_inputs([(STATE, observables)], ideal)


@pytest.mark.parametrize("shots", [0, -1, 1.5, True, "many", 10**10])
def test_the_shots_argument_is_checked(shots: Any, ideal, sampler_inputs):
    with pytest.raises(InvalidInputError, match="The argument 'shots' must be a positive integer"):
        sampler_inputs([CIRCUIT], ideal, shots=shots)


@pytest.mark.parametrize("precision", [0, -1, float("nan"), float("inf"), "x", 1e-9])
def test_the_precision_argument_is_checked(precision: Any, ideal, estimator_inputs):
    with pytest.raises(InvalidInputError, match="The argument 'precision' must be"):
        estimator_inputs([(STATE, "ZZ")], ideal, precision=precision)


@pytest.mark.parametrize(
    ("own", "argument", "expected"), [(7, 8, 7), (None, 8, 8), (None, None, 9), (np.int64(7), 8, 7)]
)
def test_shots_of_a_pub_come_before_the_argument_before_the_options(
    own, argument, expected: int, ideal, sampler_inputs
):
    (pub,) = sampler_inputs([(CIRCUIT, None, own)], ideal, shots=argument, default_shots=9)
    assert pub.shots == pub.pub.shots == expected
    assert type(pub.shots) is int


def test_pubs_of_one_job_may_have_different_shots(ideal, sampler_inputs):
    pubs = sampler_inputs([CIRCUIT, (CIRCUIT, None, 5)], ideal, shots=6)
    assert [pub.shots for pub in pubs] == [6, 5]


@pytest.mark.parametrize(
    ("own", "argument", "default_shots", "precision", "shots"),
    [
        (0.5, 0.1, 77, 0.5, 4),
        (None, 0.1, 77, 0.1, 100),
        (None, None, 100, 0.1, 100),
        (None, None, None, 0.015625, 4096),
        (3, None, None, 3.0, 1),
        (0.3, None, None, 0.3, 12),
    ],
)
def test_precision_of_a_pub_comes_before_the_argument_before_the_options(
    own, argument, default_shots, precision: float, shots: int, ideal, estimator_inputs
):
    (pub,) = estimator_inputs(
        [(STATE, "ZZ", None, own)], ideal, precision=argument, default_shots=default_shots
    )
    assert (pub.precision, pub.shots) == (precision, shots)
    assert pub.pub.precision == precision


PROJECTORS = {
    "a projector": (SparseObservable("0Z"), "contains the projector 0, but the older estimator"),
    "projectors": ("+r", r"projectors \+, r"),
}


@pytest.mark.parametrize("case", PROJECTORS)
def test_projectors_are_explained_in_the_older_family(ideal, estimator_inputs, case):
    observables, words = PROJECTORS[case]
    with pytest.raises(InvalidInputError, match=words):
        estimator_inputs([(STATE, observables)], ideal, older=True)
    (taken,) = estimator_inputs([(STATE, observables)], ideal)
    assert taken.observables.has_projectors


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (VALUES, ()),
        ([VALUES], (1,)),
        (np.ones((4, 2, 3)), (4, 2)),
        (np.ones((0, 3)), (0,)),
        ({"a": 1.0, ("b", "c"): [2.0, 3.0]}, ()),
        ({"a": np.ones(5), ("b", "c"): np.ones((5, 2))}, (5,)),
        (BindingsArray({("c", "a", "b"): np.ones((2, 3))}), (2,)),
    ],
    ids=str,
)
def test_shapes_of_values_are_those_of_qiskit(values: Any, shape, ideal, sampler_inputs):
    (pub,) = sampler_inputs([(ROTATED, values)], ideal)
    assert pub.shape == shape == SamplerPub.coerce((ROTATED, values)).shape
    assert pub.parameter_values.shape == (int(np.prod(shape)), 3)


@pytest.mark.parametrize(
    ("values", "shape"), [(0.5, ()), ([0.5], ()), ([0.5, 0.6], (2,)), (np.ones((2, 1)), (2,))]
)
def test_the_last_axis_may_be_left_off_with_one_parameter(
    values: Any, shape, ideal, sampler_inputs
):
    circuit = rotated(1)
    (pub,) = sampler_inputs([(circuit, values)], ideal)
    assert pub.shape == shape == SamplerPub.coerce((circuit, values)).shape


def test_values_are_laid_out_in_the_order_of_the_circuits_parameters(ideal, sampler_inputs):
    vector = ParameterVector("v", 2)
    circuit = QuantumCircuit(1, 1)
    circuit.rz(vector[1], 0)
    circuit.rz(Parameter("z"), 0)
    circuit.rz(vector[0], 0)
    (pub,) = sampler_inputs([(circuit, {"z": [7, 8], vector: [[1, 2], [3, 4]]})], ideal)
    assert [parameter.name for parameter in circuit.parameters] == ["v[0]", "v[1]", "z"]
    np.testing.assert_array_equal(pub.parameter_values, [[1, 2, 7], [3, 4, 8]])
    np.testing.assert_array_equal(
        pub.pub.parameter_values.as_array(circuit.parameters), [[1, 2, 7], [3, 4, 8]]
    )


def test_later_changes_do_not_reach_a_job(ideal, sampler_inputs, estimator_inputs):
    body = QuantumCircuit(1)
    body.x(0)
    circuit = QuantumCircuit(1, 1, metadata={"list": []})
    circuit.measure(0, 0)
    circuit.if_test((circuit.clbits[0], 1), body, [0], [])
    state = rotated(1, measure=False)
    values = np.array([0.1, 0.2])
    observable = SparseObservable("ZZ")
    (sampled,) = sampler_inputs([circuit], ideal)
    (estimated,) = estimator_inputs([(state, observable, values)], ideal)
    before = (circuit.copy(), sampled.fingerprint)

    circuit.x(0)
    circuit.metadata["list"].append(1)
    body.z(0)
    state.x(1)
    values[:] = 9.0
    observable.coeffs[0] = 5.0

    assert len(sampled.circuit.data) == len(before[0].data)
    assert [each.name for each in sampled.circuit.data[-1].operation.blocks[0].data] == ["x"]
    assert sampled.circuit.metadata == {"list": []}
    assert len(estimated.circuit.data) == 2
    np.testing.assert_array_equal(estimated.parameter_values, [[0.1], [0.2]])
    assert estimated.observables.coefficients.tolist() == [1.0]
    (changed,) = sampler_inputs([circuit], ideal)
    assert changed.fingerprint != sampled.fingerprint


@pytest.mark.parametrize(
    "observables",
    [
        "ZX",
        Pauli("-YI"),
        SparsePauliOp(["ZZ", "IX"], [0.5, -2.0]),
        SparseObservable("IZ"),
        {"ZZ": 0.5, "XI": 2.0},
        ["ZZ", SparsePauliOp("XX")],
        [["ZZ"], [{"IX": 1.0, "II": 3.0}]],
        ObservablesArray(["ZZ", "XX"]),
    ],
    ids=str,
)
def test_observables_are_read_as_qiskit_reads_them(observables: Any, ideal, estimator_inputs):
    (pub,) = estimator_inputs([(STATE, observables)], ideal)
    expected = ObservablesArray.coerce(observables)
    assert pub.shape == pub.observables.shape == expected.shape
    flat, terms = pub.observables, pub.observables.terms()
    for index, wanted in enumerate(np.ravel(np.array(expected)).tolist()):
        own = slice(flat.observable_ends[index], flat.observable_ends[index + 1])
        found = {}
        for (qubits, letters), coefficient in zip(terms[own], flat.coefficients[own], strict=True):
            label = ["I", "I"]
            for qubit, letter in zip(qubits, letters, strict=True):
                label[1 - qubit] = letter
            found["".join(label)] = coefficient
        assert found == wanted


def test_pub_objects_of_qiskit_are_taken(ideal, sampler_inputs, estimator_inputs):
    (sampled,) = sampler_inputs([SamplerPub.coerce((ROTATED, VALUES), shots=5)], ideal, shots=6)
    assert sampled.shots == 5
    (estimated,) = estimator_inputs([EstimatorPub.coerce((ROTATED_STATE, "ZZ", VALUES))], ideal)
    assert estimated.shots == 4096
    np.testing.assert_array_equal(estimated.parameter_values, [VALUES])


def test_pubs_may_come_from_a_generator_or_a_tuple(ideal, sampler_inputs):
    assert len(sampler_inputs((each for each in (CIRCUIT, CIRCUIT)), ideal)) == 2
    assert len(sampler_inputs((CIRCUIT, CIRCUIT), ideal)) == 2
    assert len(sampler_inputs((CIRCUIT, (ROTATED, VALUES)), ideal)) == 2


def test_a_circuit_of_the_wrong_gates_is_named_with_its_pub(manila, sampler_inputs):
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    with pytest.raises(NotISAError, match=r"PUB 1: The instruction 'h' on qubit 0"):
        sampler_inputs([registered(ClassicalRegister(1, "c")), circuit], manila)


def test_good_pubs_raise_no_warning(manila, sampler_inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sampler_inputs([(ROTATED, np.ones((2, 3), dtype=np.float32)), CIRCUIT], manila)
