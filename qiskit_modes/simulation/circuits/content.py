"""Fingerprints of circuits: complete by construction.

What this module knows is written as its values; what it does not know is taken apart as pickle
would take it apart; and a circuit with something that cannot be taken apart either gets one that
no other circuit ever has, so that nothing kept is used for it. Nothing is left out.
"""

from __future__ import annotations

import hashlib
import marshal
import os
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, IntEnum
from typing import Any, NamedTuple

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    Barrier,
    BoxOp,
    BreakLoopOp,
    CircuitInstruction,
    Clbit,
    ContinueLoopOp,
    Delay,
    ForLoopOp,
    IfElseOp,
    Instruction,
    Measure,
    Operation,
    Parameter,
    ParameterExpression,
    Qubit,
    Register,
    Reset,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr

from qiskit_modes._mutex import cached_property
from qiskit_modes.simulation.circuits.classes import (
    FUNCTIONS,
    UndescribedError,
    check_name,
    class_content,
    function_content,
    is_trusted,
)
from qiskit_modes.simulation.circuits.expressions import Scope, Variables, read_expression
from qiskit_modes.simulation.circuits.latest_steps import keep_steps

__all__ = ["Content", "Held", "describe", "fingerprint", "read_content"]

_PLAIN = frozenset({int, float, complex, str, bytes, bool, type(None)})
"""Types that marshal writes as they are; it refuses subclasses."""

_SIMPLE = frozenset({Measure, Reset, Barrier, BreakLoopOp, ContinueLoopOp})
"""Not gates; their names, labels and bits say all."""

_SIMPLE_TYPES = frozenset({type(Measure()), type(Reset()), Barrier})
"""Types of nearly all of them: those without a label are of classes that Qiskit derives."""

_CONTROL_FLOW = frozenset({IfElseOp, WhileLoopOp, ForLoopOp, SwitchCaseOp, Store, BoxOp})

_LARGEST_MATRIX_QUBITS = 4
"""A user's gate on more qubits that has a matrix is not described: the matrix is too large."""


class Held(IntEnum):
    """Depth of what a circuit's instructions hold, to which a copy must go to share nothing."""

    NUMBERS = 0
    """Numbers and symbols, which do not change."""
    BODIES = 1
    """Bodies of control flow, in which there are numbers and symbols."""
    OBJECTS = 2
    """Matrices, definitions, errors, and whatever else."""


class Content(NamedTuple):
    """Content of a circuit, for comparing it with others."""

    key: bytes
    """Equal for circuits that do the same and are written alike; 16 bytes."""
    held: Held


def fingerprint(circuit: QuantumCircuit) -> bytes:
    """Return a digest of what a circuit does: circuits with equal digests are equal.

    Computed anew from the circuit's instructions at each call, so that it is right after any
    mutation. For circuits of the instructions of Qiskit and Aer it depends on nothing but values,
    so that it is the same in every process; of other instructions the class counts too, as an
    object of this process. A circuit that cannot be described has another digest at each call.

    Raises:
        UnsupportedCircuitError: If the circuit computes what cannot be simulated, or has an
            instruction under the name of another.
    """
    return read_content(circuit).key


def read_content(circuit: QuantumCircuit) -> Content:
    """Return a circuit's fingerprint, and what its instructions hold.

    Raises:
        UnsupportedCircuitError: If the circuit computes what cannot be simulated.
    """
    reader = _Reader(circuit)
    try:
        content = reader.whole(circuit)
    except UndescribedError:
        return Content(os.urandom(16), Held.OBJECTS)
    key = _digest(content)
    if reader.held is Held.NUMBERS and not circuit.num_parameters:
        keep_steps(key, reader.steps, [each[2] for each in reader.instructions])
    return Content(key, reader.held)


def describe(thing: Any) -> bytes | None:
    """Return a digest of any object's value; None if it cannot be described completely.

    Equal digests mean equal values: two objects that behave alike from now on.
    """
    try:
        return _digest(_Reader().value(thing, {}))
    except UndescribedError:
        return None


def _digest(content: Any) -> bytes:
    # marshal's version 2 writes values only, without references, so equal values give equal bytes.
    return hashlib.blake2b(marshal.dumps(content, 2), digest_size=16).digest()


