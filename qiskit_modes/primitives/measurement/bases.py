"""Measurement bases of an estimator's PUB, and the parameter sets that need each of them.

A basis is an assignment of X, Y or Z to some qubits; measuring it gives every term that agrees with
it wherever the term is not the identity, a projector agreeing with the Pauli that it is of. The
terms that one parameter set needs are sorted into as few bases as Qiskit's greedy colouring finds.
Everything here depends on shapes and letters only, never on numbers, so an optimizer's iterations
reuse them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import PauliList

from qiskit_modes.caches import BoundedCache
from qiskit_modes.primitives.inputs.observables import PROJECTORS, PauliSums, PauliTerm, Term
from qiskit_modes.primitives.measurement.expectation_values import Support

__all__ = [
    "Contribution",
    "Family",
    "Measurements",
    "ObservableAssembly",
    "choose_measurements",
    "measurements_of",
]


@dataclass(frozen=True)
class Contribution:
    """Contribution of one basis to the terms of one family of parameter sets."""

    basis: int
    """Index into `Measurements.bases`."""

    rows: slice
    """The family's parameter sets among those measured in this basis, in the family's order."""

    terms: NDArray[np.intp]
    """The terms that it gives, as indices into `Family.terms`."""

    supports: tuple[Support, ...]
    """For each of these terms the positions of its qubits among those of the basis, and for its
    projectors the bits that they keep."""


@dataclass(frozen=True)
class Family:
    """Parameter sets for which the same terms are needed."""

    sets: NDArray[np.intp]
    """Their indices among the PUB's flattened parameter sets, ascending."""

    terms: tuple[Term, ...]
    """The terms, each once; the identity may be among them."""

    contributions: tuple[Contribution, ...]
    """The measurements that give all of them but the identity, each once."""


@dataclass(frozen=True)
class ObservableAssembly:
    """Places of the expectation values of one observable, and what they are made of."""

    family: int
    """Index into `Measurements.families`."""

    terms: NDArray[np.intp]
    """The observable's terms in the order of its coefficients, as indices into the family's."""

    coefficients: slice
    """The observable's coefficients among those of the PUB."""

    columns: NDArray[np.intp]
    """Parameter sets, as indices into the family's, one for each result."""

    results: NDArray[np.intp]
    """Indices into the flattened array of results."""


@dataclass(frozen=True)
class Measurements:
    """Measurements from which all expectation values of one PUB are obtained."""

    shape: tuple[int, ...]
    """The shape of the results."""

    bases: tuple[PauliTerm, ...]
    """The distinct bases, each a Pauli term without identities."""

    sets: tuple[NDArray[np.intp], ...]
    """For each basis the parameter sets to measure in it."""

    families: tuple[Family, ...]
    """The parameter sets, sorted by the terms needed for them."""

    assemblies: tuple[ObservableAssembly, ...]
    """One for each observable of which any result is asked for."""


# An optimizer's iterations differ in numbers only, so what does not depend on numbers is kept.
_measurements: BoundedCache[tuple[bytes, tuple[int, ...]], Measurements] = BoundedCache(256)


def measurements_of(observables: PauliSums, parameter_shape: tuple[int, ...]) -> Measurements:
    """Return the measurements of one PUB; see `choose_measurements`."""
    key = (observables.structure, parameter_shape)
    measurements = _measurements.get(key)
    if measurements is None:
        measurements = choose_measurements(observables, parameter_shape)
        _measurements.put(key, measurements)
    return measurements


def choose_measurements(observables: PauliSums, parameter_shape: tuple[int, ...]) -> Measurements:
    """Choose the measurements of one PUB.

    Args:
        observables: The PUB's observables.
        parameter_shape: The shape of its parameter sets; the two shapes broadcast.
    """
    shape = np.broadcast_shapes(observables.shape, parameter_shape)
    sets_of_class, observables_of_class = _zipped_classes(parameter_shape, observables.shape)
    results_of_observable = _results(observables.shape, parameter_shape)
    terms = observables.terms()
    ends = observables.observable_ends.tolist()

    # Sets in one class are combined with the same observables; classes whose observables have the
    # same terms make one family.
    classes_of: dict[tuple[Term, ...], list[int]] = defaultdict(list)
    if 0 not in shape:
        for index, members in enumerate(observables_of_class):
            needed = {term for o in members for term in terms[ends[o] : ends[o + 1]]}
            classes_of[tuple(sorted(needed))].append(index)

    bases = _Bases()
    families: list[Family] = []
    family_of_class: dict[int, int] = {}
    for needed_terms, classes in classes_of.items():
        sets = np.sort(np.concatenate([sets_of_class[index] for index in classes]))
        for index in classes:
            family_of_class[index] = len(families)
        families.append(_measure(needed_terms, sets, bases))

    class_of_observable = {o: i for i, members in enumerate(observables_of_class) for o in members}
    assemblies = []
    for observable, (sets, results) in enumerate(results_of_observable):
        if results.size == 0:
            continue
        number = family_of_class[class_of_observable[observable]]
        family = families[number]
        position = {term: row for row, term in enumerate(family.terms)}
        mine = slice(ends[observable], ends[observable + 1])
        assemblies.append(
            ObservableAssembly(
                family=number,
                terms=np.array([position[term] for term in terms[mine]], dtype=np.intp),
                coefficients=mine,
                columns=np.searchsorted(family.sets, sets),
                results=results,
            )
        )
    return Measurements(
        shape=shape,
        bases=tuple(bases.number),
        sets=tuple(np.concatenate(parts) for parts in bases.parts),
        families=tuple(families),
        assemblies=tuple(assemblies),
    )


