"""Limits on the gates of a job: those of its circuits, and what control flow repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from qiskit_modes.exceptions import InvalidInputError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Operation

    from qiskit_modes.scheduling import Plan

__all__ = ["check_gates"]

_CONTROL_INSTRUCTIONS = {
    "rz": 1,
    "delay": 1,
    "sx": 2,
    "x": 2,
    "cx": 5,
    "cz": 5,
    "ecr": 5,
    "measure": 10,
    "reset": 17,
    "init": 50,
    "initialize": 50,
}
"""How many instructions of the control system the service counts for one of a circuit."""

_OF_ONE_QUBIT, _OF_MORE, _MOST = 2, 5, 50
"""The same for what is not in the table, and the most for anything."""


def check_gates(
    circuits: Iterable[tuple[str, QuantumCircuit]], plan: Plan, folded: tuple[float, ...]
) -> None:
    """Check that circuits have no more gates than a plan allows; see `check_size`.

    Raises:
        InvalidInputError: If they have; with the number, the limit, and what to do.
    """
    circuits = list(circuits)
    length, repeats = 0, False
    for _, circuit in circuits:
        length += len(circuit)
        repeats = repeats or circuit.has_control_flow_op()
    if not repeats and _is_few(length * sum(folded), plan):
        return  # nearly all jobs have fewer instructions than any limit, however they are counted
    job = _Gates()
    for where, circuit in circuits:
        gates = _Gates.of(circuit)
        for name, most in (("rz", plan.max_rz_gates), ("sx", plan.max_sx_gates)):
            if most is not None and gates.named[name] > most:
                _refuse(where, gates.named[name], f"{name} gates", most, "circuit", plan)
        job.add(gates, folded)
        most = plan.max_two_qubit_gates
        if most is not None and job.of_two_qubits > most:
            what = "gates on two qubits"
            if folded != (1.0,):
                what += f" with those of the noise factors {', '.join(f'{f:g}' for f in folded)}"
            _refuse(where, job.of_two_qubits, what, most, "job", plan)
        most, per_qubit = plan.max_control_instructions, job.most_of_a_qubit()
        if most is not None and per_qubit > most:
            what = "instructions of the control system for one qubit"
            _refuse(where, per_qubit, what, most, "job", plan)


def _refuse(where: str, count: float, what: str, most: int, of: str, plan: Plan) -> None:
    up_to = "" if of == "circuit" else "the job up to "
    raise InvalidInputError(
        f"{up_to}{where} has {count:,.0f} {what}, and the {plan.name} plan allows {most:,} in one "
        f"{of}; divide the {of}"
    )


def _is_few(instructions: float, plan: Plan) -> bool:
    """Tell whether so many instructions exceed nothing, whatever they are."""
    for most in (plan.max_rz_gates, plan.max_sx_gates, plan.max_two_qubit_gates):
        if most is not None and instructions > most:
            return False
    most = plan.max_control_instructions
    return most is None or instructions * _MOST <= most


class _Gates:
    """Numbers of gates."""

    def __init__(self) -> None:
        self.of_two_qubits = 0.0
        self.named: Counter[str] = Counter()
        self.of_one_per_qubit: Counter[int] = Counter()
        """Instructions of the control system for those on one qubit, by the qubit."""
        self.of_more_per_qubit: Counter[int] = Counter()
        """The same for those on more."""
        self.per_qubit: Counter[int] = Counter()

    @classmethod
    def of(cls, circuit: QuantumCircuit) -> _Gates:
        """Count those of a circuit."""
        from qiskit.circuit import ControlFlowOp, ForLoopOp

        gates = cls()
        wires = {qubit: index for index, qubit in enumerate(circuit.qubits)}
        waiting = [(circuit, wires, 1)]
        while waiting:  # without recursion: the nesting is a stranger's
            block, wires, times = waiting.pop()
            for instruction in block.data:
                operation = instruction.operation
                qubits = [wires[qubit] for qubit in instruction.qubits]
                if isinstance(operation, ControlFlowOp):
                    repeated = len(operation.params[0]) if isinstance(operation, ForLoopOp) else 1
                    for inner in operation.blocks:
                        below = dict(zip(inner.qubits, qubits, strict=True))
                        waiting.append((inner, below, times * repeated))
                else:
                    gates._count(operation, qubits, times)
        return gates

    def _count(self, operation: Operation, qubits: list[int], times: int) -> None:
        if getattr(operation, "_directive", False) or not qubits:
            return
        self.named[operation.name] += times
        more = len(qubits) > 1
        usual = _OF_MORE if more else _OF_ONE_QUBIT
        instructions = times * _CONTROL_INSTRUCTIONS.get(operation.name, usual)
        if more:
            self.of_two_qubits += times
        for qubit in qubits:
            (self.of_more_per_qubit if more else self.of_one_per_qubit)[qubit] += instructions

    def add(self, gates: _Gates, folded: tuple[float, ...]) -> None:
        """Add those of a circuit that is run once for each noise factor, and folded by it."""
        times = sum(folded)
        self.of_two_qubits += gates.of_two_qubits * times
        for qubit, instructions in gates.of_one_per_qubit.items():
            self.per_qubit[qubit] += instructions * len(folded)
        for qubit, instructions in gates.of_more_per_qubit.items():
            self.per_qubit[qubit] += round(instructions * times)

    def most_of_a_qubit(self) -> int:
        """Return how many instructions of the control system the busiest qubit has."""
        return max(self.per_qubit.values(), default=0)
