"""Cutting a circuit to one component and writing its noise into it, for Aer to run.

Only errors of qubits in use are made. They are written as Aer's ``QuantumError`` instructions, of
which a trajectory draws one term at each place where it meets one.

Aer knows one instruction that measures, with one readout error for each qubit. Where a device's
instructions for a qubit err differently, each but the first gets a reader: a further qubit to which
the outcome is copied and which is then measured, with the readout error of that instruction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from qiskit.circuit import (
    CircuitInstruction,
    Clbit,
    Instruction,
    Measure,
    Parameter,
    QuantumCircuit,
    Qubit,
    Reset,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import CXGate

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.aer.classical import ClassicalMemory
from qiskit_modes.simulation.aer.errors import compact
from qiskit_modes.simulation.aer.gates import written_for_aer
from qiskit_modes.simulation.aer.line import along_a_line
from qiskit_modes.simulation.circuits.aer_instructions import closed_controls, noise_label
from qiskit_modes.simulation.circuits.durations import open_delays
from qiskit_modes.simulation.circuits.measurements import (
    is_measurement,
    is_reset,
    measures_and_resets,
)
from qiskit_modes.simulation.noise.passes import noise_of_passes, passes_for
from qiskit_modes.simulation.noise.source import NO_CONFUSION, NoiseSource
from qiskit_modes.simulation.operations import Block
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.read.control_flow import JUMPS
from qiskit_modes.simulation.read.read_circuit import Extent

__all__ = ["CutCircuit", "cut_circuit"]

Numbers = Mapping[Any, int]


_Readers = Mapping[tuple[int, str], Qubit]
"""The reader of a qubit of the device and an instruction that measures it, where it has one."""


class CutCircuit(NamedTuple):
    """One component as a circuit."""

    circuit: QuantumCircuit
    readout: dict[int, RealArray]
    """Readout errors by the qubits of this circuit, as ``[recorded, true]``."""


def cut_circuit(
    circuit: QuantumCircuit,
    extents: Sequence[Extent],
    block: Block,
    noise: NoiseSource,
    known: frozenset[str],
    *,
    neighbours: bool = False,
) -> CutCircuit:
    """Return the part of a circuit that is one component, followed everywhere by its errors.

    Args:
        circuit: The whole circuit; its parameters stay open.
        extents: What each of its instructions touches.
        block: The component. Instructions that join it with other qubits are left out: of them
            it is known that no outcome depends on them.
        noise: Where errors are looked up; readout errors are not written.
        known: The names of the instructions that Aer's method executes.
        neighbours: Whether qubits that gates join come close to each other in the order of the
            circuit's, as suits matrix product states, which move qubits together for each gate.

    Returns:
        A circuit on the component's qubits, in ascending order or as ``neighbours`` says, and
        those of instructions that are also on others which they do not join, then readers, and all
        classical bits; and its readout errors.

    Raises:
        UnsupportedCircuitError: If Aer cannot do what the component does with classical values,
            or if there is no way to tell it what a gate does.
    """
    part = _closed(block, extents)
    order = along_a_line(part.qubits, block) if neighbours else sorted(part.qubits)
    numbers = {circuit.qubits[qubit]: qubit for qubit in order}
    memory = ClassicalMemory(circuit)
    cut = QuantumCircuit(list(numbers), circuit.clbits, *circuit.cregs, *memory.registers)

    def belongs(extent: Extent) -> bool:
        if extent.qubits:
            return extent.qubits <= part.qubits
        return not extent.clbits.isdisjoint(part.clbits)

    steps = [step for step, extent in zip(circuit.data, extents, strict=True) if belongs(extent)]
    if any(getattr(step.operation, "blocks", ()) for step in steps):
        # With noise, Aer's memory ends with the last bit that is measured, and a condition on a
        # later one fails; so one more bit is measured, before anything has happened.
        unread = Clbit()
        cut.add_bits([unread])
        cut.measure(cut.qubits[:1], [unread])
    else:
        steps = _recorded_once(steps, cut)
    readout, readers = _readout(steps, cut, numbers, noise)
    _Writer(noise, passes_for(circuit, noise), readers, memory, known).write(steps, cut, numbers)
    return CutCircuit(cut, readout)


class _Part(NamedTuple):
    """The bits of what is written."""

    qubits: frozenset[int]
    clbits: frozenset[int]


def _closed(block: Block, extents: Sequence[Extent]) -> _Part:
    """Return the bits of a component with all that is needed to write its instructions whole.

    An instruction may do one thing to some qubits and another to others, such as a loop without
    conditions, or a gate that is defined so. For the component the others are of no account, but
    what happens to them must be as it should, so that a loop of theirs ends.
    """
    qubits, clbits = block.qubits, block.clbits
    if not any(_is_split(extent, qubits) for extent in extents):
        return _Part(qubits, clbits)
    size = -1
    while size < len(qubits) + len(clbits):
        size = len(qubits) + len(clbits)
        for extent in extents:
            added = qubits - block.qubits, clbits - block.clbits
            if (
                _is_split(extent, qubits)
                or not added[0].isdisjoint(extent.qubits)
                or not added[1].isdisjoint(extent.clbits)
            ):
                qubits |= extent.qubits
                clbits |= extent.clbits
    return _Part(qubits, clbits)


def _is_split(extent: Extent, qubits: frozenset[int]) -> bool:
    on = extent.qubits
    return not extent.joins and not on.isdisjoint(qubits) and not on <= qubits


def _readout(
    steps: Sequence[CircuitInstruction], cut: QuantumCircuit, numbers: Numbers, noise: NoiseSource
) -> tuple[dict[int, RealArray], _Readers]:
    """Return the readout errors of a circuit, and its readers, which are added to it."""
    place = {number: at for at, number in enumerate(numbers.values())}
    readout: dict[int, RealArray] = {}
    readers: dict[tuple[int, str], Qubit] = {}
    for number, name in sorted(set(_measured(steps, numbers))):
        matrix, at = noise.confusion(number, name), place[number]
        if at not in readout:
            readout[at] = matrix
        elif not np.array_equal(readout[at], matrix):
            readers[number, name] = Qubit()
            readout[cut.num_qubits] = matrix
            cut.add_bits([readers[number, name]])
    return {at: each for at, each in readout.items() if each is not NO_CONFUSION}, readers


def _measured(steps: Sequence[CircuitInstruction], numbers: Numbers) -> Iterator[tuple[int, str]]:
    """Yield what is measured, as the device numbers it, and by which instruction."""
    for step in steps:
        if _records(step) and step.qubits[0] in numbers:
            yield numbers[step.qubits[0]], step.name
        for block in getattr(step.operation, "blocks", ()):
            yield from _measured(block.data, _inner_numbers(block, step.qubits, numbers))


def _may_jump(body: QuantumCircuit) -> bool:
    """Tell whether a body can break out of, or continue, the loop that it is the body of."""
    for step in body.data:
        inside = () if step.name in _LOOPS else getattr(step.operation, "blocks", ())
        if step.name in JUMPS or any(map(_may_jump, inside)):
            return True
    return False


_LOOPS = frozenset({"for_loop", "while_loop"})


def _differs_by_round(loop: Any) -> bool:
    """Tell whether the rounds of a loop differ by more than the angles of rotations."""
    _, parameter, body = loop.params
    return isinstance(parameter, expr.Var) or (
        isinstance(parameter, Parameter)
        and any(parameter in delay.duration.parameters for delay in open_delays(body))
    )


def _inner_numbers(body: QuantumCircuit, outer: Sequence[Any], numbers: Numbers) -> Numbers:
    """Return the device's numbers of the qubits of a body."""
    pairs = zip(body.qubits, outer, strict=True)
    return {qubit: numbers[around] for qubit, around in pairs if around in numbers}


