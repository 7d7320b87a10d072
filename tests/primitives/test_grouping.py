from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import PauliList

from qiskit_modes.primitives.inputs.observables import PauliSums, PauliTerm, flatten
from qiskit_modes.primitives.measurement.bases import (
    Measurements,
    choose_measurements,
    qubit_wise_groups,
)


def term(label: str) -> PauliTerm:
    pairs = [(q, letter) for q, letter in enumerate(reversed(label)) if letter != "I"]
    return tuple(q for q, _ in pairs), "".join(letter for _, letter in pairs)


def sums(observables: Any) -> PauliSums:
    return flatten(ObservablesArray.coerce(observables))


def validate(measurements: Measurements, observables: PauliSums, parameter_shape: tuple[int, ...]):
    """Raise unless every result is made of exactly what it needs, measured once."""
    shape = np.broadcast_shapes(observables.shape, parameter_shape)
    assert measurements.shape == shape
    num_observables, num_sets = (
        int(np.prod(each, dtype=int)) for each in (observables.shape, parameter_shape)
    )
    observable_at = np.broadcast_to(
        np.arange(num_observables).reshape(observables.shape), shape
    ).ravel()
    set_at = np.broadcast_to(np.arange(num_sets).reshape(parameter_shape), shape).ravel()
    terms = observables.terms()
    ends = observables.observable_ends

    seen: list[int] = []
    for assembly in measurements.assemblies:
        family = measurements.families[assembly.family]
        for column, result in zip(assembly.columns, assembly.results, strict=True):
            seen.append(int(result))
            own = slice(ends[observable_at[result]], ends[observable_at[result] + 1])
            assert family.sets[column] == set_at[result]
            assert assembly.coefficients == own
            assert [family.terms[each] for each in assembly.terms] == terms[own]
    assert sorted(seen) == list(range(int(np.prod(shape, dtype=int))))

    for family in measurements.families:
        measured = [family.terms[t] for part in family.contributions for t in part.terms]
        assert sorted(measured) == sorted(each for each in family.terms if each[0])
        for part in family.contributions:
            basis_qubits, basis_letters = measurements.bases[part.basis]
            np.testing.assert_array_equal(measurements.sets[part.basis][part.rows], family.sets)
            for position, support in zip(part.terms, part.supports, strict=True):
                qubits, letters = family.terms[position]
                assert tuple(basis_qubits[bit] for bit in support) == qubits
                assert "".join(basis_letters[bit] for bit in support) == letters
    for sets in measurements.sets:
        assert len(set(sets.tolist())) == len(sets)


def test_a_chain_with_a_transverse_field_needs_two_bases():
    measurements = choose_measurements(
        sums({"IIII": 1, "ZZII": 1, "IZZI": 1, "XIII": 1, "IXII": 1, "IIXX": 1}), ()
    )
    assert sorted(measurements.bases) == sorted([term("XXXX"), term("ZZZI")])


def test_only_the_qubits_in_use_are_measured():
    measurements = choose_measurements(sums("I" * 60 + "X" + "I" * 70 + "Y" + "I"), ())
    assert measurements.bases == (((1, 72), "YX"),)


def test_an_identity_needs_no_circuit():
    measurements = choose_measurements(sums(["II", {"II": 2.0}]), (2,))
    assert measurements.bases == ()
    validate(measurements, sums(["II", {"II": 2.0}]), (2,))


def test_no_parameter_sets_need_no_circuit():
    measurements = choose_measurements(sums("ZZ"), (0,))
    assert (measurements.bases, measurements.assemblies, measurements.shape) == ((), (), (0,))


def test_sets_that_are_zipped_with_observables_are_measured_in_their_own_bases_only():
    observables = sums(["ZZ", "XX", "ZI"])
    measurements = choose_measurements(observables, (3,))
    by_basis = dict(
        zip(measurements.bases, (sets.tolist() for sets in measurements.sets), strict=True)
    )
    assert by_basis == {term("ZZ"): [0], term("XX"): [1], term("ZI"): [2]}
    validate(measurements, observables, (3,))


def test_sets_that_meet_all_observables_share_the_bases():
    measurements = choose_measurements(sums([["ZZ"], ["XX"], ["ZI"]]), (4,))
    by_basis = dict(
        zip(measurements.bases, (sets.tolist() for sets in measurements.sets), strict=True)
    )
    assert by_basis == {term("ZZ"): [0, 1, 2, 3], term("XX"): [0, 1, 2, 3]}


def test_observables_of_the_same_terms_make_one_family():
    observables = sums([{"ZZ": 1, "XX": 2}, {"ZZ": 3, "XX": 4}, {"ZZ": 5, "XX": 6}])
    measurements = choose_measurements(observables, (3,))
    assert len(measurements.families) == 1
    validate(measurements, observables, (3,))


def test_groups_are_those_of_qiskit():
    rng = np.random.default_rng(3)
    labels = sorted({"".join(rng.choice(list("IXYZ"), 5)) for _ in range(60)} - {"IIIII"})
    expected = [
        sorted(group.to_labels()) for group in PauliList(labels).group_commuting(qubit_wise=True)
    ]
    places = {term(label): label for label in labels}
    groups = qubit_wise_groups([term(label) for label in reversed(labels)])
    assert [sorted(places[each] for each in group) for group in groups] == expected


@st.composite
def _broadcastable(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shapes = []
    common = draw(st.lists(st.integers(1, 3), max_size=3))
    for _ in range(2):
        length = draw(st.integers(0, len(common)))
        tail = common[len(common) - length :]
        shapes.append(tuple(draw(st.sampled_from([1, size])) for size in tail))
    return shapes[0], shapes[1]


@given(shapes=_broadcastable(), data=st.data())
def test_every_choice_gives_every_result(
    shapes: tuple[tuple[int, ...], tuple[int, ...]], data: st.DataObject
):
    observable_shape, parameter_shape = shapes
    pauli = st.text("IXYZ", min_size=3, max_size=3)
    array = np.empty(observable_shape, dtype=object)
    for index in np.ndindex(observable_shape):
        labels = data.draw(st.lists(pauli, min_size=1, max_size=4, unique=True))
        array[index] = {label: 1.0 + number for number, label in enumerate(labels)}
    observables = sums(array)
    validate(choose_measurements(observables, parameter_shape), observables, parameter_shape)
