"""Samples of a scripted QPU: zeros."""

from __future__ import annotations

import numpy as np

from qiskit_modes.simulation.run.program import Program, RunSamples, Samples

__all__ = ["zero_samples"]


def zero_samples(program: Program) -> Samples:
    """Return samples of a program's shape in which every bit of every shot is 0."""
    runs = []
    for number, run in enumerate(program.runs):
        layout = program.circuits[run.circuit].layout
        packed = np.zeros((len(run.parameter_values), run.shots, layout.row_bytes), dtype=np.uint8)
        registers = {name: packed[..., part] for name, part in layout.slices.items()}
        runs.append(RunSamples(registers, number))
    return Samples(tuple(runs))
