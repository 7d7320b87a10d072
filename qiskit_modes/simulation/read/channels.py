"""The channels of small circuits, as matrices: for what is computed about noise, not with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.noise.source import NoiseSource
from qiskit_modes.simulation.operations import Channel
from qiskit_modes.simulation.pauli_basis import RealArray, embed
from qiskit_modes.simulation.read.read_circuit import read_circuit

__all__ = ["channels_of"]


def channels_of(
    circuit: QuantumCircuit, noise: NoiseSource, groups: Sequence[Sequence[int]]
) -> list[RealArray]:
    """Return the Pauli transfer matrices of a circuit without measurements and parameters.

    Args:
        circuit: As wide as the device; it joins no qubits of different groups.
        noise: Where errors are looked up.
        groups: A few qubits each, all that the circuit touches; the first of a group is the most
            significant digit of an index.

    Returns:
        For each group a matrix of shape (4^n, 4^n), where n is its number of qubits.

    Raises:
        UnsupportedCircuitError: If the circuit is no channel of numbers.
    """
    group_of = {qubit: number for number, group in enumerate(groups) for qubit in group}
    matrices: list[RealArray] = [np.eye(4 ** len(group)) for group in groups]
    for operation in read_circuit(circuit, noise)[0].operations:
        if not isinstance(operation, Channel):
            raise UnsupportedCircuitError(
                f"A circuit that is to be read as a channel holds {operation!r}; expected gates "
                "without open parameters, and nothing that measures."
            )
        number = group_of[operation.qubits[0]]
        step = embed(operation.matrix, operation.qubits, groups[number])
        matrices[number] = step @ matrices[number]
    return matrices
