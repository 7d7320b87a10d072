"""Reads a Qiskit circuit and a noise source into plain operations, with noise where Aer has it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from qiskit.circuit import (
    CircuitError,
    CircuitInstruction,
    Delay,
    Gate,
    Instruction,
    ParameterExpression,
    QuantumCircuit,
)

from qiskit_modes._mutex import cached_property
from qiskit_modes.caches import read_only
from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.angles import Angles
from qiskit_modes.simulation.circuits.aer_instructions import (
    closed_controls,
    gate_of_name,
    noise_label,
)
from qiskit_modes.simulation.circuits.durations import with_loop_values
from qiskit_modes.simulation.circuits.expressions import Scope, Variables, read_store
from qiskit_modes.simulation.circuits.gates import (
    ROTATIONS,
    RotationList,
    as_rotations,
    constant_matrix,
    is_standard,
    rotation_matrix,
    standard_matrix,
)
from qiskit_modes.simulation.circuits.measurements import (
    is_measurement,
    is_reset,
    measures_and_resets,
)
from qiskit_modes.simulation.noise.model import error_matrix
from qiskit_modes.simulation.noise.passes import noise_of_passes, passes_for
from qiskit_modes.simulation.noise.source import NoiseSource, NotCuttableError
from qiskit_modes.simulation.operations import (
    Block,
    Channel,
    Measure,
    Operation,
    Rotation,
    touched,
)
from qiskit_modes.simulation.pauli_basis import (
    RESET,
    RealArray,
    from_kraus,
    from_superoperator,
    prepared,
)
from qiskit_modes.simulation.read.angle_table import AngleTable, number
from qiskit_modes.simulation.read.control_flow import JUMPS, read_control_flow

__all__ = ["CircuitReader", "Extent", "Extents", "read_circuit"]

LARGEST_MATRIX_QUBITS = 3
"""A gate on more qubits is taken apart by its definition if it has one: its channel's matrix
would have 16^n entries."""

LARGEST_UNITARY_QUBITS = 4
"""... but a unitary has no definition that is known without work: its matrix is used up to here."""


_IDENTITY: RealArray = read_only(np.eye(4))


class Extent(NamedTuple):
    """Bits that an instruction touches, not counting barriers inside it."""

    qubits: frozenset[int]
    clbits: frozenset[int]
    joins: bool
    """Whether one of its operations is on all of its qubits; else it may leave some apart."""

    @classmethod
    def of(cls, block: Block) -> Extent:
        """Return what the operations of an instruction touch."""
        qubits = block.qubits
        joins = len(qubits) < 2 or any(touched(each)[0] == qubits for each in block.operations)
        return cls(qubits, block.clbits, joins)


class Extents:
    """Extents of a circuit's instructions; most circuits are never asked for them.

    Args:
        parts: What each of the instructions does.
    """

    def __init__(self, parts: Sequence[Sequence[Operation]]) -> None:
        self._parts = parts

    @cached_property
    def in_order(self) -> list[Extent]:
        """The extent of each instruction."""
        return [Extent.of(Block(tuple(operations))) for operations in self._parts]


def read_circuit(circuit: QuantumCircuit, noise: NoiseSource) -> tuple[Block, Angles, Extents]:
    """Return a circuit's operations, the angles of its rotations, and each instruction's extent.

    Args:
        circuit: The circuit; its qubits are the device's.
        noise: Where errors are looked up.

    Raises:
        UnsupportedCircuitError: If the circuit has an instruction that cannot be simulated; the
            message names it.
    """
    reader = CircuitReader(circuit, noise)
    scope = Scope(
        qubits={qubit: index for index, qubit in enumerate(circuit.qubits)},
        clbits={clbit: index for index, clbit in enumerate(circuit.clbits)},
        loop_values={},
    )
    parts = [reader.operations([instruction], scope) for instruction in circuit.data]
    whole = Block(tuple(chain.from_iterable(parts)))
    return whole, reader.angles.finish(), Extents(parts)


class CircuitReader:
    """Reads one circuit. The angles of rotations and the bits of variables add up while reading."""

    def __init__(self, circuit: QuantumCircuit, noise: NoiseSource) -> None:
        self.noise = noise
        self.angles = AngleTable(list(circuit.parameters))
        self.variables = Variables(first_bit=circuit.num_clbits)
        self._passes = passes_for(circuit, noise)

    def block(self, instructions: Iterable[CircuitInstruction], scope: Scope) -> Block:
        """Read instructions in order."""
        return Block(tuple(self.operations(instructions, scope)))

    def operations(
        self, instructions: Iterable[CircuitInstruction], scope: Scope
    ) -> list[Operation]:
        """Return what instructions do, in order."""
        operations: list[Operation] = []
        passes = self._passes if scope.noisy else []
        place = scope.qubits.__getitem__
        for instruction in instructions:
            qubits = tuple(map(place, instruction.qubits))
            if not passes and instruction.is_standard_gate():
                operations.extend(self._standard_gate(instruction, qubits, scope))
                continue
            clbits = tuple(scope.clbits[clbit] for clbit in instruction.clbits)
            if instruction.is_control_flow() or instruction.name in JUMPS:
                operations.extend(read_control_flow(instruction, scope, self.variables, self.block))
                continue
            operation = instruction.operation
            if instruction.name == "delay" and scope.loop_values:
                operation = with_loop_values(operation, scope.loop_values)
            if passes:
                steps = noise_of_passes(passes, operation, qubits, self.noise)
                for each, positions in steps:
                    on = tuple(qubits[position] for position in positions)
                    operations.extend(self._read(each, on, clbits, scope))
            else:
                operations.extend(self._read(operation, qubits, clbits, scope))
        return operations

    def _read(
        self, operation: Instruction, qubits: tuple[int, ...], clbits: tuple[int, ...], scope: Scope
    ) -> Iterator[Operation]:
        match operation.name:
            case "barrier":
                pass
            case _ if is_measurement(operation):
                yield from self._measure(operation.name, qubits[0], clbits[0])
            case _ if is_reset(operation):
                for qubit in qubits:
                    yield from self._reset(operation.name, qubit, scope)
            case _ if measures_and_resets(operation):
                yield from self._measure(operation.name, qubits[0], clbits[0])
                yield from self._reset(operation.name, qubits[0], scope)
            case "delay":
                yield from self._delay(operation, qubits, scope)
            case "store":
                yield read_store(operation, scope, self.variables)
            case "initialize":
                yield from self._initialize(operation, qubits, scope)
            case "kraus":
                yield Channel(qubits, from_kraus(operation.params))
                yield from self._after(noise_label(operation), qubits, scope)
            case "superop":
                yield Channel(qubits, from_superoperator(np.asarray(operation.params[0])))
                yield from self._after(noise_label(operation), qubits, scope)
            case _ if hasattr(operation, "_quantum_error"):  # a QuantumError put into a circuit
                yield Channel(qubits, error_matrix(operation._quantum_error))  # noqa: SLF001
            case _ if isinstance(operation, Gate):
                yield from self._gate(operation, qubits, scope)
            case name if name.startswith("set_"):  # Aer's own
                raise NotCuttableError(
                    f"The circuit sets a state of the simulator by the instruction {name!r}."
                )
            case _ if operation.definition is not None and not operation.num_clbits:
                # Of several gates, as some of Qiskit's own are defined.
                yield from self._inline(
                    operation.definition, qubits, replace(scope, noisy=False)
                ).operations
                yield from self._after(noise_label(operation), qubits, scope)
            case _:
                raise UnsupportedCircuitError(
                    f"The circuit contains the instruction {operation.name!r} on qubits "
                    f"{list(qubits)}, which cannot be simulated. Expected gates, measure, reset, "
                    "delay, initialize, store and control flow; remove it or decompose it first."
                )

    def _measure(self, name: str, qubit: int, clbit: int) -> Iterator[Operation]:
        yield from self._error(self.noise.before_measure(qubit, name), (qubit,))
        yield Measure(qubit, clbit, self.noise.confusion(qubit, name))

    def _reset(self, name: str, qubit: int, scope: Scope) -> Iterator[Operation]:
        yield Channel((qubit,), RESET, forgets=True)
        yield from self._after(name, (qubit,), scope)

    def _error(self, matrix: RealArray | None, qubits: tuple[int, ...]) -> Iterator[Channel]:
        if matrix is not None:
            yield Channel(qubits[: (len(matrix).bit_length() - 1) // 2], matrix)

    def _after(self, label: str | None, qubits: tuple[int, ...], scope: Scope) -> Iterator[Channel]:
        if scope.noisy and label is not None:
            yield from self._error(self.noise.after(label, qubits), qubits)

    def _delay(
        self, operation: Delay, qubits: tuple[int, ...], scope: Scope
    ) -> Iterator[Operation]:
        yield from self._after(noise_label(operation), qubits, scope)
        for qubit in qubits:
            yield from self._error(self.noise.relaxation_during(operation, qubit), (qubit,))

    def _initialize(
        self, operation: Instruction, qubits: tuple[int, ...], scope: Scope
    ) -> Iterator[Operation]:
        if isinstance(operation.params[0], complex) and len(operation.params) > 1:
            yield Channel(qubits, prepared(operation.params), forgets=True)
            yield from self._after("initialize", qubits, scope)
        else:  # a label or a number: Aer runs the gates of the definition, with their noise
            yield from self._inline(operation.definition.decompose(), qubits, scope).operations

    def _standard_gate(
        self, step: CircuitInstruction, qubits: tuple[int, ...], scope: Scope
    ) -> Iterator[Operation]:
        """Read a standard gate as `_gate` does, without making an object of it where that can be.

        Its controls are closed: with open ones a gate is no standard one.
        """
        parameters = [self._parameter(value, step.name, scope) for value in step.params]
        rotations = as_rotations(step.name, parameters)
        if rotations is not None:
            yield from self._rotations(rotations, qubits)
        else:
            is_open = any(isinstance(value, ParameterExpression) for value in step.params)
            small = len(qubits) <= LARGEST_MATRIX_QUBITS and not is_open
            matrix = standard_matrix(step) if small else None
            if matrix is None:
                yield from self._gate(step.operation, qubits, scope)
                return
            yield Channel(qubits, matrix)
        yield from self._after(step.label or step.name, qubits, scope)

    def _gate(self, gate: Gate, qubits: tuple[int, ...], scope: Scope) -> Iterator[Operation]:
        """Read a gate and the error after it; each of the gates that Aer makes of it."""
        for step, positions in closed_controls(gate):
            on = tuple(qubits[position] for position in positions)
            yield from self._ideal_gate(step, on, scope)
            yield from self._after(noise_label(step), on, scope)

    def _ideal_gate(self, gate: Gate, qubits: tuple[int, ...], scope: Scope) -> Iterator[Operation]:
        """Read a gate without its error, as rotations, as a matrix or by its definition."""
        parameters = [self._parameter(value, gate.name, scope) for value in gate.params]
        rotations = None
        if gate.name in ROTATIONS and is_standard(gate):  # in this order: the first takes no time
            rotations = as_rotations(gate.name, parameters)
        is_open = any(isinstance(value, ParameterExpression) for value in parameters)
        if rotations is not None:
            yield from self._rotations(rotations, qubits)
            return
        if any(isinstance(value, ParameterExpression) for value in gate.params):
            gate = gate.to_mutable()
            gate.params = parameters  # the loops around have given some of them a value
        if gate.name == "unitary" and len(qubits) > LARGEST_UNITARY_QUBITS:
            raise NotCuttableError(
                f"The circuit has a unitary on {len(qubits)} qubits. On more than "
                f"{LARGEST_UNITARY_QUBITS}, finding gates that make it up takes minutes."
            )
        largest = LARGEST_UNITARY_QUBITS if gate.name == "unitary" else LARGEST_MATRIX_QUBITS
        if not is_open and len(qubits) <= largest:
            with suppress(CircuitError):  # it has no matrix; perhaps it has a definition
                yield Channel(qubits, constant_matrix(gate))
                return
        definition = gate.definition
        if definition is None and not hasattr(gate, "__array__"):
            definition = getattr(gate_of_name(gate), "definition", None)
        if definition is None:
            raise UnsupportedCircuitError(
                f"Gate {gate.name!r} on qubits {list(qubits)} has neither a matrix nor a "
                "definition, so it cannot be simulated. Decompose it into gates that have one."
            )
        yield from self._inline(definition, qubits, replace(scope, noisy=False)).operations

    def _rotations(
        self, rotations: RotationList, qubits: tuple[int, ...]
    ) -> Iterator[Channel | Rotation]:
        for paulis, positions, angle in rotations:
            on = tuple([qubits[position] for position in positions])
            if isinstance(angle, ParameterExpression):
                yield Rotation(on, paulis, self.angles.add(angle))
            else:
                yield Channel(on, rotation_matrix(paulis, angle))

    def _parameter(self, value: Any, name: str, scope: Scope) -> Any:
        if isinstance(value, float) and math.isfinite(value):
            return value
        if not isinstance(value, ParameterExpression | int | float):
            return value  # a matrix or a label, for special gates
        return number(value, f"Gate {name!r}", scope.loop_values)

    def _inline(self, circuit: QuantumCircuit, qubits: tuple[int, ...], scope: Scope) -> Block:
        inner = dict(zip(circuit.qubits, qubits, strict=True))
        block = self.block(circuit.data, replace(scope, qubits=inner))
        # Of a gate that leaves a qubit alone it is known, too, that it is on that qubit.
        idle = [qubit for qubit in qubits if qubit not in block.qubits]
        return Block((*block.operations, *(Channel((qubit,), _IDENTITY) for qubit in idle)))
