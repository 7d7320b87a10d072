"""Chooses the method that simulates a component, if there is memory for it."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from qiskit.circuit import CircuitInstruction, ParameterExpression, QuantumCircuit

from qiskit_modes.exceptions import (
    SimulationTooLargeError,
    UnsupportedCircuitError,
)
from qiskit_modes.memory import machine_bytes
from qiskit_modes.simulation.aer.costs import MOST_QUBITS, aer_bytes, may_be_done
from qiskit_modes.simulation.operations import Block, Channel, Rotation
from qiskit_modes.simulation.run.cost import density_bytes
from qiskit_modes.simulation.settings import Settings

__all__ = [
    "SimulatorChoice",
    "available_bytes",
    "check_memory",
    "check_stabilizer",
    "density_fits",
    "density_too_large",
    "is_clifford",
    "is_ideal",
    "readable",
    "state_fits",
    "too_large",
]

REMEMBERED_SECONDS = 5.0
"""For so long the machine's memory is what it was: to look takes 0.3 ms, and every job asks."""


class SimulatorChoice(NamedTuple):
    """Choice of a simulation by the options of an `AerSimulator`."""

    method: str | None = None
    """A method of Aer's that the user named, unless it is one for which ours stands in."""
    max_memory_mb: int | None = None
    density: bool = False
    """Whether the user named the density matrix: then nothing is left to trajectories."""
    max_threads: int | None = None
    """Most threads of one simulation; None for as many as there are."""
    options: tuple[tuple[str, Any], ...] = ()
    """What else the user set of how Aer simulates, for components that are left to Aer."""

    @property
    def takes_state_vector(self) -> bool:
        """Tell whether an ideal circuit may be simulated by our own state vector."""
        return self.method in {None, "statevector"} and not self.density and not self.options

    def aer_options(self, settings: Settings, method: str) -> dict[str, Any]:
        """Return what Aer is told where it simulates.

        Args:
            settings: Of which the number of Aer's threads acts.
            method: Which method it takes.
        """
        threads = settings.aer_threads
        return {
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.options
            },
            **({"max_memory_mb": self.max_memory_mb} if self.max_memory_mb else {}),
            "method": method,
            "max_parallel_threads": min(threads, self.max_threads or threads),
        }


def available_bytes(choice: SimulatorChoice, settings: Settings) -> int:
    """Return how much memory one simulation may take."""
    if choice.max_memory_mb:
        return choice.max_memory_mb << 20
    if settings.max_memory_bytes:
        return settings.max_memory_bytes
    global _machine
    looked_at, known = _machine
    now = time.monotonic()
    if now - looked_at > REMEMBERED_SECONDS:
        known = machine_bytes()
        _machine = now, known  # two threads may both look; what they find is the same
    return known // 2


_machine = -math.inf, 0
"""When the machine was looked at, on the monotonic clock, and the memory that it has."""


def density_fits(elements: int, available: int, settings: Settings) -> bool:
    """Tell whether a state of so many float64 numbers is kept as a density matrix."""
    return elements <= settings.max_density_elements and density_bytes(elements) <= available


def state_fits(num_qubits: int, available: int) -> bool:
    """Tell whether a state of so many qubits is kept as a vector: before and after a step."""
    return density_bytes(2 << num_qubits) <= available


def check_memory(method: str, qubits: Collection[int], available: int, *, readers: int = 0) -> None:
    """Refuse what would not fit.

    Args:
        method: Aer's name of it.
        qubits: The component.
        available: Bytes that may be used.
        readers: How many qubits more there are, see `cut_circuit`.

    Raises:
        SimulationTooLargeError: With the memory needed and the ways out.
    """
    if not may_be_done(method, len(qubits) + readers, available):
        raise too_large(method, qubits, available, readers=readers)


