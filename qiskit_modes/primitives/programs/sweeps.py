"""One circuit with its parameter sets, as runs of circuits whose delays have durations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit

from qiskit_modes.primitives.programs.summary import summary
from qiskit_modes.simulation import CompiledCircuit, Program, Run, RunSamples
from qiskit_modes.simulation.circuits.durations import with_durations
from qiskit_modes.simulation.circuits.ending import Ending
from qiskit_modes.simulation.compile.compile_ideal import Beginning

__all__ = ["Sweep", "SweepNotes", "compile_sweep", "gathered", "program_of"]

Rows = Sequence[npt.NDArray[np.intp] | None]
"""Which of all parameter sets each run is for; None: all."""


class SweepNotes(NamedTuple):
    """Facts that are needed of the runs of one circuit when they have been executed."""

    rows: Rows
    """One entry for each run."""
    simulation: dict[str, Any]
    """How the circuits are simulated, for metadata."""

    def recorded(self, runs: Iterator[RunSamples]) -> Mapping[str, npt.NDArray[np.uint8]]:
        """Return what was recorded, by register, of shape (num_sets, shots, bytes).

        Args:
            runs: What all runs of a job gave; those of this circuit come next.
        """
        return gathered([next(runs) for _ in self.rows], self.rows)


class Sweep(NamedTuple):
    """Executions of one circuit."""

    circuits: Mapping[str, CompiledCircuit]
    """By their keys."""
    runs: tuple[Run, ...]
    notes: SweepNotes


def program_of(sweeps: Sequence[Sweep], seed: int) -> Program:
    """Return one program with the runs of all sweeps, in order.

    Args:
        sweeps: What is executed for each circuit.
        seed: From which the shots are drawn.
    """
    circuits = {key: each for sweep in sweeps for key, each in sweep.circuits.items()}
    return Program(circuits, tuple([run for sweep in sweeps for run in sweep.runs]), seed)


def compile_sweep(
    circuit: QuantumCircuit,
    content: bytes,
    values: npt.NDArray[np.float64],
    shots: int,
    compiling: Callable[..., CompiledCircuit],
    ending: Ending | None = None,
    beginning: Beginning | None = None,
) -> Sweep:
    """Compile a circuit for its parameter sets: once, if no duration of a delay depends on them.

    Args:
        circuit: The circuit.
        content: Its fingerprint.
        values: Its parameter sets, (num_sets, num_parameters).
        shots: For each of them.
        compiling: Compiles a circuit whose fingerprint and ending are given.
        ending: What follows the circuit.
        beginning: Who else shares the circuit, with other endings.
    """
    circuits, runs, rows = {}, [], []
    for each in with_durations(circuit, content, values):
        # Circuits that differ in durations begin differently.
        shared = beginning if each.rows is None else None
        compiled = compiling(each.circuit, content=each.content, ending=ending, beginning=shared)
        circuits[compiled.key] = compiled
        runs.append(Run(compiled.key, each.values, shots))
        rows.append(each.rows)
    simulation = summary([each.metadata for each in circuits.values()])
    return Sweep(circuits, tuple(runs), SweepNotes(rows, simulation))


def gathered(runs: Sequence[RunSamples], rows: Rows) -> Mapping[str, npt.NDArray[np.uint8]]:
    """Return what was recorded, by register, of shape (num_sets, shots, bytes).

    Args:
        runs: What runs for some of the parameter sets each have recorded.
        rows: Which sets these are; results are in their order.
    """
    if len(runs) == 1:
        return runs[0].registers
    together = {}
    for name, first in runs[0].registers.items():
        number = sum(len(run.registers[name]) for run in runs)
        packed = np.empty((number, *first.shape[1:]), dtype=np.uint8)
        for run, places in zip(runs, rows, strict=True):
            packed[places] = run.registers[name]
        together[name] = packed
    return together
