"""Cutting a circuit to one component and writing its noise into it, for Aer to run.

Only errors of qubits in use are made. They are written as Aer's ``QuantumError`` instructions, of
which a trajectory draws one term at each place where it meets one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qiskit.circuit import (
    CASE_DEFAULT,
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    ControlFlowOp,
    Instruction,
    QuantumCircuit,
    SwitchCaseOp,
)
from qiskit.quantum_info import Kraus, SuperOp

from qiskit_modes.simulation.aer_errors import compact
from qiskit_modes.simulation.aer_instructions import closed_controls, noise_label
from qiskit_modes.simulation.control_flow import JUMPS
from qiskit_modes.simulation.device_noise import DeviceNoise
from qiskit_modes.simulation.noise import NoiseSource
from qiskit_modes.simulation.noise_passes import noise_of_passes, passes_for
from qiskit_modes.simulation.operations import Block
from qiskit_modes.simulation.reading import Extent

__all__ = ["cut_circuit"]

Numbers = Mapping[Any, int]


def cut_circuit(
    circuit: QuantumCircuit, extents: Sequence[Extent], block: Block, noise: NoiseSource
) -> QuantumCircuit:
    """Return the part of a circuit that is one component, followed everywhere by its errors.

    Args:
        circuit: The whole circuit; its parameters stay open.
        extents: What each of its instructions touches.
        block: The component. Instructions that join it with other qubits are left out: of them
            it is known that no outcome depends on them.
        noise: Where errors are looked up; readout errors are not written.

    Returns:
        A circuit on the component's qubits in ascending order and all classical bits.
    """
    numbers = {circuit.qubits[qubit]: qubit for qubit in sorted(block.qubits)}
    cut = QuantumCircuit(list(numbers), circuit.clbits, *circuit.cregs)
    for variable in circuit.iter_declared_vars():
        cut.add_uninitialized_var(variable)

    def belongs(extent: Extent) -> bool:
        qubits, clbits = extent
        return qubits <= block.qubits if qubits else not clbits.isdisjoint(block.clbits)

    steps = [step for step, extent in zip(circuit.data, extents, strict=True) if belongs(extent)]
    if any(getattr(step.operation, "blocks", ()) for step in steps):
        # With noise, Aer's memory ends with the last bit that is measured, and a condition on a
        # later one fails; so one more bit is measured, before anything has happened.
        unread = Clbit()
        cut.add_bits([unread])
        cut.measure(cut.qubits[:1], [unread])
    else:
        steps = _recorded_once(steps, cut)
    _Writer(noise, passes_for(circuit, noise)).write(steps, cut, numbers)
    return cut


def _recorded_once(
    steps: Sequence[CircuitInstruction], target: QuantumCircuit
) -> list[CircuitInstruction]:
    """Let measurements whose bits are written again record into bits that nobody reads.

    Aer measures a circuit without feed-forward once at its end, and then applies the readout
    errors of all measurements into a bit to the one outcome.
    """
    last = {step.clbits[0]: index for index, step in enumerate(steps) if step.name == "measure"}
    result = []
    for index, step in enumerate(steps):
        if step.name == "measure" and last[step.clbits[0]] != index:
            unread = Clbit()
            target.add_bits([unread])
            step = step.replace(clbits=[unread])
        result.append(step)
    return result


def _with_bodies(operation: ControlFlowOp, bodies: Sequence[QuantumCircuit]) -> ControlFlowOp:
    """Return control flow with other bodies, in a form that survives pickling.

    Qiskit's default case of a switch does not; it is written as all the values that are left.
    """
    if operation.name != "switch_case":
        return operation.replace_blocks(bodies)
    target = operation.target
    if isinstance(target, Clbit):
        width = 1
    else:
        width = len(target) if isinstance(target, ClassicalRegister) else target.type.width
    left = set(range(1 << width))
    cases = []
    for (labels, _), body in zip(operation.cases_specifier(), bodies, strict=True):
        values = sorted(left) if CASE_DEFAULT in labels else [int(label) for label in labels]
        left -= set(values)
        if values:
            cases.append((tuple(values), body))
    return SwitchCaseOp(target, cases)


class _Writer:
    """Copies instructions together with their noise."""

    def __init__(self, noise: NoiseSource, passes: Sequence[Any]) -> None:
        self._noise = noise
        self._passes = passes

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
            if blocks:
                bodies = [self._body(block, step.qubits, numbers) for block in blocks]
                target.append(_with_bodies(step.operation, bodies), qubits, step.clbits)
            elif step.name in JUMPS:
                jump = type(step.operation)(len(qubits), len(step.clbits))
                target.append(jump, qubits, step.clbits)
            elif step.name == "store":
                target.append(step.operation, (), ())
            elif step.name != "barrier":
                on = tuple(numbers[qubit] for qubit in qubits)
                added = noise_of_passes(self._passes, step.operation, on, self._noise)
                for operation, places in added:
                    for each, positions in closed_controls(operation):
                        chosen = [qubits[places[position]] for position in positions]
                        self._write_one(each, chosen, step.clbits, target, numbers)

    def _body(self, body: QuantumCircuit, outer: Sequence[Any], numbers: Numbers) -> QuantumCircuit:
        inner = {
            qubit: numbers[around]
            for qubit, around in zip(body.qubits, outer, strict=True)
            if around in numbers
        }
        captured = list(body.iter_captured_vars())
        copy = QuantumCircuit(list(inner), body.clbits, *body.cregs, captures=captured)
        for variable in body.iter_declared_vars():
            copy.add_uninitialized_var(variable)
        self.write(list(body.data), copy, inner)
        return copy

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
        error = None if label is None else self._noise.aer_error(label, on)
        error = None if error is None else compact(error)
        if operation.name == "measure" and error is not None:
            # Aer has these before the measurement.
            target.append(error.to_instruction(), qubits[: error.num_qubits])
            error = None
        if operation.name == "superop":  # no state vector takes it as it is
            operation = Kraus(SuperOp(operation.params[0])).to_instruction()
        target.append(operation, qubits, clbits)
        if error is not None:
            target.append(error.to_instruction(), qubits[: error.num_qubits])
        if operation.name == "delay" and isinstance(self._noise, DeviceNoise):
            relaxation = self._noise.aer_relaxation(operation, on[0])
            if relaxation is not None:
                target.append(compact(relaxation).to_instruction(), qubits)
