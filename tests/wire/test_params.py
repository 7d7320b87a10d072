"""Reading a program's parameters: what clients send is read, what others send costs nothing."""

from __future__ import annotations

import base64
import io
import json
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter
from qiskit_ibm_runtime import RuntimeEncoder

from qiskit_modes.wire import ApiError
from qiskit_modes.wire.programs import params
from qiskit_modes.wire.programs.params import decode_params
from tests.wire.encoding import sampler_params

LEARNED = "qiskit_ibm_runtime.results.noise_learner"
PAULI_LIST = {
    "__module__": "qiskit.quantum_info.operators.symplectic.pauli_list",
    "__class__": "PauliList",
}


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def typed(kind: str, value: object, **others: object) -> str:
    return json.dumps({"pubs": [{"__type__": kind, "__value__": value, **others}]})


def saved(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """An array as `numpy.save` writes it; with another shape in its header, if one is given."""
    buffer = io.BytesIO()
    if shape is None:
        np.save(buffer, array)
    else:
        header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(buffer, header)
        buffer.write(array.tobytes())
    return buffer.getvalue()


def test_circuits_arrays_and_numbers_come_as_they_were():
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("a"), 0)
    sent = {
        "circuit": circuit,
        "values": np.arange(6.0).reshape(2, 3),
        "shots": np.array([1, 2]),
        "empty": np.array([]),
        "scalar": np.array(3.0),
        "noise_factors": {1, 2},
        "complex": 1 + 2j,
        "plain": [1, 2.5, "text", None, True],
    }
    text, read = decode_params(json.dumps(sent, cls=RuntimeEncoder))
    assert json.loads(text)["plain"] == sent["plain"]
    assert read["circuit"] == circuit
    for name in ("values", "shots", "empty", "scalar"):
        np.testing.assert_array_equal(read[name], sent[name])
    assert {name: read[name] for name in ("noise_factors", "complex", "plain")} == {
        name: sent[name] for name in ("noise_factors", "complex", "plain")
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "JSONDecodeError"),
        ("{", "JSONDecodeError"),
        ("[]", "expected an object, found list"),
        ('"text"', "expected an object, found str"),
        ("[" * 100_000, "nested too deeply"),
        (typed("settings", {}, __module__="os", __class__="system"), "no use for the type 'settin"),
        (typed("settings", {"data": [1]}, **PAULI_LIST), "must be a list of Pauli strings"),
        (typed("settings", {"data": "XX"}, **PAULI_LIST), "must be a list of Pauli strings"),
        (typed("settings", {"data": ["X"], "x": 1}, **PAULI_LIST), "must be a list of Pauli"),
        (typed("settings", {"data": ["?"]}, **PAULI_LIST), "cannot be read"),
        (typed("_json", {}, __module__="os", __class__="system"), "no use for a 'system'"),
        (
            typed(
                "_json", {}, __module__="qiskit_ibm_runtime.results.noise_learner", __class__="x"
            ),
            "no use for a 'x'",
        ),
        (typed("spmatrix", ""), "no use for the type 'spmatrix'"),
        (typed("BindingsArray", {}), "no use for the type 'BindingsArray'"),
        (typed("Result", {}), "no use for the type 'Result'"),
        ('{"a": {"__type__": "set"}}', "KeyError"),
        ('{"a": {"__type__": ["set"], "__value__": 1}}', "TypeError"),
        (typed("QuantumCircuit", "not base64!"), "cannot be read"),
        (typed("QuantumCircuit", packed(b"no QPY")), "cannot be read"),
        (typed("QuantumCircuit", packed(b"")), "cannot be read"),
        (typed("ndarray", packed(b"\x93NUMPY" + b"x" * 100)), "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused(text, words):
    with pytest.raises(ApiError, match=words) as caught:
        decode_params(text)
    assert caught.value.status == 400


def test_circuits_of_a_newer_qiskit_are_refused_by_version():
    buffer = io.BytesIO()
    qpy.dump(QuantumCircuit(1), buffer)
    data = bytearray(buffer.getvalue())
    data[6] = 99  # the version stands behind the six letters of the magic word
    with pytest.raises(ApiError, match=rf"QPY version 99, .* up to {qpy.QPY_VERSION}"):
        decode_params(typed("QuantumCircuit", packed(bytes(data))))


def test_an_array_larger_than_it_is_makes_no_room():
    claimed = saved(np.zeros(4), shape=(2**50,))
    with pytest.raises(ApiError, match="not of the size that it says"):
        decode_params(typed("ndarray", packed(claimed)))


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((2, 0, 3)),
        np.arange(4, dtype=">i4"),
        np.array([[True, False]]),
        np.array(1 + 2j),
    ],
)
def test_arrays_of_all_kinds(array):
    text = typed("ndarray", packed(saved(array)))
    (read,) = decode_params(text)[1]["pubs"]
    np.testing.assert_array_equal(read, array)
    assert (read.shape, read.dtype) == (array.shape, array.dtype)


def test_a_circuit_that_was_read_is_not_what_a_job_changes(api):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    text = sampler_params(circuit)
    first = decode_params(text)[1]["pubs"][0][0]
    assert decode_params(text)[1]["pubs"][0][0] is first
    for _ in range(2):
        job_id = api.submit_job("sampler", text, backend="ibm_manila")["id"]
        api.wait_for_job(job_id)
    assert first == circuit


def test_an_array_of_objects_is_not_unpickled():
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ApiError, match="cannot be read"):
        decode_params(typed("ndarray", packed(buffer.getvalue())))


@pytest.fixture
def two_mebibytes(monkeypatch):
    """As much as a request may take, inflated."""
    monkeypatch.setattr(params, "MOST_INFLATED_BYTES", 2 * 2**20)


@pytest.mark.usefixtures("two_mebibytes")
@pytest.mark.parametrize("pieces", [1, 3])
def test_what_inflates_too_far_is_refused(pieces):
    array = np.zeros(3 * 2**20 // 8 // pieces)
    value = {"__type__": "ndarray", "__value__": packed(saved(array))}
    assert len(value["__value__"]) < 10_000
    with pytest.raises(ApiError, match="more than 2 MiB"):
        decode_params(json.dumps({"pubs": [value] * pieces}))


@pytest.mark.usefixtures("two_mebibytes")
def test_inflating_stops_where_it_is_too_much():
    bomb = packed(b"\0" * 64 * 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(ApiError, match="more than 2 MiB"):
            decode_params(typed("QuantumCircuit", bomb))
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text(), inner)
            | st.builds(
                lambda kind, value: {"__type__": kind, "__value__": value},
                st.sampled_from(
                    [
                        "QuantumCircuit",
                        "ndarray",
                        "set",
                        "complex",
                        "datetime",
                        "Parameter",
                        "_json",
                        "Instruction",
                        "ObservablesArray",
                        "PauliLindbladMap",
                        "NoiseLearnerResult",
                    ]
                )
                | st.text(),
                inner | st.binary(max_size=60).map(packed),
            )
        ),
        max_leaves=8,
    )
)
def test_whatever_comes_is_read_or_refused(tree):
    try:
        decode_params(json.dumps({"pubs": tree}))
    except ApiError as error:
        refused = error
    else:
        return
    assert refused.status == 400
