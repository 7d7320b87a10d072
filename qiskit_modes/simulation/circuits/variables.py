"""Classical variables of circuits: carried over where a circuit is rebuilt, and checked for values.

A variable has a value once something was stored into it. Nothing gives one to an input of a whole
circuit: no primitive takes values of inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from qiskit.circuit import CASE_DEFAULT, ClassicalRegister, Clbit, QuantumCircuit
from qiskit.circuit.classical import expr, types

from qiskit_modes.exceptions import InvalidInputError

__all__ = ["check_values", "declare_as_in"]

_Bit = tuple[expr.Var, int]
"""One bit of a variable; a type without bits counts as one."""

_Known = frozenset[_Bit] | None
"""What has a value on every way to a place; None if there is no way to it."""


def declare_as_in(circuit: QuantumCircuit, rebuilt: QuantumCircuit) -> None:
    """Declare all that a circuit declares beside its bits in one that is made of it.

    Stores of initial values are instructions of the circuit, and are not repeated here.

    Args:
        circuit: The whole circuit, or a body of control flow.
        rebuilt: A circuit without variables, changed in place.
    """
    for variable in circuit.iter_input_vars():
        rebuilt.add_input(variable)
    for variable in circuit.iter_captured_vars():
        rebuilt.add_capture(variable)
    for stretch in circuit.iter_captured_stretches():
        rebuilt.add_capture(stretch)
    for variable in circuit.iter_declared_vars():
        rebuilt.add_uninitialized_var(variable)
    for stretch in circuit.iter_declared_stretches():
        rebuilt.add_stretch(stretch)


def check_values(circuit: QuantumCircuit) -> None:
    """Check that every variable has a value wherever it is read, whatever way a shot takes.

    Of a loop that may not run at all, nothing is known to have been stored; that one condition
    holds whenever another does is not known either.

    Raises:
        InvalidInputError: Naming the variable, and why it may have no value.
    """
    if circuit.num_identifiers or circuit.has_control_flow_op():
        _Check(frozenset(circuit.iter_input_vars())).block(circuit, frozenset(), _Exits())


@dataclass
class _Exits:
    """Variables with a value where the loop around was left, or its next round was begun."""

    breaks: list[_Known] = field(default_factory=list)
    continues: list[_Known] = field(default_factory=list)


@dataclass(frozen=True)
class _Check:
    inputs: frozenset[expr.Var]
    """Of the whole circuit."""

    def block(self, circuit: QuantumCircuit, known: _Known, exits: _Exits) -> _Known:
        """Return what has a value after a circuit or a body."""
        # What is declared in a body is new each time.
        new = set(circuit.iter_declared_vars())
        if known is not None and new:
            known = frozenset(bit for bit in known if bit[0] not in new)
        for step in circuit.data:
            if known is None:
                break
            if step.name in _READ or step.is_control_flow():
                known = self._step(step.operation, known, exits)
        return known

    def _step(self, operation: Any, known: frozenset[_Bit], exits: _Exits) -> _Known:
        """Return what has a value after one instruction."""
        match operation.name:
            case "store":
                self._read(operation.rvalue, known)
                return known | self._stored(operation.lvalue, known)
            case "if_else":
                self._read(operation.condition, known)
                then, otherwise = operation.params
                after = known if otherwise is None else self.block(otherwise, known, exits)
                return _both(self.block(then, known, exits), after)
            case "switch_case":
                self._read(operation.target, known)
                ends = [self.block(body, known, exits) for body in operation.blocks]
                return _all([*ends] if _is_exhaustive(operation) else [*ends, known])
            case "while_loop":
                self._read(operation.condition, known)
                inner = _Exits()
                self.block(operation.blocks[0], known, inner)
                return _all([*inner.breaks] if _holds(operation.condition) else [known])
            case "for_loop":
                return self._for(operation, known)
            case "break_loop":
                exits.breaks.append(known)
                return None
            case "continue_loop":
                exits.continues.append(known)
                return None
        (body,) = operation.blocks  # a box: nothing else has bodies
        return self.block(body, known, exits)

    def _for(self, operation: Any, known: frozenset[_Bit]) -> _Known:
        values, parameter, body = operation.params
        if not any(True for _ in values):
            return known
        if isinstance(parameter, expr.Var):
            known = known | _bits(parameter)
        exits = _Exits()
        end = self.block(body, known, exits)
        return _all([end, *exits.continues, *exits.breaks])

    def _stored(self, target: expr.Expr, known: frozenset[_Bit]) -> frozenset[_Bit]:
        """Return the bits that get a value when something is stored."""
        match target:
            case expr.Var():
                return _bits(target)
            case expr.Index(target=expr.Var() as variable, index=expr.Value() as index):
                return frozenset({(variable, int(index.value))})
            case expr.Index():
                self._read(target.index, known)
        return frozenset()

    def _read(self, node: Any, known: frozenset[_Bit]) -> None:
        """Raise if a condition, a target or an expression reads what has no value."""
        if not isinstance(node, expr.Expr):
            return  # bits, registers and numbers always have values
        for variable, bit in _reads(node):
            if (variable, bit) not in known:
                raise InvalidInputError(self._message(variable))

    def _message(self, variable: expr.Var) -> str:
        what = f"The circuit reads its variable {variable.name!r} ({_described(variable.type)})"
        if variable in self.inputs:
            return (
                f"{what}, an input, before anything was stored into it, and primitives take no "
                "values of inputs. Declare it with circuit.add_var(name, value), or store a value "
                "first."
            )
        return (
            f"{what} where it may have no value: it was declared without one, and not on every way "
            "to that place was something stored into it. Declare it with circuit.add_var(name, "
            "value), or store a value first."
        )


_READ = frozenset({"store", "break_loop", "continue_loop"})
"""Beside control flow: what reads or writes variables, or goes on elsewhere. Durations of delays
are constant."""


def _bits(variable: expr.Var) -> frozenset[_Bit]:
    if not variable.standalone:
        return frozenset()
    width = variable.type.width if isinstance(variable.type, types.Uint) else 1
    return frozenset((variable, bit) for bit in range(width))


def _reads(node: expr.Expr) -> Iterator[_Bit]:
    """Yield the bits of variables that an expression depends on."""
    match node:
        case expr.Index(target=expr.Var() as variable, index=expr.Value() as index):
            if variable.standalone:
                yield variable, int(index.value)
        case expr.Index():
            yield from _reads(node.target)
            yield from _reads(node.index)
        case expr.Binary():
            yield from _reads(node.left)
            yield from _reads(node.right)
        case expr.Unary() | expr.Cast():
            yield from _reads(node.operand)
        case _:
            for variable in expr.iter_vars(node):
                yield from sorted(_bits(variable), key=lambda each: each[1])


def _both(left: _Known, right: _Known) -> _Known:
    if left is None or right is None:
        return right if left is None else left
    return left & right


def _all(ends: Iterable[_Known]) -> _Known:
    known: _Known = None
    for end in ends:
        known = _both(known, end)
    return known


def _holds(condition: Any) -> bool:
    """Tell whether a condition is written as true."""
    return isinstance(condition, expr.Value) and bool(condition.value)


def _is_exhaustive(switch: Any) -> bool:
    """Tell whether one of the cases of a switch is always taken."""
    labels = {label for labels, _ in switch.cases_specifier() for label in labels}
    if CASE_DEFAULT in labels:
        return True
    target = switch.target
    if isinstance(target, Clbit | ClassicalRegister):
        width = 1 if isinstance(target, Clbit) else target.size
    else:
        width = target.type.width if isinstance(target.type, types.Uint) else 1
    return len({int(label) for label in labels if 0 <= int(label) < 1 << width}) == 1 << width


def _described(kind: types.Type) -> str:
    return f"Uint({kind.width})" if isinstance(kind, types.Uint) else type(kind).__name__
