"""A naive simulation of any circuit, feed-forward included, to compare the engine with.

It keeps one density matrix for each value of the classical memory, applies gates and errors one by
one with Qiskit's own classes, and shares no code with the engine. Errors are read from Aer's noise
model. Only for a few qubits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CASE_DEFAULT, Clbit
from qiskit.circuit.classical import expr
from qiskit.quantum_info import DensityMatrix, Kraus, Operator, SuperOp
from qiskit_aer.noise import thermal_relaxation_error

from tests.simulation.aer_oracle import readout_confusion

States = dict[int, np.ndarray]
"""Classical memory -> unnormalised density matrix."""


class LoopBrokenError(Exception):
    """Only raised in branches of a single memory, which is how loops are run here."""


class LoopContinuedError(Exception):
    """As LoopBrokenError."""


def reference_distribution(circuit: QuantumCircuit, backend: Any, model: Any) -> dict[int, float]:
    """Return the probability of each classical memory.

    Args:
        circuit: Bound; at most some five qubits in use.
        backend: Where the times and dt for relaxation during delays come from; None for none.
        model: Aer's noise model.
    """
    return Reference(circuit, backend, model).distribution()


class Reference:
    def __init__(self, circuit: QuantumCircuit, backend: Any, model: Any) -> None:
        self.circuit, self.backend, self.model = circuit, backend, model
        self.clbits = {bit: index for index, bit in enumerate(circuit.clbits)}
        self.qubits = {bit: index for index, bit in enumerate(circuit.qubits)}
        used = sorted({self.qubits[q] for step in circuit.data for q in step.qubits})
        self.places = {qubit: place for place, qubit in enumerate(used)}
        self.dim = 2 ** len(used)
        self.variables: dict[tuple[int, str], int] = {}

    def distribution(self) -> dict[int, float]:
        ground = np.zeros((self.dim, self.dim), dtype=complex)
        ground[0, 0] = 1.0
        states = self.block(self.circuit, {0: ground}, self.qubits, self.clbits)
        return {memory: float(np.trace(state).real) for memory, state in states.items()}

    def block(
        self,
        circuit: QuantumCircuit,
        states: States,
        qubits: Mapping[Any, int],
        clbits: Mapping[Any, int],
    ) -> States:
        for step in circuit.data:
            on = [qubits[qubit] for qubit in step.qubits]
            bits = [clbits[clbit] for clbit in step.clbits]
            states = self.step(step.operation, on, bits, states, clbits)
            states = {m: s for m, s in states.items() if np.trace(s).real > 1e-15}
        return states

    def step(
        self, operation: Any, on: list[int], bits: list[int], states: States, clbits: Mapping
    ) -> States:
        def body(block: QuantumCircuit, inner: States) -> States:
            inner_qubits = dict(zip(block.qubits, on, strict=True))
            inner_clbits = {**clbits, **dict(zip(block.clbits, bits, strict=True))}
            return self.block(block, inner, inner_qubits, inner_clbits)

        match operation.name:
            case "barrier":
                return states
            case "measure":
                return self.measure(on[0], bits[0], states)
            case "if_else":
                return self.each(states, lambda m, s: self.if_else(operation, m, s, body, clbits))
            case "switch_case":
                return self.each(states, lambda m, s: self.switch(operation, m, s, body, clbits))
            case "for_loop":
                return self.each(states, lambda m, s: self.for_loop(operation, m, s, body))
            case "while_loop":
                return self.while_loop(operation, states, body, clbits)
            case "break_loop":
                raise LoopBrokenError(states)
            case "continue_loop":
                raise LoopContinuedError(states)
        return {memory: self.evolve(operation, on, state) for memory, state in states.items()}

    @staticmethod
    def each(states: States, run: Any) -> States:
        return add(run(memory, state) for memory, state in states.items())

    def if_else(self, operation: Any, memory: int, state: Any, body: Any, clbits: Any) -> States:
        then, otherwise = operation.params
        if self.holds(operation.condition, memory, clbits):
            return body(then, {memory: state})
        return body(otherwise, {memory: state}) if otherwise else {memory: state}

    def switch(self, operation: Any, memory: int, state: Any, body: Any, clbits: Any) -> States:
        value = self.value(operation.target, memory, clbits)
        for labels, block in operation.cases_specifier():
            if CASE_DEFAULT in labels or value in labels:
                return body(block, {memory: state})
        return {memory: state}

    def for_loop(self, operation: Any, memory: int, state: Any, body: Any) -> States:
        """Run without summing up in between, so that each branch can break on its own."""
        values, parameter, block = operation.params
        going: States = {memory: state}
        broken: list[States] = []
        for value in values:
            bound = block.assign_parameters({parameter: value}) if parameter else block
            nexts: list[States] = []
            for m, s in going.items():
                for kind, result in self.run_paths(bound, {m: s}, body):
                    (broken if kind == "break" else nexts).append(result)
            going = add(nexts)
        return add([going, *broken])

    def while_loop(self, operation: Any, states: States, body: Any, clbits: Any) -> States:
        done: list[States] = []
        while states:
            nexts: list[States] = []
            for memory, state in states.items():
                if np.trace(state).real < 1e-13:
                    continue
                if not self.holds(operation.condition, memory, clbits):
                    done.append({memory: state})
                    continue
                for kind, result in self.run_paths(operation.blocks[0], {memory: state}, body):
                    (done if kind == "break" else nexts).append(result)
            states = add(nexts)
        return add(done)

    def run_paths(self, block: Any, states: States, body: Any) -> Iterable[tuple[str, States]]:
        """Run a loop's body; a jump concerns all of the states that reach it, so the tests only
        put jumps where a single memory arrives: inside an ``if`` at the end of a body."""
        head, tail = _split_off_jump(block)
        states = body(head, states)
        if tail is None:
            yield "end", states
            return
        for memory, state in states.items():
            try:
                yield "end", body(tail, {memory: state})
            except LoopBrokenError as jump:
                yield "break", jump.args[0]
            except LoopContinuedError as jump:
                yield "end", jump.args[0]

    def holds(self, condition: Any, memory: int, clbits: Any) -> bool:
        if isinstance(condition, expr.Expr):
            return bool(self.value(condition, memory, clbits))
        target, value = condition
        return self.value(target, memory, clbits) == int(value)

    def value(self, target: Any, memory: int, clbits: Any) -> int:
        match target:
            case Clbit():
                return memory >> clbits[target] & 1
            case expr.Var():
                return self.value(target.var, memory, clbits)
            case expr.Value():
                return int(target.value)
            case expr.Cast():
                return self.value(target.operand, memory, clbits)
            case expr.Unary():
                operand = self.value(target.operand, memory, clbits)
                if target.op is expr.Unary.Op.LOGIC_NOT:
                    return int(not operand)
                return ~operand & (2 ** getattr(target.type, "width", 1) - 1)
            case expr.Binary():
                left = self.value(target.left, memory, clbits)
                right = self.value(target.right, memory, clbits)
                return {
                    "BIT_AND": left & right,
                    "BIT_OR": left | right,
                    "BIT_XOR": left ^ right,
                    "LOGIC_AND": int(bool(left and right)),
                    "LOGIC_OR": int(bool(left or right)),
                    "EQUAL": int(left == right),
                    "NOT_EQUAL": int(left != right),
                    "LESS": int(left < right),
                    "GREATER": int(left > right),
                }[target.op.name]
        return sum((memory >> clbits[bit] & 1) << k for k, bit in enumerate(target))

    def measure(self, qubit: int, clbit: int, states: States) -> States:
        confusion = readout_confusion(self.model, qubit)
        parts = []
        error = self.find_error("measure", (qubit,))
        for memory, before in states.items():
            state = before if error is None else self.apply(error, [qubit], before)
            for true in (0, 1):
                projector = np.zeros((2, 2))
                projector[true, true] = 1.0
                collapsed = self.apply(SuperOp(Kraus([projector])), [qubit], state)
                for recorded in (0, 1):
                    written = memory & ~(1 << clbit) | recorded << clbit
                    parts.append({written: confusion[recorded, true] * collapsed})
        return add(parts)

    def evolve(self, operation: Any, on: list[int], state: np.ndarray) -> np.ndarray:
        if operation.name == "reset":
            channel: Any = SuperOp(Kraus([[[1, 0], [0, 0]], [[0, 1], [0, 0]]]))
        elif operation.name == "delay":
            channel = self.relaxation(operation, on[0])
        else:
            channel = Operator(operation)
        state = self.apply(channel, on, state)
        error = self.find_error(operation.label or operation.name, tuple(on))
        return state if error is None else self.apply(error, on, state)

    def find_error(self, label: str, on: tuple[int, ...]) -> SuperOp | None:
        local = self.model._local_quantum_errors.get(label, {})
        error = local.get(on, self.model._default_quantum_errors.get(label))
        return None if error is None else _superop(error)

    def relaxation(self, delay: Any, qubit: int) -> Any:
        if self.backend is None:
            return Operator(np.eye(2))
        seconds = delay.duration * {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}.get(
            delay.unit, self.backend.dt
        )
        times = self.backend.target.qubit_properties[qubit]
        return _relaxation(times.t1, min(times.t2, 2 * times.t1), seconds)

    def apply(self, channel: Any, on: list[int], state: np.ndarray) -> np.ndarray:
        places = [self.places[qubit] for qubit in on]
        return np.asarray(DensityMatrix(state).evolve(channel, qargs=places).data)


@cache
def _relaxation(t1: float, t2: float, seconds: float) -> SuperOp:
    return SuperOp(thermal_relaxation_error(t1, t2, seconds))


_SUPEROPS: dict[int, tuple[Any, SuperOp]] = {}


def _superop(error: Any) -> SuperOp:
    """Convert an error once; the error is kept so that its id stays its own."""
    if id(error) not in _SUPEROPS:
        _SUPEROPS[id(error)] = error, SuperOp(error)
    return _SUPEROPS[id(error)][1]


def add(parts: Iterable[States]) -> States:
    total: States = {}
    for part in parts:
        for memory, state in part.items():
            total[memory] = total[memory] + state if memory in total else state
    return total


def _split_off_jump(block: QuantumCircuit) -> tuple[QuantumCircuit, QuantumCircuit | None]:
    """Split a body before its last instruction if that may jump."""
    if not block.data or block.data[-1].name not in {"if_else", "break_loop", "continue_loop"}:
        return block, None
    head, tail = block.copy_empty_like(), block.copy_empty_like()
    for step in block.data[:-1]:
        head.append(step)
    tail.append(block.data[-1])
    return head, tail
