"""The order of linear maps that takes a component from nothing to the weights of its outcomes.

The state is an array with one axis for each qubit in use (4 Pauli components) and one for each
recorded bit (2 values), beside the axes of parameter sets and branches, which come first. A step
moves the axes it acts on to the end, multiplies, and leaves its result axes at the end. A qubit
enters the state when it is first acted upon and is replaced by its outcome, or dropped, when it is
last acted upon; so a state is never larger than it must be, and at the end it *is* the joint
distribution of the outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass

from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = ["Contraction", "Step"]

Axis = tuple[str, int]
"""("qubit", its number) or ("clbit", its number)."""


@dataclass(frozen=True)
class Step:
    """One linear map and where it acts."""

    shape: tuple[int, ...]
    """Sizes of the state's axes before the step."""
    order: tuple[int, ...] | None
    """How to arrange the axes first; None if they are right as they are."""
    columns: int
    """Size of the axes acted upon."""
    matrix: RealArray | None
    """Shape (columns, rows), to be multiplied from the right; None if it depends on angles."""
    product: tuple[int, int] | None
    """Which of the products of factors it is otherwise."""


@dataclass(frozen=True)
class Contraction:
    """All steps of a component, or of a stretch of it between two measurements."""

    steps: tuple[Step, ...]
    arrangement: tuple[tuple[int, ...], tuple[int, ...]] | None
    """Sizes of the axes after the last step and how to arrange them; None if they are right."""
    axes: tuple[Axis, ...]
    """The state's axes at the end."""
    peak: int
    """Largest number of float64 numbers in the state of one parameter set and branch."""
    moved: int
    """How many numbers the states before and after each step have, for one parameter set and
    branch: what a step costs is to read and write them."""
