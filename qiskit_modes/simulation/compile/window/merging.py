"""Merging the operations of a component once, for all ways of simulating it that are looked at."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit_modes.simulation.compile.components import final_measurements
from qiskit_modes.simulation.compile.merge import Group, merge
from qiskit_modes.simulation.compile.window.lives import lives_apart
from qiskit_modes.simulation.operations import Block, Measure, Operation
from qiskit_modes.simulation.settings import Settings

__all__ = ["Merging", "to_draw"]


class Merging:
    """Merges operations into groups, and keeps those of the component that it was asked for last.

    Args:
        settings: Which optimisations are on.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last: tuple[Block, bool, list[Group], list[Measure]] | None = None

    def of(self, block: Block, *, in_window: bool = False) -> tuple[list[Group], list[Measure]]:
        """Return a component's groups, in an order in which they may be applied, and what is last.

        Args:
            block: The component.
            in_window: Whether qubits are measured as they leave. Rotations are folded into larger
                groups then, however few the qubits are, and a bit that something else writes or
                reads is measured in its turn.
        """
        folds = in_window or len(block.qubits) >= self._settings.fold_from_qubits
        if self._last is not None and self._last[0] is block and self._last[1] == folds:
            _, _, groups, finals = self._last
            return list(groups), list(finals)
        before, finals = final_measurements(lives_apart(block))
        in_turn, free = to_draw(before, finals)
        if in_window and len(free) < len(finals):
            return self._merged(in_turn, folds), free
        groups = self._merged(before, folds)
        if len(free) == len(finals):
            self._last = block, folds, groups, finals
        return list(groups), list(finals)

    def merged(self, operations: Sequence[Operation], num_qubits: int) -> list[Group]:
        """Return the groups of a stretch of a component that has so many qubits."""
        return self._merged(operations, num_qubits >= self._settings.fold_from_qubits)

    def in_window(self, operations: Sequence[Operation]) -> list[Group]:
        """Return the groups of a stretch of a window."""
        return self._merged(operations, True)

    def _merged(self, operations: Sequence[Operation], folds: bool) -> list[Group]:
        return merge(operations, enabled=self._settings.merge, fold_rotations=folds)


def to_draw(
    before: Sequence[Operation], finals: Sequence[Measure]
) -> tuple[list[Operation], list[Measure]]:
    """Return what is done to a component, and the measurements by which its qubits may leave.

    Args:
        before: What is done before the measurements at the end, see `final_measurements`.
        finals: These.
    """
    # A bit that something else writes or reads has to wait for that.
    used = Block(tuple(before)).clbits
    in_turn = [*before, *(measure for measure in finals if measure.clbit in used)]
    return in_turn, [measure for measure in finals if measure.clbit not in used]
