"""Taking what is followed through a circuit along operations that depend on measured values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from qiskit_modes.simulation.classical import Expression
from qiskit_modes.simulation.operations import Jump, Store

__all__ = ["BranchNode", "Followed", "LoopNode", "Node", "Walk"]


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

Node = object
"""A `Store`, a `Jump`, a `BranchNode`, a `LoopNode`, or what is done to a state: of what kind that
is, only what is followed knows."""


class Followed(Protocol):
    """States that are followed, many at once, each with its classical memory."""

    def __len__(self) -> int: ...

    def weight(self) -> float:
        """Return the probability of being in one of these states, or how many shots are."""

    def nobody(self) -> Self:
        """Return none of them."""

    def stored(self, store: Store) -> Self:
        """Return them after a value was written into the memories."""

    def divided(self, condition: Expression) -> tuple[Self, Self]:
        """Return those in which a condition holds, and the others."""

    def joined(self, others: Sequence[Self]) -> Self:
        """Return them together with others."""


F = TypeVar("F", bound=Followed)


@dataclass(frozen=True)
class Walk(Generic[F]):
    """Takes states through a sequence of nodes.

    Wherever nodes depend on measured values, the axes of all states are the same.
    """

    do: Callable[[object, F], F]
    """Does to states what does not depend on what was measured."""
    max_loop_rounds: int

    def run(self, nodes: Sequence[Node], states: F) -> tuple[F, list[tuple[int, F]]]:
        """Return those that come to the end, and those that have jumped out.

        With each of the latter goes the number of loops that it still has to leave.
        """
        leaving: list[tuple[int, F]] = []
        for node in nodes:
            if not len(states):
                break
            match node:
                case Store():
                    states = states.stored(node)
                case BranchNode():
                    states, more = self._run_branch(node, states)
                    leaving += more
                case LoopNode():
                    states, more = self._run_loop(node, states)
                    leaving += more
                case Jump(levels):
                    leaving.append((levels, states))
                    states = states.nobody()
                case _:
                    states = self.do(node, states)
        return states, leaving

    def _run_branch(self, node: BranchNode, states: F) -> tuple[F, list[tuple[int, F]]]:
        done: list[F] = []
        leaving: list[tuple[int, F]] = []
        for condition, body in node.arms:
            taken, states = states.divided(condition)
            taken, more = self.run(body, taken)
            done.append(taken)
            leaving += more
        first, *others = [*done, states]
        return first.joined(others), leaving

    def _run_loop(self, node: LoopNode, states: F) -> tuple[F, list[tuple[int, F]]]:
        done = states.nobody()
        leaving: list[tuple[int, F]] = []
        rounds = 0
        while len(states):
            if node.condition is not None:
                states, ended = states.divided(node.condition)
                done = done.joined([ended])
            states, jumped = self.run(node.body, states)
            done = done.joined([part for levels, part in jumped if levels == 1])
            leaving += [(levels - 1, part) for levels, part in jumped if levels > 1]
            if node.condition is None:
                done = done.joined([states])
                break
            rounds += 1
            if rounds == self.max_loop_rounds:
                self._give_up(states)
                break
        return done, leaving

    def _give_up(self, states: F) -> None:
        """End a loop: silently if what still runs is too improbable to be seen."""
        running = states.weight()
        if running > IMPROBABLE:
            # Here and not above: a worker that runs programs needs no Qiskit.
            from qiskit_modes.exceptions import QiskitModesError

            raise QiskitModesError(
                f"A while_loop still runs after {self.max_loop_rounds} rounds with the "
                f"probability {running:.2g}. Let its condition become false."
            )
