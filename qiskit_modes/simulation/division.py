"""Dividing a job among several workers, by rules that depend on the job alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from qiskit_modes.simulation.compiled import CompiledCircuit
from qiskit_modes.simulation.component_kinds import FeedForwardComponent, StaticComponent
from qiskit_modes.simulation.program import Program, Run, RunSamples, Samples

__all__ = ["join", "split"]

PIECE_SECONDS = 0.05
"""A piece that takes less is not worth the way to another process."""

SECONDS_PER_SET = 60e-6
SECONDS_PER_SHOT = 10e-9
SECONDS_PER_MULTIPLICATION = 0.5e-9
SECONDS_PER_TRAJECTORY = 1e-3
"""Rough costs on one core; they only decide where a job is cut."""


def split(program: Program) -> list[Program]:
    """Divide a program into pieces that may run anywhere, in any order.

    The samples of all pieces, joined, are those of the whole program: parameter sets draw from
    streams of their own wherever they run. Most programs are one piece.
    """
    pieces: list[Program] = []
    runs: list[Run] = []
    cost = 0.0
    for run in _cut_runs(program):
        runs.append(run)
        cost += seconds(program.circuits[run.circuit], run)
        if cost >= PIECE_SECONDS:
            pieces.append(_piece(program, runs))
            runs, cost = [], 0.0
    if runs or not pieces:
        pieces.append(_piece(program, runs))
    return pieces


def join(pieces: Sequence[Samples]) -> Samples:
    """Put the samples of the pieces of one program together, in whatever order they come."""
    by_run: dict[int, list[RunSamples]] = {}
    for samples in pieces:
        for run in samples.runs:
            by_run.setdefault(run.number, []).append(run)
    return Samples(tuple(_joined(by_run[number]) for number in sorted(by_run)))


def seconds(compiled: CompiledCircuit, run: Run) -> float:
    """Return roughly how long a run takes on one core."""
    per_set = SECONDS_PER_SET + SECONDS_PER_SHOT * run.shots * len(compiled.components)
    for component in compiled.components:
        match component:
            case StaticComponent():
                per_set += component.plan.work * SECONDS_PER_MULTIPLICATION
            case FeedForwardComponent():
                per_set += component.peak * SECONDS_PER_MULTIPLICATION
            case _:
                per_set += run.shots * SECONDS_PER_TRAJECTORY
    return per_set * len(run.parameter_values)


def _cut_runs(program: Program) -> Iterator[Run]:
    """Number the runs, and cut those with many parameter sets."""
    for position, whole in enumerate(program.runs):
        run = whole if whole.number is not None else replace(whole, number=position)
        num_sets = len(run.parameter_values)
        parts = int(seconds(program.circuits[run.circuit], run) / PIECE_SECONDS)
        size = -(-num_sets // max(1, min(parts, num_sets))) if num_sets else 1
        for start in range(0, max(num_sets, 1), size):
            yield replace(
                run,
                parameter_values=run.parameter_values[start : start + size],
                first_set=run.first_set + start,
            )


def _piece(program: Program, runs: Sequence[Run]) -> Program:
    circuits = {run.circuit: program.circuits[run.circuit] for run in runs}
    return replace(program, circuits=circuits, runs=tuple(runs))


def _joined(parts: Sequence[RunSamples]) -> RunSamples:
    ordered = sorted(parts, key=lambda part: part.first_set)
    if len(ordered) == 1:
        return ordered[0]
    registers = {
        name: np.concatenate([part.registers[name] for part in ordered])
        for name in ordered[0].registers
    }
    return replace(ordered[0], registers=registers)
