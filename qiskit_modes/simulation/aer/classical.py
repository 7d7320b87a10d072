"""Classical values as Aer can compute with them: variables become bits and registers.

Aer ends the process that reads a variable, and knows neither arithmetic nor shifts. What it does
with registers is right, so every variable gets a register of its own, or a bit if it is a Bool.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qiskit.circuit import (
    CASE_DEFAULT,
    ClassicalRegister,
    Clbit,
    ForLoopOp,
    IfElseOp,
    Instruction,
    QuantumCircuit,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr, types

from qiskit_modes.exceptions import UnsupportedCircuitError

__all__ = ["ClassicalMemory"]

_BINARY = frozenset(
    {"BIT_AND", "BIT_OR", "BIT_XOR", "LOGIC_AND", "LOGIC_OR", "EQUAL", "NOT_EQUAL"}
    | {"LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"}
)
_UNARY = frozenset({"BIT_NOT", "LOGIC_NOT"})


class ClassicalMemory:
    """Places of the variables of one circuit, and its operations in terms of them.

    Args:
        circuit: The whole circuit; variables are those of its bodies too.
    """

    def __init__(self, circuit: QuantumCircuit) -> None:
        self.registers: list[ClassicalRegister] = []
        """What is to be added to a circuit, and to every body in it."""
        self._places: dict[expr.Var, expr.Var] = {}
        taken = {register.name for register in circuit.cregs}
        for number, variable in enumerate(dict.fromkeys(_variables(circuit))):
            is_bool = isinstance(variable.type, types.Bool)
            name = f"variable{number}"
            while name in taken:
                name += "_"
            register = ClassicalRegister(1 if is_bool else variable.type.width, name)
            self.registers.append(register)
            self._places[variable] = expr.lift(register[0] if is_bool else register)

    @property
    def bits(self) -> list[Clbit]:
        """All bits of the registers."""
        return [bit for register in self.registers for bit in register]

    def store(self, operation: Store) -> Store:
        """Return an assignment to a bit or a register.

        Raises:
            UnsupportedCircuitError: If Aer cannot do it.
        """
        return Store(self._expression(operation.lvalue), self._expression(operation.rvalue))

    def assignment(self, variable: expr.Var, value: int) -> Store:
        """Return the assignment of a number to a variable."""
        place = self._places[variable]
        return Store(place, expr.Value(value, place.type))

    def control_flow(self, operation: Any, bodies: list[QuantumCircuit]) -> Instruction:
        """Return control flow with other bodies, in a form that survives pickling.

        Raises:
            UnsupportedCircuitError: If Aer cannot do it.
        """
        match operation.name:
            case "if_else":
                otherwise = bodies[1] if len(bodies) > 1 else None
                return IfElseOp(self._condition(operation.condition), bodies[0], otherwise)
            case "while_loop":
                return WhileLoopOp(self._condition(operation.condition), bodies[0])
            case "for_loop":
                indices, parameter, _ = operation.params
                return ForLoopOp(indices, parameter, bodies[0])
            case "switch_case":
                return self._switch(operation, bodies)
        replaced: Instruction = operation.replace_blocks(bodies)
        return replaced

    def _switch(self, operation: SwitchCaseOp, bodies: list[QuantumCircuit]) -> SwitchCaseOp:
        # Qiskit's default case does not survive pickling; it is written as all the values left.
        target = operation.target
        if isinstance(target, expr.Expr):
            target = self._expression(target)
            width = 1 if isinstance(target.type, types.Bool) else target.type.width
        else:
            width = 1 if isinstance(target, Clbit) else len(target)
        left = set(range(1 << width))
        cases = []
        for (labels, _), body in zip(operation.cases_specifier(), bodies, strict=True):
            values = sorted(left) if CASE_DEFAULT in labels else [int(label) for label in labels]
            left -= set(values)
            if values:
                cases.append((tuple(values), body))
        return SwitchCaseOp(target, cases)

    def _condition(self, condition: Any) -> Any:
        return self._expression(condition) if isinstance(condition, expr.Expr) else condition

    def _expression(self, node: expr.Expr) -> expr.Expr:
        match node:
            case expr.Value():
                return node
            case expr.Var():
                return self._places.get(node, node)
            case expr.Cast():
                return expr.Cast(self._expression(node.operand), node.type, node.implicit)
            case expr.Unary() if node.op.name in _UNARY:
                return expr.Unary(node.op, self._expression(node.operand), node.type)
            case expr.Binary() if node.op.name in _BINARY:
                left, right = self._expression(node.left), self._expression(node.right)
                return expr.Binary(node.op, left, right, node.type)
            case expr.Index(target=expr.Var() as whole, index=expr.Value() as index):
                place = self._places.get(whole, whole)
                return expr.lift(place.var[int(index.value)])
        operation = getattr(node, "op", None)
        what = "an index that is computed" if operation is None else f"the operation {operation}"
        raise UnsupportedCircuitError(
            f"The circuit computes {what} on classical values and joins more qubits than a density "
            "matrix can be kept of, which leaves it to Aer, and Aer does not know that. Use fewer "
            "qubits that are joined by gates or conditions, or write it in comparisons and in "
            "operations on bits."
        )


def _variables(circuit: QuantumCircuit) -> Iterator[expr.Var]:
    yield from circuit.iter_input_vars()
    yield from circuit.iter_declared_vars()
    for step in circuit.data:
        for body in getattr(step.operation, "blocks", ()) if step.is_control_flow() else ():
            yield from _variables(body)