class _Reader:
    """Reads the content of a circuit and of what is nested in it."""

    def __init__(self, circuit: QuantumCircuit | None = None) -> None:
        self.held = Held.NUMBERS
        """What was met so far."""
        self.steps: Sequence[CircuitInstruction] = ()
        """Those of the circuit, and ..."""
        self.instructions: Sequence[tuple[Any, ...]] = ()
        """... what was read of them."""
        self._circuit = circuit
        self._nested = circuit is None
        """Whether what is being read stands in something else."""
        self._errors: dict[int, Any] = {}
        """What errors do, by their identity, which is theirs for as long as the circuit lives."""
        self._within: set[int] = set()
        """The objects that are being described, by identity."""

    def whole(self, circuit: QuantumCircuit) -> tuple[Any, ...]:
        """Return the content of the circuit that is read, and the order of its parameters."""
        open_parameters = circuit.parameters if circuit.num_parameters else ()
        names = [parameter.name for parameter in open_parameters]
        return (names, self.content(circuit, {}))

    def content(self, circuit: QuantumCircuit, outer: Mapping[Any, int]) -> tuple[Any, ...]:
        """Return a circuit as nested tuples and lists of numbers, strings and bytes.

        Args:
            circuit: The whole circuit, or a body or definition in it.
            outer: Classical bits of what is around, which conditions may refer to.
        """
        qubits = {qubit: index for index, qubit in enumerate(circuit.qubits)}
        clbits = {clbit: index for index, clbit in enumerate(circuit.clbits)}
        everywhere = {**outer, **clbits} if outer else clbits
        instructions: list[tuple[Any, ...]] = []
        place = qubits.__getitem__
        steps = circuit[:]  # all at once: iterating takes a third longer
        if not self._nested:
            self.steps, self.instructions = steps, instructions
        for step in steps:
            on = step.qubits
            bits = [place(on[0])] if len(on) == 1 else list(map(place, on))
            if into := step.clbits:
                bits += [-1, *map(clbits.__getitem__, into)]
            if step.is_standard_gate():
                parameters = step.params
                for value in parameters:
                    if type(value) is not float:
                        parameters = [self.value(value, everywhere) for value in parameters]
                        break
                instructions.append((step.name, step.label, bits, parameters))
            else:
                operation = step.operation
                is_simple = type(operation) in _SIMPLE_TYPES
                details = None if is_simple else self._instruction(operation, everywhere)
                instructions.append((step.name, step.label, bits, None, details))
        registers = [
            (register.name, [clbits[bit] for bit in register]) for register in circuit.cregs
        ]
        declared = [
            (kind, variable.name, repr(variable.type))
            for kind, variables in (
                ("input", circuit.iter_input_vars()),
                ("captured", circuit.iter_captured_vars()),
                ("declared", circuit.iter_declared_vars()),
            )
            for variable in variables
        ]
        phase = self.value(circuit.global_phase, everywhere)
        return (len(qubits), len(clbits), registers, declared, phase, instructions)

    def value(self, value: Any, clbits: Mapping[Any, int]) -> Any:
        """Return any value in that form; its type counts too.

        Raises:
            UndescribedError: If it cannot be told what it is.
        """
        kind = type(value)
        if kind in _PLAIN:
            return value
        if isinstance(value, ParameterExpression):
            return ("angle", self._expression(value))
        match value:
            case QuantumCircuit():
                return ("circuit", self._inner(value, clbits))
            case np.ndarray() | np.generic():
                return self._array(value, clbits)
            case expr.Expr():
                return self._computed(value, clbits)
            case Clbit() if value in clbits:
                return ("clbit", clbits[value])
            case Clbit() | Qubit():
                return ("bit", repr(value))
            case Register():
                bits = [self.value(bit, clbits) for bit in value]
                return ("register", class_content(kind), value.name, bits)
            case Enum():
                return ("enum", class_content(kind), value.name)
            case range():
                return ("range", value.start, value.stop, value.step)
            case type():
                return ("class", class_content(value))
            case Operation():
                return self._instruction(value, clbits)
        if kind in {tuple, list}:
            return (kind.__name__, [self.value(item, clbits) for item in value])
        if kind is dict:
            return ("dict", self._pairs(value.items(), clbits))
        if kind in {set, frozenset}:
            members = [self.value(item, clbits) for item in value]
            return (kind.__name__, sorted(marshal.dumps(member, 2) for member in members))
        if isinstance(value, FUNCTIONS):
            return function_content(value)
        return self._object(value, clbits)

    def _inner(self, circuit: QuantumCircuit, clbits: Mapping[Any, int]) -> Any:
        around, self._nested = self._nested, True
        content = self.content(circuit, clbits)
        self._nested = around
        return content

    def _instruction(self, operation: Any, clbits: Mapping[Any, int]) -> Any:
        """Return everything about an instruction that is no standard gate."""
        kind = getattr(operation, "base_class", type(operation))
        if kind in _SIMPLE:
            return None
        if kind is Delay:
            return (self.value(operation.params, clbits), operation.unit)
        if kind in _CONTROL_FLOW:
            self.held = max(self.held, Held.BODIES)
            return self._control_flow(operation, clbits)
        self.held = Held.OBJECTS
        check_name(operation)
        error = getattr(operation, "_quantum_error", None)
        if error is not None and is_trusted(kind) and is_trusted(type(error)):
            return self._error(error, clbits)
        return self._object(operation, clbits)

    def _control_flow(self, operation: Any, clbits: Mapping[Any, int]) -> Any:
        parameters = [self.value(value, clbits) for value in operation.params]
        match operation:
            case IfElseOp() | WhileLoopOp():
                return (parameters, self._condition(operation.condition, clbits))
            case SwitchCaseOp():
                labels = [repr(labels) for labels, _ in operation.cases_specifier()]
                return (parameters, self._computed(operation.target, clbits), labels)
            case Store():
                sides = (operation.lvalue, operation.rvalue)
                return [self._computed(side, clbits) for side in sides]
            case BoxOp():
                told = (list(operation.annotations), operation.duration, operation.unit)
                return (parameters, self.value(told, clbits))
        return parameters  # of a for loop: its range, its parameter and its body

    def _condition(self, condition: Any, clbits: Mapping[Any, int]) -> Any:
        if isinstance(condition, expr.Expr):
            return self._computed(condition, clbits)
        target, value = condition
        return (self._computed(target, clbits), int(value))

    def _computed(self, target: Any, clbits: Mapping[Any, int]) -> str:
        """Return a bit, a register or an expression; variables by number, not by identity."""
        node = target if isinstance(target, expr.Expr) else expr.lift(target)
        return repr(read_expression(node, Scope({}, clbits, {}), self._variables))

    def _expression(self, expression: ParameterExpression) -> Any:
        if isinstance(expression, Parameter):
            return self._symbol(expression)
        # Step by step, as QPY writes it: different expressions may print alike.
        content: list[Any] = []
        for step in expression._qpy_replay:  # noqa: SLF001 - has no public name
            sides = (step.lhs, step.rhs)
            content.append(repr(step.op))
            content += [x if type(x) in _PLAIN else self._expression(x) for x in sides]
        return content

    def _symbol(self, parameter: Parameter) -> Any:
        if not self._nested:
            return (parameter.name,)  # no other one that is free has this name
        # Loops around may give a name of their own to another one.
        return (parameter.name, self._numbers.setdefault(parameter, len(self._numbers)))

    @cached_property
    def _variables(self) -> Variables:
        return Variables(first_bit=0 if self._circuit is None else self._circuit.num_clbits)

    @cached_property
    def _numbers(self) -> dict[Parameter, int]:
        parameters = self._circuit.parameters if self._circuit else ()
        return {parameter: at for at, parameter in enumerate(parameters)}

    def _array(self, array: Any, clbits: Mapping[Any, int]) -> Any:
        kind = class_content(type(array))
        if array.dtype.hasobject:
            return ("array", kind, array.shape, self.value(array.tolist(), clbits))
        return ("array", kind, repr(array.dtype), array.shape, array.tobytes())

    def _pairs(self, pairs: Iterable[tuple[Any, Any]], clbits: Mapping[Any, int]) -> list[Any]:
        return [(self.value(key, clbits), self.value(value, clbits)) for key, value in pairs]

    def _object(self, thing: Any, clbits: Mapping[Any, int]) -> Any:
        """Return what an object would be pickled as, and what a user's gate answers."""
        if id(thing) in self._within:
            raise UndescribedError("it contains itself")
        self._within.add(id(thing))
        try:
            answers = self._answers(thing, clbits)  # first: giving a definition changes the state
            reduced = thing.__reduce_ex__(4)
            if isinstance(reduced, str):  # the name of a constant in its module
                raise UndescribedError(reduced)
            made, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
            if len(reduced) > 5 and reduced[5] is not None:
                raise UndescribedError(reduced)
            return (
                "object",
                class_content(getattr(thing, "base_class", type(thing))),
                self.value(made, clbits),
                self.value(arguments, clbits),
                self.value(state, clbits),
                None if items is None else [self.value(item, clbits) for item in items],
                None if pairs is None else self._pairs(pairs, clbits),
                answers,
            )
        except (TypeError, AttributeError, RecursionError) as error:
            raise UndescribedError(repr(error)) from error
        finally:
            self._within.discard(id(thing))

    def _error(self, error: Any, clbits: Mapping[Any, int]) -> Any:
        """Return what one of Aer's errors does; each has an identity beside that."""
        known = self._errors.get(id(error))
        if known is None:
            terms = (list(error.probabilities), list(error.circuits))
            self._errors[id(error)] = known = self.value(terms, clbits)
        return known

    def _answers(self, thing: Any, clbits: Mapping[Any, int]) -> Any:
        """Return the matrix and the definition of a user's instruction, as it gives them now."""
        kind = getattr(thing, "base_class", type(thing))
        if not isinstance(thing, Operation) or is_trusted(kind):
            return None
        if isinstance(thing, Instruction) and thing.is_parameterized():
            raise UndescribedError("what it answers depends on values that are not known yet")
        matrix = None
        if hasattr(thing, "__array__"):
            if thing.num_qubits > _LARGEST_MATRIX_QUBITS:
                raise UndescribedError("its matrix is too large")
            matrix = self._array(np.asarray(thing), clbits)
        return (matrix, self.value(getattr(thing, "definition", None), clbits))