def measured_by(term: Term) -> PauliTerm:
    """Return a term with the Pauli in the place of each projector by which it is measured."""
    qubits, letters = term
    if PROJECTORS.keys().isdisjoint(letters):
        return term
    return qubits, "".join(PROJECTORS.get(letter, (letter,))[0] for letter in letters)


def qubit_wise_groups(terms: list[Term]) -> list[list[Term]]:
    """Sort non-identity terms into groups that one basis can measure, as Qiskit does.

    Args:
        terms: Distinct terms, none of them the identity.
    """
    if not terms:
        return []
    support = sorted({qubit for qubits, _ in terms for qubit in qubits}, reverse=True)
    place = {qubit: position for position, qubit in enumerate(support)}
    by_label: dict[str, list[Term]] = defaultdict(list)
    for term in terms:
        label = ["I"] * len(support)
        for qubit, letter in zip(*measured_by(term), strict=True):
            label[place[qubit]] = letter
        by_label["".join(label)].append(term)
    # The greedy colouring depends on the order; sorted labels make it a function of the set.
    groups = PauliList(sorted(by_label)).group_commuting(qubit_wise=True)
    return [[term for label in group.to_labels() for term in by_label[label]] for group in groups]


class _Bases:
    """The distinct bases found so far, and who measures in each."""

    def __init__(self) -> None:
        self.number: dict[PauliTerm, int] = {}
        self.parts: list[list[NDArray[np.intp]]] = []
        self._lengths: list[int] = []

    def add(self, basis: PauliTerm, sets: NDArray[np.intp]) -> tuple[int, slice]:
        """Let ``sets`` be measured in ``basis`` too; return its number and their rows there."""
        number = self.number.setdefault(basis, len(self.number))
        if number == len(self.parts):
            self.parts.append([])
            self._lengths.append(0)
        first = self._lengths[number]
        self.parts[number].append(sets)
        self._lengths[number] += len(sets)
        return number, slice(first, self._lengths[number])


def _measure(terms: tuple[Term, ...], sets: NDArray[np.intp], bases: _Bases) -> Family:
    """Add to ``bases`` what a family needs, and return the family."""
    position = {term: row for row, term in enumerate(terms)}
    contributions = []
    for group in qubit_wise_groups([term for term in terms if term[0]]):
        bases_of = [measured_by(term) for term in group]
        letters = {q: letter for term in bases_of for q, letter in zip(*term, strict=True)}
        qubits = tuple(sorted(letters))
        number, rows = bases.add((qubits, "".join(letters[qubit] for qubit in qubits)), sets)
        place = {qubit: bit for bit, qubit in enumerate(qubits)}
        contributions.append(
            Contribution(
                basis=number,
                rows=rows,
                terms=np.array([position[term] for term in group], dtype=np.intp),
                supports=tuple(support_of(term, place) for term in group),
            )
        )
    return Family(sets, terms, tuple(contributions))


def support_of(term: Term, place: Mapping[int, int]) -> Support:
    """Return what is read of a term, from bits at the places of its qubits."""
    return tuple(
        place[qubit] if letter not in PROJECTORS else (place[qubit], PROJECTORS[letter][1])
        for qubit, letter in zip(*term, strict=True)
    )


def _zipped_classes(
    parameter_shape: tuple[int, ...], observable_shape: tuple[int, ...]
) -> tuple[list[NDArray[np.intp]], list[list[int]]]:
    """Sort parameter sets and observables into classes that meet only each other.

    Along an axis on which both shapes are longer than one, they are zipped; along any other, each
    element of one meets all of the other. So a class is a place on the zipped axes.

    Returns:
        For each class its parameter sets, and its observables.
    """
    ndim = max(len(parameter_shape), len(observable_shape))
    padded = [(1,) * (ndim - len(shape)) + shape for shape in (parameter_shape, observable_shape)]
    zipped = [axis for axis in range(ndim) if padded[0][axis] > 1 and padded[1][axis] > 1]
    count = int(np.prod([padded[0][axis] for axis in zipped], dtype=np.intp))
    members = []
    for shape in padded:
        places = np.zeros(shape, dtype=np.intp)
        for axis in zipped:
            along = [1] * ndim
            along[axis] = shape[axis]
            places = places * shape[axis] + np.arange(shape[axis]).reshape(along)
        flat = places.ravel()
        order = np.argsort(flat, kind="stable")
        bounds = np.searchsorted(flat[order], np.arange(1, count))
        members.append(np.split(order, bounds))
    return members[0], [each.tolist() for each in members[1]]


def _results(
    observable_shape: tuple[int, ...], parameter_shape: tuple[int, ...]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return for each observable the parameter sets it meets, and where the results go."""
    shape = np.broadcast_shapes(observable_shape, parameter_shape)
    num_observables = int(np.prod(observable_shape, dtype=np.intp))
    num_sets = int(np.prod(parameter_shape, dtype=np.intp))
    observable_at, set_at = (
        np.broadcast_to(np.arange(size).reshape(own), shape).ravel()
        for size, own in ((num_observables, observable_shape), (num_sets, parameter_shape))
    )
    order = np.argsort(observable_at, kind="stable")
    bounds = np.searchsorted(observable_at[order], np.arange(1, num_observables))
    return [(set_at[results], results) for results in np.split(order, bounds)]
