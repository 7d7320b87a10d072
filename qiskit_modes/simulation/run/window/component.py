"""Components of which only a few qubits at a time are in the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np

from qiskit_modes._mutex import cached_property
from qiskit_modes.simulation.pauli_basis import FRESH, ComplexArray, RealArray, tensor
from qiskit_modes.simulation.run.component import Bits, OneWay, ParameterSets
from qiskit_modes.simulation.run.cost import Cost
from qiskit_modes.simulation.run.outcomes import Outcomes
from qiskit_modes.simulation.run.pauli_vector.feed_forward import Node, Walk
from qiskit_modes.simulation.run.window.kraus import kraus_operators
from qiskit_modes.simulation.run.window.rows import (
    PauliRows,
    PauliRowsOfSets,
    Rows,
    StateMap,
    StateRows,
)
from qiskit_modes.simulation.run.window.steps import ArrangeStep, DrawStep, LinearStep

R = TypeVar("R", bound=Rows)

__all__ = ["WindowComponent", "WindowDrawing", "entered", "shots_at_once", "state_bytes"]

STATE_ELEMENTS = 1 << 17
"""So many amplitudes are worked on at a time: 2 MB, within a core's cache."""

PAULI_ELEMENTS = 1 << 18
"""So many numbers of Pauli vectors."""

MOST_SETS_TOGETHER = 16
"""Of so many parameter sets shots are drawn at a time: a call of numpy costs each a 16th then."""

_COPIES = 3
"""A step holds the state before, its rearranged copy and the result."""


