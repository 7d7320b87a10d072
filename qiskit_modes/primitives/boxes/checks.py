"""Checks of circuits that are to be boxed, randomised or decoupled, before anything is made."""

from __future__ import annotations

from collections.abc import Collection

from qiskit.circuit import BoxOp, QuantumCircuit

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.instruction_set import InstructionSet
from qiskit_modes.simulation.circuits.durations import open_delays

__all__ = ["PULSES", "check_circuit", "check_for_boxes"]

PULSES = ("rz", "sx")
"""The gates that samplomatic writes single-qubit gates in."""

_FILLS = "dynamical decoupling fills the idle times of a schedule"


def check_circuit(
    circuit: QuantumCircuit,
    used: Collection[int],
    instructions: InstructionSet,
    where: str,
    *,
    boxes: bool = True,
    decouples: bool = False,
    stores: bool = True,
    measured: Collection[int] = (),
) -> None:
    """Check that a circuit can be boxed, randomised and decoupled.

    Args:
        circuit: The circuit.
        used: Its qubits on which something happens.
        instructions: Of the device.
        where: Names the circuit, at the start of the message.
        boxes: Whether it is boxed and randomised.
        decouples: Whether it is decoupled.
        stores: Whether stores are executed, as a sampler's are.
        measured: Qubits that are measured beside those that the circuit uses.

    Raises:
        InvalidInputError: If it has boxes already, if it cannot be scheduled before it runs, or if
            the device lacks gates or durations.
    """
    if boxes:
        check_for_boxes(circuit, where)
    if decouples:
        _check_schedule(circuit, where, stores=stores)
    if decouples and open_delays(circuit):
        raise InvalidInputError(
            f"{where}: {_FILLS}, and a circuit has none before the durations of its delays are "
            "known. Assign the parameters that they depend on, or set "
            "dynamical_decoupling.enable=False."
        )
    needed = [(name, (qubit,)) for qubit in {*used, *measured} for name in PULSES if boxes]
    missing = next((each for each in needed if not instructions.supports(*each)), None)
    if missing is not None:
        name, (qubit,) = missing
        raise InvalidInputError(
            f"{where}: randomised circuits are written in rz and sx, but {instructions.name} has "
            f"no {name} on qubit {qubit}. Switch off what randomises: twirling, and for an "
            "estimator set resilience_level=0."
        )
    known = instructions.target["x"] if "x" in instructions.target.operation_names else {}
    timed = {qubits for qubits, each in known.items() if each and each.duration is not None}
    untimed = next((qubit for qubit in used if decouples and (qubit,) not in timed), None)
    if untimed is not None:
        raise InvalidInputError(
            f"{where}: dynamical decoupling needs to know how long an x pulse takes on qubit "
            f"{untimed}, and the backend does not tell. Use a backend with durations, such as a "
            "fake backend, or set dynamical_decoupling.enable=False."
        )


def check_for_boxes(circuit: QuantumCircuit, where: str) -> None:
    """Check that a circuit can be put into boxes.

    Args:
        circuit: The circuit.
        where: Names the circuit, at the start of the message.

    Raises:
        InvalidInputError: If it has boxes already.
    """
    if any(isinstance(step.operation, BoxOp) for step in circuit.data if step.name == "box"):
        raise InvalidInputError(
            f"{where}: the circuit contains boxes, and twirling makes boxes of its own. Remove "
            "them, switch twirling off, or run the boxed circuit as an item of a QuantumProgram."
        )


def _check_schedule(circuit: QuantumCircuit, where: str, *, stores: bool) -> None:
    """Refuse what has no place in a schedule that is made before a circuit runs."""
    if circuit.has_control_flow_op():
        raise InvalidInputError(
            f"{where}: {_FILLS}, and a circuit with control flow has none before it runs. Set "
            "dynamical_decoupling.enable=False, or run this circuit in a job of its own."
        )
    if stores and "store" in circuit.count_ops():
        raise InvalidInputError(
            f"{where}: {_FILLS}, and stores have no place in one. Set "
            "dynamical_decoupling.enable=False, or leave stores and classical variables out of "
            "this circuit."
        )
