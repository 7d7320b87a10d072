"""Facts of a backend's target, remembered so that a change of it is noticed."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import InstructionProperties, Target

from qiskit_modes.caches import Fact

__all__ = ["TargetFacts"]

_TIMING = ("granularity", "min_length", "pulse_alignment", "acquire_alignment")


class TargetFacts:
    """Reads the durations of a target. What came of them holds while `fact` tells the same.

    Args:
        target: The target of a backend, which anybody may change in place.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.facts: dict[Hashable, Fact] = {}
        """Everything that was read so far."""

    def fact(self, key: Any) -> Fact:
        """Read one fact anew."""
        match key:
            case ("duration", str(name), qubits):
                if name not in self._target.operation_names:
                    return None
                properties = self._target[name].get(qubits)
                return properties and properties.duration
            case ("has", str(name), qubits):
                return bool(self._target.instruction_supported(name, qubits))
            case "dt":
                return self._target.dt
            case "timing":
                return tuple(getattr(self._target, name) for name in _TIMING)
        raise KeyError(key)

    def duration(self, name: str, qubits: tuple[int, ...]) -> float | None:
        """Return how long an instruction takes, in seconds; None if the target does not tell."""
        seconds: Any = self._read(("duration", name, qubits))
        return seconds

    @property
    def dt(self) -> float | None:
        """The length of a sample in seconds."""
        seconds: Any = self._read("dt")
        return seconds

    def part(self, circuits: Iterable[QuantumCircuit], everywhere: Collection[str]) -> Target:
        """Return a target that has what some circuits need of this one, and nothing else.

        Args:
            circuits: Circuits without control flow, on the qubits of the device.
            everywhere: Instructions on one qubit that are needed wherever there is a qubit.

        What is made with it depends on nothing that is not in `facts`.
        """
        needed: set[tuple[str, tuple[int, ...]]] = set()
        width = 0
        for circuit in circuits:
            width = max(width, circuit.num_qubits)
            index = {qubit: at for at, qubit in enumerate(circuit.qubits)}
            for step in circuit.data:
                needed.add((step.name, tuple(index[qubit] for qubit in step.qubits)))
        needed |= {(name, (qubit,)) for name in everywhere for qubit in range(width)}
        timing: Any = self._read("timing")
        part = Target(num_qubits=width, dt=self.dt, **dict(zip(_TIMING, timing, strict=True)))
        for name in sorted({name for name, _ in needed}):
            places = {
                qubits: InstructionProperties(duration=self.duration(name, qubits))
                for other, qubits in sorted(needed)
                if other == name and self._read(("has", name, qubits))
            }
            if places:
                part.add_instruction(self._target.operation_from_name(name), places, name=name)
        return part

    def _read(self, key: Hashable) -> Fact:
        if key not in self.facts:
            self.facts[key] = self.fact(key)
        return self.facts[key]
