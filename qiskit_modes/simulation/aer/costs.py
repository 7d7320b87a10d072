"""Costs of Aer's simulations, estimated as in `simulation.compile.costs`."""

from __future__ import annotations

from typing import Any

from qiskit import QuantumCircuit

from qiskit_modes.simulation.run.cost import Cost, doubled

__all__ = ["MOST_QUBITS", "aer_bytes", "aer_cost", "least_aer_seconds", "may_be_done"]

AER_SECONDS = 8e-3
"""One call of Aer, whatever the circuit."""
AER_SECONDS_PER_TERM = 150e-6
"""Converting one term of one of a circuit's different errors, in every run."""
AER_SECONDS_PER_OPERATION = 0.6e-6
"""One instruction in one shot, beside its work on the state."""
AER_SECONDS_PER_AMPLITUDE = 7e-9
AER_SECONDS_PER_TABLEAU = 3e-6
"""One instruction in one shot by the stabilizer method, up to 120 qubits."""
AER_SECONDS_PER_TENSOR = 4e-6
"""One instruction in one shot by the matrix product state, times the number of qubits."""
AER_SECONDS_PER_SAMPLE = 8e-6
"""One shot drawn from a state that was computed once."""
UNKNOWN_SECONDS_PER_SHOT = 1e-3


MOST_QUBITS = {"extended_stabilizer": 63}
"""The most that Aer's methods can hold, where it is not memory that limits them."""


def may_be_done(method: str, num_qubits: int, available: int) -> bool:
    """Tell whether Aer can hold so many qubits in so many bytes by a method."""
    most = MOST_QUBITS.get(method, num_qubits)
    return num_qubits <= most and aer_bytes(method, num_qubits) <= available


def aer_bytes(method: str, num_qubits: int) -> int:
    """Return the memory of Aer's state; 0 where it grows with what the circuit does instead."""
    match method:
        case "statevector":
            return 16 << num_qubits
        case "density_matrix":
            return 16 << 2 * num_qubits
    return 0


def aer_cost(circuit: QuantumCircuit, method: str, *, computed_once: bool) -> Cost:
    """Return what Aer's simulation of a circuit costs.

    Args:
        circuit: With its errors in it.
        method: Aer's name of it.
        computed_once: Whether shots are drawn from one state at the end, as without noise.
    """
    operations, terms = _count(circuit, {})
    once = AER_SECONDS + sum(terms.values()) * AER_SECONDS_PER_TERM
    match method:
        case "statevector":
            amplitudes = doubled(circuit.num_qubits)
            each = AER_SECONDS_PER_OPERATION + AER_SECONDS_PER_AMPLITUDE * amplitudes
        case "stabilizer":
            each = AER_SECONDS_PER_TABLEAU
        case "matrix_product_state":
            each = AER_SECONDS_PER_TENSOR * circuit.num_qubits
        case _:
            each = UNKNOWN_SECONDS_PER_SHOT / max(1, operations)
    if computed_once:
        return Cost(once + operations * each, AER_SECONDS_PER_SAMPLE)
    return Cost(once, max(1, operations) * each, drawn_singly=True)


def least_aer_seconds(operations: int, num_qubits: int, shots: int) -> float:
    """Return what so many shots with noise take Aer at least, by whichever of its methods."""
    vector = AER_SECONDS_PER_OPERATION + AER_SECONDS_PER_AMPLITUDE * doubled(num_qubits)
    return AER_SECONDS + operations * min(vector, AER_SECONDS_PER_TABLEAU) * shots


def _count(circuit: QuantumCircuit, terms: dict[int, int]) -> tuple[int, dict[int, int]]:
    """Return the number of instructions, bodies included, and the terms of each error."""
    operations = len(circuit.data)
    for step in circuit.data:
        error: Any = getattr(step.operation, "_quantum_error", None)
        if error is not None:
            terms[id(error)] = len(error.circuits)
        for block in getattr(step.operation, "blocks", ()):
            operations += _count(block, terms)[0]
    return operations, terms
