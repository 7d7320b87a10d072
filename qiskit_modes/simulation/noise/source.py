"""The source of an instruction's noise, whatever the backend.

A noise source answers questions about single instructions, so that only the noise of qubits
in use is ever built. It answers them from *facts* (an error rate, a relaxation time, an error
object), and every fact that went into a compiled circuit is remembered: the compiled circuit may
be used again exactly while all its facts are still the same, however the backend was changed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from qiskit.circuit import Instruction

from qiskit_modes.caches import BoundedCache, Fact
from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.pauli_basis import RealArray, pauli_rates, to_superoperator

__all__ = [
    "NO_CONFUSION",
    "IdealNoise",
    "NoiseSource",
    "NotCuttableError",
    "Same",
    "quantum_error",
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
    """Aer can simulate this, but not by the noise of the qubits in use alone."""


class NoiseSource(ABC):
    """The noise of one backend, as it is while one circuit is being compiled.

    A new source derives from this and says what it reads and what follows an instruction; the rest
    is none unless it says otherwise. Matrices are Pauli transfer matrices, the first factor for the
    first qubit (see `qiskit_modes.simulation.pauli_basis`); they may be shared, so nobody writes
    to them.
    """

    is_ideal: ClassVar[bool] = False
    """Whether there is no noise, whatever the circuit."""
    answers_for_facts: ClassVar[bool] = True
    """Whether equal facts mean equal answers; not where something unknown is called for them."""

    def __init__(self) -> None:
        self.facts: dict[tuple[Any, ...], Fact] = {}
        """Everything that was read so far."""

    # -- what it reads ---------------------------------------------------------------------------

    @property
    @abstractmethod
    def description(self) -> str:
        """Origin of the noise, for the result's metadata; "none" if there is none."""

    @abstractmethod
    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Read one fact anew.

        Args:
            key: What; the keys are this source's own. Where it begins with ``"gate"``, the label of
                an instruction and its qubits follow (see `remarks`).
        """

    def read(self, key: tuple[Any, ...]) -> Fact:
        """Return a fact, which is remembered."""
        if key not in self.facts:
            self.facts[key] = self.fact(key)
        return self.facts[key]

    # -- what single instructions do -------------------------------------------------------------

    @abstractmethod
    def after(self, label: str, qubits: tuple[int, ...]) -> RealArray | None:
        """Return the error that follows an instruction of that label, (4^n, 4^n), or None.

        Its shape says on how many qubits it acts: the first of those given.
        """

    def before_measure(self, qubit: int, name: str = "measure") -> RealArray | None:
        """Return the error before a measurement by an instruction, shape (4, 4), or None."""
        del qubit, name
        return None

    def confusion(self, qubit: int, name: str = "measure") -> RealArray:
        """Return the readout error, shape (2, 2), as ``[recorded, true]``.

        Args:
            qubit: What is measured.
            name: By which instruction: some devices have several.
        """
        del qubit, name
        return NO_CONFUSION

    def relaxation_during(self, delay: Instruction, qubit: int) -> RealArray | None:
        """Return what happens to a qubit during a delay, shape (4, 4), or None."""
        del delay, qubit
        return None

    # -- the same for Aer ------------------------------------------------------------------------

    def aer_error(self, label: str, qubits: tuple[int, ...]) -> Any:
        """Return the error that follows an instruction as Aer's ``QuantumError``, or None."""
        return quantum_error(self.after(label, qubits))

    def aer_error_before_measure(self, qubit: int, name: str) -> Any:
        """Return the error that precedes a measurement as Aer's ``QuantumError``, or None."""
        return quantum_error(self.before_measure(qubit, name))

    def aer_relaxation(self, delay: Instruction, qubit: int) -> Any:
        """Return what happens during a delay as Aer's ``QuantumError``, or None."""
        return quantum_error(self.relaxation_during(delay, qubit))

    # -- what is no matter of single instructions ------------------------------------------------

    @property
    def passes(self) -> list[Any]:
        """Return the transpiler passes by which it adds noise to circuits with delays."""
        return []

    def durations_of(self, label: str, qubits: tuple[int, ...]) -> None:
        """Note, as a fact, what those passes read of how long an instruction takes."""
        del label, qubits

    def whole_model(self, reason: NotCuttableError) -> bytes | None:
        """Return Aer's noise model of the whole device, pickled; None if there is no noise.

        Args:
            reason: Why the circuit's own noise does not do.

        Raises:
            UnsupportedCircuitError: If there is none, or it cannot be pickled.
        """
        raise UnsupportedCircuitError(
            f"{reason.message} That is left to Aer as a whole; if it is meant, pass "
            "AerSimulator.from_backend(backend) as the backend."
        ) from reason

    def as_it_travels(self) -> NoiseSource | None:
        """Return a source that can be pickled and gives again all answers that this one has given.

        None if a list of the answers does it.
        """
        return None


class IdealNoise(NoiseSource):
    """No noise: an `AerSimulator` without a noise model."""

    is_ideal = True
    description = "none"

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Fail: nothing is ever read."""
        raise KeyError(key)

    def after(self, label: str, qubits: tuple[int, ...]) -> RealArray | None:
        """Return None, and no matrix of any shape: there is no error."""
        del label, qubits
        return None

    def whole_model(self, reason: NotCuttableError) -> bytes | None:
        """Return None: Aer simulates without a model."""
        del reason
        return None

    def as_it_travels(self) -> NoiseSource:
        """Return itself."""
        return self


ROUNDING = 1e-15
"""A probability that is smaller is one of 0 that was computed."""

_quantum_errors: BoundedCache[tuple[int, bytes], Any] = BoundedCache(4096)


def quantum_error(matrix: RealArray | None) -> Any:
    """Return a channel as Aer's ``QuantumError``, or None; the same object for the same channel.

    The matrix has shape (4^n, 4^n). Aer converts each object once in a run, and takes one made of
    Pauli strings for what it is.
    """
    if matrix is None:
        return None
    key = len(matrix), matrix.tobytes()
    known = _quantum_errors.get(key)
    if known is None:
        from qiskit.quantum_info import SuperOp
        from qiskit_aer.noise import QuantumError, pauli_error

        rates = pauli_rates(matrix)
        if rates is None:
            known = QuantumError(SuperOp(to_superoperator(matrix)))
        else:
            known = pauli_error(
                [(string, rate) for string, rate in rates.items() if rate > ROUNDING]
            )
        _quantum_errors.put(key, known)
    return known
