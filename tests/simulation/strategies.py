"""Random circuits in a device's instruction set."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import Delay, Parameter, ParameterVector
from qiskit.circuit.classical import expr
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.providers import BackendV2

from tests.simulation.devices import NAMES, device

GATES = get_standard_gate_name_mapping()
ANGLES = st.sampled_from([0.0, 0.3, -1.1, math.pi / 2, math.pi, 2.5])

static_devices = st.sampled_from(NAMES)


STEPS = [Parameter(f"step{depth}") for depth in range(4)]
"""What loops count with: the same for all at one depth, since older releases of Qiskit refuse two
parameters of one name in a circuit even where they are bound to different loops."""


class Writer:
    """Draws instructions that the device has and writes them into circuits.

    Args:
        draw: Hypothesis' way to draw.
        backend: Whose instructions.
        parameters: Symbols that angles may be made of.
    """

    def __init__(self, draw: Any, backend: BackendV2, parameters: ParameterVector | list) -> None:
        self.draw, self.backend, self.parameters = draw, backend, list(parameters)
        self.target = backend.target
        self.one = [g for g in ["rz", "sx", "x", "id", "rx"] if g in self.target]
        self.pairs = [
            (name, pair)
            for name in ["cx", "cz", "rzz", "ecr"]
            if name in self.target
            for pair in self.target[name]
        ]

    def angle(self) -> Any:
        number = self.draw(ANGLES)
        if not self.parameters:
            return number
        parameter = self.draw(st.sampled_from(self.parameters))
        return self.draw(
            st.sampled_from(
                [number, parameter, 2 * parameter + number, parameter * parameter, -parameter / 3]
            )
        )

    def gate(self, circuit: QuantumCircuit, qubits: list[int]) -> None:
        """Append a gate on some of the qubits."""
        pairs = [(n, p) for n, p in self.pairs if set(p) <= set(qubits)]
        if pairs and self.draw(st.booleans()):
            name, on = self.draw(st.sampled_from(pairs))
        else:
            name, on = self.draw(st.sampled_from(self.one)), [self.draw(st.sampled_from(qubits))]
        gate = GATES[name].to_mutable()
        gate.params = [self.angle() for _ in gate.params]
        circuit.append(gate, [circuit.qubits[q] for q in on])

    def other(self, circuit: QuantumCircuit, qubits: list[int]) -> None:
        """Append something that is not a gate."""
        qubit = circuit.qubits[self.draw(st.sampled_from(qubits))]
        kind = self.draw(st.sampled_from(["reset", "delay", "barrier"]))
        if kind == "reset":
            circuit.reset(qubit)
        elif kind == "barrier":
            circuit.barrier()
        else:
            unit = self.draw(st.sampled_from(["dt", "ns", "us"]))
            circuit.append(Delay({"dt": 1600, "ns": 500, "us": 3}[unit], unit), [qubit])

    def static_part(self, circuit: QuantumCircuit, qubits: list[int], most: int) -> None:
        for _ in range(self.draw(st.integers(0, most))):
            if self.draw(st.integers(0, 4)):
                self.gate(circuit, qubits)
            else:
                self.other(circuit, qubits)

    def dynamic_part(self, circuit: QuantumCircuit, qubits: list[int], depth: int) -> None:
        """Append gates, measurements and control flow."""
        for _ in range(self.draw(st.integers(1, 4))):
            self.static_part(circuit, qubits, 3)
            kinds = ["measure", "measure", "if", "switch", "for", "while"]
            kind = self.draw(st.sampled_from(kinds))
            bit = circuit.clbits[self.draw(st.integers(0, circuit.num_clbits - 1))]
            if kind == "measure" or depth == 0:
                qubit = circuit.qubits[self.draw(st.sampled_from(qubits))]
                circuit.measure(qubit, bit)
            elif kind == "if":
                self.if_else(circuit, qubits, depth)
            elif kind == "switch":
                with circuit.switch(circuit.cregs[0]) as case:
                    with case(0):
                        self.dynamic_part(circuit, qubits, depth - 1)
                    with case(2, 1):
                        self.static_part(circuit, qubits, 3)
                    if self.draw(st.booleans()):
                        with case(case.DEFAULT):
                            self.static_part(circuit, qubits, 3)
            elif kind == "for":
                self.for_loop(circuit, qubits, depth, bit)
            else:
                qubit = circuit.qubits[self.draw(st.sampled_from(qubits))]
                with circuit.while_loop((bit, 1)):
                    self.static_part(circuit, qubits, 3)
                    circuit.reset(qubit)
                    circuit.sx(qubit)  # so that soon a 0 is measured
                    circuit.measure(qubit, bit)

    def for_loop(self, circuit: QuantumCircuit, qubits: list[int], depth: int, bit: Any) -> None:
        step = STEPS[depth]
        with circuit.for_loop((0, 2, 3), step):
            self.dynamic_part(circuit, qubits, depth - 1)
            circuit.rz(0.3 * step + 0.1, self.draw(st.sampled_from(qubits)))
            jump = self.draw(st.sampled_from(["none", "break", "continue"]))
            if jump != "none":
                with circuit.if_test((bit, 1)):
                    circuit.break_loop() if jump == "break" else circuit.continue_loop()

    def if_else(self, circuit: QuantumCircuit, qubits: list[int], depth: int) -> None:
        first, last = circuit.clbits[0], circuit.clbits[-1]
        register = circuit.cregs[0]
        condition = self.draw(
            st.sampled_from(
                [
                    (first, 1),
                    (last, 0),
                    (register, 1),
                    expr.lift(last),
                    expr.bit_xor(first, last),
                    expr.logic_and(expr.logic_not(first), last),
                    expr.less(register, 2),
                ]
            )
        )
        with circuit.if_test(condition) as otherwise:
            self.dynamic_part(circuit, qubits, depth - 1)
        if self.draw(st.booleans()):
            with otherwise:
                self.static_part(circuit, qubits, 3)


@st.composite
def static_circuits(draw: Any, name: str) -> QuantumCircuit:
    """Parametric circuits without feed-forward, some of their qubits measured at the end.

    Several registers; qubits that are idle, disconnected or not measured.
    """
    backend = device(name)
    num_parameters = draw(st.integers(0, 3))
    writer = Writer(draw, backend, ParameterVector("t", num_parameters))
    active = sorted(draw(st.sets(st.integers(0, 4), min_size=1)))
    measured = draw(st.lists(st.sampled_from(active), unique=True, min_size=1))
    first = draw(st.integers(0, len(measured)))
    circuit = QuantumCircuit(backend.num_qubits)
    circuit.add_register(ClassicalRegister(first + 1, "a"))
    circuit.add_register(ClassicalRegister(len(measured) - first + 1, "b"))
    for _ in range(draw(st.integers(0, 4))):
        writer.static_part(circuit, active, 6)
    order = draw(st.permutations(range(circuit.num_clbits)))
    for qubit, clbit in zip(measured, order, strict=False):
        circuit.measure(qubit, clbit)
    return circuit


@st.composite
def dynamic_circuits(draw: Any, name: str) -> QuantumCircuit:
    """Circuits of at most three qubits with measurements and control flow anywhere."""
    backend = device(name)
    writer = Writer(draw, backend, [])
    active = draw(st.sampled_from([[0, 1], [1, 2, 3], [0, 1, 3], [2]]))
    circuit = QuantumCircuit(backend.num_qubits)
    circuit.add_register(ClassicalRegister(2, "a"))
    circuit.add_register(ClassicalRegister(1, "b"))
    writer.dynamic_part(circuit, active, depth=2)
    for clbit, qubit in enumerate(active[: draw(st.integers(0, 2))]):
        circuit.measure(qubit, clbit)
    return circuit
