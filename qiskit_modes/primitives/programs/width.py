"""Refusing circuits that are too wide to be simulated, before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit
from qiskit.providers import BackendV2

from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.compile.window.outlook import (
    check_width,
    may_be_too_wide,
    seconds_to_check,
)
from qiskit_modes.simulation.elsewhere import Elsewhere

__all__ = ["NEVER_TOO_WIDE", "naming", "refuse_too_wide"]

NEVER_TOO_WIDE = 8
"""So many qubits fit into a mebibyte by any method, and no limit of memory can be set lower."""


def refuse_too_wide(
    circuit: QuantumCircuit,
    values: npt.NDArray[np.float64],
    backend: BackendV2,
    noise_model: Any,
    elsewhere: Elsewhere,
    measured: Sequence[Sequence[int]] | None = None,
) -> None:
    """Raise if a circuit is too wide, however it will be folded, twirled and decoupled.

    Args:
        circuit: As the user gave it.
        values: Of its parameters, shape (sets, parameters).
        backend: The backend that the job is for.
        noise_model: What the options say.
        elsewhere: Looks at it, if it is large.
        measured: Qubits that are measured together; None for what the circuit measures itself.

    Raises:
        SimulationTooLargeError: With the window, the time, the memory, and the ways out.
    """
    choice = describe(simulated_backend(backend, noise_model)).choice
    if may_be_too_wide(circuit, choice):
        elsewhere(seconds_to_check(circuit), check_width, circuit, choice, values, measured)


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Name what is too wide at the start of the message.

    Args:
        where: What it is.
    """
    try:
        yield
    except SimulationTooLargeError as error:
        raise SimulationTooLargeError(
            f"{where}: {error.message}",
            num_qubits=error.num_qubits,
            needed_bytes=error.needed_bytes,
            available_bytes=error.available_bytes,
        ) from None
