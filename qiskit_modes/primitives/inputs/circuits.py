"""A circuit as it was passed to ``run()``: copied, and checked against the backend."""

from __future__ import annotations

import copy
import os
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import ControlFlowOp, QuantumCircuit
from qiskit.providers import BackendV2

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.inputs.isa import check_isa, check_rzz_angles
from qiskit_modes.simulation import fingerprint
from qiskit_modes.simulation.circuits.content import Held, read_content

__all__ = ["check_circuit", "metadata_of", "own_circuit"]


def own_circuit(circuit: QuantumCircuit) -> tuple[QuantumCircuit, bytes]:
    """Return a copy that the user's later changes do not reach, and its fingerprint."""
    own = circuit.copy()  # its metadata is copied as deep as it goes
    content = read_content(own)
    match content.held:
        case Held.NUMBERS:
            return own, content.key
        case Held.BODIES:
            # A copy shares the bodies of control flow with the original; a deep one does not.
            return copy.deepcopy(own), content.key
    try:
        own = _detached(own)
    except Exception:  # what pickle and the classes of strangers raise
        # It shares something with the user's circuit, so nothing is kept of it.
        return copy.deepcopy(own), os.urandom(16)
    return own, fingerprint(own)  # of the very circuit that runs


def metadata_of(circuit: QuantumCircuit) -> dict[str, Any]:
    """Return a copy of what a user has noted on a circuit, which goes out with its result."""
    noted: dict[str, Any] = circuit.metadata or {}
    return copy.deepcopy(noted) if noted else {}


def _detached(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a copy of a circuit whose instructions share no object with the original's.

    A deep copy does not go so far: it copies parameters and definitions, and shares other things
    that an instruction holds, such as the error of an error channel.
    """
    own = circuit.copy_empty_like()
    for step in circuit.data:
        if not step.is_standard_gate():
            operation: Any = step.operation
            if isinstance(operation, ControlFlowOp):
                operation = operation.replace_blocks(map(_detached, operation.blocks))
            elif step.name != "store":  # which holds expressions, and these do not change
                operation = pickle.loads(pickle.dumps(operation, 4))  # noqa: S301 - just written
            step = step.replace(operation=operation)
        own.append(step, copy=False)
    return own


def check_circuit(
    circuit: QuantumCircuit,
    content: bytes,
    values: NDArray[np.float64] | None,
    backend: BackendV2,
    where: str,
) -> None:
    """Check that a backend can execute a circuit.

    Args:
        circuit: The circuit.
        content: Its fingerprint.
        values: Its parameter values, shape (num_sets, num_parameters); None if they are not known.
        backend: Where it is to run.
        where: Names the circuit, at the start of the message.

    Raises:
        NotISAError: If it is not in the backend's instruction set.
        InvalidInputError: If it reads a variable that may have no value, or values are no durations
            of delays.
    """
    try:
        checked = check_isa(circuit, backend, content)
        if values is not None and checked.rzz_angles:
            check_rzz_angles(checked, tuple(circuit.parameters), values)
        if values is not None and checked.durations is not None:
            checked.durations.check(values)
    except InvalidInputError as error:
        raise type(error)(f"{where}: {error.message}") from None
