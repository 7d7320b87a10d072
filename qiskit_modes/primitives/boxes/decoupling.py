"""Dynamical decoupling: a circuit is scheduled, and idle times are filled with pulses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import RZGate, XGate
from qiskit.transpiler import PassManager, Target, TranspilerError
from qiskit.transpiler.passes import (
    ALAPScheduleAnalysis,
    ASAPScheduleAnalysis,
    PadDelay,
    PadDynamicalDecoupling,
    TimeUnitConversion,
)

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["decoupled", "pulses"]

_SECONDS_PER_INSTRUCTION, _SECONDS_PER_QUBIT = 75e-6, 0.2e-3
"""What it takes, idle qubits of the device included: 28 ms for 27 instructions on 127 qubits, 0.1 s
for three circuits with 1035."""

# A pulse about an axis in the plane is an X pulse between two frame changes, which take no time.
_PULSES: dict[str, tuple[float, ...]] = {
    "+X": (),
    "-X": (np.pi, -np.pi),
    "+Y": (np.pi / 2, -np.pi / 2),
    "-Y": (-np.pi / 2, np.pi / 2),
}

_SEQUENCES: dict[str, tuple[str, ...]] = {
    "XX": ("+X", "+X"),
    "XpXm": ("+X", "-X"),
    "XY4": ("+X", "+Y", "-X", "-Y"),
}


_ON_IDLE_QUBITS = ("x", "rz", "delay")
"""What a schedule may have on qubits of which a circuit says nothing."""


def pulses(sequence_type: str) -> tuple[list[XGate | RZGate], list[float]]:
    """Return the gates of a sequence, and what share of an idle time lies before and after each.

    Example:
        >>> gates, shares = pulses("XX")
        >>> [gate.name for gate in gates], shares
        (['x', 'x'], [0.25, 0.5, 0.25])
    """
    sequence = _SEQUENCES[sequence_type]
    gates: list[XGate | RZGate] = []
    shares: list[float] = []
    for number, pulse in enumerate(sequence):
        turns = _PULSES[pulse]
        own = [XGate()] if not turns else [RZGate(turns[0]), XGate(), RZGate(turns[1])]
        gates += own
        shares += [(0.5 if number == 0 else 1.0) / len(sequence), *[0.0] * (len(own) - 1)]
    return gates, [*shares, 0.5 / len(sequence)]


def decoupled(
    circuits: Sequence[QuantumCircuit],
    options: Any,
    facts: TargetFacts,
    name: str | None,
    elsewhere: Elsewhere = here,
) -> list[QuantumCircuit]:
    """Return circuits with a backend's schedule, decoupled where their qubits are idle.

    Args:
        circuits: Circuits in the backend's gates, without control flow.
        options: Upstream's ``DynamicalDecouplingOptions``.
        facts: The durations that count; all that were read are in it afterwards.
        name: Of the backend, for messages.
        elsewhere: Does it.

    Raises:
        InvalidInputError: If the backend does not know how long its gates take.
    """
    seconds = sum(
        _SECONDS_PER_INSTRUCTION * len(circuit.data) + _SECONDS_PER_QUBIT * circuit.num_qubits
        for circuit in circuits
    )
    # What is read of the target is all that the passes get to see of it.
    target = facts.part(circuits, everywhere=_ON_IDLE_QUBITS)
    return elsewhere(seconds, _decoupled, circuits, options, target, name)


def _decoupled(
    circuits: Sequence[QuantumCircuit], options: Any, target: Target, name: str | None
) -> list[QuantumCircuit]:
    """Decouple circuits: a pure function, whose arguments can be pickled."""
    gates, shares = pulses(options.sequence_type)
    schedule = {"alap": ALAPScheduleAnalysis, "asap": ASAPScheduleAnalysis}
    passes = [
        schedule[options.scheduling_method](target=target),
        PadDynamicalDecoupling(
            skip_reset_qubits=options.skip_reset_qubits,
            dd_sequence=gates,
            spacing=shares,
            extra_slack_distribution=options.extra_slack_distribution,
            target=target,
        ),
        PadDelay(target=target),
    ]
    if target.dt is not None:
        passes.insert(0, TimeUnitConversion(target=target))
    try:
        return [PassManager(passes).run(circuit) for circuit in circuits]
    except TranspilerError as error:
        raise InvalidInputError(
            f"dynamical_decoupling: the circuit cannot be scheduled for {name}: "
            f"{error.message} It needs a backend that knows how long each of its gates takes, "
            "such as a fake backend; otherwise set dynamical_decoupling.enable=False."
        ) from error