def _records(step: CircuitInstruction) -> bool:
    return is_measurement(step) or measures_and_resets(step)


def _recorded_once(
    steps: Sequence[CircuitInstruction], target: QuantumCircuit
) -> list[CircuitInstruction]:
    """Let measurements whose bits are written again record into bits that nobody reads.

    Aer measures a circuit without feed-forward once at its end, and then applies the readout
    errors of all measurements into a bit to the one outcome.
    """
    last = {step.clbits[0]: index for index, step in enumerate(steps) if _records(step)}
    result = []
    for index, step in enumerate(steps):
        if _records(step) and last[step.clbits[0]] != index:
            unread = Clbit()
            target.add_bits([unread])
            step = step.replace(clbits=[unread])
        result.append(step)
    return result


class _Writer:
    """Copies instructions together with their noise."""

    def __init__(
        self,
        noise: NoiseSource,
        passes: Sequence[Any],
        readers: _Readers,
        memory: ClassicalMemory,
        known: frozenset[str],
    ) -> None:
        self._noise = noise
        self._passes = passes
        self._readers = readers
        self._memory = memory
        self._known = known

    def write(
        self, steps: Sequence[CircuitInstruction], target: QuantumCircuit, numbers: Numbers
    ) -> None:
        """Append instructions to a circuit.

        Args:
            steps: What to append; bits of the target.
            target: Where to append.
            numbers: The device's numbers of the component's qubits.
        """
        for step in steps:
            # Barriers stretch control flow over qubits that nothing else happens to.
            qubits = [qubit for qubit in step.qubits if qubit in numbers]
            blocks = getattr(step.operation, "blocks", ())
            if step.name == "for_loop" and _differs_by_round(step.operation):
                self._rounds(step, target, numbers)
            elif blocks:
                # Aer puts what has no qubit in common with a body before or after it as it likes.
                others = [qubit for qubit in target.qubits if qubit not in qubits]
                bodies = [self._body(block, step.qubits, numbers, others) for block in blocks]
                operation = self._memory.control_flow(step.operation, bodies)
                bits = [*step.clbits, *self._memory.bits]
                target.append(operation, [*qubits, *others], bits)
            elif step.name in JUMPS:
                jump = type(step.operation)(len(qubits), len(step.clbits))
                target.append(jump, qubits, step.clbits)
            elif step.name == "store":
                target.append(self._memory.store(step.operation), (), ())
            elif step.name != "barrier":
                on = tuple(numbers[qubit] for qubit in qubits)
                added = noise_of_passes(self._passes, step.operation, on, self._noise)
                for operation, places in added:
                    for each, positions in closed_controls(operation):
                        chosen = [qubits[places[position]] for position in positions]
                        self._write_one(each, chosen, step.clbits, target, numbers)

    def _body(
        self,
        body: QuantumCircuit,
        outer: Sequence[Any],
        numbers: Numbers,
        others: Sequence[Qubit],
    ) -> QuantumCircuit:
        inner = _inner_numbers(body, outer, numbers)
        copy = QuantumCircuit([*inner, *others], body.clbits, *body.cregs, *self._memory.registers)
        self.write(list(body.data), copy, inner)
        return copy

    def _rounds(self, step: CircuitInstruction, target: QuantumCircuit, numbers: Numbers) -> None:
        """Write a loop round by round."""
        values, parameter, body = step.operation.params
        qubits = dict(zip(body.qubits, step.qubits, strict=True))
        if _may_jump(body) or tuple(body.clbits) != tuple(step.clbits):
            raise UnsupportedCircuitError(
                f"The circuit has a loop over the variable or duration {parameter.name!r} that "
                "breaks or continues, and joins more qubits than a density matrix can be kept of, "
                "which leaves it to Aer, and Aer knows no such loops. Use fewer qubits that are "
                "joined by gates or conditions, or a while loop."
            )
        for value in values:
            if isinstance(parameter, expr.Var):
                target.append(self._memory.assignment(parameter, int(value)), (), ())
                inside = body
            else:
                inside = body.assign_parameters({parameter: value})
            steps = [each.replace(qubits=[qubits[q] for q in each.qubits]) for each in inside.data]
            self.write(steps, target, numbers)

    def _write_one(
        self,
        operation: Instruction,
        qubits: Sequence[Any],
        clbits: Sequence[Any],
        target: QuantumCircuit,
        numbers: Numbers,
    ) -> None:
        on = tuple(numbers[qubit] for qubit in qubits)
        label = noise_label(operation)
        measures = is_measurement(operation)
        if label is None:
            error = None
        elif measures:
            error = self._noise.aer_error_before_measure(on[0], label)
        else:
            error = self._noise.aer_error(label, on)
        error = None if error is None else compact(error)
        if measures and error is not None:
            target.append(error.to_instruction(), qubits[: error.num_qubits])
            error = None
        if measures or measures_and_resets(operation):
            self._measure(operation.name, qubits[0], clbits[0], target, on[0])
        if is_reset(operation) or measures_and_resets(operation):
            target.append(Reset(), qubits)
        elif not measures:
            for each, positions in written_for_aer(operation, self._known):
                target.append(each, [qubits[position] for position in positions], clbits)
        if error is not None:
            target.append(error.to_instruction(), qubits[: error.num_qubits])
        if operation.name == "delay":
            relaxation = self._noise.aer_relaxation(operation, on[0])
            if relaxation is not None:
                target.append(compact(relaxation).to_instruction(), qubits)

    def _measure(
        self, name: str, qubit: Qubit, clbit: Clbit, target: QuantumCircuit, number: int
    ) -> None:
        reader = self._readers.get((number, name))
        if reader is None:
            target.append(Measure(), [qubit], [clbit])
            return
        target.append(CXGate(), [qubit, reader])
        target.append(Measure(), [reader], [clbit])
        target.append(Reset(), [reader])
