"""Rotations with open angles, written in the gates whose angles samplomatic leaves open."""

from __future__ import annotations

from qiskit.circuit import QuantumCircuit
from qiskit.circuit.equivalence_library import StandardEquivalenceLibrary
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import BasisTranslator, UnrollCustomDefinitions

from qiskit_modes.primitives.boxes.checks import PULSES

__all__ = ["with_open_rotations"]

_OPEN_ANGLES = frozenset({"rx", "rz"})


def with_open_rotations(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit in which only rx and rz have open angles; itself if that is so already.

    Args:
        circuit: The circuit, not modified.
    """
    unread = {
        step.name
        for step in circuit.data
        if len(step.qubits) == 1 and step.is_parameterized() and step.name not in _OPEN_ANGLES
    }
    if not unread or circuit.has_control_flow_op():
        return circuit
    names = sorted({*circuit.count_ops(), *_OPEN_ANGLES, *PULSES} - unread)
    # Not by the session's library, to which anybody may add: what comes of it is kept.
    library = StandardEquivalenceLibrary
    passes = [UnrollCustomDefinitions(library, names), BasisTranslator(library, names)]
    return PassManager(passes).run(circuit)
