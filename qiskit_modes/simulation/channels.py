"""The channel of a small circuit, as a matrix: for what is computed about noise, not with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.merge import embed
from qiskit_modes.simulation.noise import NoiseSource
from qiskit_modes.simulation.operations import Channel
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.reading import read_circuit

__all__ = ["channel_of"]


def channel_of(circuit: QuantumCircuit, noise: NoiseSource, qubits: Sequence[int]) -> RealArray:
    """Return the Pauli transfer matrix of a circuit without measurements and parameters.

    Args:
        circuit: As wide as the device; all that it does, it does to ``qubits``.
        noise: Where errors are looked up.
        qubits: A few qubits; the first is the most significant digit of an index.

    Raises:
        UnsupportedCircuitError: If the circuit is no channel of numbers.
    """
    block, _, _ = read_circuit(circuit, noise)
    matrix = np.eye(4 ** len(qubits))
    for operation in block.operations:
        if not isinstance(operation, Channel):
            raise UnsupportedCircuitError(
                f"A circuit that is to be read as a channel holds {operation!r}; expected gates "
                "without open parameters, and nothing that measures."
            )
        matrix = embed(operation.matrix, operation.qubits, qubits) @ matrix
    return matrix
