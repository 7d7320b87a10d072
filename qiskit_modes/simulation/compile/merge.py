"""Folding neighbouring gates and errors into few linear maps.

A *group* is a run of operations on the same one, two or three qubits with nothing of other qubits
in between; it will be applied to the state as one matrix. A group without parameters is a number
matrix; with parameters it is a product of factors, of which some depend on an angle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from qiskit_modes.simulation.compile.product_pool import Factor
from qiskit_modes.simulation.operations import Channel, Operation, Rotation, touched
from qiskit_modes.simulation.pauli_basis import embed, rotation

__all__ = ["Group", "continues", "merge"]


@dataclass(eq=False)
class Group:
    """Operations that become one linear map."""

    qubits: tuple[int, ...]
    factors: list[Factor] = field(default_factory=list)
    """In order of application; no two neighbours are both constant."""
    lone: Operation | None = None
    """What is no linear map, such as a measurement in the midst of a circuit; then it is all there
    is in the group."""

    @property
    def is_constant(self) -> bool:
        """Tell whether no factor depends on an angle."""
        return all(factor.angle is None for factor in self.factors)

    def append(self, factor: Factor) -> None:
        """Apply one more factor, given on this group's qubits in their order."""
        if factor.angle is None and self.factors:
            # A constant is multiplied into whatever stands before it, at compile time.
            before = self.factors[-1]
            self.factors[-1] = Factor(factor.matrix @ before.matrix, before.angle)
        elif self.factors and self.factors[-1].angle is None:
            constant = self.factors.pop().matrix
            self.factors.append(Factor(factor.matrix @ constant, factor.angle))
        else:
            self.factors.append(factor)


def merge(operations: Iterable[Operation], *, enabled: bool, fold_rotations: bool) -> list[Group]:
    """Return the groups of operations, in an order in which they may be applied.

    Args:
        operations: Of a whole component or of a stretch of it; what depends on measured values is
            a group of its own.
        enabled: With False, every operation is a group of its own.
        fold_rotations: Whether single-qubit rotations become part of larger groups; constant
            single-qubit matrices always do.
    """
    groups: list[Group] = []
    gone: set[Group] = set()
    last: dict[int, Group] = {}
    earlier: dict[Group, Group | None] = {}  # what was last on a single qubit before its group
    for operation in operations:
        if isinstance(operation, Channel | Rotation):
            qubits = operation.qubits
            before = last.get(qubits[0]) if enabled else None
            if before is not None and continues(qubits, before, last):
                before.append(_factor(operation, before.qubits))
                continue
            group = Group(qubits, [_factor(operation, qubits)])
        else:
            group = Group(tuple(sorted(touched(operation)[0])), lone=operation)
        if enabled and group.lone is None:
            taken = _absorbable(group, last, fold_rotations)
            for absorbed in taken:
                gone.add(absorbed)
                group = _joined(absorbed, group)
            same = _before(group, last, {each: earlier[each] for each in taken})
            if same is not None:
                _extend(same, group)
                last.update(dict.fromkeys(same.qubits, same))
                continue
            if len(group.qubits) == 1:
                earlier[group] = last.get(group.qubits[0])
        groups.append(group)
        last.update(dict.fromkeys(group.qubits, group))
    groups = [group for group in groups if group not in gone]
    return _fold_back(groups) if enabled else groups


def _factor(operation: Channel | Rotation, onto: tuple[int, ...]) -> Factor:
    """Return what an operation does to the qubits of a group."""
    if isinstance(operation, Channel):
        return Factor(embed(operation.matrix, operation.qubits, onto))
    return Factor(embed(rotation(operation.paulis), operation.qubits, onto), operation.angle)


def continues(qubits: tuple[int, ...], before: Group, last: dict[int, Group]) -> bool:
    """Tell whether a map on some qubits becomes part of a group, which was on exactly these.

    Args:
        qubits: Those of the map.
        before: The group, the last on the first of them.
        last: What was the last on each qubit.
    """
    if len(qubits) != len(before.qubits) or before.lone is not None:
        return False
    return len(qubits) == 1 or (
        (qubits == before.qubits or set(qubits) == set(before.qubits))
        and all(last.get(qubit) is before for qubit in qubits)
    )


def _absorbable(group: Group, last: dict[int, Group], fold_rotations: bool) -> list[Group]:
    """Return the single-qubit groups right before a larger one that become part of it."""
    if len(group.qubits) == 1:
        return []
    neighbours = [last[qubit] for qubit in group.qubits if qubit in last]
    return [
        neighbour
        for neighbour in neighbours
        if len(neighbour.qubits) == 1
        and neighbour.lone is None
        and (fold_rotations or neighbour.is_constant)
    ]


def _before(
    group: Group, last: dict[int, Group], absorbed: dict[Group, Group | None]
) -> Group | None:
    """Return the group on exactly the same qubits that came before, if nothing is in between.

    As where gates are folded: each is followed by its inverse, with single-qubit gates in between.

    Args:
        group: On several qubits.
        last: What was the last on each qubit.
        absorbed: The single-qubit groups that are part of it now, and what came before each.
    """
    if len(group.qubits) == 1:
        return None
    before = {absorbed.get(last[qubit], last[qubit]) for qubit in group.qubits if qubit in last}
    same = before.pop() if len(before) == 1 else None
    if same is None or same.lone is not None or set(same.qubits) != set(group.qubits):
        return None
    return same


def _extend(group: Group, later: Group) -> None:
    for factor in later.factors:
        group.append(Factor(embed(factor.matrix, later.qubits, group.qubits), factor.angle))


def _joined(earlier: Group, later: Group) -> Group:
    """Return one group on the later one's qubits that does both."""
    joined = Group(later.qubits)
    _extend(joined, earlier)
    _extend(joined, later)
    return joined


def _fold_back(groups: list[Group]) -> list[Group]:
    """Fold constant single-qubit groups into the larger group before them, if there is one."""
    kept: list[Group] = []
    last: dict[int, Group] = {}
    for group in groups:
        if len(group.qubits) == 1 and group.is_constant and group.lone is None:
            before = last.get(group.qubits[0])
            if before and before.lone is None:
                _extend(before, group)
                continue
        kept.append(group)
        last.update(dict.fromkeys(group.qubits, group))
    return kept
