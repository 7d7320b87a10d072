"""The layers of circuits, boxed as a primitive's options say: those to learn the noise of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit_mitigation import PEA, PEC, GateFolding, MitigationTask, find_combined_unique_layers
from samplomatic.transpiler import generate_boxing_pass_manager
from samplomatic.utils import find_unique_box_instructions

from qiskit_modes.primitives.active_qubits import narrowed
from qiskit_modes.primitives.layer_noise import kind_of_box
from qiskit_modes.primitives.mitigation_plan import boxing_of
from qiskit_modes.primitives.options import ResolvedEstimatorOptions, ResolvedSamplerOptions
from qiskit_modes.primitives.techniques import technique_of
from qiskit_modes.primitives.templates import explained, readable, refuse_variables

__all__ = ["estimator_layers", "sampler_layers"]

_TASKS = {"none": MitigationTask, "gate_folding": GateFolding, "pea": PEA, "pec": PEC}

Types = Literal["gates", "all"]


def estimator_layers(
    circuits: Sequence[QuantumCircuit], options: ResolvedEstimatorOptions, types: Types
) -> list[CircuitInstruction]:
    """Return each layer once that an estimator's circuits are boxed into.

    Args:
        circuits: The circuits.
        options: The options, which decide how they are boxed.
        types: "gates" for the layers of gates, "all" for those of measurements too.

    Raises:
        InvalidInputError: If a circuit cannot be boxed.
    """
    task = _TASKS[technique_of(options.resilience)]
    with explained("find_unique_layers"):
        for circuit in circuits:
            refuse_variables(circuit)
        layers: list[CircuitInstruction] = find_combined_unique_layers(
            [readable(narrowed(circuit, range(circuit.num_qubits))) for circuit in circuits],
            [task() for _ in circuits],
            boxing_of(options),
            box_types=types,
        )
    return layers


def sampler_layers(
    circuits: Sequence[QuantumCircuit], options: ResolvedSamplerOptions, types: Types
) -> list[CircuitInstruction]:
    """Return each layer once that a sampler's circuits are boxed into; see `estimator_layers`."""
    twirling = options.twirling
    manager = generate_boxing_pass_manager(enable_measures=twirling.measure, **twirling.boxing())
    with explained("find_unique_layers"):
        for circuit in circuits:
            refuse_variables(circuit)
        boxed = [manager.run(readable(circuit)) for circuit in circuits]
    instructions = [step for circuit in boxed for step in circuit.data if step.name == "box"]
    layers = find_unique_box_instructions(
        instructions, normalize_annotations=None, undress_boxes=True
    )
    return [layer for layer in layers if types == "all" or kind_of_box(layer) == "gates"]
