"""How long a circuit takes on a QPU: the longest way through its instructions.

That is the length of its ALAP schedule, and of its ASAP schedule too. Control flow, which Qiskit's
scheduling passes leave out, is followed here: of branches the longest one counts, a ``for`` loop
as often as it runs, and a ``while`` loop once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qiskit.circuit import ControlFlowOp, Delay, ForLoopOp, QuantumCircuit, WhileLoopOp
from qiskit.transpiler import Target

from qiskit_modes.primitives.bounded_cache import BoundedCache

__all__ = ["CircuitDuration", "DurationCache", "circuit_duration"]

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


@dataclass(frozen=True)
class CircuitDuration:
    """The duration of a circuit, and what had to be assumed for it."""

    seconds: float
    assumptions: tuple[str, ...] = ()
    """Sentences; empty where the backend's target has every duration."""


@dataclass
class _Notes:
    unknown: set[str] = field(default_factory=set)
    """Instructions without a duration."""
    branches: bool = False
    while_loops: bool = False


def circuit_duration(circuit: QuantumCircuit, target: Target) -> CircuitDuration:
    """Return how long one execution of a circuit takes, without what comes before and after it.

    Args:
        circuit: In the instructions of the target; parameters may be open.
        target: Of the backend, with the durations of its instructions.
    """
    notes = _Notes()
    seconds = _longest_way(circuit, range(circuit.num_qubits), target, notes)
    assumptions = []
    if notes.unknown:
        names = ", ".join(sorted(notes.unknown))
        assumptions.append(f"The target has no duration for {names}: they count as instant.")
    if notes.branches:
        assumptions.append("Of the branches of control flow, the longest one counts.")
    if notes.while_loops:
        assumptions.append("A while loop counts once.")
    return CircuitDuration(seconds, tuple(assumptions))


class DurationCache:
    """The durations of one backend's circuits, by the circuits' content keys.

    Any thread may use it.

    Args:
        target: Of the backend.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._known: BoundedCache[bytes, CircuitDuration] = BoundedCache(1024)

    def get(self, circuit: QuantumCircuit, content: bytes) -> CircuitDuration:
        """Return the duration of a circuit."""
        known = self._known.get(content)
        if known is None:
            known = circuit_duration(circuit, self._target)
            self._known.put(content, known)
        return known


def _longest_way(
    block: QuantumCircuit, device: Sequence[int], target: Target, notes: _Notes
) -> float:
    """Return when the last of a block's instructions ends.

    Args:
        block: A circuit, or the body of control flow.
        device: The device's qubit for each of its qubits.
        target: Where the durations are from.
        notes: What had to be assumed.
    """
    place = {qubit: index for index, qubit in enumerate(block.qubits)}
    free: dict[Any, float] = {}
    for instruction in block.data:
        places = [place[qubit] for qubit in instruction.qubits]
        qubits = tuple(device[each] for each in places)
        # Classical bits order instructions as qubits do: a condition comes after its measurement.
        resources = [*places, *instruction.clbits]
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            seconds = _control_flow(operation, qubits, target, notes)
        else:
            seconds = _seconds(operation, qubits, target, notes)
        end = max((free.get(each, 0.0) for each in resources), default=0.0) + seconds
        for each in resources:
            free[each] = end
    return max(free.values(), default=0.0)


def _seconds(operation: Any, qubits: tuple[int, ...], target: Target, notes: _Notes) -> float:
    name = operation.name
    if name in ("barrier", "store"):
        return 0.0
    if isinstance(operation, Delay):
        return _delay(operation, target, notes)
    known = target[name].get(qubits) if name in target.operation_names else None
    if known is None or known.duration is None or math.isnan(known.duration):
        notes.unknown.add(name)
        return 0.0
    return float(known.duration)


def _delay(operation: Delay, target: Target, notes: _Notes) -> float:
    scale = target.dt if operation.unit == "dt" else _UNITS.get(operation.unit)
    if scale is None or not isinstance(operation.duration, int | float):
        notes.unknown.add("delay")
        return 0.0
    return float(operation.duration) * scale


def _control_flow(
    operation: ControlFlowOp, qubits: tuple[int, ...], target: Target, notes: _Notes
) -> float:
    blocks = [_longest_way(block, qubits, target, notes) for block in operation.blocks]
    seconds = max(blocks, default=0.0)
    if isinstance(operation, ForLoopOp):
        return seconds * len(operation.params[0])
    if isinstance(operation, WhileLoopOp):
        notes.while_loops = True
    else:
        notes.branches = True
    return seconds
