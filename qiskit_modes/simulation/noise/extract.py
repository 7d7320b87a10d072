"""The noise of a few instructions, as plain data: what travels instead of a backend.

The whole noise model of a device takes seconds to pickle; what one circuit asks of it takes less
than a millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiskit.circuit import Instruction, QuantumCircuit

from qiskit_modes.caches import Fact
from qiskit_modes.simulation.elsewhere import NeedsMoreError
from qiskit_modes.simulation.noise.device import DeviceNoise
from qiskit_modes.simulation.noise.passes import passes_for
from qiskit_modes.simulation.noise.source import NO_CONFUSION, IdealNoise, NoiseSource
from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = ["is_plain", "told"]

_PLAIN = frozenset({"measure", "barrier", "reset", "delay"})
"""Beside standard gates: instructions whose noise is known without looking into them."""


def is_plain(circuit: QuantumCircuit) -> bool:
    """Tell whether a circuit holds standard gates, measurements, resets and delays only."""
    return all(step.is_standard_gate() or step.name in _PLAIN for step in circuit.data)


def told(noise: NoiseSource, circuit: QuantumCircuit) -> NoiseSource:
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
    delays: dict[int, Instruction] = {}
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
                    delays.update(dict.fromkeys(qubits, step.operation))
    after = {key: noise.after(*key) for key in sorted(followed)}
    before = {qubit: noise.before_measure(qubit) for qubit in sorted(measured)}
    confusion = {qubit: noise.confusion(qubit) for qubit in sorted(measured)}
    for qubit, delay in delays.items():
        noise.relaxation_during(delay, qubit)
    if isinstance(noise, IdealNoise):
        return noise
    if isinstance(noise, DeviceNoise):
        return _ToldDeviceNoise(noise.facts)  # smaller than the matrices that are made of them
    return _ToldAnswers(noise.description, after, before, confusion)


class _ToldDeviceNoise(DeviceNoise):
    """The noise of a device of which some facts are known, and not the device."""

    def __init__(self, facts: Mapping[tuple[Any, ...], Fact]) -> None:
        self._told = dict(facts)
        self.facts = {}

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Return a fact that is known."""
        if key not in self._told:
            raise NeedsMoreError(key)
        return self._told[key]


class _ToldAnswers:
    """Answers that another noise source gave.

    Args:
        description: The source's.
        after: Errors after instructions, by label and qubits.
        before: Errors before measurements, by qubit.
        confusion: Readout errors, by qubit.
    """

    def __init__(
        self,
        description: str,
        after: Mapping[tuple[str, tuple[int, ...]], RealArray | None],
        before: Mapping[int, RealArray | None],
        confusion: Mapping[int, RealArray],
    ) -> None:
        self.description = description
        self.facts: dict[tuple[Any, ...], Fact] = {}
        self._after = after
        self._before = before
        # By what it is, not what it is worth: components ask whether there is any.
        self._confusion = {q: None if m is NO_CONFUSION else m for q, m in confusion.items()}

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Facts stay where the noise is."""
        raise NeedsMoreError(key)

    def after(self, label: str, qubits: tuple[int, ...]) -> RealArray | None:
        """Return the error that follows an instruction of that label, or None."""
        if (label, qubits) not in self._after:
            raise NeedsMoreError(label, qubits)
        return self._after[label, qubits]

    def before_measure(self, qubit: int, name: str = "measure") -> RealArray | None:
        """Return the error that precedes a measurement, or None."""
        if name != "measure":
            raise NeedsMoreError(name, qubit)
        return self._before[qubit]

    def confusion(self, qubit: int, name: str = "measure") -> RealArray:
        """Return the readout error, shape (2, 2), as ``[recorded, true]``."""
        if name != "measure":
            raise NeedsMoreError(name, qubit)
        matrix = self._confusion.get(qubit)
        return NO_CONFUSION if matrix is None else matrix

    def relaxation_during(self, delay: Instruction, qubit: int) -> RealArray | None:
        """Nothing: a model's relaxation during delays is one of its passes."""
        del delay, qubit
        return None

    def aer_error(self, label: str, qubits: tuple[int, ...]) -> Any:
        """Aer's own errors stay where the noise is: they are large."""
        raise NeedsMoreError(label, qubits)
