"""Checks that there is memory for what a job draws at random, when ``run()`` is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qiskit import QuantumCircuit

from qiskit_modes.primitives.inputs.job_limits import Drawn, check_memory_of_drawn
from qiskit_modes.primitives.inputs.pubs import SamplerInput
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions

__all__ = ["angle_bytes", "check_randomisations"]

_ANGLES = 3
"""Of the gates that twirl a qubit in a layer."""


def angle_bytes(circuit: QuantumCircuit, *, gates: bool, measured: int) -> int:
    """Return how many bytes of angles a randomisation of a circuit has at least, before boxing.

    Args:
        circuit: The circuit.
        gates: Whether layers of gates are twirled.
        measured: How many measurements are.
    """
    twirled = measured
    if gates:
        twirled += 2 * sum(
            len(step.qubits) == 2 and step.name not in {"barrier", "delay"} for step in circuit.data
        )
    return 8 * max(_ANGLES * twirled, circuit.num_parameters)


def check_randomisations(inputs: Sequence[SamplerInput], options: ResolvedSamplerOptions) -> None:
    """Raise if there is no memory for the randomisations of a sampler's PUBs.

    Args:
        inputs: The PUBs.
        options: The options.

    Raises:
        InvalidInputError: With the numbers, and the ways out.
    """
    if options.changes_circuits:
        check_memory_of_drawn(_drawn(inputs, options))


def _drawn(inputs: Sequence[SamplerInput], options: ResolvedSamplerOptions) -> Iterator[Drawn]:
    twirling = options.twirling
    for index, each in enumerate(inputs):
        number, shots = twirling.divide(each.shots)
        bits = sum(register.size for register in each.circuit.cregs)
        measured = min(bits, each.circuit.num_qubits) if twirling.measure else 0
        yield Drawn(
            where=f"PUB {index}",
            sets=number * each.num_sets,
            set_bytes=angle_bytes(each.circuit, gates=twirling.gates, measured=measured),
            shots=shots,
            shot_bytes=sum(-(-register.size // 8) for register in each.circuit.cregs),
        )