@dataclass(frozen=True, eq=False)
class WindowComponent(OneWay):
    """Joined qubits whose shots are drawn qubit by qubit, each as it leaves the state."""

    nodes: tuple[Node, ...]
    """What happens, from an empty state to an empty state."""
    maps: tuple[LinearStep, ...]
    """All linear maps among the nodes; each knows its place here."""
    clbits: tuple[int, ...]
    """Which bits are recorded."""
    columns: Mapping[int, int]
    """A column for each bit that is written or read on the way."""
    width: int
    """The most qubits that are in the state at a time."""
    as_vector: bool
    """Whether the state is a vector and its noise drawn; otherwise it is a Pauli vector."""
    max_loop_rounds: int
    cost: Cost
    block_shots: int
    """So many shots are drawn from one stream."""
    at_once: int
    """So many shots are worked on at a time."""
    num_qubits: int
    """How many qubits are joined."""
    device: ClassVar[str] = "CPU"
    draws_shots: ClassVar[bool] = True
    records_one_bit: ClassVar[bool] = False
    holds_up_others: ClassVar[bool] = True

    @property
    def method(self) -> str:
        """Tell how it is simulated."""
        held = "trajectories" if self.as_vector else "density matrix"
        return f"{held} in a window of {self.width} qubits"

    @property
    def peak(self) -> int:
        """Nothing is held for all parameter sets."""
        return 1

    def sets_together(self, shots: int) -> int:
        """Return of how many parameter sets so many shots are drawn at a time."""
        if self.as_vector or shots > self.at_once:
            return 1
        return min(MOST_SETS_TOGETHER, max(1, self.at_once // shots))

    def peak_bytes(self, num_sets: int) -> int:
        """Return the memory of the states."""
        block = min(self.at_once, self.block_shots)
        shots = block * min(num_sets, self.sets_together(block))
        return state_bytes(self.width, shots, self.as_vector)

    def outcomes(self, sets: ParameterSets) -> Outcomes:
        """Fail: shots are drawn.

        Raises:
            UnsupportedCircuitError: Always.
        """
        # Here and not above: a worker that runs programs needs no Qiskit.
        from qiskit_modes.exceptions import UnsupportedCircuitError

        del sets
        raise UnsupportedCircuitError(
            f"{self.num_qubits} joined qubits of the circuit are simulated by {self.method}, which "
            "draws shots and knows no exact probabilities."
        )

    def sample(self, sets: ParameterSets, shots: int, generator: np.random.Generator) -> Bits:
        """Draw shots of one parameter set, in random order, shape (shots, bits)."""
        drawing = sets.prepared.get(id(self))
        if drawing is None:
            drawing = sets.prepared[id(self)] = self._prepared(sets.products)
        drawn: Bits = drawing.sample(shots, generator)
        return drawn

    def sample_each(
        self, sets: ParameterSets, shots: int, streams: Sequence[np.random.Generator]
    ) -> list[Bits]:
        """Draw shots of several parameter sets: as `sample` of each, and faster.

        Args:
            sets: The parameter sets.
            shots: How many shots of each, at most as many as are worked on at a time.
            streams: Where the random numbers of each come from.
        """
        maps = dict(self._constant_maps)
        for step in self.maps:
            if step.product is not None:
                each = range(len(sets))
                found = [entered(_transfer(step, sets.products, which), step).T for which in each]
                maps[step.number] = np.stack(found)
        rows = PauliRowsOfSets.beginning_all(self.columns, shots, streams)
        rows = WindowDrawing(self, maps).through(rows)
        recorded = rows.of_each(self.clbits)
        return [own.permutation(bits) for own, bits in zip(streams, recorded, strict=True)]

    def _prepared(self, products: Sequence[RealArray]) -> WindowDrawing:
        """Return what draws shots of one parameter set."""
        open_maps = [step for step in self.maps if step.product is not None]
        maps = dict(self._constant_maps)
        if self.as_vector:
            maps.update(_state_maps(open_maps, products))
        else:
            for step in open_maps:
                matrix = _transfer(step, products)
                maps[step.number] = entered(matrix, step).T
        return WindowDrawing(self, maps)

    @cached_property
    def _constant_maps(self) -> dict[int, RealArray | StateMap]:
        maps: dict[int, RealArray | StateMap] = {}
        for step in self.maps:
            if step.kraus is not None:
                (maps[step.number],) = StateMap.all_of(step.kraus[None])
            elif step.transfer is not None:
                maps[step.number] = step.transfer
        return maps


@dataclass(frozen=True)
class WindowDrawing:
    """Draws the shots of a component for one parameter set."""

    component: WindowComponent
    maps: Mapping[int, RealArray | StateMap]
    """What each of its linear maps is."""

    def sample(self, shots: int, generator: np.random.Generator) -> Bits:
        """Return what so many shots record, shape (shots, bits), in random order."""
        at_once = self.component.at_once
        parts = [
            self._drawn(min(at_once, shots - first), generator)
            for first in range(0, shots, at_once)
        ]
        return np.concatenate(parts)

    def _drawn(self, shots: int, generator: np.random.Generator) -> Bits:
        component = self.component
        kind: type[PauliRows | StateRows] = StateRows if component.as_vector else PauliRows
        rows = self.through(kind.beginning(component.columns, shots, generator))
        return generator.permutation(rows.recorded(component.clbits))

    def through(self, rows: R) -> R:
        """Return rows that have not begun as they are at the end."""
        walk: Walk[R] = Walk(self._do, self.component.max_loop_rounds)
        rows, leaving = walk.run(self.component.nodes, rows)
        assert not leaving, "a jump without a loop around it"
        return rows

    def _do(self, deed: object, rows: R) -> R:
        match deed:
            case DrawStep():
                return rows.drawn(deed)
            case ArrangeStep():
                return rows.arranged(deed)
            case LinearStep(number=number):
                what = self.maps[number]
                return rows.applied(deed, what)
        raise AssertionError(f"{deed} is for states of all qubits")


def shots_at_once(width: int, as_vector: bool, available: int) -> int:
    """Return how many shots are worked on at a time, where so many qubits are in the state.

    Args:
        width: How many.
        as_vector: Whether their state is held as a vector.
        available: How many bytes there are.
    """
    cached = STATE_ELEMENTS >> width if as_vector else PAULI_ELEMENTS >> 2 * width
    return max(1, min(cached, available // state_bytes(width, 1, as_vector)))


def state_bytes(width: int, shots: int, as_vector: bool) -> int:
    """Return the memory that the states of so many shots take while they are worked on."""
    return _COPIES * shots * (16 << width if as_vector else 8 << 2 * width)


def entered(transfer: RealArray, step: LinearStep) -> RealArray:
    """Return a transfer matrix, (4^n, 4^n), for those n of its qubits that are in the state."""
    if not step.entering:
        return transfer
    places = range(step.width)
    return transfer @ tensor(*(FRESH if each in step.entering else np.eye(4) for each in places))


def _transfer(step: LinearStep, products: Sequence[RealArray], which: int = 0) -> RealArray:
    """Return the transfer matrix of a map that depends on angles, for one of the parameter sets."""
    assert step.product is not None
    stack, place = step.product
    matrix: RealArray = products[stack][which, place].T
    return matrix


def _state_maps(
    steps: Sequence[LinearStep], products: Sequence[RealArray]
) -> dict[int, RealArray | StateMap]:
    """Return channels that depend on angles, those of one shape by one call."""
    alike: dict[tuple[int, tuple[int, ...]], list[LinearStep]] = {}
    for step in steps:
        alike.setdefault((step.width, step.entering), []).append(step)
    maps: dict[int, RealArray | StateMap] = {}
    for (_, entering), members in alike.items():
        transfers = np.stack([_transfer(step, products) for step in members])
        kraus: ComplexArray = kraus_operators(transfers, entering)
        maps.update(zip((step.number for step in members), StateMap.all_of(kraus), strict=True))
    return maps
