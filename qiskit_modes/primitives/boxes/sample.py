"""Samples of large circuits: what is looked at when ``run()`` is called, in their place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from qiskit.circuit import CircuitInstruction, QuantumCircuit

__all__ = ["AT_ONCE", "sample_of"]

AT_ONCE = 160
"""So many instructions are boxed and built in 20 ms. A circuit that has no more of them is prepared
when ``run()`` is called, and what came of it kept for its job; of others a sample is looked at."""


def sample_of(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit with each kind of instruction of another once.

    What cannot be randomised is nearly always an instruction, wherever it stands. So what is said
    of the sample is said of the circuit, at a small part of the cost. What writes bits that are
    written more than once stays, as that counts too. Where the sample is refused, the circuit
    itself must be looked at: what stood between two measurements is missing.

    Args:
        circuit: The circuit, not modified.
    """
    steps = list(circuit.data)  # each is made anew whenever it is asked for
    written = Counter(bit for step in steps for bit in step.clbits)
    again = {bit for bit, times in written.items() if times > 1}
    sample = circuit.copy_empty_like()
    seen: set[Hashable] = set()
    for step in steps:
        kind = _kind(step)
        if kind not in seen or (again and not again.isdisjoint(step.clbits)):
            sample.append(step)
            seen.add(kind)
    return sample


def _kind(step: CircuitInstruction) -> Hashable:
    """Return what tells whether something can be randomised: the angles of wide gates count too."""
    width, is_open = len(step.qubits), step.is_parameterized()
    # To make the operation takes longer than all else here.
    whose = None if step.is_standard_gate() else step.operation.base_class
    angles = () if width < 2 or is_open or not step.params else tuple(map(str, step.params))
    return whose, step.name, width, is_open, angles
