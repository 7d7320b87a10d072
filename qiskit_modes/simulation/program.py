"""What goes into the simulation and what comes out: plain data that can be pickled.

Numbers travel, circuits travel once: a `Program` refers to its circuits by their keys, and whoever
sends it may leave out the circuits that the receiver has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from qiskit_modes.simulation.compiled import CompiledCircuit

__all__ = ["Program", "Run", "RunSamples", "Samples"]


@dataclass(frozen=True)
class Run:
    """One circuit with some parameter sets."""

    circuit: str
    """Key into `Program.circuits`."""
    parameter_values: npt.NDArray[np.float64]
    """(num_sets, num_parameters), columns in the order of ``circuit.parameters``."""
    shots: int
    """For each parameter set."""
    number: int | None = None
    """Which run of the whole job this is, where a job was divided; by default its position."""
    first_set: int = 0
    """Which parameter set of the whole run is the first here, where a run was divided."""


@dataclass(frozen=True)
class Program:
    """What a job executes. Its samples are a function of this object alone."""

    circuits: Mapping[str, CompiledCircuit]
    """By `CompiledCircuit.key`."""
    runs: tuple[Run, ...]
    seed: int
    """Every component of every parameter set of every run draws from a stream of its own that is
    spawned from this number, so that samples do not depend on how a job was divided."""


@dataclass(frozen=True)
class RunSamples:
    """What was recorded in one run."""

    registers: Mapping[str, npt.NDArray[np.uint8]]
    """For each classical register, shape (num_sets, shots, ceil(bits / 8)): bits packed as in
    Qiskit's ``BitArray``, bit 0 the lowest bit of the last byte."""
    number: int
    """See `Run.number`."""
    first_set: int = 0
    """See `Run.first_set`."""


@dataclass(frozen=True)
class Samples:
    """What was recorded in all runs, in their order."""

    runs: tuple[RunSamples, ...]
