"""Running programs: the only thing a worker process does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qiskit_modes.simulation.aer_component import AerComponent
from qiskit_modes.simulation.compiled import CompiledCircuit
from qiskit_modes.simulation.component_kinds import (
    EitherComponent,
    FeedForwardComponent,
    SingleComponent,
)
from qiskit_modes.simulation.outcomes import Outcomes
from qiskit_modes.simulation.packing import Bytes
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.program import Program, Run, RunSamples, Samples
from qiskit_modes.simulation.sampling import draw, draw_bits, stream

__all__ = ["execute", "outcome_probabilities"]


def execute(program: Program) -> Samples:
    """Run a program.

    A pure function of the program: the same seed gives the same bits in any process.
    """
    return Samples(
        tuple(
            _run(program.circuits[run.circuit], run, position, program.seed)
            for position, run in enumerate(program.runs)
        )
    )


def _run(compiled: CompiledCircuit, run: Run, position: int, seed: int) -> RunSamples:
    number = position if run.number is None else run.number
    values = np.asarray(run.parameter_values, dtype=float)
    shots = range(*(run.shot_range or (0, run.shots)))
    packed = np.zeros((len(values), len(shots), compiled.layout.row_bytes), dtype=np.uint8)
    components = {
        index: component.chosen(run.shots)
        for index, component in enumerate(compiled.components)
        if run.components is None or index in run.components
    }
    for start in range(0, len(values), compiled.sets_at_once):
        chunk = slice(start, start + compiled.sets_at_once)
        place = (number, run.first_set + start)
        drawing = _Drawing(compiled, values[chunk], packed[chunk], shots, seed, place)
        drawing.draw(components)
    registers = {name: packed[..., part] for name, part in compiled.layout.slices.items()}
    return RunSamples(registers, number, run.first_set, shots.start)


@dataclass(frozen=True)
class _Drawing:
    """Draws the shots of some parameter sets of one run and writes them into ``packed``."""

    compiled: CompiledCircuit
    values: RealArray
    packed: Bytes
    shots: range
    """Which of the run's shots."""
    seed: int
    place: tuple[int, int]
    """Number of the run, and of the first of these parameter sets in it."""

    def draw(self, components: Mapping[int, SingleComponent]) -> None:
        """Draw what some components record, given by their indices."""
        products = self.compiled.products.evaluate(self.compiled.angles.evaluate(self.values))
        single_bits: list[int] = []
        single_weights: list[RealArray] = []
        for index, component in components.items():
            if isinstance(component, AerComponent) or component.block_shots is not None:
                self._draw_blocks(index, component, products)
                continue
            outcomes = component.outcomes(products, len(self.packed))
            if outcomes.is_one_bit:
                single_bits += component.clbits
                single_weights.append(outcomes.weights)
            else:
                self._draw_outcomes(index, outcomes)
        if single_bits:
            self._draw_bits(single_bits, np.stack(single_weights, axis=1))

    def _stream(self, which: int, *place: int) -> np.random.Generator:
        run, first_set = self.place
        return stream(self.seed, run, first_set + which, *place)

    def _draw_blocks(
        self,
        index: int,
        component: AerComponent | FeedForwardComponent,
        products: Sequence[RealArray],
    ) -> None:
        """Draw shots that are simulated, each block from a stream of its own."""
        size = component.block_shots or len(self.shots)
        for which in range(len(self.packed)):
            own = [stack[which : which + 1] for stack in products]
            for start in range(0, len(self.shots), size):
                part = slice(start, min(start + size, len(self.shots)))
                block = (
                    () if component.block_shots is None else ((self.shots.start + start) // size,)
                )
                generator = self._stream(which, index, *block)
                if isinstance(component, AerComponent):
                    bits = component.sample(self.values[which], part.stop - part.start, generator)
                else:
                    bits = component.sample(own, part.stop - part.start, generator)
                rows = self.compiled.layout.pack_bits(component.clbits, bits)
                self.packed[which, part] |= rows

    def _draw_outcomes(self, index: int, outcomes: Outcomes) -> None:
        for which, packed in enumerate(self.packed):
            drawn = draw(outcomes.weights[which], len(self.shots), self._stream(which, index))
            packed |= outcomes.packed(self.compiled.layout, drawn)

    def _draw_bits(self, clbits: Sequence[int], weights: RealArray) -> None:
        """Draw independent bits together: a hundred lone qubits cost little more than one."""
        for which, packed in enumerate(self.packed):
            generator = self._stream(which, len(self.compiled.components))
            bits = draw_bits(weights[which], len(self.shots), generator)
            packed |= self.compiled.layout.pack_bits(clbits, bits)


def outcome_probabilities(
    compiled: CompiledCircuit, parameter_values: RealArray | Sequence[float] = ()
) -> dict[int, float]:
    """Return the exact joint distribution over all classical bits.

    Args:
        compiled: A compiled circuit no component of which is simulated by Aer.
        parameter_values: Shape (num_parameters,).

    Returns:
        The probability of each value of the classical memory, where bit k of the key is the
        circuit's classical bit k.

    Raises:
        UnsupportedCircuitError: If a component is simulated by Aer.
    """
    values = np.asarray(parameter_values, dtype=float).reshape(1, -1)
    products = compiled.products.evaluate(compiled.angles.evaluate(values))
    joint = {0: 1.0}
    for either in compiled.components:
        component = either.exact if isinstance(either, EitherComponent) else either
        if isinstance(component, AerComponent):
            # Here and not above: a worker that runs programs needs no Qiskit.
            from qiskit_modes.exceptions import UnsupportedCircuitError

            raise UnsupportedCircuitError(
                f"{component.circuit.num_qubits} joined qubits of the circuit are simulated by "
                f"{component.method}, which draws shots and knows no exact probabilities."
            )
        outcomes = component.outcomes(products, 1)
        pairs = list(zip(outcomes.memories(), outcomes.weights[0].tolist(), strict=True))
        grown: dict[int, float] = defaultdict(float)
        for memory, weight in joint.items():
            for other, factor in pairs:  # different ways may lead to the same record
                grown[memory | other] += weight * factor
        joint = dict(grown)
    return joint
