"""Costs of simulating a component, estimated when it is compiled.

Estimates decide which of several exact methods is used and where a job is divided; they depend on
the circuit alone, so that both are the same on every machine. The constants are seconds on one
core of an AMD EPYC (2026, numpy 2 with one BLAS thread, qiskit-aer 0.18.2), measured on lines of 2
to 13 qubits of fake_torino with 2 to 6 layers of gates; they hold within a factor of two there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qiskit_modes.simulation.operations import Measure, Store
from qiskit_modes.simulation.run.cost import Cost, doubled
from qiskit_modes.simulation.run.ideal.state_vector import StateEvolution
from qiskit_modes.simulation.run.pauli_vector.contraction import Contraction
from qiskit_modes.simulation.run.pauli_vector.feed_forward import BranchNode, LoopNode, Node

__all__ = [
    "ROUNDS",
    "TYPICAL_SHOTS",
    "WindowWork",
    "crossover",
    "feed_forward_costs",
    "known_cost",
    "stabilizer_cost",
    "state_cost",
    "state_seconds",
    "static_cost",
]

SECONDS_PER_STEP = 5e-6
"""The call of numpy's functions."""
SECONDS_PER_ELEMENT = 3e-9
"""One number of a state, moved and multiplied by its row, while states fit into a cache."""
SECONDS_PER_FAR_ELEMENT = 9e-9
"""The same in states of more than `NEAR_ELEMENTS` numbers."""
NEAR_ELEMENTS = 1 << 23

SECONDS_PER_STATE_STEP = 12e-6
"""The calls for one step of a state vector."""
SECONDS_PER_AMPLITUDE = 6e-9
"""One amplitude in one such step of as many qubits as blocks have: 5.2 ns at 14 qubits, where they
have four; 6.4 at 18, 6.6 at 20 and 7.1 at 22, where they have five, by one thread."""
SECONDS_PER_ROUND = 20e-6
SECONDS_PER_MATRIX = 2e-6
"""Making the matrices of blocks whose angles are open: the calls, and each factor."""

SECONDS_PER_DRAW = 5e-8
"""One shot drawn from a known distribution."""

SECONDS_PER_BIT = 2e-10
"""One bit of one direction in which outcomes differ, for each shot."""

SECONDS_PER_BRANCH = 1e-6
"""One branch at one place where branches part or meet."""

SECONDS_PER_WINDOW_MAP = 25e-6
"""The calls for one linear map of a window, and ..."""
SECONDS_PER_WINDOW_DRAW = 45e-6
"""... for drawing what a qubit is found in."""
SECONDS_PER_WINDOW_AMPLITUDE = 7e-9
"""One amplitude in a map, with the few rows that draw another operator than the likeliest."""
SECONDS_PER_WINDOW_ELEMENT = 4e-9
"""One number of a Pauli vector in a map."""

WINDOW_BLOCK_SECONDS = 0.1
"""A block of shots of a window takes at least so long, ..."""
WINDOW_BLOCK_CALLS = 10
"""... and so many times what it costs before the first shot."""

TYPICAL_SHOTS = 1000
"""Two ways of drawing shots one by one are compared at this number."""

ROUNDS = 2
"""How often a loop is expected to run that ends by what was measured."""


class WindowWork:
    """Adds up what is done to the state of a window, for every shot."""

    def __init__(self) -> None:
        self.width = 0
        """The most qubits that are in the window at a time."""
        self._bits = 0.0
        self._calls = 0.0
        self._amplitudes = 0.0
        self._elements = 0.0

    def add_map(self, width: int, *, share: float = 1.0) -> None:
        """Add a linear map on a state of so many qubits, to which a share of the shots come."""
        self._add(width, SECONDS_PER_WINDOW_MAP, share)

    def add_draw(self, width: int, *, records: bool, share: float = 1.0) -> None:
        """Add a measurement, whose outcome may be recorded."""
        self._add(width, SECONDS_PER_WINDOW_DRAW, share)
        self._bits += records

    def _add(self, width: int, calls: float, share: float) -> None:
        self.width = max(self.width, width)
        self._calls += calls
        self._amplitudes += share * doubled(width)
        # As long as little was recorded, many shots are one row.
        rows = min(1.0, doubled(self._bits) / TYPICAL_SHOTS)
        self._elements += share * doubled(2 * width) * rows

    def cost(self, *, as_vector: bool, at_once: int, prepared: float) -> Cost:
        """Return the cost of holding the state in one of two ways.

        Args:
            as_vector: Which.
            at_once: How many shots are worked on at a time.
            prepared: Seconds before the first shot.
        """
        if as_vector:
            per_shot = self._amplitudes * SECONDS_PER_WINDOW_AMPLITUDE
        else:
            per_shot = self._elements * SECONDS_PER_WINDOW_ELEMENT
        each = max(per_shot + self._calls / at_once, SECONDS_PER_DRAW)
        return Cost(prepared, each, drawn_singly=True)

    def block_shots(self, cost: Cost) -> int:
        """Return how many shots are one block."""
        seconds = max(WINDOW_BLOCK_SECONDS, WINDOW_BLOCK_CALLS * cost.once)
        return max(1, round(seconds / cost.per_shot))


