"""Observables that were read before are those that are read anew, and nobody else's to change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import PauliList, SparsePauliOp

from qiskit_modes import EstimatorV2
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.inputs import observables as module
from qiskit_modes.primitives.inputs.observables import (
    coerce_observables,
    flatten,
    read_observables,
)

TERMS = st.lists(
    st.tuples(st.text("IXYZ", min_size=3, max_size=3), st.sampled_from([1.0, -1.0, 0.5, 2, 1e-9])),
    min_size=1,
    max_size=4,
)


def told(array: Any, sums: Any) -> tuple[Any, ...]:
    """All that an answer says."""
    sparse = array.sparse_observables_array().item()
    rows = [getattr(sums, name).tolist() for name in ("coefficients", "letters", "qubits")]
    ends = [sums.term_ends.tolist(), sums.observable_ends.tolist()]
    shapes = (array.shape, array.num_qubits, sums.shape, sums.num_qubits)
    return (repr(sparse), *shapes, rows, ends)


def anew(observables: Any) -> tuple[Any, ...]:
    array = coerce_observables(observables, 3, "PUB 0")
    return told(array, flatten(array))


@given(TERMS, TERMS)
def test_what_was_read_before_is_what_is_read_anew(one, other):
    for _ in range(2):
        for terms in (one, other):
            op = SparsePauliOp.from_list(terms)
            try:
                expected = anew(op)
            except InvalidInputError as error:
                with pytest.raises(InvalidInputError, match=str(error.message)[:20]):
                    read_observables(op, 3, "PUB 0")
            else:
                assert told(*read_observables(op, 3, "PUB 0")) == expected


def test_whatever_is_changed_in_place_is_seen():
    op = SparsePauliOp(["XYZ", "ZZI"], [1.0, 2.0])

    def flip(bits):
        bits[0, 0] = not bits[0, 0]

    changes = (
        lambda: op.coeffs.__setitem__(0, -3.0),
        lambda: flip(op.paulis.z),
        lambda: flip(op.paulis.x),
        lambda: setattr(op, "paulis", PauliList(["-XXX", "YYY"])),
        lambda: setattr(op, "paulis", PauliList(["XXX", "-YYY"])),
        lambda: setattr(op, "coeffs", np.array([5.0, 6.0])),
    )
    for change in changes:
        assert told(*read_observables(op, 3, "PUB 0")) == anew(op)
        change()
    assert told(*read_observables(op, 3, "PUB 0")) == anew(op)


def test_each_pub_has_a_copy_and_the_arrays_of_all_cannot_be_written_to():
    op = SparsePauliOp(["XYZ", "ZZI"], [1.0, 2.0])
    expected = anew(op)
    for _ in range(3):
        array, sums = read_observables(op, 3, "PUB 0")
        assert told(array, sums) == expected
        array.sparse_observables_array().item().coeffs[0] = 7.0
        array.sparse_observables_array()[()] = None
        for name in ("coefficients", "letters", "qubits", "term_ends", "observable_ends"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(sums, name)[0] = 1


def test_a_kept_observable_on_other_qubits_is_refused_as_any():
    op = SparsePauliOp("XYZ")
    read_observables(op, 3, "PUB 0")
    with pytest.raises(InvalidInputError, match="on 3 qubits, but the circuit has 4"):
        read_observables(op, 4, "PUB 0")


class Mine(SparsePauliOp):
    pass


def test_only_what_is_plain_and_small_is_kept(monkeypatch):
    monkeypatch.setattr(module, "_read", kept := module.BoundedCache(8))
    small = SparsePauliOp("XYZ")
    symbolic = SparsePauliOp(["XYZ"], np.array([Parameter("a")]))
    large = SparsePauliOp(["X" * 129, *["Z" * 129] * 128])
    with pytest.raises(InvalidInputError):
        read_observables(symbolic, 3, "PUB 0")
    read_observables(large, 129, "PUB 0")
    for observables in (Mine("XYZ"), "XYZ", [small], [[small], [small]]):
        read_observables(observables, 3, "PUB 0")
    assert not len(kept)
    read_observables(small, 3, "PUB 0")
    assert len(kept) == 1


def test_what_users_do_to_a_jobs_inputs_changes_no_other_job(ideal):
    circuit = QuantumCircuit(3)
    circuit.x(0)
    estimator = EstimatorV2(ideal, options={"resilience_level": 0})
    for _ in range(3):
        job = estimator.run([(circuit, SparsePauliOp("IIZ"))])
        assert job.result()[0].data.evs == -1
        job.inputs["pubs"][0].observables.sparse_observables_array().item().coeffs[0] = 9
