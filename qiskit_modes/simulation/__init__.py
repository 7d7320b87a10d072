"""The physics: circuits and a backend in, samples out.

Knows nothing of jobs, threads or processes; plain data goes in and out. `compile_circuit` turns a
circuit and the noise of its backend into a `CompiledCircuit`, once; `execute` runs programs of
such circuits with any number of parameter sets.
"""

from __future__ import annotations

from qiskit_modes.simulation.cache import compile_circuit
from qiskit_modes.simulation.compiled import CompiledCircuit
from qiskit_modes.simulation.division import join, split
from qiskit_modes.simulation.execution import execute, outcome_probabilities
from qiskit_modes.simulation.fingerprint import fingerprint
from qiskit_modes.simulation.program import Program, Run, RunSamples, Samples

__all__ = [
    "CompiledCircuit",
    "Program",
    "Run",
    "RunSamples",
    "Samples",
    "compile_circuit",
    "execute",
    "fingerprint",
    "join",
    "outcome_probabilities",
    "split",
]
