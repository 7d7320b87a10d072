"""Components with operations that depend on measured values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qiskit_modes.simulation.classical import Expression, write
from qiskit_modes.simulation.operations import Jump, Measure, Store
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.run.pauli_vector.branches import Branches, concatenate
from qiskit_modes.simulation.run.pauli_vector.density import apply_plan
from qiskit_modes.simulation.run.pauli_vector.plan import Plan

__all__ = ["BranchNode", "LoopNode", "Node", "Walk"]


@dataclass(frozen=True)
class BranchNode:
    """Run the first of several sequences whose condition holds."""

    arms: tuple[tuple[Expression, tuple[Node, ...]], ...]


@dataclass(frozen=True)
class LoopNode:
    """Run a sequence while a condition holds, or once if there is none."""

    condition: Expression | None
    body: tuple[Node, ...]


IMPROBABLE = 1e-10
"""What is left of a loop after very many rounds may be ignored up to this probability."""

Node = Plan | Measure | Store | Jump | BranchNode | LoopNode

Leaving = list[tuple[int, Branches]]
"""Branches that have jumped, each with the number of loops that it still has to leave."""


@dataclass(frozen=True)
class Walk:
    """Takes branches through a sequence of nodes, for some parameter sets.

    Between any two nodes the state's axes are all of the component's qubits, in their order.
    """

    qubits: tuple[int, ...]
    products: Sequence[RealArray]
    """The matrices that depend on angles."""
    max_loop_rounds: int

    def run(self, nodes: Sequence[Node], branches: Branches) -> tuple[Branches, Leaving]:
        """Return the branches that come to the end, and those that have jumped out."""
        leaving: Leaving = []
        for node in nodes:
            if not len(branches):
                break
            match node:
                case Plan():
                    branches = branches.evolved(apply_plan(node, branches.state, self.products))
                case Measure():
                    axis = self.qubits.index(node.qubit)
                    branches = branches.measured(node, axis, len(self.qubits))
                case Store():
                    branches = branches.stored(
                        write(memory, node.clbits, node.value.evaluate(memory))
                        for memory in branches.memories
                    )
                case BranchNode():
                    branches, more = self._run_branch(node, branches)
                    leaving += more
                case LoopNode():
                    branches, more = self._run_loop(node, branches)
                    leaving += more
                case Jump(levels):
                    leaving.append((levels, branches))
                    branches = branches.chosen([])
        return branches, leaving

    def _run_branch(self, node: BranchNode, branches: Branches) -> tuple[Branches, Leaving]:
        done: list[Branches] = []
        leaving: Leaving = []
        for condition, body in node.arms:
            taken, branches = _divide(branches, condition)
            taken, more = self.run(body, taken)
            done.append(taken)
            leaving += more
        return concatenate([*done, branches]), leaving

    def _run_loop(self, node: LoopNode, branches: Branches) -> tuple[Branches, Leaving]:
        done = branches.chosen([])
        leaving: Leaving = []
        rounds = 0
        while len(branches):
            if node.condition is not None:
                branches, ended = _divide(branches, node.condition)
                done = concatenate([done, ended])
            branches, jumped = self.run(node.body, branches)
            done = concatenate([done, *(part for levels, part in jumped if levels == 1)])
            leaving += [(levels - 1, part) for levels, part in jumped if levels > 1]
            if node.condition is None:
                done = concatenate([done, branches])
                break
            rounds += 1
            if rounds == self.max_loop_rounds:
                self._give_up(branches)
                break
        return done, leaving

    def _give_up(self, branches: Branches) -> None:
        """End a loop: silently if what still runs is too improbable to be seen."""
        running = branches.weight()
        if running > IMPROBABLE:
            # Here and not above: a worker that runs programs needs no Qiskit.
            from qiskit_modes.exceptions import QiskitModesError

            raise QiskitModesError(
                f"A while_loop still runs after {self.max_loop_rounds} rounds with the "
                f"probability {running:.2g}. Let its condition become false."
            )


def _divide(branches: Branches, condition: Expression) -> tuple[Branches, Branches]:
    """Return the branches in which a condition holds, and the others."""
    holds = np.array([bool(condition.evaluate(memory)) for memory in branches.memories], dtype=bool)
    return (
        branches.chosen(np.flatnonzero(holds).tolist()),
        branches.chosen(np.flatnonzero(~holds).tolist()),
    )
