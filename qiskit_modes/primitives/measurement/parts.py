"""Measuring the terms of one basis apart from each other, where together they are too much.

Terms that commute are read from the same shots. Where many qubits are joined, that takes a state of
all of them, though each term depends on a few: on its *light cone*, what of the circuit its qubits
can know of. Then the terms of a basis are parted, and each part is simulated with as many shots as
the basis has. What is reported of bases and shots stays that of the basis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from qiskit.circuit import Clbit, QuantumCircuit, Qubit

from qiskit_modes.primitives.inputs.observables import PauliTerm
from qiskit_modes.primitives.measurement.bases import Contribution, Measurements
from qiskit_modes.primitives.measurement.expectation_values import Support

__all__ = ["cheapest_parts", "divided", "light_cone", "places_of"]

WORTH_TRYING_SECONDS = 1.0
"""What takes longer alone is not tried together with more: that takes many times as long."""

Places = frozenset[int]
"""Some qubits of a basis, by their positions in it."""


def places_of(measurements: Measurements, basis: int) -> list[Places]:
    """Return the qubits of each term that a basis gives, each set once, in order."""
    found = {
        _places(support)
        for family in measurements.families
        for part in family.contributions
        if part.basis == basis
        for support in part.supports
    }
    return sorted(found, key=lambda places: (min(places), sorted(places)))


def cheapest_parts(
    terms: Sequence[Places], seconds: Callable[[Places], float]
) -> tuple[float, list[Places]]:
    """Sort terms into parts that are cheap to measure; return what all take, and the parts.

    Neighbours are measured together while that is cheaper than apart.

    Args:
        terms: The qubits of each, neighbours one after another.
        seconds: Tells what it takes to measure some qubits together; infinity if it cannot be.
    """
    parts: list[tuple[float, Places]] = []
    for term in terms:
        alone = seconds(term)
        if parts:
            before, places = parts[-1]
            together = math.inf
            if term <= places:
                together = before
            elif max(before, alone) < WORTH_TRYING_SECONDS:
                together = seconds(places | term)
            if together <= before + alone and math.isfinite(together):
                parts[-1] = together, places | term
                continue
        parts.append((alone, term))
    return sum(each for each, _ in parts), [places for _, places in parts]


def divided(measurements: Measurements, basis: int, parts: Sequence[Places]) -> Measurements:
    """Return measurements in which one basis is measured in parts, which follow all other bases.

    Args:
        measurements: The measurements.
        basis: Which one; it keeps the first part.
        parts: Each term of the basis is within at least one of them, and is read in the first such.
    """
    qubits, letters = measurements.bases[basis]
    bases, sets = list(measurements.bases), list(measurements.sets)
    numbers = [basis, *range(len(bases), len(bases) + len(parts) - 1)]
    for number, places in zip(numbers, parts, strict=True):
        chosen = sorted(places)
        part: PauliTerm = (
            tuple(qubits[place] for place in chosen),
            "".join(letters[place] for place in chosen),
        )
        if number == basis:
            bases[basis] = part
        else:
            bases.append(part)
            sets.append(measurements.sets[basis])
    families = []
    for family in measurements.families:
        contributions: list[Contribution] = []
        for each in family.contributions:
            own = [each] if each.basis != basis else _parted(each, numbers, parts)
            contributions += own
        families.append(replace(family, contributions=tuple(contributions)))
    return replace(measurements, bases=tuple(bases), sets=tuple(sets), families=tuple(families))


def _parted(
    whole: Contribution, numbers: Sequence[int], parts: Sequence[Places]
) -> list[Contribution]:
    rows: list[list[int]] = [[] for _ in parts]
    for row, support in enumerate(whole.supports):
        needed = _places(support)
        rows[next(k for k, places in enumerate(parts) if needed <= places)].append(row)
    result = []
    for number, places, chosen in zip(numbers, parts, rows, strict=True):
        where = {place: position for position, place in enumerate(sorted(places))}
        if chosen:
            supports = tuple(_moved(whole.supports[row], where) for row in chosen)
            result.append(
                replace(whole, basis=number, terms=whole.terms[chosen], supports=supports)
            )
    return result


def _places(support: Support) -> Places:
    return frozenset(each if isinstance(each, int) else each[0] for each in support)


def _moved(support: Support, where: dict[int, int]) -> Support:
    return tuple(
        where[each] if isinstance(each, int) else (where[each[0]], each[1]) for each in support
    )


def light_cone(
    circuit: QuantumCircuit, qubits: Collection[int], clbits: Collection[int] = ()
) -> QuantumCircuit:
    """Return a circuit without the instructions that some bits' last state does not depend on.

    Args:
        circuit: The circuit, not modified.
        qubits: Which of its qubits.
        clbits: Which of its classical bits.
    """
    known: set[Qubit | Clbit] = {circuit.qubits[qubit] for qubit in qubits}
    known |= {circuit.clbits[clbit] for clbit in clbits}
    kept = []
    for step in reversed(circuit.data):
        bits = [*step.qubits, *step.clbits]
        if step.name == "barrier":
            continue
        if not bits or not known.isdisjoint(bits):  # what has no bits may store a variable
            known.update(bits)
            kept.append(step)
    cone = circuit.copy_empty_like()
    for step in reversed(kept):
        cone._append(step)  # noqa: SLF001 - of this circuit's own bits, and checked once
    return cone
