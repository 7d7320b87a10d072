"""Reading control flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qiskit.circuit import (
    CASE_DEFAULT,
    CircuitInstruction,
    Instruction,
    QuantumCircuit,
)
from qiskit.circuit.classical import expr

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.circuits.expressions import (
    Scope,
    Variables,
    bits_of,
    read_expression,
    width_of,
)
from qiskit_modes.simulation.classical import TRUE, Binary, Expression, Literal
from qiskit_modes.simulation.operations import Block, Branch, Jump, Loop, Operation, Store

__all__ = ["JUMPS", "read_control_flow"]

JUMPS = frozenset({"break_loop", "continue_loop"})
"""Control flow that Qiskit does not count as such."""


ReadBlock = Callable[[Sequence[CircuitInstruction], Scope], Block]
"""Reads instructions in order; the scope says how their bits are numbered."""


def read_control_flow(
    instruction: CircuitInstruction, scope: Scope, variables: Variables, read_block: ReadBlock
) -> Iterator[Operation]:
    """Read one instruction of control flow with all its bodies.

    Args:
        instruction: What to read.
        scope: How the bits around it are numbered.
        variables: Where the bits of variables are.
        read_block: Reads its bodies.

    Raises:
        UnsupportedCircuitError: If it is a kind that cannot be simulated.
    """
    operation = instruction.operation

    def body(circuit: QuantumCircuit, loop_values: Mapping[Any, float] | None = None) -> Block:
        qubits = [scope.qubits[qubit] for qubit in instruction.qubits]
        clbits = [scope.clbits[clbit] for clbit in instruction.clbits]
        inner = replace(
            scope,
            qubits=dict(zip(circuit.qubits, qubits, strict=True)),
            # A condition inside may name a register of the whole circuit by its own bits.
            clbits={**scope.clbits, **dict(zip(circuit.clbits, clbits, strict=True))},
            loop_values={**scope.loop_values, **(loop_values or {})},
        )
        return read_block(circuit.data, inner)

    match operation.name:
        case "if_else":
            condition = _condition(operation.condition, scope, variables)
            then, otherwise = operation.params
            arms = [(condition, body(then))]
            if otherwise is not None:
                arms.append((TRUE, body(otherwise)))
            yield Branch(tuple(arms))
        case "switch_case":
            yield _switch(operation, [body(block) for block in operation.blocks], scope, variables)
        case "while_loop":
            condition = _condition(operation.condition, scope, variables)
            yield Loop(condition, Block((Loop(None, body(operation.blocks[0])),)))
        case "for_loop":
            rounds = list(_rounds(operation, body, variables))
            if any(map(_may_jump, rounds)):
                yield Loop(None, Block(tuple(Loop(None, block) for block in rounds)))
            else:
                for block in rounds:
                    yield from block.operations
        case "break_loop":
            yield Jump(levels=2)
        case "continue_loop":
            yield Jump(levels=1)
        case "box" if operation.duration is None and not getattr(operation, "annotations", ()):
            yield from body(operation.blocks[0]).operations
        case _:
            raise _unsupported(operation)


def _rounds(operation: Any, body: Callable[..., Block], variables: Variables) -> Iterator[Block]:
    """Yield what each round of a ``for`` does, with the values of its parameter or variable."""
    values, parameter, circuit = operation.params
    for value in values:
        if isinstance(parameter, expr.Var):
            width = width_of(parameter.type)
            begin = Store(variables.bits(parameter), Literal(int(value) & (1 << width) - 1))
            yield Block((begin, *body(circuit).operations))
        else:
            yield body(circuit, {parameter: value} if parameter else None)


def _unsupported(operation: Any) -> UnsupportedCircuitError:
    if operation.name == "box" and operation.duration is not None:
        return UnsupportedCircuitError(
            f"The circuit contains a 'box' with the duration {operation.duration!r}; idle times "
            "that follow from it are not simulated. Remove the duration, or write delays."
        )
    return UnsupportedCircuitError(
        f"The circuit contains {operation.name!r}"
        f"{' with annotations' if operation.name == 'box' else ''}, which cannot be simulated. "
        "Expected if_else, switch_case, while_loop, for_loop, or a box without annotations."
    )


def _condition(condition: Any, scope: Scope, variables: Variables) -> Expression:
    if isinstance(condition, expr.Expr):
        return read_expression(condition, scope, variables)
    target, value = condition
    return Binary("EQUAL", bits_of(target, scope), Literal(int(value)), width=1)


def _switch(
    operation: Instruction, blocks: list[Block], scope: Scope, variables: Variables
) -> Branch:
    if isinstance(operation.target, expr.Expr):
        target = read_expression(operation.target, scope, variables)
    else:
        target = bits_of(operation.target, scope)
    arms: list[tuple[Expression, Block]] = []
    for (labels, _), block in zip(operation.cases_specifier(), blocks, strict=True):
        for label in labels:
            if label is CASE_DEFAULT:
                arms.append((TRUE, block))
            else:
                arms.append((Binary("EQUAL", target, Literal(int(label)), width=1), block))
    return Branch(tuple(arms))


def _may_jump(block: Block) -> bool:
    """Tell whether a body can break out of, or continue, the loop that it is the body of."""
    for operation in block.operations:
        match operation:
            case Jump():
                return True
            case Branch(arms=arms) if any(_may_jump(inner) for _, inner in arms):
                return True
    return False
