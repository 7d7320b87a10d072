"""The kinds of components of a compiled circuit, by how they are simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.operations import Measure
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.run.component import (
    Bits,
    DrawnFromOutcomes,
    OneWay,
    ParameterSets,
    SingleComponent,
)
from qiskit_modes.simulation.run.cost import Cost, density_bytes
from qiskit_modes.simulation.run.outcomes import Outcomes
from qiskit_modes.simulation.run.pauli_vector.branches import Branches
from qiskit_modes.simulation.run.pauli_vector.contraction import Contraction
from qiskit_modes.simulation.run.pauli_vector.density import contract
from qiskit_modes.simulation.run.pauli_vector.feed_forward import Node, Walk
from qiskit_modes.simulation.run.sampling import draw_rows

__all__ = [
    "EitherComponent",
    "FeedForwardComponent",
    "StaticComponent",
]


@dataclass(frozen=True, eq=False)
class StaticComponent(DrawnFromOutcomes):
    """Joined qubits whose operations do not depend on measured values."""

    contraction: Contraction
    clbits: tuple[int, ...]
    """Bits of an outcome, most significant first."""
    cost: Cost
    method: ClassVar[str] = "density matrix"
    holds_up_others: ClassVar[bool] = False

    @property
    def peak(self) -> int:
        """Largest number of float64 numbers held for one parameter set."""
        return self.contraction.peak

    def outcomes(self, sets: ParameterSets) -> Outcomes:
        """Return the exact distribution for every parameter set."""
        begin = np.ones((len(sets), 1, 1))
        weights = contract(self.contraction, begin, sets.products).reshape(len(sets), -1)
        return Outcomes(weights, self.clbits)


@dataclass(frozen=True, eq=False)
class FeedForwardComponent(OneWay):
    """Joined qubits with operations that depend on measured values."""

    qubits: tuple[int, ...]
    nodes: tuple[Node, ...]
    final: Contraction
    """What happens after the last operation that depends on a measured value."""
    remembered: tuple[int, ...]
    """Bits that are recorded in the classical memory on the way."""
    max_loop_rounds: int
    peak: int
    """Estimate of the float64 numbers held for one parameter set if every branch is followed."""
    cost: Cost
    block_shots: int | None = None
    """With a number, shots are divided among branches, so many at a time; otherwise every branch
    is followed."""

    holds_up_others: ClassVar[bool] = False
    records_one_bit: ClassVar[bool] = False

    @property
    def draws_shots(self) -> bool:
        """Tell whether shots are divided among branches."""
        return self.block_shots is not None

    def peak_bytes(self, num_sets: int) -> int:
        """Return the memory for so many parameter sets at once; shots are drawn for one each."""
        if self.block_shots is not None:
            return density_bytes(min(self.peak, self.block_shots * 4 ** len(self.qubits)))
        return density_bytes(self.peak * num_sets)

    @property
    def device(self) -> str:
        """Tell where it is simulated."""
        return "CPU"

    @property
    def method(self) -> str:
        """Tell how it is simulated."""
        return "density matrix, " + ("all branches" if self.block_shots is None else "by shots")

    @property
    def clbits(self) -> tuple[int, ...]:
        """Return the bits of an outcome: those on the way, then those measured at the end."""
        return (*self.remembered, *(number for _, number in self.final.axes))

    def outcomes(self, sets: ParameterSets) -> Outcomes:
        """Return the exact distribution for every parameter set, following every branch."""
        branches = self._walk(sets.products, Branches((0,), np.ones((len(sets), 1, 1))))
        weights = contract(self.final, branches.state, sets.products)
        patterns = self._patterns(
            branches, *np.divmod(np.arange(weights[0].size), weights.shape[2])
        )
        return Outcomes(weights.reshape(len(sets), -1), self.clbits, patterns)

    def sample(self, sets: ParameterSets, shots: int, generator: np.random.Generator) -> Bits:
        """Draw shots for one parameter set, dividing them among the branches.

        Returns:
            Shape (shots, bits), in random order.
        """
        begin = Branches((0,), np.ones((1, 1, 1)), np.array([shots]), generator)
        branches = self._walk(sets.products, begin)
        assert branches.shots is not None
        weights = contract(self.final, branches.state, sets.products)[0]
        rows = np.repeat(np.arange(len(branches)), branches.shots)
        drawn = self._patterns(branches, rows, draw_rows(weights, rows, generator))
        return generator.permutation(drawn)

    def _walk(self, products: Sequence[RealArray], branches: Branches) -> Branches:
        def do(deed: object, branches: Branches) -> Branches:
            if isinstance(deed, Measure):
                axis = self.qubits.index(deed.qubit)
                return branches.measured(deed, axis, len(self.qubits))
            assert isinstance(deed, Contraction)
            return branches.evolved(contract(deed, branches.state, products))

        # Between any two nodes the axes are all of the component's qubits, in their order.
        branches, leaving = Walk(do, self.max_loop_rounds).run(self.nodes, branches)
        assert not leaving, "a jump without a loop around it"
        return branches

    def _patterns(
        self, branches: Branches, rows: npt.NDArray[np.intp], finals: npt.NDArray[np.intp]
    ) -> Bits:
        """Return the recorded bits for branches and outcomes of the final measurements."""
        on_the_way = np.array(
            [[memory >> bit & 1 for bit in self.remembered] for memory in branches.memories],
            dtype=np.bool_,
        ).reshape(len(branches), len(self.remembered))
        digits = np.arange(len(self.final.axes))[::-1]
        return np.hstack([on_the_way[rows], (finals[:, None] >> digits & 1).astype(np.bool_)])


@dataclass(frozen=True, eq=False)
class EitherComponent:
    """Joined qubits for which the number of shots decides how they are simulated."""

    exact: SingleComponent
    """Costs the same however many shots are drawn."""
    singly: SingleComponent
    """Costs so much for every shot."""
    from_shots: int
    """From so many shots on, the first is the cheaper one."""

    def chosen(self, shots: int) -> SingleComponent:
        """Return the component for so many shots of each parameter set."""
        return self.exact if shots >= self.from_shots else self.singly

    @property
    def clbits(self) -> tuple[int, ...]:
        """Return the recorded bits."""
        return self.singly.clbits

    @property
    def peak(self) -> int:
        """Largest number of float64 numbers held for one parameter set."""
        return self.exact.peak

    @property
    def method(self) -> str:
        """Tell how it is simulated."""
        return f"{self.exact.method}; below {self.from_shots:,} shots {self.singly.method}"

    @property
    def device(self) -> str:
        """Tell where it is simulated."""
        exact, singly = self.exact.device, self.singly.device
        if exact == singly:
            return exact
        return f"{exact}; below {self.from_shots:,} shots {singly}"
