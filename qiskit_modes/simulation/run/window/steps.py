"""Steps of a window's state: plain data, the same however the state is held.

The state has an axis for each qubit in the window. A step moves the axes that it acts upon to the
end and leaves them there.
"""

from __future__ import annotations

from dataclasses import dataclass

from qiskit_modes.simulation.pauli_basis import ComplexArray, RealArray

__all__ = ["ArrangeStep", "DrawStep", "LinearStep"]


@dataclass(frozen=True)
class LinearStep:
    """A linear map on some qubits, which may enter with it."""

    number: int
    """Its place among all linear maps of a component."""
    axes: int
    """How many axes the state has before."""
    order: tuple[int, ...] | None
    """How to arrange the axes first, so that those acted upon are the last; None if they are."""
    width: int
    """On how many qubits it acts."""
    entering: tuple[int, ...]
    """Which of these, by their places, are |0⟩ and have no axis yet."""
    product: tuple[int, int] | None
    """Which of the products of factors it is; None if it depends on no angle."""
    transfer: RealArray | None = None
    """Otherwise, where the state is a Pauli vector: shape (columns, rows), to be multiplied from
    the right."""
    kraus: ComplexArray | None = None
    """Otherwise, where the state is a vector: see `kraus_operators`."""


@dataclass(frozen=True)
class DrawStep:
    """State in which a qubit is found, drawn for every row."""

    axes: int
    """How many axes the state has before."""
    axis: int
    """Which of them is the qubit's."""
    clbit: int | None
    """Where the outcome is recorded; None if nobody asks for it."""
    confusion: RealArray | None
    """Shape (2, 2): ``confusion[recorded, true]``; None if nothing is recorded."""
    stays: bool
    """Whether the qubit keeps its axis."""


@dataclass(frozen=True)
class ArrangeStep:
    """Another order of the axes, before and after what only some rows go through."""

    order: tuple[int, ...]
