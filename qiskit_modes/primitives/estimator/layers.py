"""Layers that an estimator's circuits are boxed into, for users who learn or give their noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit_mitigation import PEA, PEC, GateFolding, MitigationTask, find_combined_unique_layers

from qiskit_modes.primitives.boxes.narrow import narrowed
from qiskit_modes.primitives.boxes.templates import explained, readable
from qiskit_modes.primitives.mitigation.boxing import boxing_of
from qiskit_modes.primitives.options.resilience import technique_of
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions

__all__ = ["estimator_layers"]

_TASKS = {"none": MitigationTask, "gate_folding": GateFolding, "pea": PEA, "pec": PEC}


def estimator_layers(
    circuits: Sequence[QuantumCircuit],
    options: ResolvedEstimatorOptions,
    types: Literal["gates", "all"],
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
        layers: list[CircuitInstruction] = find_combined_unique_layers(
            [readable(narrowed(circuit, range(circuit.num_qubits)))[0] for circuit in circuits],
            [task() for _ in circuits],
            boxing_of(options),
            box_types=types,
        )
    return layers
