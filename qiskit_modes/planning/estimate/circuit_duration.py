"""Duration of a circuit on a QPU: the longest way through its instructions.

That is the length of its ALAP schedule, and of its ASAP schedule too. Control flow, which Qiskit's
scheduling passes leave out, is followed here: of branches the longest one counts, a ``for`` loop
as often as it runs, and a ``while`` loop once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qiskit.circuit import (
    ControlFlowOp,
    Delay,
    ForLoopOp,
    ParameterExpression,
    QuantumCircuit,
    WhileLoopOp,
)
from qiskit.transpiler import Target

from qiskit_modes.primitives.backends.instruction_set import InstructionSet
from qiskit_modes.primitives.backends.target_facts import TargetFacts

__all__ = ["CircuitDuration", "circuit_duration", "known_duration"]

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
    open_delays: bool = False
    branches: bool = False
    while_loops: bool = False


def circuit_duration(circuit: QuantumCircuit, target: Target) -> CircuitDuration:
    """Return how long one execution of a circuit takes, without what comes before and after it.

    Args:
        circuit: In the instructions of the target; parameters may be open.
        target: Of the backend, with the durations of its instructions.
    """
    return _duration(circuit, TargetFacts(target))


def _duration(circuit: QuantumCircuit, target: TargetFacts) -> CircuitDuration:
    notes = _Notes()
    seconds = _longest_way(circuit, range(circuit.num_qubits), target, notes)
    assumptions = []
    if notes.unknown:
        names = ", ".join(sorted(notes.unknown))
        assumptions.append(f"The target has no duration for {names}: they count as instant.")
    if notes.open_delays:
        assumptions.append("Delays whose durations are parameters count as instant.")
    if notes.branches:
        assumptions.append("Of the branches of control flow, the longest one counts.")
    if notes.while_loops:
        assumptions.append("A while loop counts once.")
    return CircuitDuration(seconds, tuple(assumptions))


def known_duration(
    circuit: QuantumCircuit, content: bytes, instructions: InstructionSet
) -> CircuitDuration:
    """Return the duration of a circuit, worked out once for as long as its instructions last so.

    Args:
        circuit: See `circuit_duration`.
        content: Its fingerprint.
        instructions: Of the backend.
    """
    facts = TargetFacts(instructions.target)
    known: CircuitDuration | None = instructions.durations.get(content, facts)
    if known is None:
        known = _duration(circuit, facts)
        instructions.durations.put(content, known, facts)
    return known


def _longest_way(
    block: QuantumCircuit, device: Sequence[int], target: TargetFacts, notes: _Notes
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


def _seconds(operation: Any, qubits: tuple[int, ...], target: TargetFacts, notes: _Notes) -> float:
    name = operation.name
    if name in ("barrier", "store"):
        return 0.0
    if isinstance(operation, Delay):
        return _delay(operation, target, notes)
    seconds = target.duration(name, qubits)
    if seconds is None or math.isnan(seconds):
        notes.unknown.add(name)
        return 0.0
    return float(seconds)


def _delay(operation: Delay, target: TargetFacts, notes: _Notes) -> float:
    scale = target.dt if operation.unit == "dt" else _UNITS.get(operation.unit)
    if isinstance(operation.duration, ParameterExpression):
        notes.open_delays = True
        return 0.0
    if scale is None or not isinstance(operation.duration, int | float):
        notes.unknown.add("delay")
        return 0.0
    return float(operation.duration) * scale


def _control_flow(
    operation: ControlFlowOp, qubits: tuple[int, ...], target: TargetFacts, notes: _Notes
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
