"""Reading classical expressions: which bits they are of, and what is computed of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import ClassicalRegister, Clbit, Instruction, Parameter
from qiskit.circuit.classical import expr, types

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.classical import Binary, Bits, Expression, Literal, Unary
from qiskit_modes.simulation.operations import Store

__all__ = ["Scope", "Variables", "bits_of", "read_expression", "read_store", "width_of"]


@dataclass(frozen=True)
class Scope:
    """Numbers of the bits of a circuit, or of a body within it, in the whole circuit."""

    qubits: Mapping[Any, int]
    clbits: Mapping[Any, int]
    loop_values: Mapping[Parameter, float]
    """What the loops around have given their parameters."""
    noisy: bool = True
    """Whether gates bring their noise: those inside another gate's definition do not."""


class Variables:
    """Gives each classical variable bits of its own in the classical memory.

    Args:
        first_bit: The first free bit, after the circuit's classical bits.
    """

    def __init__(self, first_bit: int) -> None:
        self._next = first_bit
        self._bits: dict[expr.Var, tuple[int, ...]] = {}

    def bits(self, variable: expr.Var) -> tuple[int, ...]:
        """Return the bits of a variable, least significant first."""
        if variable not in self._bits:
            width = width_of(variable.type)
            self._bits[variable] = tuple(range(self._next, self._next + width))
            self._next += width
        return self._bits[variable]


def read_store(operation: Instruction, scope: Scope, variables: Variables) -> Store:
    """Read an assignment to a variable, a register or a bit.

    Args:
        operation: The assignment.
        scope: How bits are numbered.
        variables: Where the bits of variables are.

    Raises:
        UnsupportedCircuitError: If it is to anything else.
    """
    target = read_expression(operation.lvalue, scope, variables)
    if not isinstance(target, Bits):
        raise UnsupportedCircuitError(
            f"A store writes to {operation.lvalue!r}; expected a variable, a register or a bit."
        )
    return Store(target.indices, read_expression(operation.rvalue, scope, variables))


def read_expression(node: expr.Expr, scope: Scope, variables: Variables) -> Expression:
    """Turn one of Qiskit's classical expressions into one of ours.

    Args:
        node: The expression.
        scope: How bits are numbered.
        variables: Where the bits of variables are.

    Raises:
        UnsupportedCircuitError: If it computes with anything but bits and unsigned integers.
    """
    width = width_of(node.type)
    match node:
        case expr.Value():
            return Literal(int(node.value))
        case expr.Var():
            match node.var:
                case Clbit():
                    return Bits((scope.clbits[node.var],))
                case ClassicalRegister():
                    return Bits(tuple(scope.clbits[bit] for bit in node.var))
            return Bits(variables.bits(node))
        case expr.Cast():
            name = "CAST_TO_BOOL" if isinstance(node.type, types.Bool) else "CAST"
            return Unary(name, read_expression(node.operand, scope, variables), width)
        case expr.Unary():
            return Unary(node.op.name, read_expression(node.operand, scope, variables), width)
        case expr.Binary():
            left = read_expression(node.left, scope, variables)
            return Binary(node.op.name, left, read_expression(node.right, scope, variables), width)
        case expr.Index():
            value = read_expression(node.target, scope, variables)
            index = read_expression(node.index, scope, variables)
            if isinstance(value, Bits) and isinstance(index, Literal):
                return Bits((value.indices[index.number],))
            return Binary("INDEX", value, index, width)
    raise UnsupportedCircuitError(
        f"The circuit computes {node!r}, which cannot be simulated; expected bits, unsigned "
        "integers, and operations on them."
    )


def width_of(kind: types.Type) -> int:
    """Return the number of bits of a classical type.

    Raises:
        UnsupportedCircuitError: If it is neither Bool nor Uint.
    """
    match kind:
        case types.Bool():
            return 1
        case types.Uint():
            return int(kind.width)
    raise UnsupportedCircuitError(
        f"The circuit computes with the classical type {kind!r}; only Bool and Uint can be "
        "simulated."
    )


def bits_of(target: Clbit | ClassicalRegister, scope: Scope) -> Bits:
    """Return the bits of the classical memory that a bit or a register of a circuit is."""
    bits = [target] if isinstance(target, Clbit) else target
    return Bits(tuple(scope.clbits[bit] for bit in bits))
