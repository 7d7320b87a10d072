"""The physics: circuits and a backend in, samples out.

Knows nothing of jobs, threads or processes; plain data goes in and out. `compile_circuit` turns a
circuit and the noise of its backend into a `CompiledCircuit`, once; `execute` runs programs of
such circuits with any number of parameter sets, and needs no Qiskit for it.

Its floors; each imports only from those below it:

=  ===========================================  =================================================
8  ``compile_once``                             each circuit once, while what it depends on stays
7  ``backends``                                 what is asked of a backend, for each kind of it
6  ``compile``                                  from operations to a compiled circuit
5  ``aer``                                      what is left to Aer
4  ``read``                                     from Qiskit's circuits to operations
3  ``noise``                                    where noise comes from
2  ``circuits``                                 facts about circuits, whatever the noise
2  ``run``                                      running programs; no Qiskit
1  ``angles``, ``operations``                   a circuit as plain data
0  ``classical``, ``packing``, ``pauli_basis``  bits and numbers
0  ``settings``, ``elsewhere``                  what to optimise, and who does heavy work
=  ===========================================  =================================================
"""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.simulation.circuits.content import fingerprint
    from qiskit_modes.simulation.compile_once import compile_circuit
    from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
    from qiskit_modes.simulation.run.division import join, split
    from qiskit_modes.simulation.run.execution import execute, outcome_probabilities
    from qiskit_modes.simulation.run.program import Program, Run, RunSamples, Samples

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

__getattr__, __dir__ = lazy(
    __name__,
    {
        "CompiledCircuit": "qiskit_modes.simulation.run.compiled_circuit",
        "Program": "qiskit_modes.simulation.run.program",
        "Run": "qiskit_modes.simulation.run.program",
        "RunSamples": "qiskit_modes.simulation.run.program",
        "Samples": "qiskit_modes.simulation.run.program",
        "compile_circuit": "qiskit_modes.simulation.compile_once",
        "execute": "qiskit_modes.simulation.run.execution",
        "fingerprint": "qiskit_modes.simulation.circuits.content",
        "join": "qiskit_modes.simulation.run.division",
        "outcome_probabilities": "qiskit_modes.simulation.run.execution",
        "split": "qiskit_modes.simulation.run.division",
    },
)
