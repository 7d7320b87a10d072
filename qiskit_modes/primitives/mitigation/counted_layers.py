"""Layers of gates in circuits, counted: those whose noise error mitigation needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qiskit.circuit import CircuitInstruction, ClassicalRegister, QuantumCircuit
from samplomatic import InjectNoise
from samplomatic.transpiler import generate_boxing_pass_manager
from samplomatic.utils import find_unique_box_instructions, get_annotation

from qiskit_modes.primitives.boxes.narrow import narrowed
from qiskit_modes.primitives.boxes.templates import explained, readable
from qiskit_modes.primitives.layers.learnable import kind_of_box
from qiskit_modes.primitives.mitigation.techniques import REGISTER

__all__ = ["CountedLayer", "counted_layers"]


@dataclass(frozen=True)
class CountedLayer:
    """A layer of gates in circuits, and how often it occurs in them."""

    instruction: CircuitInstruction
    """A box whose annotation ``InjectNoise`` has the name of its noise."""
    places: tuple[int, ...]
    """The device's qubits that it acts on, in the order of the box's."""
    num_gates: int
    """How many two-qubit gates it has."""
    count: int = 0


def counted_layers(
    circuits: Sequence[QuantumCircuit], qubits: Sequence[int], boxing: Mapping[str, Any]
) -> list[CountedLayer]:
    """Return each layer of gates once that circuits are boxed into, in the order of the first.

    Args:
        circuits: The circuits.
        qubits: The qubits that matter to any of them.
        boxing: Arguments of the boxing pass manager.

    Raises:
        InvalidInputError: If a circuit cannot be boxed.
    """
    needed = {
        "enable_gates": True,
        "inject_noise_targets": "gates",
        "inject_noise_strategy": "uniform_modification",
    }
    manager = generate_boxing_pass_manager(**{**boxing, **needed})
    found: dict[tuple[str, tuple[int, ...]], CountedLayer] = {}
    for number, circuit in enumerate(circuits):
        with explained(f"Circuit {number}"):
            kept = [qubit for qubit in qubits if qubit < circuit.num_qubits]
            body, _ = readable(narrowed(circuit, kept))
            # It ends with the measurement of all qubits, as a technique measures it.
            whole = body.remove_final_measurements(inplace=False)
            register = ClassicalRegister(whole.num_qubits, REGISTER)
            whole.add_register(register)
            whole.barrier()
            whole.measure(whole.qubits, register)
            boxed = manager.run(whole)
        for box in boxed.data:
            if box.name != "box" or kind_of_box(box) != "gates":
                continue
            places = tuple(circuit.find_bit(qubit).index for qubit in box.qubits)
            (layer,) = find_unique_box_instructions([box])
            gates = sum(step.operation.num_qubits > 1 for step in layer.operation.body.data)
            key = get_annotation(layer.operation, InjectNoise).ref, places
            known = found.get(key, CountedLayer(layer, places, gates))
            found[key] = replace(known, count=known.count + 1)
    return list(found.values())
