"""Observables of a PUB: checked, and laid out as flat arrays of Pauli terms."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import PauliList, SparseObservable, SparsePauliOp

from qiskit_modes.caches import BoundedCache, read_only
from qiskit_modes.exceptions import InvalidInputError

__all__ = [
    "PROJECTORS",
    "PauliSums",
    "PauliTerm",
    "Term",
    "coerce_observables",
    "flatten",
    "measured_by_paulis",
    "on_qubits",
    "read_observables",
]

Term = tuple[tuple[int, ...], str]
"""Qubits in ascending order, and one letter for each: X, Y or Z, or a projector, one of 0, 1, +, -,
r, l; ``((), "")`` is the identity."""

PauliTerm = Term
"""One without projectors."""

PROJECTORS = {
    "0": ("Z", 0),
    "1": ("Z", 1),
    "+": ("X", 0),
    "-": ("X", 1),
    "r": ("Y", 0),
    "l": ("Y", 1),
}
"""For each projector which Pauli it is measured by, and the bit that it keeps."""

# The letter of each bit term of Qiskit's SparseObservable; its last two bits are the Pauli's.
_LETTERS = {term.value: term.label for term in SparseObservable.BitTerm}
_PAULI_BITS = np.uint8(3)


@dataclass(frozen=True)
class PauliSums:
    """An array of observables, each a real linear combination of terms; plain data."""

    shape: tuple[int, ...]
    """The shape of the array of observables."""

    num_qubits: int
    """How many qubits the observables are on."""

    coefficients: NDArray[np.float64]
    """The coefficients of all terms of all observables, one observable after the other."""

    letters: NDArray[np.uint8]
    """The non-identity letters of all terms, as `SparseObservable` codes them."""

    qubits: NDArray[np.uint32]
    """The qubit of each letter; ascending within a term."""

    term_ends: NDArray[np.int64]
    """Shape (num_terms + 1,): term ``t`` has the letters ``term_ends[t]:term_ends[t + 1]``."""

    observable_ends: NDArray[np.int64]
    """Shape (num_observables + 1,): the terms of observable ``o``, in the same way."""

    @property
    def structure(self) -> bytes:
        """A digest of everything but the coefficients: what has to be measured."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr((self.shape, self.num_qubits)).encode())
        for array in (self.letters, self.qubits, self.term_ends, self.observable_ends):
            digest.update(array.tobytes())
        return digest.digest()

    @property
    def has_projectors(self) -> bool:
        """Tell whether there are other letters than X, Y and Z."""
        return bool((self.letters > _PAULI_BITS).any())

    def terms(self) -> list[Term]:
        """Return all terms of all observables, in the order of the coefficients."""
        letters = [_LETTERS[code] for code in self.letters.tolist()]
        qubits = self.qubits.tolist()
        ends = self.term_ends.tolist()
        return [
            (tuple(qubits[start:stop]), "".join(letters[start:stop]))
            for start, stop in pairwise(ends)
        ]


_LARGEST_KEPT = 1 << 14
"""Terms times qubits of the largest observable that is kept; its key has so many bytes."""

_read: BoundedCache[Hashable, tuple[SparseObservable, PauliSums]] = BoundedCache(128)
"""Single observables that were read: optimizers measure the same one again and again."""


def read_observables(
    observables: Any, num_qubits: int, where: str, *, projectors: bool = True
) -> tuple[ObservablesArray, PauliSums]:
    """Return what a PUB gives as observables: as `coerce_observables` does, and as plain arrays.

    The arguments and errors are those of `coerce_observables`, and so is the shape.
    """
    content = _content_of(observables)
    known = None if content is None else _read.get(content)
    if known is not None and known[1].num_qubits == num_qubits:
        # A copy: whoever has the job may change what it was asked.
        return ObservablesArray(known[0].copy(), num_qubits, validate=False), known[1]
    array = coerce_observables(observables, num_qubits, where, projectors=projectors)
    sums = flatten(array)
    if content is not None:
        _read.put(content, (array.sparse_observables_array().item().copy(), sums))
    return array, sums


def _content_of(observables: Any) -> Hashable | None:
    """Return all that a `SparsePauliOp` says, which has no projectors; None of anything else."""
    if type(observables) is not SparsePauliOp:
        return None
    paulis, coefficients = observables.paulis, observables.coeffs
    is_plain = type(paulis) is PauliList and coefficients.dtype == complex
    if not is_plain or paulis.z.size > _LARGEST_KEPT:
        return None
    bits = paulis.z.tobytes(), paulis.x.tobytes()
    return (paulis.z.shape, *bits, paulis.phase.tobytes(), coefficients.tobytes())


