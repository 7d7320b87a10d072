"""A circuit as it was passed to ``run()``: copied, and checked against the backend."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2

from qiskit_modes.exceptions import NotISAError
from qiskit_modes.primitives.isa import check_isa, check_rzz_angles
from qiskit_modes.simulation import fingerprint

__all__ = ["check_circuit", "own_copy"]


def own_copy(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a copy that the user's later changes do not reach."""
    # A copy shares the blocks of control-flow instructions with the original; a deep one does not.
    if circuit.has_control_flow_op():
        return copy.deepcopy(circuit)
    own = circuit.copy()
    own.metadata = copy.deepcopy(circuit.metadata)
    return own


def check_circuit(
    circuit: QuantumCircuit, values: NDArray[np.float64] | None, backend: BackendV2, where: str
) -> bytes:
    """Check that a backend can execute a circuit, and return the circuit's content key.

    Args:
        circuit: The circuit.
        values: Its parameter values, shape (num_sets, num_parameters); None if they are not known.
        backend: Where it is to run.
        where: Names the circuit, at the start of the message.

    Raises:
        NotISAError: If it is not in the backend's instruction set.
    """
    key = fingerprint(circuit)
    try:
        checked = check_isa(circuit, backend, key)
        if values is not None and checked.rzz_angles:
            check_rzz_angles(checked, tuple(circuit.parameters), values)
    except NotISAError as error:
        raise NotISAError(f"{where}: {error.message}") from None
    return key
