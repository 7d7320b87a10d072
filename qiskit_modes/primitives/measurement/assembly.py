"""Finds where each term of a PUB's observables was measured, and which results it is part of.

It depends on shapes and letters only, never on numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.primitives.containers.observables_array import ObservablesArray

from qiskit_modes.primitives.measurement.bases import measured_by, support_of
from qiskit_modes.primitives.measurement.expectation_values import Support, term_weights

__all__ = ["Part", "ResultAssembly", "make_assembly"]


@dataclass(frozen=True)
class Part:
    """Contribution of one configuration to the results."""

    configuration: int
    supports: Sequence[Support]
    """The bits of each of its terms."""
    rows: slice
    """The terms, among those of all configurations."""
    results: npt.NDArray[np.intp]
    """The results to which it contributes."""
    coefficients: Any
    """Of each term in each of these results, (num_terms, num_results); dense or sparse."""


@dataclass(frozen=True)
class ResultAssembly:
    """The terms of a PUB, each once for each configuration in which it is read."""

    shape: tuple[int, ...]
    """The shape of the results."""
    num_qubits: int
    supports: tuple[tuple[Support, ...], ...]
    """For each configuration its terms, each as the qubits on which it acts and, for projectors,
    the bits that they keep."""
    incidence: npt.NDArray[np.float64]
    """1 where a term acts on a qubit, (num_terms, num_qubits)."""
    identities: npt.NDArray[np.bool_]
    """Which terms act on none."""
    results: npt.NDArray[np.intp]
    rows: npt.NDArray[np.intp]
    coefficients: npt.NDArray[np.intp]
    """The parts of all results, in their order: of which result, which term, and which coefficient
    of the observables it has."""

    @property
    def size(self) -> int:
        """The number of results."""
        return int(np.prod(self.shape, dtype=np.intp))

    def rows_of_results(self) -> list[list[int]]:
        """Return for each result its terms."""
        ends = np.searchsorted(self.results, np.arange(1, self.size))
        return [each.tolist() for each in np.split(self.rows, ends)]

    def parts(self, coefficients: npt.NDArray[np.float64]) -> Iterator[Part]:
        """Yield what each configuration contributes to the results.

        Args:
            coefficients: Those of the observables, shape (num_terms,).
        """
        first = 0
        order = np.argsort(self.rows, kind="stable")
        sorted_rows = self.rows[order]
        for configuration, supports in enumerate(self.supports):
            last = first + len(supports)
            start, stop = np.searchsorted(sorted_rows, (first, last))
            mine = order[start:stop]
            results, columns = np.unique(self.results[mine], return_inverse=True)
            weights = term_weights(
                coefficients[self.coefficients[mine]],
                self.rows[mine] - first,
                columns,
                (len(supports), len(results)),
            )
            yield Part(
                configuration,
                supports,
                slice(first, last),
                results,
                weights,
            )
            first = last


def make_assembly(
    observables: ObservablesArray,
    parameter_shape: tuple[int, ...],
    configurations: Sequence[tuple[tuple[int, ...], str]],
) -> ResultAssembly:
    """Find how the results of a PUB come of its measurements.

    Args:
        observables: Its observables; their coefficients do not matter.
        parameter_shape: The shape of its parameter sets; the two shapes broadcast.
        configurations: For each what was measured: the index of a parameter set, and a Pauli
            string, the last letter for qubit 0.
    """
    shape = np.broadcast_shapes(observables.shape, parameter_shape)
    measured: dict[int, list[tuple[int, str]]] = {}
    for number, (index, letters) in enumerate(configurations):
        place = int(np.ravel_multi_index(index, parameter_shape)) if index else 0
        measured.setdefault(place, []).append((number, letters[::-1]))
    sums = [each.to_sparse_list() for each in observables.sparse_observables_array().ravel()]
    ends = np.cumsum([0, *(len(each) for each in sums)])
    observable_at, set_at = (
        np.broadcast_to(np.arange(np.prod(own, dtype=np.intp)).reshape(own), shape).ravel().tolist()
        for own in (observables.shape, parameter_shape)
    )
    found = _Terms(len(configurations))
    entries = [
        (result, *found.place(measured[parameters], letters, qubits), ends[observable] + position)
        for result, (observable, parameters) in enumerate(zip(observable_at, set_at, strict=True))
        for position, (letters, qubits, _) in enumerate(sums[observable])
    ]
    results, numbers, places, coefficients = np.array(entries, dtype=np.intp).reshape(-1, 4).T
    first = np.cumsum([0, *(len(each) for each in found.supports)])
    supports = tuple(tuple(each) for each in found.supports)
    incidence = np.zeros((first[-1], observables.num_qubits))
    for row, support in enumerate(support for each in supports for support in each):
        incidence[row, [bit if isinstance(bit, int) else bit[0] for bit in support]] = 1.0
    return ResultAssembly(
        shape=shape,
        num_qubits=observables.num_qubits,
        supports=supports,
        incidence=incidence,
        identities=incidence.sum(axis=-1) == 0,
        results=results,
        rows=first[numbers] + places,
        coefficients=coefficients,
    )


@dataclass
class _Terms:
    """The terms found so far, for each configuration in which they are read."""

    num_configurations: int
    supports: list[dict[Support, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.supports = [{} for _ in range(self.num_configurations)]

    def place(
        self, measured: Sequence[tuple[int, str]], letters: str, qubits: Sequence[int]
    ) -> tuple[int, int]:
        """Return in which configuration a term is read, and its place there."""
        pairs = sorted(zip(qubits, letters, strict=True))
        term = tuple(at for at, _ in pairs), "".join(letter for _, letter in pairs)
        needed = measured_by(term)[1]
        for number, basis in measured:
            if all(basis[at] == letter for (at, _), letter in zip(pairs, needed, strict=True)):
                known = self.supports[number]
                support = support_of(term, {at: at for at, _ in pairs})
                return number, known.setdefault(support, len(known))
        raise ValueError(f"no configuration measures {letters} on the qubits {list(qubits)}")