def coerce_observables(
    observables: Any, num_qubits: int, where: str, *, projectors: bool = True
) -> ObservablesArray:
    """Turn whatever a PUB gives as observables into an `ObservablesArray` that fits its circuit.

    Args:
        observables: A Pauli string, `Pauli`, `SparsePauliOp`, `SparseObservable`, a mapping from
            Paulis to numbers, or an array of these, of any shape.
        num_qubits: The circuit's number of qubits.
        where: The PUB, for messages ("PUB 0").
        projectors: Whether terms may hold projectors.

    Returns:
        An array of the same shape; of shape () for a single observable.

    Raises:
        InvalidInputError: If there is no observable, or one is not a real sum of terms on the
            circuit's qubits.
    """
    try:
        array = ObservablesArray.coerce(observables)
    except Exception as error:  # Qiskit's parsers raise errors of many kinds
        raise InvalidInputError(
            f"{where}: the observables cannot be used: {str(error).rstrip('.')}. Give Pauli "
            "strings, SparsePauliOp objects with finite real coefficients, or arrays of these."
        ) from error
    if 0 in array.shape:
        raise InvalidInputError(
            f"{where}: the array of observables is empty (shape {array.shape}); give at least one."
        )
    for index, observable in np.ndenumerate(array.sparse_observables_array()):
        name = f"the observable at index {index}" if index else "the observable"
        if observable.num_qubits != num_qubits:
            raise InvalidInputError(
                f"{where}: {name} is on {observable.num_qubits} qubits, but the circuit has "
                f"{num_qubits}. Observables are given on the circuit's own qubits: after "
                "transpiling, use observable.apply_layout(isa_circuit.layout)."
            )
        found = sorted({_LETTERS[code] for code in np.asarray(observable.bit_terms).tolist()})
        found = [letter for letter in found if letter in PROJECTORS]
        if found and not projectors:
            raise InvalidInputError(
                f"{where}: {name} contains the projector{'s' if len(found) > 1 else ''} "
                f"{', '.join(found)}, but the older estimator takes I, X, Y and Z only. "
                "Write projectors as sums of Paulis, for example 0 = (I + Z) / 2; "
                "SparseObservable.as_paulis() does that."
            )
    return array


def flatten(observables: ObservablesArray) -> PauliSums:
    """Return a copy of the observables as plain arrays, which cannot be written to.

    Args:
        observables: Observables of any shape, as `coerce_observables` returns them.
    """
    sums = observables.sparse_observables_array().ravel().tolist()
    # Every boundaries array starts with 0; offsets of letters are added from one to the next.
    ends = [np.asarray(each.boundaries).astype(np.int64) for each in sums]
    if len(sums) == 1:
        term_ends = ends[0]
    else:
        offsets = np.array([0, *(each[-1] for each in ends)]).cumsum()
        shifted = [each[1:] + offset for each, offset in zip(ends, offsets, strict=False)]
        term_ends = np.concatenate([np.zeros(1, dtype=np.int64), *shifted])
    return PauliSums(
        shape=observables.shape,
        num_qubits=observables.num_qubits,
        coefficients=read_only(np.concatenate([np.asarray(each.coeffs).real for each in sums])),
        letters=read_only(np.concatenate([np.asarray(each.bit_terms) for each in sums])),
        qubits=read_only(np.concatenate([np.asarray(each.indices) for each in sums])),
        term_ends=read_only(term_ends),
        observable_ends=read_only(np.array([0, *(len(each) - 1 for each in ends)]).cumsum()),
    )


def on_qubits(sums: PauliSums, qubits: Sequence[int]) -> ObservablesArray:
    """Return observables as Qiskit has them, of the same shape, on some of their qubits.

    Args:
        sums: The observables.
        qubits: Which qubits: all on which any of them acts, at least.
    """
    place = np.zeros(sums.num_qubits, dtype=np.uint32)
    place[list(qubits)] = np.arange(len(qubits))
    indices = place[sums.qubits]
    array = np.empty(sums.shape, dtype=object)
    for number, (first, last) in enumerate(pairwise(sums.observable_ends.tolist())):
        start, stop = sums.term_ends[first], sums.term_ends[last]
        array.flat[number] = SparseObservable.from_raw_parts(
            len(qubits),
            sums.coefficients[first:last].astype(complex),
            sums.letters[start:stop],
            indices[start:stop],
            sums.term_ends[first : last + 1] - start,
        )
    return ObservablesArray(array if sums.shape else array.item())


def measured_by_paulis(observables: ObservablesArray) -> ObservablesArray:
    """Return observables that the same bases measure, with Paulis in the places of projectors.

    They have the same shape. Qiskit would write projectors out as sums of Paulis, of which there
    may be very many.
    """
    sums = observables.sparse_observables_array()
    array = np.empty(sums.shape, dtype=object)
    for number, each in enumerate(sums.ravel()):
        array.flat[number] = SparseObservable.from_raw_parts(
            each.num_qubits,
            np.ones(len(each.coeffs), dtype=complex),  # terms that become one must not cancel
            np.asarray(each.bit_terms) & _PAULI_BITS,
            np.asarray(each.indices),
            np.asarray(each.boundaries),
        )
    return ObservablesArray(array if sums.shape else array.item())
