"""The noise of a few instructions, as plain data: what travels instead of a backend.

The whole noise model of a device takes seconds to pickle; what one circuit asks of it takes less
than a millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from qiskit.circuit import Instruction, QuantumCircuit

from qiskit_modes.caches import Fact
from qiskit_modes.simulation.elsewhere import NeedsMoreError
from qiskit_modes.simulation.noise.passes import passes_for
from qiskit_modes.simulation.noise.source import NO_CONFUSION, NoiseSource
from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = ["extract_noise", "is_plain"]

_PLAIN = frozenset({"measure", "barrier", "reset", "delay"})
"""Beside standard gates: instructions whose noise is known without looking into them."""


def is_plain(circuit: QuantumCircuit) -> bool:
    """Tell whether a circuit holds standard gates, measurements, resets and delays only."""
    return all(step.is_standard_gate() or step.name in _PLAIN for step in circuit.data)


def extract_noise(noise: NoiseSource, circuit: QuantumCircuit) -> NoiseSource:
    """Return what a plain circuit asks of its noise, as a source that can be pickled.

    Its answers are those of ``noise``; asked for anything else it raises `NeedsMoreError`. What
    was read is in ``noise.facts`` afterwards, as if the circuit had been compiled.

    Raises:
        NeedsMoreError: If it takes more than answers about single instructions.
    """
    if passes_for(circuit, noise):
        raise NeedsMoreError("the noise model has passes, and the circuit delays")
    index = {qubit: number for number, qubit in enumerate(circuit.qubits)}
    followed: set[tuple[str, tuple[int, ...]]] = set()
    measured: set[int] = set()
    delays: dict[tuple[float, str, int], Instruction] = {}
    for step in circuit.data:
        qubits = tuple(index[qubit] for qubit in step.qubits)
        match step.name:
            case "barrier":
                pass
            case "measure":
                measured.update(qubits)
            case "reset":
                followed.update(("reset", (qubit,)) for qubit in qubits)
            case name:
                followed.add((step.label or name, qubits))
                if name == "delay":
                    operation = step.operation
                    delays.update({(*_delay_key(operation), each): operation for each in qubits})
    after = {key: noise.after(*key) for key in sorted(followed)}
    before = {qubit: noise.before_measure(qubit) for qubit in sorted(measured)}
    confusion = {qubit: noise.confusion(qubit) for qubit in sorted(measured)}
    during = {key: noise.relaxation_during(delay, key[2]) for key, delay in delays.items()}
    return noise.as_it_travels() or NoiseExtract(
        noise.description, Answers(after, before, confusion, during)
    )


@dataclass(frozen=True)
class Answers:
    """Answers of a source about some instructions."""

    after: Mapping[tuple[str, tuple[int, ...]], RealArray | None]
    """Errors after instructions, by label and qubits."""
    before_measure: Mapping[int, RealArray | None]
    """Errors before measurements by ``measure``, by qubit."""
    confusion: Mapping[int, RealArray]
    """Readout errors of ``measure``, by qubit."""
    during_delays: Mapping[tuple[float, str, int], RealArray | None]
    """What happens during delays, by duration, unit and qubit."""


class NoiseExtract(NoiseSource):
    """Answers that another noise source gave, as plain data.

    Args:
        description: That source's.
        answers: What can be asked.
    """

    description = ""

    def __init__(self, description: str, answers: Answers) -> None:
        super().__init__()
        self.description = description
        # By what it is, not what it is worth: components ask whether there is any.
        confusion = {
            qubit: None if matrix is NO_CONFUSION else matrix
            for qubit, matrix in answers.confusion.items()
        }
        self._confusion = confusion
        self._answers = replace(answers, confusion={})

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Fail: facts stay where the noise is."""
        raise NeedsMoreError(key)

    def after(self, label: str, qubits: tuple[int, ...]) -> RealArray | None:
        """Return the error that follows an instruction of that label, (4^n, 4^n), or None."""
        if (label, qubits) not in self._answers.after:
            raise NeedsMoreError(label, qubits)
        return self._answers.after[label, qubits]

    def before_measure(self, qubit: int, name: str = "measure") -> RealArray | None:
        """Return the error that precedes a measurement, shape (4, 4), or None."""
        if name != "measure":
            raise NeedsMoreError(name, qubit)
        return self._answers.before_measure[qubit]

    def confusion(self, qubit: int, name: str = "measure") -> RealArray:
        """Return the readout error, shape (2, 2), as ``[recorded, true]``."""
        if name != "measure":
            raise NeedsMoreError(name, qubit)
        matrix = self._confusion.get(qubit)
        return NO_CONFUSION if matrix is None else matrix

    def relaxation_during(self, delay: Instruction, qubit: int) -> RealArray | None:
        """Return what happens to a qubit during a delay, shape (4, 4), or None."""
        key = (*_delay_key(delay), qubit)
        if key not in self._answers.during_delays:
            raise NeedsMoreError(key)
        return self._answers.during_delays[key]

    def aer_error(self, label: str, qubits: tuple[int, ...]) -> Any:
        """Fail: Aer's own errors stay where the noise is, because they are large."""
        raise NeedsMoreError(label, qubits)

    def aer_error_before_measure(self, qubit: int, name: str) -> Any:
        """Fail as `aer_error` does."""
        raise NeedsMoreError(name, qubit)

    def aer_relaxation(self, delay: Instruction, qubit: int) -> Any:
        """Fail as `aer_error` does."""
        raise NeedsMoreError(delay.name, qubit)


def _delay_key(delay: Instruction) -> tuple[float, str]:
    """Return what tells a delay from others: its duration, and the unit of that."""
    return delay.params[0], delay.unit
