"""Layers that a sampler's circuits are boxed into, for users who learn or give their noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from qiskit.circuit import CircuitInstruction, QuantumCircuit
from samplomatic.transpiler import generate_boxing_pass_manager
from samplomatic.utils import find_unique_box_instructions

from qiskit_modes.primitives.boxes.templates import explained, readable
from qiskit_modes.primitives.layers.learnable import kind_of_box
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions

__all__ = ["sampler_layers"]


def sampler_layers(
    circuits: Sequence[QuantumCircuit],
    options: ResolvedSamplerOptions,
    types: Literal["gates", "all"],
) -> list[CircuitInstruction]:
    """Return each layer once that a sampler's circuits are boxed into.

    Args:
        circuits: The circuits.
        options: The options, which decide how they are boxed.
        types: "gates" for the layers of gates, "all" for those of measurements too.

    Raises:
        InvalidInputError: If a circuit cannot be boxed.
    """
    twirling = options.twirling
    manager = generate_boxing_pass_manager(enable_measures=twirling.measure, **twirling.boxing())
    with explained("find_unique_layers"):
        boxed = [manager.run(readable(circuit)[0]) for circuit in circuits]
    instructions = [step for circuit in boxed for step in circuit.data if step.name == "box"]
    layers = find_unique_box_instructions(
        instructions, normalize_annotations=None, undress_boxes=True
    )
    return [layer for layer in layers if types == "all" or kind_of_box(layer) == "gates"]
