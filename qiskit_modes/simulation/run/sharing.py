"""Finds runs of a program that share their states: one circuit measured in several bases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.run.program import Run

__all__ = ["sharing_runs"]


def sharing_runs(
    circuits: Mapping[str, CompiledCircuit], runs: Sequence[Run]
) -> Iterator[list[int]]:
    """Yield positions of runs that belong together; every run once, and in order.

    Args:
        circuits: The program's.
        runs: Some of its runs.
    """
    together: list[int] = []
    for position, run in enumerate(runs):
        if together and not _share(circuits, runs[together[0]], run):
            yield together
            together = []
        together.append(position)
    if together:
        yield together


def _share(circuits: Mapping[str, CompiledCircuit], first: Run, other: Run) -> bool:
    keys = set(circuits[first.circuit].shared_states)
    return (
        not keys.isdisjoint(circuits[other.circuit].shared_states)
        and first.components is None
        and other.components is None
        and first.first_set == other.first_set
        and np.array_equal(first.parameter_values, other.parameter_values)
    )
