"""Kinds of boxes, by what they hold: gates, or measurements."""

from __future__ import annotations

from typing import Literal

from qiskit.circuit import CircuitInstruction
from samplomatic.utils import undress_box

from qiskit_modes.simulation.circuits.measurements import is_measurement

__all__ = ["kind_of_box"]


def kind_of_box(instruction: CircuitInstruction) -> Literal["gates", "measurement"] | None:
    """Tell what a box holds beside its dressing; None if both or something else."""
    body = undress_box(instruction.operation).body
    steps = [step for step in body.data if step.name != "barrier"]
    if steps and all(map(is_measurement, steps)):
        return "measurement"
    if all(step.is_standard_gate() for step in steps):
        return "gates"
    return None
