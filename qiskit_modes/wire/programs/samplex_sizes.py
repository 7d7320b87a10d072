"""Sizes of what a samplex draws, by what it says of itself: looked at before it draws.

A samplex comes as JSON from anybody, and the numbers in it are the sizes of arrays.
"""

from __future__ import annotations

import math
from typing import Any

from samplomatic.quantum_program import SamplexItem
from samplomatic.tensor_interface import PauliLindbladMapSpecification

from qiskit_modes.primitives.boxes.draw import bytes_of_registers, bytes_of_set
from qiskit_modes.primitives.inputs.job_limits import check_memory_of_results
from qiskit_modes.wire.programs.params import unreadable

__all__ = ["check_declared_sizes", "check_drawing"]

_NUMBERS = "biufc"
"""Kinds of arrays that a samplex may have for inputs and outputs, in numpy's letters."""


def check_declared_sizes(item: SamplexItem, where: str) -> None:
    """Check what the samplex of an item says of its own sizes, before it is finalized.

    Args:
        item: The item.
        where: Names it at the start of the message.

    Raises:
        ApiError: If a register is larger than the circuit, or an array of no numbers; status 400.
    """
    # A register has a place for each qubit of a box; some room is left for what is not known here.
    most = 1024 + 8 * (item.circuit.num_qubits + item.circuit.num_clbits)
    nodes = item.samplex.graph.nodes()
    for node in nodes:
        for size, _ in node.instantiates().values():
            _check_number(size, most, where)
    # Angles, bits, and the signs of what nodes inject.
    most += item.circuit.num_parameters + len(nodes)
    for spec in [*item.samplex.inputs().specs, *item.samplex.outputs().specs]:
        if isinstance(spec, PauliLindbladMapSpecification):
            _check_number(spec.num_qubits, most, where)
        elif spec.dtype.kind not in _NUMBERS:
            raise unreadable(f"{where}: {spec.name!r} is of the type {spec.dtype}, no number")
        else:
            lengths = [length for length in spec.shape if not isinstance(length, str)]
            _check_number(math.prod(lengths) if min(lengths, default=0) >= 0 else -1, most, where)


def check_drawing(item: SamplexItem, where: str, before: int) -> int:
    """Check that an item's samplex can be drawn as often as the item's shape says.

    Args:
        item: The item, whose samplex is finalized.
        where: Names it at the start of the message.
        before: Bytes of what the items before it give.

    Returns:
        Bytes of what this one gives, and those before it.

    Raises:
        InvalidInputError: If there is not the memory for it.
    """
    outputs, registers = bytes_of_set(item.samplex), bytes_of_registers(item.samplex)
    elements = math.prod(item.shape)
    at_once = elements // max(1, math.prod(item.samplex_arguments.shape))
    kept = before + elements * outputs
    check_memory_of_results(kept + at_once * registers, where)
    return kept


def _check_number(number: Any, most: int, where: str) -> None:
    if not isinstance(number, int) or not 0 <= number <= most:
        raise unreadable(
            f"{where}: its samplex has an array of {number!r} places, but its circuit is smaller"
        )