def too_large(
    method: str, qubits: Collection[int], available: int, *, readers: int = 0
) -> SimulationTooLargeError:
    """Return the error that says why a method has not the memory for a component, and what has.

    Args:
        method: Aer's name of it.
        qubits: The component.
        available: Bytes that may be used.
        readers: How many qubits more there are, see `cut_circuit`.
    """
    num_qubits = len(qubits) + readers
    needed = aer_bytes(method, num_qubits)
    reason = f"needs {readable(needed)} and {readable(available)} may be used"
    if num_qubits > MOST_QUBITS.get(method, num_qubits):
        reason = f"can be done for at most {MOST_QUBITS[method]}"
    return SimulationTooLargeError(
        f"The circuit joins {num_qubits} qubits ({_listed(qubits)}) into one state; simulating it "
        f"by {method!r} {reason}. Use fewer qubits that are "
        "joined by gates or conditions, or a method whose memory does not grow so: pass "
        "AerSimulator.from_backend(backend, method='matrix_product_state'), which keeps the "
        "backend's noise, for weakly entangled circuits, or use Clifford gates and Pauli noise "
        "only.",
        num_qubits=num_qubits,
        needed_bytes=needed,
        available_bytes=available,
    )


def density_too_large(qubits: Collection[int], available: int) -> SimulationTooLargeError:
    """Return the error that says why the density matrix that the user named cannot be kept.

    Args:
        qubits: The component.
        available: Bytes that may be used.
    """
    if aer_bytes("density_matrix", len(qubits)) > available:
        return too_large("density_matrix", qubits, available)
    return SimulationTooLargeError(
        f"The circuit joins {len(qubits)} qubits, whose density matrix is too large to "
        "be worked with. Use fewer, or an AerSimulator with method='automatic'.",
        num_qubits=len(qubits),
        needed_bytes=aer_bytes("density_matrix", len(qubits)),
        available_bytes=available,
    )


def check_stabilizer(cut: QuantumCircuit) -> None:
    """Refuse what the stabilizer method that a user named cannot simulate.

    Raises:
        UnsupportedCircuitError: With the instructions that are not Clifford gates. Angles that are
            still open may turn out to be right ones.
    """
    others = {step.name for step in cut.data if not _is_clifford_step(step, clifford_angles=True)}
    if others:
        raise UnsupportedCircuitError(
            "The backend is an AerSimulator with method='stabilizer', which simulates Clifford "
            f"gates and errors made of Pauli operators only; found {sorted(others)}. Choose "
            "another method, or 'automatic'."
        )


def is_clifford(circuit: QuantumCircuit, *, clifford_angles: bool = False) -> bool:
    """Tell whether Aer's stabilizer method simulates a circuit, its errors included, exactly.

    Args:
        circuit: The circuit with its errors.
        clifford_angles: Whether open angles will be multiples of π/2.
    """
    return all(_is_clifford_step(step, clifford_angles) for step in circuit.data)


def _is_clifford_step(step: CircuitInstruction, clifford_angles: bool) -> bool:
    operation = step.operation
    if step.name == "rz":
        angle = operation.params[0]
        if isinstance(angle, ParameterExpression):
            return clifford_angles
        return math.isclose(math.remainder(angle, math.pi / 2), 0.0, abs_tol=1e-12)
    blocks = getattr(operation, "blocks", ())
    if blocks:
        return all(is_clifford(block, clifford_angles=clifford_angles) for block in blocks)
    error = getattr(operation, "_quantum_error", None)
    if error is not None:
        return all(inner.name in _PAULI_NAMES for term in error.circuits for inner in term.data)
    return step.name in _CLIFFORD_NAMES


_PAULI_NAMES = frozenset({"id", "x", "y", "z", "pauli", "reset"})
_CLIFFORD_NAMES = (
    _PAULI_NAMES
    | {"h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "ecr", "swap"}
    | {"measure", "delay", "store", "break_loop", "continue_loop"}
)


def is_ideal(block: Block) -> bool:
    """Tell whether a block is unitary up to its measurements."""
    return all(
        isinstance(operation, Channel) and not operation.forgets and _is_orthogonal(operation)
        for operation in block.operations
        if not isinstance(operation, Rotation)
    )


def _is_orthogonal(channel: Channel) -> bool:
    return np.allclose(channel.matrix @ channel.matrix.T, np.eye(len(channel.matrix)))


def _listed(qubits: Collection[int]) -> str:
    first = sorted(qubits)[:8]
    more = len(qubits) - len(first)
    return ", ".join(map(str, first)) + (f" and {more} more" if more else "")


def readable(size: int) -> str:
    """Return a number of bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if size < 1024:
            return f"{size} {unit}"
        size //= 1024
    return f"{size} EB" if size < 10_000 else f"{Decimal(size):.0e} EB"
