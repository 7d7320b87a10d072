"""Refusing quantum programs whose circuits are too wide, when ``run()`` is called."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.providers import BackendV2
from samplomatic.quantum_program import CircuitItem, QuantumProgram

from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.primitives.boxes.draw import PARAMETER_VALUES, draw_one
from qiskit_modes.primitives.programs.width import naming, refuse_too_wide
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.compile.window.outlook import may_be_too_wide
from qiskit_modes.simulation.elsewhere import here

__all__ = ["check_program"]


def check_program(program: QuantumProgram, backend: BackendV2) -> None:
    """Raise if the circuit of an item of a quantum program is too wide.

    Args:
        program: The program.
        backend: The backend that it is for.

    Raises:
        SimulationTooLargeError: Naming the item; see `refuse_too_wide`.
    """
    choice = describe(backend).choice
    for index, item in enumerate(program.items):
        if item.size() == 0 or not may_be_too_wide(item.circuit, choice):
            continue
        with naming(f"Item {index}"):
            values = item.circuit_arguments if isinstance(item, CircuitItem) else None
            try:
                refuse_too_wide(item.circuit, _rows(item, values), backend, None, here)
            except SimulationTooLargeError:
                if values is not None:
                    raise
                # With the angles that are drawn, all of its gates may be Clifford gates.
                drawn = draw_one(item)[PARAMETER_VALUES]
                refuse_too_wide(item.circuit, _rows(item, drawn), backend, None, here)


def _rows(item: Any, values: Any) -> npt.NDArray[np.float64]:
    """Return parameter sets of an item's circuit, (sets, parameters); none if there are none."""
    number = item.circuit.num_parameters
    if values is None or number == 0:
        return np.empty((0, number))
    return np.asarray(values, dtype=np.float64).reshape(-1, number)
