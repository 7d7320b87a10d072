"""Cutting a circuit to one component and writing its noise into it, for Aer to run.

Only errors of qubits in use are made. They are written as Aer's ``QuantumError`` instructions, of
which a trajectory draws one term at each place where it meets one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from qiskit.circuit import CircuitInstruction, Instruction, QuantumCircuit

from qiskit_modes.simulation.device_noise import DeviceNoise
from qiskit_modes.simulation.noise import NoiseSource
from qiskit_modes.simulation.noise_passes import noise_of_passes, passes_for
from qiskit_modes.simulation.reading import noise_label

__all__ = ["cut_circuit"]


def cut_circuit(
    circuit: QuantumCircuit, qubits: Collection[int], noise: NoiseSource
) -> QuantumCircuit:
    """Return the part of a circuit on some qubits, followed everywhere by its errors.

    Args:
        circuit: The whole circuit; its parameters stay open.
        qubits: A component. Instructions on other qubits are left out, and so are those that
            join it with others, of which it is known that no outcome depends on them.
        noise: Where errors are looked up; readout errors are not written.

    Returns:
        A circuit on these qubits in ascending order and all classical bits.
    """
    chosen = [circuit.qubits[qubit] for qubit in sorted(qubits)]
    cut = QuantumCircuit(chosen, circuit.clbits, *circuit.cregs)
    for variable in circuit.iter_declared_vars():
        cut.add_uninitialized_var(variable)
    numbers = {qubit: number for number, qubit in enumerate(circuit.qubits) if number in qubits}
    writer = _Writer(noise, passes_for(circuit, noise))
    writer.write(
        [step for step in circuit.data if all(qubit in numbers for qubit in step.qubits)],
        cut,
        numbers,
    )
    return cut


class _Writer:
    """Copies instructions together with their noise."""

    def __init__(self, noise: NoiseSource, passes: Sequence[Any]) -> None:
        self._noise = noise
        self._passes = passes

    def write(
        self,
        steps: Sequence[CircuitInstruction],
        target: QuantumCircuit,
        numbers: Mapping[Any, int],
    ) -> None:
        for step in steps:
            blocks = getattr(step.operation, "blocks", ())
            if blocks:
                bodies = [self._body(block, step.qubits, numbers) for block in blocks]
                target.append(step.operation.replace_blocks(bodies), step.qubits, step.clbits)
            elif step.name != "barrier":
                on = [numbers[qubit] for qubit in step.qubits]
                for operation, places in noise_of_passes(self._passes, step.operation, tuple(on)):
                    qubits = [step.qubits[place] for place in places]
                    self._write_one(operation, qubits, step.clbits, target, numbers)

    def _body(
        self, body: QuantumCircuit, outer: Sequence[Any], numbers: Mapping[Any, int]
    ) -> QuantumCircuit:
        copy = body.copy_empty_like()
        inner = {qubit: numbers[bit] for qubit, bit in zip(body.qubits, outer, strict=True)}
        self.write(list(body.data), copy, inner)
        return copy

    def _write_one(
        self,
        operation: Instruction,
        qubits: Sequence[Any],
        clbits: Sequence[Any],
        target: QuantumCircuit,
        numbers: Mapping[Any, int],
    ) -> None:
        on = tuple(numbers[qubit] for qubit in qubits)
        error = self._noise.aer_error(noise_label(operation), on) if qubits else None
        if operation.name == "measure" and error is not None:
            target.append(error.to_instruction(), qubits)  # Aer has these before the measurement
            error = None
        target.append(operation, qubits, clbits)
        if error is not None:
            target.append(error.to_instruction(), qubits)
        if operation.name == "delay" and isinstance(self._noise, DeviceNoise):
            relaxation = self._noise.aer_relaxation(operation, on[0])
            if relaxation is not None:
                target.append(relaxation.to_instruction(), qubits)