def contraction_seconds(contraction: Contraction, branches: float = 1.0) -> float:
    """Return the seconds for taking so many branches of one parameter set through a contraction."""
    far = contraction.peak * branches > NEAR_ELEMENTS
    per_element = SECONDS_PER_FAR_ELEMENT if far else SECONDS_PER_ELEMENT
    return len(contraction.steps) * SECONDS_PER_STEP + contraction.moved * branches * per_element


def static_cost(contraction: Contraction) -> Cost:
    """Return the cost of a component whose operations do not depend on measured values."""
    return Cost(contraction_seconds(contraction), SECONDS_PER_DRAW)


def known_cost() -> Cost:
    """Return the cost of a component whose distribution is known."""
    return Cost(SECONDS_PER_STEP, SECONDS_PER_DRAW)


def state_seconds(evolution: StateEvolution) -> float:
    """Return the seconds for taking one parameter set through the steps of a state vector."""
    stages = [] if evolution.tower.is_constant else evolution.tower.stages
    rounds = [each for stage in stages for rounds in stage.rounds.values() for each in rounds]
    return (
        len(evolution.steps) * SECONDS_PER_STATE_STEP
        + evolution.moved * SECONDS_PER_AMPLITUDE
        + len(rounds) * SECONDS_PER_ROUND
        + sum(len(each.sources) for each in rounds) * SECONDS_PER_MATRIX
    )


def state_cost(body: StateEvolution, ending: StateEvolution | None) -> Cost:
    """Return the cost of a component that is a state vector."""
    last = body if ending is None else ending
    once = state_seconds(body) + (0.0 if ending is None else state_seconds(ending))
    return Cost(once + SECONDS_PER_AMPLITUDE * doubled(len(last.axes)), SECONDS_PER_DRAW)


def stabilizer_cost(elements: int) -> Cost:
    """Return the cost of a component of Clifford gates, whose directions have so many bits."""
    return Cost(SECONDS_PER_STEP, SECONDS_PER_DRAW + SECONDS_PER_BIT * elements)


def feed_forward_costs(nodes: Sequence[Node], final: Contraction, size: int) -> tuple[Cost, Cost]:
    """Return the cost of following all branches, and that of dividing the shots among them.

    Args:
        nodes: What the component does.
        final: Its last stretch.
        size: Numbers of the state of one branch.
    """
    walk = _Walk(size)
    walk.add([*nodes, final], 1.0)
    return (
        Cost(walk.all_branches, SECONDS_PER_DRAW),
        # A component without qubits takes no time, and a shot is drawn all the same.
        Cost(walk.calls, max(walk.one_branch, SECONDS_PER_DRAW), drawn_singly=True),
    )


class _Walk:
    """Adds up what is met on the way through a component; every written bit doubles them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._bits: set[int] = set()
        self.all_branches = 0.0
        self.one_branch = 0.0
        self.calls = 0.0
        """What it costs to follow no branch."""

    def add(self, nodes: Sequence[Node], share: float) -> None:
        """Add nodes to which a share of the branches comes."""
        for node in nodes:
            match node:
                case Contraction():
                    branches = share * doubled(len(self._bits))
                    self.all_branches += contraction_seconds(node, branches)
                    self.one_branch += share * (
                        contraction_seconds(node) - contraction_seconds(node, 0.0)
                    )
                    self.calls += contraction_seconds(node, 0.0)
                case Measure(clbit=clbit):
                    self._move(share)
                    self._bits.add(clbit)
                case Store(clbits):
                    self._bits.update(clbits)
                case BranchNode(arms):
                    for _, body in arms:
                        self.add(body, share / 2)
                    self._move(share)
                case LoopNode(condition, body):
                    rounds = 1 if condition is None else ROUNDS
                    for _ in range(rounds):
                        self.add(body, share)
                        self._move(share)

    def _move(self, share: float) -> None:
        """Add what it costs to divide the branches or to put them together."""
        branches = share * doubled(len(self._bits))
        far = self._size * branches > NEAR_ELEMENTS
        per_element = SECONDS_PER_FAR_ELEMENT if far else SECONDS_PER_ELEMENT
        self.all_branches += SECONDS_PER_STEP + branches * (
            SECONDS_PER_BRANCH + self._size * per_element
        )
        self.one_branch += share * (SECONDS_PER_BRANCH + self._size * SECONDS_PER_ELEMENT)


def crossover(all_at_once: Cost, singly: Cost) -> float:
    """Return from how many shots on the first of two ways is the cheaper one."""
    more = singly.per_shot - all_at_once.per_shot
    if more <= 0:
        return 0.0 if all_at_once.once <= singly.once else math.inf
    return max(0.0, (all_at_once.once - singly.once) / more)
