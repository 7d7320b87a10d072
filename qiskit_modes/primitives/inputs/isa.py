"""The ISA check of circuits that were passed to ``run()``; see `InstructionSet` for its rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2

from qiskit_modes.exceptions import BrokenHardwareWarning, NotISAError
from qiskit_modes.primitives.backends.instruction_set import (
    MAX_RZZ_ANGLE,
    CheckedCircuit,
    InstructionSet,
    instruction_set_of,
    last_instruction_set_of,
    rzz_message,
)
from qiskit_modes.simulation.noise.remarks import Place, broken, written
from qiskit_modes.warn import warn

__all__ = ["check_isa", "check_rzz_angles", "warn_of_broken"]


def check_isa(circuit: QuantumCircuit, backend: BackendV2, fingerprint: bytes) -> CheckedCircuit:
    """Raise unless ``backend`` can execute ``circuit`` as it is.

    Args:
        circuit: The circuit, not modified.
        backend: The backend it is meant for.
        fingerprint: The circuit's fingerprint; a circuit that passed once is not walked again.

    Returns:
        What remains to be checked once parameter values are known, see `check_rzz_angles`.

    Raises:
        NotISAError: Naming the first instruction that is not supported, its qubits, and the line
            that transpiles.
        InvalidInputError: Naming a variable that is read and may have no value.
    """
    return instruction_set_of(backend).check(circuit, fingerprint)


def check_rzz_angles(
    checked: CheckedCircuit, parameters: tuple[Any, ...], values: NDArray[np.float64]
) -> None:
    """Raise unless every parametric ``rzz`` angle lies in [0, π/2] for all parameter sets.

    Args:
        checked: What `check_isa` returned.
        parameters: The circuit's parameters in the order of the columns of ``values``.
        values: Shape (num_sets, num_parameters).

    Raises:
        NotISAError: Naming the qubits, the angle and the set of values.
    """
    # By name: the expressions may come from an equal circuit with parameters of its own.
    columns = {parameter.name: column for column, parameter in enumerate(parameters)}
    for qubits, expression in checked.rzz_angles:
        used = list(expression.parameters)
        relevant = values[:, [columns[parameter.name] for parameter in used]]
        for index, row in enumerate(relevant):
            angle = float(expression.bind(dict(zip(used, row, strict=True))))
            if not 0.0 <= angle <= MAX_RZZ_ANGLE:
                raise NotISAError(
                    f"{rzz_message(qubits, angle)} It comes from the expression {expression} "
                    f"with the parameter values of set {index}."
                )


def warn_of_broken(fingerprints: Iterable[bytes], backend: BackendV2) -> None:
    """Warn, once for each circuit, of what it uses that the backend reports not to work.

    Args:
        fingerprints: Fingerprints of circuits that were checked.
        backend: The backend they are meant for.

    Warns:
        BrokenHardwareWarning: Naming the instructions and the way out.
    """
    instructions = last_instruction_set_of(backend)  # by which they were checked
    if instructions.reported is None:
        return  # nor need any circuit be looked for
    places = sorted({place for each in fingerprints for place in _untold(each, instructions)})
    if places:
        some = "; ".join(map(written, places[:6])) + ("; ..." if len(places) > 6 else "")
        warn(
            f"{instructions.name} reports an error of 1 for what the circuit uses: {some}. That "
            "does not work, and results of it are noise. Transpile the circuit without "
            "initial_layout at optimization_level 2 or 3, which prefer what errs less, or name "
            "qubits with a working connection: "
            f"backend.target['{places[0][0]}'] has the errors of all.",
            BrokenHardwareWarning,
        )


def _untold(fingerprint: bytes, instructions: InstructionSet) -> tuple[Place, ...]:
    """Return what a checked circuit uses that does not work, once for each circuit."""
    checked = instructions.checked.get(fingerprint)
    # As it is reported now: that may change in place.
    found = () if checked is None else tuple(broken(instructions.reported, checked.places))
    if not found or instructions.told.get((fingerprint, found)):
        return ()
    instructions.told.put((fingerprint, found), True)
    return found
