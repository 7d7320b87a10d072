"""Products of small unitaries, for all gates of a circuit and all parameter sets at once.

A *tower* begins with the matrices of single gates. Each of its stages multiplies matrices of the
stage below into fewer and larger ones: neighbouring gates on one qubit become one, gates on two
qubits take in those beside them, and what acts on a few qubits becomes a block. Matrices of one
width stand in one array, so that a stage is a handful of array operations however many gates there
are.

Order of qubits: the first qubit of a matrix is the most significant digit of its rows and columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from qiskit_modes.caches import read_only
from qiskit_modes.simulation.pauli_basis import PAULIS, ComplexArray, RealArray

__all__ = ["Ground", "Member", "Stage", "Table", "Tower", "make_stage", "pauli_matrix"]

Indices = npt.NDArray[np.intp]

Table = Mapping[int, ComplexArray]
"""Matrices by their width in qubits, each (sets, matrices, 2^width, 2^width); one set stands for
all of them where nothing depends on parameters."""

Member = tuple[int, int, tuple[int, ...]]
"""One factor of a product: width and index of a matrix of the stage below, and at which of the
product's qubits its own stand."""


@cache
def pauli_matrix(paulis: str) -> ComplexArray:
    """Return a Pauli string as a matrix, (2^n, 2^n), the first letter most significant."""
    matrix = np.ones((1, 1), dtype=complex)
    for letter in paulis:
        matrix = np.kron(matrix, PAULIS["IXYZ".index(letter)])
    return read_only(matrix)


@dataclass(frozen=True, eq=False)
class Ground:
    """The matrices of a circuit's gates: those without parameters, then its rotations."""

    constants: Mapping[int, ComplexArray]
    """By width, (matrices, 2^width, 2^width)."""
    rotations: Mapping[int, tuple[ComplexArray, Indices]]
    """By width the Pauli strings as matrices, and the index of each rotation's angle."""

    def evaluate(self, angles: RealArray) -> dict[int, ComplexArray]:
        """Return the matrices for every parameter set.

        Args:
            angles: Shape (num_sets, num_angles), in radians.
        """
        table = {width: matrices[None] for width, matrices in self.constants.items()}
        for width, (paulis, which) in self.rotations.items():
            half = angles[:, which, None, None] / 2
            turned = np.cos(half) * np.eye(1 << width) - 1j * np.sin(half) * paulis
            table[width] = _side_by_side(table.get(width), turned)
        return table


def _side_by_side(first: ComplexArray | None, second: ComplexArray) -> ComplexArray:
    if first is None:
        return second
    num_sets = max(len(first), len(second))
    return np.concatenate(
        [np.broadcast_to(each, (num_sets, *each.shape[1:])) for each in (first, second)], axis=1
    )


@dataclass(frozen=True, eq=False)
class _Round:
    """One more factor for some of the products of a stage, all at the same places in them."""

    targets: Indices | None
    """Which products; None for all, in order."""
    width: int
    sources: Indices
    """The factors' matrices."""
    places: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Stage:
    """Products of matrices of the stage below, by their widths."""

    sizes: Mapping[int, int]
    """How many products there are of each width."""
    rounds: Mapping[int, tuple[_Round, ...]]
    """The factors of the products of each width, in order of application."""

    def evaluate(self, below: Table) -> dict[int, ComplexArray]:
        """Return the products for every parameter set, by width.

        Returns:
            Shape (num_sets, products, 2^width, 2^width) each.
        """
        num_sets = max((len(matrices) for matrices in below.values()), default=1)
        table = {}
        for width, count in self.sizes.items():
            products: ComplexArray | None = None
            for each in self.rounds[width]:
                factors = below[each.width][:, each.sources]
                if products is None and each.targets is None and len(factors) == num_sets:
                    products = _widened(factors, each.places, width)
                    continue
                if products is None:
                    identity = np.eye(1 << width, dtype=complex)
                    products = np.tile(identity, (num_sets, count, 1, 1))
                where = slice(None) if each.targets is None else each.targets
                products[:, where] = _applied(factors, each.places, products[:, where])
            assert products is not None, "a product has factors"
            table[width] = products
        return table


