"""Reading a circuit that is unitary up to its final measurements, as matrices of its gates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from qiskit.circuit import (
    CircuitError,
    CircuitInstruction,
    Gate,
    ParameterExpression,
    QuantumCircuit,
)

from qiskit_modes.caches import BoundedCache
from qiskit_modes.simulation.angles import Angles
from qiskit_modes.simulation.circuits.ending import Ending
from qiskit_modes.simulation.circuits.gates import as_rotations
from qiskit_modes.simulation.circuits.latest_steps import take_steps
from qiskit_modes.simulation.pauli_basis import ComplexArray
from qiskit_modes.simulation.read.angle_table import AngleTable, number
from qiskit_modes.simulation.run.ideal.towers import Ground, pauli_matrix

__all__ = ["IdealCircuit", "IdealGate", "Turn", "Unitary", "ground_of", "read_ideal_circuit"]

Unitary = tuple[tuple[int, ...], int]
"""Qubits, and the index among the matrices of that width."""

LARGEST_MATRIX_QUBITS = 5
"""A gate on more qubits is taken apart by its definition, unless it is a unitary, which is its
matrix."""

NOTHING = frozenset({"barrier", "delay"})
"""What changes no state where there is no noise."""


class NotIdealError(Exception):
    """The circuit does more than gates and final measurements."""


@dataclass(frozen=True)
class Turn:
    """A rotation by an angle that depends on the circuit's parameters."""

    paulis: str
    angle: int
    """Index into the circuit's `Angles`."""


IdealGate = tuple[tuple[int, ...], ComplexArray | Turn]
"""Qubits, of which the first is the most significant digit of the matrix, and the matrix."""


class IdealCircuit(NamedTuple):
    """A circuit without noise whose qubits are measured at the end, if at all."""

    gates: Sequence[IdealGate]
    measured: Mapping[int, int]
    """By qubit the classical bit."""
    angles: Angles

    @property
    def is_finite(self) -> bool:
        """Tell whether all matrices are made of numbers; by some angles they are not."""
        matrices = [each for _, each in self.gates if not isinstance(each, Turn)]
        return not matrices or bool(np.isfinite(np.concatenate(matrices, axis=None)).all())


class _Beginning(NamedTuple):
    gates: tuple[IdealGate, ...]
    recorded: Mapping[int, int]
    finished: frozenset[int]


_beginnings: BoundedCache[bytes, _Beginning] = BoundedCache(64)
"""What circuits without parameters begin with: all bases of an estimator's begin alike."""


def read_ideal_circuit(
    circuit: QuantumCircuit,
    wanted: frozenset[int],
    content: bytes = b"",
    ending: Ending | None = None,
) -> IdealCircuit | None:
    """Return what an ideal circuit does; None if it is not unitary up to final measurements.

    Args:
        circuit: The circuit. What is wrong with it is left to others to say: then this is None.
        wanted: The classical bits that will be read.
        content: The circuit's fingerprint, needed if something follows it.
        ending: What follows it.
    """
    reader = _Reader(circuit)
    try:
        known = None if ending is None else _beginnings.get(content)
        if known is not None:
            reader.go_on_from(known)
        else:
            read = take_steps(content)
            if read is not None:
                reader.read(read.steps, read.bits)
            else:
                reader.read_circuit()
            if ending is not None and not circuit.num_parameters:
                _beginnings.put(content, reader.so_far())
        if ending is not None:
            reader.end(ending)
        return reader.finish(wanted)
    except NotIdealError:
        return None


