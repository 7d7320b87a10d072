"""A quantum program as it was passed to ``run()``: checked, and copied."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.providers import BackendV2
from samplomatic.quantum_program import (
    CircuitItem,
    QuantumProgram,
    QuantumProgramItem,
    SamplexItem,
)

from qiskit_modes.exceptions import InvalidInputError, UnsupportedOptionError
from qiskit_modes.primitives.inputs.circuits import check_circuit, own_circuit
from qiskit_modes.primitives.inputs.shots import validate_shots
from qiskit_modes.simulation.circuits.durations import open_delays

__all__ = ["ProgramInput", "coerce_quantum_program"]


@dataclass(frozen=True)
class ProgramInput:
    """A quantum program ready to be compiled."""

    program: QuantumProgram
    """A copy that the user's later changes do not reach."""

    fingerprints: tuple[bytes, ...]
    """The fingerprint of each item's circuit."""

    executions: int
    """How many shots it takes in all."""


def coerce_quantum_program(program: Any, backend: BackendV2) -> ProgramInput:
    """Check and copy what was passed to an executor's ``run()``.

    Args:
        program: A ``QuantumProgram``, samplomatic's or upstream's.
        backend: The backend that the circuits must be made for.

    Raises:
        InvalidInputError: If something cannot be run; the message names the item.
        NotISAError: If a circuit is not in the backend's instruction set.
        UnsupportedOptionError: If it asks for readout signals instead of bits.
    """
    if not isinstance(program, QuantumProgram):
        raise InvalidInputError(
            "executor.run expects a QuantumProgram of samplomatic or qiskit_ibm_runtime, not "
            f"{type(program).__name__}. Circuits are wrapped by "
            "QuantumProgram(shots).append_circuit_item(circuit); PUBs go to a sampler."
        )
    shots = validate_shots(program.shots, "The shots of the program")
    if program.meas_level != "classified":
        raise UnsupportedOptionError(
            f"meas_level={program.meas_level!r} of the program is not supported: the simulation "
            'gives classified bits, and no readout signals. Leave it unset or "classified".'
        )
    snapshot = copy.copy(program)
    snapshot.shots = shots
    snapshot.items = []
    snapshot.passthrough_data = copy.deepcopy(program.passthrough_data)
    fingerprints = []
    for index, item in enumerate(program.items):
        where = f"Item {index} of the program"
        own, content = _copied(item, where)
        check_circuit(own.circuit, content, _values(own, where), backend, where)
        fingerprints.append(content)
        snapshot.items.append(own)
    executions = shots * sum(math.prod(item.shape) for item in snapshot.items)
    return ProgramInput(snapshot, tuple(fingerprints), executions)


def _copied(item: Any, where: str) -> tuple[QuantumProgramItem, bytes]:
    """Return an item with a circuit of its own, and the fingerprint of that."""
    if type(item) not in (CircuitItem, SamplexItem):
        raise InvalidInputError(
            f"{where} is a {type(item).__name__}; expected a CircuitItem or a SamplexItem of "
            "samplomatic.quantum_program."
        )
    own = copy.copy(item)
    own.circuit, content = own_circuit(item.circuit)
    if isinstance(item, CircuitItem):
        own.circuit_arguments = item.circuit_arguments.copy()
    else:
        inputs = item.samplex.inputs().make_broadcastable()
        own.samplex_arguments = inputs.bind(**dict(item.samplex_arguments))
    return own, content


def _values(item: QuantumProgramItem, where: str) -> NDArray[np.float64] | None:
    """Return an item's parameter values, shape (num_sets, num_parameters); None if to be drawn."""
    if not isinstance(item, CircuitItem):
        if open_delays(item.circuit):
            raise InvalidInputError(
                f"{where}: the template has a delay whose duration is a parameter, and samplomatic "
                "gives it neither a value nor its unit. Assign the durations before the circuit is "
                "built, or let a sampler or an estimator twirl it, which sweep them."
            )
        return None
    values: NDArray[np.float64] = item.circuit_arguments.reshape(
        item.size(), item.circuit.num_parameters
    )
    if not np.isfinite(values).all():
        raise InvalidInputError(
            f"{where}: the parameter values are not all finite numbers; replace the others."
        )
    return values
