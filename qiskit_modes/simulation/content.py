"""A key for a circuit's content."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Mapping
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Instruction, ParameterExpression
from qiskit.circuit.classical import expr

from qiskit_modes.simulation.control_flow import Scope, Variables, read_expression

__all__ = ["fingerprint"]

PLAIN = frozenset({int, float, str, bool, type(None)})
"""Types that marshal writes as they are; it refuses numpy's subclasses of float."""

DESCRIBED_BY_PARAMETERS = frozenset(
    {"measure", "reset", "barrier", "unitary", "diagonal", "pauli", "initialize", "kraus"}
    | {"superop", "break_loop", "continue_loop"}
)
"""Not standard gates, but their names and parameters say all; any other instruction's definition
belongs to its content, because its name may be anybody's."""


def fingerprint(circuit: QuantumCircuit) -> bytes:
    """Return a digest of what a circuit does: equal circuits have equal digests.

    Computed anew from the circuit's instructions at each call, so that it is right after any
    mutation, and from nothing but values, so that it is the same in every process.

    Raises:
        UnsupportedCircuitError: If the circuit computes what cannot be simulated.
    """
    # The order of parameters is not always that of their names: vectors sort by index.
    names = [parameter.name for parameter in circuit.parameters]
    content = (names, _Reader(circuit).content(circuit, {}))
    # marshal's version 2 writes values only, without references, so equal values give equal bytes.
    return hashlib.blake2b(marshal.dumps(content, 2), digest_size=16).digest()


class _Reader:
    """Reads the content of a circuit and of what is nested in it."""

    def __init__(self, circuit: QuantumCircuit) -> None:
        self._variables = Variables(first_bit=circuit.num_clbits)

    def content(self, circuit: QuantumCircuit, outer: Mapping[Any, int]) -> tuple[Any, ...]:
        """Return a circuit as nested tuples and lists of numbers, strings and bytes.

        Args:
            circuit: The whole circuit, or a body or definition in it.
            outer: Classical bits of what is around, which conditions may refer to.
        """
        qubits = {qubit: index for index, qubit in enumerate(circuit.qubits)}
        clbits = {clbit: index for index, clbit in enumerate(circuit.clbits)}
        everywhere = {**outer, **clbits} if outer else clbits
        instructions = []
        for step in circuit.data:
            bits = [qubits[qubit] for qubit in step.qubits]
            if step.clbits:
                bits += [-1, *(clbits[clbit] for clbit in step.clbits)]
            parameters = [self._parameter(value, everywhere) for value in step.params]
            details = None
            if not step.is_standard_gate() and step.name not in DESCRIBED_BY_PARAMETERS:
                details = self._details(step.operation, everywhere)
            instructions.append((step.name, step.label, bits, parameters, details))
        registers = [
            (register.name, [clbits[bit] for bit in register]) for register in circuit.cregs
        ]
        return (len(qubits), len(clbits), registers, instructions)

    def _parameter(self, value: Any, clbits: Mapping[Any, int]) -> Any:
        if type(value) in PLAIN:
            return value
        if isinstance(value, ParameterExpression):
            return ("expression", str(value))
        if isinstance(value, QuantumCircuit):
            return self.content(value, clbits)
        if isinstance(value, expr.Expr):
            return self._value(value, clbits)
        if isinstance(value, np.ndarray):
            return (str(value.dtype), value.shape, value.tobytes())
        return repr(value)

    def _details(self, operation: Instruction, clbits: Mapping[Any, int]) -> Any:
        """Return what name and parameters do not tell about an instruction."""
        match operation.name:
            case "delay":
                return operation.unit
            case "if_else" | "while_loop":
                return self._condition(operation.condition, clbits)
            case "switch_case":
                labels = [repr(labels) for labels, _ in operation.cases_specifier()]
                return (self._value(operation.target, clbits), labels)
            case "store":
                return (
                    self._value(operation.lvalue, clbits),
                    self._value(operation.rvalue, clbits),
                )
            case "box":
                return repr((operation.annotations, operation.duration, operation.unit))
            case "for_loop":
                return None
        error = getattr(operation, "_quantum_error", None)
        if error is not None:
            return str(error.id)
        definition = operation.definition
        return None if definition is None else self.content(definition, clbits)

    def _condition(self, condition: Any, clbits: Mapping[Any, int]) -> Any:
        if isinstance(condition, expr.Expr):
            return self._value(condition, clbits)
        target, value = condition
        return (self._value(target, clbits), int(value))

    def _value(self, target: Any, clbits: Mapping[Any, int]) -> str:
        """Return a bit, a register or an expression; variables by number, not by identity."""
        node = target if isinstance(target, expr.Expr) else expr.lift(target)
        return repr(read_expression(node, Scope({}, clbits, {}), self._variables))
