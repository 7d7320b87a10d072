"""Running programs: the only thing a worker process does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from qiskit_modes.simulation.aer_component import AerComponent
from qiskit_modes.simulation.compiled import CompiledCircuit
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
    packed = np.zeros((len(values), run.shots, compiled.layout.row_bytes), dtype=np.uint8)
    for start in range(0, len(values), compiled.sets_at_once):
        chunk = slice(start, start + compiled.sets_at_once)
        _sample(compiled, values[chunk], packed[chunk], seed, number, run.first_set + start)
    registers = {name: packed[..., part] for name, part in compiled.layout.slices.items()}
    return RunSamples(registers, number, run.first_set)


def _sample(
    compiled: CompiledCircuit,
    values: RealArray,
    packed: Bytes,
    seed: int,
    run: int,
    first_set: int,
) -> None:
    """Draw the shots of some parameter sets and write them into ``packed``."""
    num_sets, shots, _ = packed.shape
    products = compiled.products.evaluate(compiled.angles.evaluate(values))
    layout = compiled.layout
    single_bits: list[int] = []
    single_weights: list[RealArray] = []
    for index, component in enumerate(compiled.components):
        generators = (stream(seed, run, first_set + which, index) for which in range(num_sets))
        if isinstance(component, AerComponent) or component.shots_at_once:
            for which, generator in enumerate(generators):
                if isinstance(component, AerComponent):
                    bits = component.sample(values[which], shots, generator)
                else:
                    own = [stack[which : which + 1] for stack in products]
                    bits = component.sample(own, shots, generator)
                packed[which] |= layout.pack_bits(component.clbits, bits)
            continue
        outcomes = component.outcomes(products, num_sets)
        if outcomes.weights.shape[1] == 2 and outcomes.patterns is None:
            single_bits += component.clbits
            single_weights.append(outcomes.weights)
            continue
        for which, generator in enumerate(generators):
            drawn = draw(outcomes.weights[which], shots, generator)
            packed[which] |= outcomes.packed(layout, drawn)
    if single_bits:
        # Independent bits are drawn together: a hundred lone qubits cost little more than one.
        stacked = np.stack(single_weights, axis=1)
        for which in range(num_sets):
            generator = stream(seed, run, first_set + which, len(compiled.components))
            bits = draw_bits(stacked[which], shots, generator)
            packed[which] |= layout.pack_bits(single_bits, bits)


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
    for component in compiled.components:
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
