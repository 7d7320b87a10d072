"""Noise that an Aer noise model adds by transpiler passes of its own, such as relaxation.

A pass is asked about one instruction at a time, so it works inside control flow as well and the
circuit is never converted to Aer's form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit.circuit import Instruction, QuantumCircuit

from qiskit_modes.simulation.noise.source import NoiseSource, NotCuttableError

__all__ = ["noise_of_passes", "passes_for"]

Steps = list[tuple[Instruction, tuple[int, ...]]]
"""Instructions with the positions of their qubits among those of the original instruction."""


def passes_for(circuit: QuantumCircuit, noise: NoiseSource) -> list[Any]:
    """Return the passes that a noise source applies to a circuit."""
    passes = noise.passes
    # Aer runs the passes of a noise model on circuits that contain a delay, and on no others.
    return passes if passes and contains_delay(circuit) else []


def contains_delay(circuit: QuantumCircuit) -> bool:
    """Tell whether there is a delay in a circuit or in a body of its control flow."""
    for instruction in circuit.data:
        if instruction.name == "delay":
            return True
        if instruction.is_control_flow():
            blocks = getattr(instruction.operation, "blocks", ())
            if any(contains_delay(block) for block in blocks):
                return True
    return False


def noise_of_passes(
    passes: Sequence[Any], operation: Instruction, qubits: tuple[int, ...], noise: NoiseSource
) -> Steps:
    """Return what the passes, one after the other, make of an instruction.

    Args:
        passes: See `passes_for`.
        operation: The instruction.
        qubits: Its qubits on the device.
        noise: Whose passes they are; what they read of a target is noted there.

    Raises:
        NotCuttableError: If a pass does not work instruction by instruction.
    """
    steps: Steps = [(operation, tuple(range(len(qubits))))]
    if passes:
        noise.durations_of(operation.name, qubits)
    for noise_pass in passes:
        steps = [
            (new, tuple(positions[k] for k in inner))
            for op, positions in steps
            for new, inner in _apply(noise_pass, op, [qubits[k] for k in positions])
        ]
    return steps


def _apply(noise_pass: Any, operation: Instruction, qubits: list[int]) -> Steps:
    from qiskit_aer.noise import LocalNoisePass

    if not isinstance(noise_pass, LocalNoisePass):
        raise NotCuttableError(
            f"The noise model adds noise by the pass {type(noise_pass).__name__}. Only what passes "
            "that derive from qiskit_aer.noise.LocalNoisePass do is known without running them."
        )
    # A local pass is three things: for which instructions, what noise, and where to put it.
    kinds, function, method = noise_pass._ops, noise_pass._func, noise_pass._method  # noqa: SLF001
    itself: Steps = [(operation, tuple(range(len(qubits))))]
    if kinds and not isinstance(operation, kinds):
        return itself
    added = function(operation, qubits)
    if added is None:
        return [] if method == "replace" else itself
    noise = _as_steps(added)
    return {"append": itself + noise, "prepend": noise + itself, "replace": noise}[method]


def _as_steps(noise: Any) -> Steps:
    if isinstance(noise, QuantumCircuit):
        return [
            (step.operation, tuple(noise.find_bit(qubit).index for qubit in step.qubits))
            for step in noise.data
        ]
    instruction = noise if isinstance(noise, Instruction) else noise.to_instruction()
    return [(instruction, tuple(range(instruction.num_qubits)))]
