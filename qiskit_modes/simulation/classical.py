"""Classical expressions over measured bits, as small objects that need no Qiskit to evaluate.

The classical memory of a shot is one integer: bit k of it is the circuit's classical bit k.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["TRUE", "Binary", "Bits", "Expression", "Literal", "Unary", "write"]


def _bool(function: Callable[[int, int], bool]) -> Callable[[int, int], int]:
    return lambda left, right: int(function(left, right))


BINARY: dict[str, Callable[[int, int], int]] = {
    "BIT_AND": operator.and_,
    "BIT_OR": operator.or_,
    "BIT_XOR": operator.xor,
    "LOGIC_AND": _bool(lambda left, right: bool(left and right)),
    "LOGIC_OR": _bool(lambda left, right: bool(left or right)),
    "EQUAL": _bool(operator.eq),
    "NOT_EQUAL": _bool(operator.ne),
    "LESS": _bool(operator.lt),
    "LESS_EQUAL": _bool(operator.le),
    "GREATER": _bool(operator.gt),
    "GREATER_EQUAL": _bool(operator.ge),
    "SHIFT_LEFT": lambda left, right: left << right,
    "SHIFT_RIGHT": operator.rshift,
    "ADD": operator.add,
    "SUB": operator.sub,
    "MUL": operator.mul,
    # Division by zero has no value in OpenQASM either; 0 keeps a shot from ending the job.
    "DIV": lambda left, right: left // right if right else 0,
    "INDEX": lambda value, index: value >> index & 1,
}

UNARY: dict[str, Callable[[int], int]] = {
    "BIT_NOT": operator.invert,
    "LOGIC_NOT": lambda value: int(not value),
    "NEGATE": operator.neg,
    "CAST": lambda value: value,
    "CAST_TO_BOOL": lambda value: int(bool(value)),
}


@dataclass(frozen=True)
class Literal:
    """A number that is written in the circuit."""

    number: int

    def evaluate(self, memory: int) -> int:
        """Return the value for this classical memory."""
        del memory
        return self.number

    def clbits(self) -> frozenset[int]:
        """Return the bits that the value depends on."""
        return frozenset()


@dataclass(frozen=True)
class Bits:
    """A bit, a register or a variable."""

    indices: tuple[int, ...]
    """Least significant first."""

    def evaluate(self, memory: int) -> int:
        """Return the value for this classical memory."""
        return sum((memory >> index & 1) << place for place, index in enumerate(self.indices))

    def clbits(self) -> frozenset[int]:
        """Return the bits that the value depends on."""
        return frozenset(self.indices)


@dataclass(frozen=True)
class Unary:
    """An operation on one value, a conversion included."""

    name: str
    operand: Expression
    width: int
    """The result keeps so many bits."""

    def evaluate(self, memory: int) -> int:
        """Return the value for this classical memory."""
        return UNARY[self.name](self.operand.evaluate(memory)) & ((1 << self.width) - 1)

    def clbits(self) -> frozenset[int]:
        """Return the bits that the value depends on."""
        return self.operand.clbits()


@dataclass(frozen=True)
class Binary:
    """An operation on two values."""

    name: str
    left: Expression
    right: Expression
    width: int
    """The result keeps so many bits: unsigned integers wrap around."""

    def evaluate(self, memory: int) -> int:
        """Return the value for this classical memory."""
        value = BINARY[self.name](self.left.evaluate(memory), self.right.evaluate(memory))
        return value & ((1 << self.width) - 1)

    def clbits(self) -> frozenset[int]:
        """Return the bits that the value depends on."""
        return self.left.clbits() | self.right.clbits()


Expression = Literal | Bits | Unary | Binary

TRUE = Literal(1)


def write(memory: int, indices: tuple[int, ...], value: int) -> int:
    """Return the memory with a value written into the given bits, least significant first."""
    for place, index in enumerate(indices):
        bit = 1 << index
        memory = memory | bit if value >> place & 1 else memory & ~bit
    return memory
