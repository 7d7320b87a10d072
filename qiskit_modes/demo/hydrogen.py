"""The problem of the demonstration: the ground state of molecular hydrogen.

H2 in the minimal basis STO-3G at a bond length of 0.735 Å, close to equilibrium. The parity mapping
makes four qubits of the four spin orbitals, and two of them are fixed by the number of electrons of
each spin; the five coefficients of what is left are the same as in Qiskit's tutorials. To them the
repulsion of the nuclei is added, so that energies are total energies of the molecule, in hartree.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

__all__ = ["BOND_LENGTH", "ansatz", "exact_energy", "hamiltonian", "noiseless_energy"]

BOND_LENGTH = 0.735
"""In ångström."""

_NUCLEAR_REPULSION = 0.7199689944489797
"""One over the bond length, both in atomic units."""

_ELECTRONIC = {
    "II": -1.052373245772859,
    "IZ": 0.39793742484318045,
    "ZI": -0.39793742484318045,
    "ZZ": -0.01128010425623538,
    "XX": 0.18093119978423156,
}


def hamiltonian() -> SparsePauliOp:
    """Return the Hamiltonian on two qubits, in hartree."""
    terms = dict(_ELECTRONIC)
    terms["II"] += _NUCLEAR_REPULSION
    return SparsePauliOp.from_list(list(terms.items()))


def exact_energy() -> float:
    """Return the lowest eigenvalue of the Hamiltonian.

    Example:
        >>> round(exact_energy(), 6)
        -1.137306
    """
    return float(np.linalg.eigvalsh(hamiltonian().to_matrix())[0])


def ansatz() -> QuantumCircuit:
    """Return a circuit with four angles that can prepare every real state of two qubits."""
    angles = ParameterVector("θ", 4)
    circuit = QuantumCircuit(2)
    circuit.ry(angles[0], 0)
    circuit.ry(angles[1], 1)
    circuit.cz(0, 1)
    circuit.ry(angles[2], 0)
    circuit.ry(angles[3], 1)
    return circuit


def noiseless_energy(angles: Sequence[float]) -> float:
    """Return the energy that `ansatz` with these angles would have on a perfect machine.

    Example:
        >>> round(noiseless_energy([0.0, 0.0, 0.0, 0.0]), 4)
        -0.3437
    """
    state = Statevector(ansatz().assign_parameters(angles))
    return float(np.real(state.expectation_value(hamiltonian())))