def make_stage(products: Sequence[tuple[int, Sequence[Member]]]) -> tuple[Stage, list[int]]:
    """Return a stage, and the index of each product among those of its width.

    Args:
        products: Width, and the factors in order of application.
    """
    sizes: dict[int, int] = {}
    indices: list[int] = []
    pending: dict[int, dict[tuple[int, int, tuple[int, ...]], tuple[list[int], list[int]]]] = {}
    for width, members in products:
        index = sizes.get(width, 0)
        sizes[width] = index + 1
        indices.append(index)
        of_width = pending.setdefault(width, {})
        for step, (source_width, source, places) in enumerate(members):
            key = (step, source_width, places)
            entry = of_width.get(key)
            if entry is None:
                of_width[key] = ([index], [source])
            else:
                entry[0].append(index)
                entry[1].append(source)
    rounds = {
        width: tuple(
            _Round(
                None if len(targets) == sizes[width] else np.array(targets, dtype=np.intp),
                key[1],
                np.array(sources, dtype=np.intp),
                key[2],
            )
            for key, (targets, sources) in sorted(of_width.items(), key=lambda item: item[0][0])
        )
        for width, of_width in pending.items()
    }
    return Stage(sizes, rounds), indices


def _widened(matrices: ComplexArray, places: tuple[int, ...], width: int) -> ComplexArray:
    """Return matrices on some places as ones on all ``width`` of them."""
    if places == tuple(range(width)):
        return matrices.copy()
    identity = np.eye(1 << width, dtype=complex)
    return _applied(
        matrices, places, np.broadcast_to(identity, (*matrices.shape[:2], *identity.shape))
    )


def _applied(matrices: ComplexArray, places: tuple[int, ...], to: ComplexArray) -> ComplexArray:
    """Multiply matrices on some of the places of larger ones into these, from the left."""
    num_sets, count, size, columns = to.shape
    width = size.bit_length() - 1
    if len(places) == width and places == tuple(range(width)):
        return matrices @ to
    lead = num_sets, count
    others = [place for place in range(width) if place not in places]
    order = (0, 1, *(place + 2 for place in (*places, *others)), width + 2)
    back = np.argsort(order)
    arranged = to.reshape(*lead, *(2,) * width, columns).transpose(order)
    shape = arranged.shape
    product = matrices @ arranged.reshape(*lead, 1 << len(places), -1)
    return product.reshape(shape).transpose(back).reshape(to.shape)


@dataclass(frozen=True, eq=False)
class Tower:
    """All matrices of a circuit, from its gates to what is applied to the state."""

    ground: Ground
    stages: tuple[Stage, ...]

    @property
    def is_constant(self) -> bool:
        """Tell whether nothing depends on parameters."""
        return not self.ground.rotations

    @property
    def elements(self) -> int:
        """Return how many complex numbers all matrices have for one parameter set."""
        sizes = [(width, len(matrices)) for width, matrices in self.ground.constants.items()] + [
            (width, len(which)) for width, (_, which) in self.ground.rotations.items()
        ]
        for stage in self.stages:
            sizes += stage.sizes.items()
        return sum(count << 2 * width for width, count in sizes)

    def evaluate(self, angles: RealArray) -> dict[int, ComplexArray]:
        """Return the matrices of the top stage for every parameter set.

        Args:
            angles: Shape (num_sets, num_angles).
        """
        table = self.ground.evaluate(angles)
        for stage in self.stages:
            table = stage.evaluate(table)
        return table

    def evaluated(self) -> Tower:
        """Return a tower without stages that gives the same, for one without parameters."""
        table = self.evaluate(np.zeros((1, 0)))
        return Tower(Ground({width: matrices[0] for width, matrices in table.items()}, {}), ())
