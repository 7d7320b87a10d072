"""Programs and samples, which go in and come out: plain data that can be pickled.

Numbers travel, circuits travel once: a `Program` refers to its circuits by their keys, and whoever
sends it may leave out the circuits that the receiver has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit

__all__ = ["Program", "Run", "RunSamples", "Samples"]


class Run(NamedTuple):
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
    components: tuple[int, ...] | None = None
    """Which components are simulated here, where a run was divided; the bits of all others are
    left 0."""
    shot_range: tuple[int, int] | None = None
    """Which of the shots are drawn here, where a run was divided; they begin with a block of the
    only component that is simulated here."""


class Program(NamedTuple):
    """Program that a job executes. Its samples are a function of this object alone."""

    circuits: Mapping[str, CompiledCircuit]
    """By `CompiledCircuit.key`."""
    runs: tuple[Run, ...]
    seed: int
    """Every component of every parameter set of every run, and every block of its shots where they
    are simulated one by one, draws from a stream of its own that is spawned from this number, so
    that samples do not depend on how a job was divided."""


class RunSamples(NamedTuple):
    """Bits that were recorded in one run."""

    registers: Mapping[str, npt.NDArray[np.uint8]]
    """For each classical register, shape (num_sets, shots, ceil(bits / 8)): bits packed as in
    Qiskit's ``BitArray``, bit 0 the lowest bit of the last byte."""
    number: int
    """See `Run.number`."""
    first_set: int = 0
    """See `Run.first_set`."""
    first_shot: int = 0
    """The beginning of `Run.shot_range`."""


class Samples(NamedTuple):
    """Bits that were recorded in all runs, in their order."""

    runs: tuple[RunSamples, ...]
