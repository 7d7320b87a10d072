"""Decides whether a component can be simulated qubit by qubit, and how."""

from __future__ import annotations

from typing import NamedTuple

from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.simulation.compile.costs import TYPICAL_SHOTS, WindowWork
from qiskit_modes.simulation.compile.merge import Group
from qiskit_modes.simulation.compile.methods import readable
from qiskit_modes.simulation.compile.product_pool import ProductPool
from qiskit_modes.simulation.compile.window.merging import Merging
from qiskit_modes.simulation.compile.window.order import ordered
from qiskit_modes.simulation.compile.window.window_builder import WindowBuilder, window_work
from qiskit_modes.simulation.operations import Block, Measure, is_static
from qiskit_modes.simulation.run.cost import Cost
from qiskit_modes.simulation.run.estimate import readable_seconds
from qiskit_modes.simulation.run.window.component import (
    WindowComponent,
    shots_at_once,
    state_bytes,
)
from qiskit_modes.simulation.settings import Settings

__all__ = ["BY_PROPAGATION", "LONGEST_SHOT_SECONDS", "WindowPlanner", "best_way", "too_wide"]

LONGEST_SHOT_SECONDS = 60.0
"""What takes longer for a single shot is refused: a thousand of them would take most of a day."""

BY_PROPAGATION = (
    ", or its option simulator.pauli_propagation_max_terms, which approximates expectation values "
    "with a bound on their error"
)
"""What a refusal says where it would help."""

SECONDS_PER_OPEN_MAP = 0.2e-3
"""Making operators of a channel whose angles are open, for every parameter set."""


class _Plan(NamedTuple):
    """Plan of holding a component in a window."""

    groups: list[Group]
    """In the order in which they are done."""
    finals: list[Measure]
    work: WindowWork
    as_vector: bool
    cost: Cost


class WindowPlanner:
    """Prepares components as windows.

    Args:
        pool: Collects the products that depend on angles.
        merging: Merges operations.
        settings: Which optimisations are on.
        wanted: The classical bits that will be read.
    """

    def __init__(
        self, pool: ProductPool, merging: Merging, settings: Settings, wanted: frozenset[int]
    ) -> None:
        self._pool = pool
        self._merging = merging
        self._settings = settings
        self._wanted = wanted
        self._planned: tuple[Block, _Plan] | None = None
        """The last component, and what was found out about it."""

    def build(self, block: Block, available: int) -> WindowComponent | None:
        """Return a component as a window; None if it is too wide or would take too long."""
        if not block.qubits or self._settings.only not in {None, "Pauli window", "state window"}:
            return None
        plan = self._plan(block, available)
        work, cost = plan.work, plan.cost
        if (
            state_bytes(work.width, 1, plan.as_vector) > available
            or cost.per_shot > LONGEST_SHOT_SECONDS
        ):
            return None
        builder = WindowBuilder(self._pool, plan.as_vector, self._merging.in_window)
        nodes = builder.build(plan.groups, plan.finals)
        return WindowComponent(
            nodes=nodes,
            maps=tuple(builder.maps),
            clbits=tuple(sorted(block.clbits & self._wanted)),
            columns={clbit: column for column, clbit in enumerate(sorted(block.clbits))},
            width=work.width,
            as_vector=plan.as_vector,
            max_loop_rounds=self._settings.max_loop_rounds,
            cost=cost,
            block_shots=work.block_shots(cost),
            at_once=shots_at_once(work.width, plan.as_vector, available),
            num_qubits=len(block.qubits),
        )

    def refusal(self, block: Block, available: int) -> SimulationTooLargeError:
        """Return the error that says why a component cannot be simulated, and the ways out."""
        plan = self._plan(block, available)
        return too_wide(block, plan.work, plan.cost, available)

    def _plan(self, block: Block, available: int) -> _Plan:
        """Return the plan of a component; that of the last one is known."""
        if self._planned is None or self._planned[0] is not block:
            groups, finals = self._merging.of(block, in_window=True)
            groups = ordered(groups)
            work = window_work(groups, finals)
            as_vector, cost = self._way(groups, work, available)
            self._planned = block, _Plan(groups, finals, work, as_vector, cost)
        return self._planned[1]

    def _way(self, groups: list[Group], work: WindowWork, available: int) -> tuple[bool, Cost]:
        """Return whether the state is best held as a vector, and the cost."""
        open_maps = sum(group.lone is None and not group.is_constant for group in groups)
        prepared = open_maps * SECONDS_PER_OPEN_MAP
        return best_way(work, prepared, available, self._settings.only)


def best_way(
    work: WindowWork, prepared: float, available: int, only: str | None = None
) -> tuple[bool, Cost]:
    """Return whether the state of a window is best held as a vector, and the cost.

    Args:
        work: What is done to it.
        prepared: Seconds before the first shot where it is a vector.
        available: How many bytes there are.
        only: What `Settings.only` says.
    """
    costs = {
        as_vector: work.cost(
            as_vector=as_vector,
            at_once=shots_at_once(work.width, as_vector, available),
            prepared=prepared if as_vector else 0.0,
        )
        for as_vector in (False, True)
    }
    if only in {"Pauli window", "state window"}:
        as_vector = only == "state window"
    else:
        as_vector = _typical(costs[True]) < _typical(costs[False])
    return as_vector, costs[as_vector]


def _typical(cost: Cost) -> float:
    return cost.once + cost.per_shot * TYPICAL_SHOTS


def too_wide(block: Block, work: WindowWork, cost: Cost, available: int) -> SimulationTooLargeError:
    """Return the error that says why so many joined qubits cannot be simulated, and the ways out.

    Args:
        block: What joins them.
        work: What is done to those in the window.
        cost: What that costs.
        available: How many bytes there are.
    """
    needed = state_bytes(work.width, 1, True)
    return SimulationTooLargeError(
        f"The circuit joins {len(block.qubits)} qubits into one state, of which {work.width} "
        "have to be held at a time even if its operations are done in an order that lets each "
        f"qubit leave as early as it can: that takes about {readable_seconds(cost.per_shot)} "
        f"for each shot and {readable(needed)}, and {readable(available)} may be used. Use "
        "fewer layers of gates, or qubits that are joined along a line; an observable on fewer "
        f"qubits, where an estimator asks{BY_PROPAGATION if is_static(block) else ''}; or a method "
        "whose memory does not grow so: "
        "AerSimulator.from_backend(backend, method='matrix_product_state') keeps the backend's "
        "noise and suits weakly entangled circuits, and Clifford gates with Pauli noise are "
        "never too large.",
        num_qubits=len(block.qubits),
        needed_bytes=needed,
        available_bytes=available,
    )