@dataclass
class _Reader:
    circuit: QuantumCircuit
    gates: list[IdealGate] = field(default_factory=list)
    recorded: dict[int, int] = field(default_factory=dict)
    """By classical bit the qubit that was measured into it last."""

    def __post_init__(self) -> None:
        is_open = self.circuit.num_parameters > 0
        self._angles = AngleTable(list(self.circuit.parameters) if is_open else [])
        self._finished: set[int] = set()
        """Qubits that have been measured."""

    def so_far(self) -> _Beginning:
        """Return what was read, of a circuit without parameters."""
        return _Beginning(tuple(self.gates), dict(self.recorded), frozenset(self._finished))

    def go_on_from(self, known: _Beginning) -> None:
        """Have read what another one has read."""
        self.gates += known.gates
        self.recorded.update(known.recorded)
        self._finished |= known.finished

    def end(self, ending: Ending) -> None:
        """Append what follows the circuit."""
        if not self._finished.isdisjoint([on[0] for on, _ in ending.matrices]):
            raise NotIdealError
        self.gates += ending.matrices
        self.recorded.update(enumerate(ending.qubits, self.circuit.num_clbits))

    def read_circuit(self) -> None:
        """Append the whole circuit."""
        circuit = self.circuit
        qubits = {qubit: index for index, qubit in enumerate(circuit.qubits)}
        clbits = {clbit: index for index, clbit in enumerate(circuit.clbits)}
        self._read(circuit[:], qubits, clbits)

    def _read(
        self,
        steps: Sequence[CircuitInstruction],
        qubits: Mapping[Any, int],
        clbits: Mapping[Any, int],
    ) -> None:
        bits = []
        for step in steps:
            on = [qubits[qubit] for qubit in step.qubits]
            into = step.clbits
            bits.append([*on, -1, *[clbits[clbit] for clbit in into]] if into else on)
        self.read(steps, bits)

    def read(self, steps: Sequence[CircuitInstruction], bits: Sequence[list[int]]) -> None:
        """Append instructions on some qubits.

        Args:
            steps: The instructions.
            bits: Where they act, see `Steps`.
        """
        append, finished = self.gates.append, self._finished
        for step, on in zip(steps, bits, strict=True):
            name = step.name
            if name in NOTHING:
                continue
            if name == "measure":
                qubit, _, clbit = on
                self.recorded[clbit] = qubit
                finished.add(qubit)
                continue
            width = len(on)
            if width == 1:
                qubits: tuple[int, ...] = (on[0],)
            elif -1 in on:
                raise NotIdealError
            else:
                qubits = tuple(on[::-1])
            if finished and not finished.isdisjoint(qubits):
                raise NotIdealError
            matrix = None
            if width <= LARGEST_MATRIX_QUBITS or name == "unitary":
                matrix = step.matrix
            if matrix is None:
                self._special(step, qubits)
            elif len(matrix) == 1 << width:
                if width:
                    append((qubits, matrix))
            else:
                raise NotIdealError

    def _are_untouched(self, qubits: tuple[int, ...]) -> bool:
        """Tell whether nothing has acted on some qubits so far."""
        return all(set(qubits).isdisjoint(on) for on, _ in self.gates)

    def _special(self, step: CircuitInstruction, qubits: tuple[int, ...]) -> None:
        """Append what has no matrix as it is."""
        if step.name == "reset" and self._are_untouched(qubits):
            return  # they are |0⟩
        operation: Any = step.operation
        if step.name == "initialize" and self._are_untouched(qubits):
            self._initialize(operation, qubits)
            return
        # Control flow, stores and whatever is no gate has no place here.
        if step.is_control_flow() or not isinstance(operation, Gate):
            raise NotIdealError
        if step.is_standard_gate():
            where = f"Gate {step.name!r}"
            parameters = [number(value, where, {}) for value in step.params]
            rotations = as_rotations(step.name, parameters)
            if rotations is not None:
                for paulis, positions, angle in rotations:
                    on = tuple(qubits[-1 - position] for position in positions)
                    self._rotation(on, paulis, angle)
                return
        is_open = any(isinstance(each, ParameterExpression) for each in step.params)
        if len(qubits) <= LARGEST_MATRIX_QUBITS and not is_open:
            with suppress(CircuitError):  # it has no matrix; perhaps it has a definition
                self.gates.append((qubits, np.asarray(operation.to_matrix())))
                return
        if operation.definition is None:
            raise NotIdealError
        inner = operation.definition
        if inner.num_clbits:
            raise NotIdealError
        self._read(inner.data[:], dict(zip(inner.qubits, reversed(qubits), strict=True)), {})

    def _rotation(self, on: tuple[int, ...], paulis: str, angle: Any) -> None:
        if isinstance(angle, ParameterExpression):
            self.gates.append((on, Turn(paulis, self._angles.add(angle))))
            return
        half, matrix = angle / 2, pauli_matrix(paulis)
        turned = math.cos(half) * np.eye(len(matrix)) - 1j * math.sin(half) * matrix
        self.gates.append((on, turned))

    def _initialize(self, operation: Any, qubits: tuple[int, ...]) -> None:
        amplitudes = operation.params
        if not (isinstance(amplitudes[0], complex) and len(amplitudes) == 1 << len(qubits)):
            raise NotIdealError  # a label or a number: its definition has resets
        matrix = np.zeros((len(amplitudes), len(amplitudes)), dtype=complex)
        matrix[:, 0] = amplitudes  # of qubits that are |0⟩, the other columns meet nothing
        self.gates.append((qubits, matrix))

    def finish(self, wanted: frozenset[int]) -> IdealCircuit:
        """Return the circuit, without what no wanted bit depends on."""
        measured = {qubit: clbit for clbit, qubit in self.recorded.items() if clbit in wanted}
        if len(measured) < len(wanted.intersection(self.recorded)):
            raise NotIdealError  # a qubit that was measured into several bits
        return IdealCircuit(self.gates, measured, self._angles.finish())


def ground_of(gates: Sequence[IdealGate]) -> tuple[Ground, list[Unitary]]:
    """Return the matrices of gates, stacked by width, and which gate has which."""
    constants: dict[int, list[ComplexArray]] = {}
    turns: dict[int, list[Turn]] = {}
    places: list[tuple[tuple[int, ...], int, bool]] = []
    for qubits, matrix in gates:
        if isinstance(matrix, Turn):
            members: list[Any] = turns.setdefault(len(qubits), [])
        else:
            members = constants.setdefault(len(qubits), [])
        places.append((qubits, len(members), isinstance(matrix, Turn)))
        members.append(matrix)
    rotations = {
        width: (
            np.array([pauli_matrix(turn.paulis) for turn in members]),
            np.array([turn.angle for turn in members], dtype=np.intp),
        )
        for width, members in turns.items()
    }
    # Where a width has both, rotations stand behind the constant matrices.
    behind = {width: len(constants.get(width, ())) for width in turns}
    unitaries = [
        (qubits, index + behind[len(qubits)] if is_turn else index)
        for qubits, index, is_turn in places
    ]
    stacked = {width: np.array(matrices) for width, matrices in constants.items()}
    return Ground(stacked, rotations), unitaries
