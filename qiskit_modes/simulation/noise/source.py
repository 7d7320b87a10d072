"""Where the noise of an instruction comes from, whatever the backend.

A noise source answers three questions for single instructions, so that only the noise of qubits
in use is ever built. It answers them from *facts* (an error rate, a relaxation time, an error
object), and every fact that went into a compiled circuit is remembered: the compiled circuit may
be used again exactly while all its facts are still the same, however the backend was changed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from qiskit.circuit import Instruction
from qiskit.providers import BackendV2

from qiskit_modes.caches import Fact
from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = [
    "NO_CONFUSION",
    "IdealNoise",
    "NoiseSource",
    "NotCuttableError",
    "Same",
    "is_aer_simulator",
    "simulator_option",
]

NO_CONFUSION: RealArray = np.eye(2)


@dataclass(frozen=True, eq=False)
class Same:
    """Equal to another of these if both hold the very same object, which is thus kept alive."""

    thing: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


class NotCuttableError(UnsupportedCircuitError):
    """Aer can simulate this, but not by the noise of the qubits in use alone: see `full_model`."""


class NoiseSource(Protocol):
    """The noise of one backend, as it is while one circuit is being compiled."""

    @property
    def description(self) -> str:
        """Where the noise came from, for the result's metadata; "none" if there is none."""

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Read one fact anew; the keys are this source's own."""

    @property
    def facts(self) -> dict[tuple[Any, ...], Fact]:
        """Everything that was read so far."""

    def after(self, label: str, qubits: tuple[int, ...]) -> RealArray | None:
        """Return the error that follows an instruction of that label, or None.

        Its shape says on how many qubits it acts: the first of those given.
        """

    def before_measure(self, qubit: int, name: str = "measure") -> RealArray | None:
        """Return the error that precedes a measurement by the instruction of that name, or None."""

    def confusion(self, qubit: int, name: str = "measure") -> RealArray:
        """Return the readout error, shape (2, 2), as ``[recorded, true]``.

        Args:
            qubit: What is measured.
            name: By which instruction: some devices have several.
        """

    def relaxation_during(self, delay: Instruction, qubit: int) -> RealArray | None:
        """Return what happens to a qubit during a delay, or None."""

    def aer_error(self, label: str, qubits: tuple[int, ...]) -> Any:
        """Return the error of an instruction of that label as Aer's ``QuantumError``, or None."""


class IdealNoise:
    """No noise: an `AerSimulator` without a noise model."""

    description = "none"

    def __init__(self) -> None:
        self.facts: dict[tuple[Any, ...], Fact] = {}

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Nothing is ever read."""
        raise KeyError(key)

    def after(self, label: str, qubits: tuple[int, ...]) -> RealArray | None:
        """No error."""
        del label, qubits
        return None

    def before_measure(self, qubit: int, name: str = "measure") -> RealArray | None:
        """No error."""
        del qubit, name
        return None

    def confusion(self, qubit: int, name: str = "measure") -> RealArray:
        """What is measured is recorded."""
        del qubit, name
        return NO_CONFUSION

    def relaxation_during(self, delay: Instruction, qubit: int) -> RealArray | None:
        """No relaxation."""
        del delay, qubit
        return None

    def aer_error(self, label: str, qubits: tuple[int, ...]) -> Any:
        """No error."""
        del label, qubits
        return None


def is_aer_simulator(backend: BackendV2) -> bool:
    """Tell whether a backend is one of Aer's, without importing Aer to find out."""
    aer = sys.modules.get("qiskit_aer")  # if it was never imported, nobody has made one
    return aer is not None and isinstance(backend, aer.backends.aerbackend.AerBackend)


def simulator_option(backend: BackendV2, name: str) -> Any:
    """Return an option of an Aer backend, None if it has no such option."""
    return getattr(backend.options, name, None)
