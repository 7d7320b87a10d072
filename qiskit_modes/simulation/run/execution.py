"""Running programs: the only thing a worker process does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import NamedTuple

import numpy as np

from qiskit_modes.simulation.packing import Bytes
from qiskit_modes.simulation.pauli_basis import ComplexArray, RealArray
from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.run.component import ParameterSets, SingleComponent
from qiskit_modes.simulation.run.outcomes import Outcomes
from qiskit_modes.simulation.run.program import Program, RunSamples, Samples
from qiskit_modes.simulation.run.sampling import draw, draw_bits
from qiskit_modes.simulation.run.share import Share, alone
from qiskit_modes.simulation.run.sharing import sharing_runs
from qiskit_modes.simulation.run.streams import give_back, stream

__all__ = ["execute", "outcome_probabilities"]

SHOTS_AT_ONCE = 1 << 16
"""So many shots are drawn at a time, and packed: before, each bit of each shot takes 8 bytes. The
random numbers are those of one draw."""


def execute(program: Program, share: Share = alone) -> Samples:
    """Run a program.

    A pure function of the program: the same seed gives the same bits in any process and with any
    number of threads.

    Args:
        program: What to run.
        share: Divides the work on large states among threads.
    """
    recorded: list[RunSamples] = []
    for together in sharing_runs(program.circuits, program.runs):
        recorded += _run_together(program, together, share)
    return Samples(tuple(recorded))


def _run_together(program: Program, positions: Sequence[int], share: Share) -> list[RunSamples]:
    """Run what shares its states, parameter sets outside and runs inside."""
    runs = [_Running(program, position) for position in positions]
    sets = len(runs[0].values)
    size = 1 if sets == 1 else min(running.compiled.sets_at_once for running in runs)
    for start in range(0, sets, size):
        states: dict[bytes, ComplexArray] = {}
        for running in runs:
            running.draw(slice(start, start + size), share, states)
    return [running.samples() for running in runs]


class _Running:
    """One run under way."""

    def __init__(self, program: Program, position: int) -> None:
        run = self._run = program.runs[position]
        self.compiled = program.circuits[run.circuit]
        self.values = _checked(run.parameter_values, self.compiled)
        self._seed = program.seed
        self._number = position if run.number is None else run.number
        self._shots = range(*(run.shot_range or (0, run.shots)))
        shape = len(self.values), len(self._shots), self.compiled.layout.row_bytes
        self._packed = np.zeros(shape, dtype=np.uint8)
        self._components = {
            index: component.chosen(run.shots)
            for index, component in enumerate(self.compiled.components)
            if run.components is None or index in run.components
        }

    def draw(self, sets: slice, share: Share, states: MutableMapping[bytes, ComplexArray]) -> None:
        """Draw the shots of some parameter sets."""
        values, packed = self.values[sets], self._packed[sets]
        place = (self._number, self._run.first_set + sets.start)
        drawing = _Drawing(self.compiled, values, packed, self._shots, self._seed, place)
        drawing.draw(self._components, share, states)

    def samples(self) -> RunSamples:
        """Return what was drawn."""
        slices = self.compiled.layout.slices
        registers = {name: self._packed[..., part] for name, part in slices.items()}
        return RunSamples(registers, self._number, self._run.first_set, self._shots.start)


def _checked(given: RealArray, compiled: CompiledCircuit) -> RealArray:
    """Return parameter values that can be simulated.

    Raises:
        InvalidInputError: If they are too many or too few, or not numbers.
    """
    values = np.asarray(given, dtype=float)
    expected = compiled.num_parameters
    if len(values) and (values.ndim != 2 or values.shape[1] != expected):
        # Here and not above: a worker that runs programs needs no Qiskit.
        from qiskit_modes.exceptions import InvalidInputError

        raise InvalidInputError(
            f"The circuit has {expected} parameters; expected values of the shape "
            f"(parameter sets, {expected}), found {values.shape}."
        )
    if values.size and not np.isfinite(values).all():
        from qiskit_modes.exceptions import InvalidInputError

        where = tuple(int(index) for index in np.argwhere(~np.isfinite(values))[0])
        raise InvalidInputError(
            f"Expected finite parameter values, found {values[where]} for parameter {where[1]} "
            f"in parameter set {where[0]}."
        )
    return values


class _Drawing(NamedTuple):
    """Draws the shots of some parameter sets of one run and writes them into ``packed``."""

    compiled: CompiledCircuit
    values: RealArray
    packed: Bytes
    shots: range
    """Which of the run's shots."""
    seed: int
    place: tuple[int, int]
    """Number of the run, and of the first of these parameter sets in it."""

    def draw(
        self,
        components: Mapping[int, SingleComponent],
        share: Share,
        states: MutableMapping[bytes, ComplexArray],
    ) -> None:
        """Draw what some components record, given by their indices."""
        angles = self.compiled.angles.evaluate(self.values)
        products = self.compiled.products.evaluate(angles)
        sets = ParameterSets(self.values, angles, products, share, states)
        single_bits: list[int] = []
        single_weights: list[RealArray] = []
        for index, component in components.items():
            if component.draws_shots:
                self._draw_blocks(index, component, sets)
                continue
            outcomes = component.outcomes(sets)
            if component.records_one_bit:
                single_bits += component.clbits
                single_weights.append(outcomes.weights)
            else:
                self._draw_outcomes(index, outcomes)
        if single_bits:
            self._draw_bits(single_bits, np.stack(single_weights, axis=1))

    def _stream(self, which: int, *place: int) -> np.random.Generator:
        run, first_set = self.place
        return stream(self.seed, run, first_set + which, *place)

    def _streams(self, index: int) -> Iterator[tuple[Bytes, np.random.Generator]]:
        """Yield the shots of each parameter set, and from what a component draws them."""
        for which, packed in enumerate(self.packed):
            generator = self._stream(which, index)
            yield packed, generator
            give_back(generator)

    def _draw_blocks(self, index: int, component: SingleComponent, sets: ParameterSets) -> None:
        """Draw shots that are simulated, each block from a stream of its own."""
        size = component.block_shots or max(1, len(self.shots))
        together = component.sets_together(min(size, len(self.shots)))
        for first in range(0, len(self.packed), together):
            members = range(first, min(first + together, len(self.packed)))
            own = sets.some(slice(members.start, members.stop))
            for start in range(0, len(self.shots), size):
                part = slice(start, min(start + size, len(self.shots)))
                block = (
                    () if component.block_shots is None else ((self.shots.start + start) // size,)
                )
                streams = [self._stream(which, index, *block) for which in members]
                shots = part.stop - part.start
                if len(members) == 1:
                    drawn = [component.sample(own, shots, streams[0])]
                else:
                    drawn = component.sample_each(own, shots, streams)
                for generator in streams:
                    give_back(generator)
                for which, bits in zip(members, drawn, strict=True):
                    rows = self.compiled.layout.pack_bits(component.clbits, bits)
                    self.packed[which, part] |= rows

    def _draw_outcomes(self, index: int, outcomes: Outcomes) -> None:
        for which, (packed, generator) in enumerate(self._streams(index)):
            for some in _blocks(packed):
                drawn = draw(outcomes.stairs[which], len(some), generator)
                some |= outcomes.packed(self.compiled.layout, drawn)

    def _draw_bits(self, clbits: Sequence[int], weights: RealArray) -> None:
        """Draw independent bits together: a hundred lone qubits cost little more than one."""
        for which, (packed, generator) in enumerate(self._streams(len(self.compiled.components))):
            for some in _blocks(packed):
                bits = draw_bits(weights[which], len(some), generator)
                some |= self.compiled.layout.pack_bits(clbits, bits)


def _blocks(packed: Bytes) -> Iterable[Bytes]:
    """Return views of some shots after others, each of shape (shots, row_bytes)."""
    if len(packed) <= SHOTS_AT_ONCE:
        return (packed,)
    starts = range(0, len(packed), SHOTS_AT_ONCE)
    return (packed[start : start + SHOTS_AT_ONCE] for start in starts)


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
    angles = compiled.angles.evaluate(values)
    sets = ParameterSets(values, angles, compiled.products.evaluate(angles))
    joint = {0: 1.0}
    for component in compiled.components:
        outcomes = component.exact.outcomes(sets)
        pairs = list(zip(outcomes.memories(), outcomes.weights[0].tolist(), strict=True))
        grown: dict[int, float] = defaultdict(float)
        for memory, weight in joint.items():
            for other, factor in pairs:  # different ways may lead to the same record
                grown[memory | other] += weight * factor
        joint = dict(grown)
    return joint
