"""Noise that a user gives for layers of a circuit, put where the layers are in a template.

A layer is a box with a ``Tag``. What is built of a tagged box begins, changes from its
single-qubit dressing to its content, and ends at barriers that carry the tag in their labels: "L",
"M" and "R". The noise of a layer belongs beside its content: after the gates of a box dressed on
the left, before those of a box dressed on the right, and before the measurements of a box that
measures. These are the places at which upstream's local mode puts it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit.quantum_info import PauliLindbladMap
from samplomatic import Tag, Twirl
from samplomatic.utils import get_annotation

from qiskit_modes.exceptions import InvalidInputError, QiskitModesWarning
from qiskit_modes.primitives.layers.learnable import kind_of_box
from qiskit_modes.warn import warn

__all__ = ["LayerNoise", "warn_absent"]

Position = Literal["L", "M", "R"]

LABEL = re.compile(r"(?P<position>[LMR])\d+@(?:.*&)?tag=(?P<tag>.+?)(?:&[a-z_]+=.*)?$")
"""How the barriers of a tagged box are labelled; beside the tag there may be other references."""

LARGEST_GENERATOR = 5
"""Qubits that one Pauli error may act on at once: its channel has 4^n by 4^n entries."""


@dataclass(frozen=True)
class LayerNoise:
    """The noise of tagged layers."""

    maps: Mapping[str, PauliLindbladMap]
    """The noise of each tag, its qubits being the layer's in ascending order."""
    positions: Mapping[str, Position]
    """At which barrier of its layer it acts."""

    @classmethod
    def of(
        cls,
        model: Iterable[tuple[CircuitInstruction, PauliLindbladMap]],
        name: str = "simulator.layer_noise_model",
    ) -> LayerNoise:
        """Read the option ``layer_noise_model``.

        Args:
            model: Boxes, each with its noise; of two with one tag the later counts.
            name: What it is called in messages.

        Raises:
            InvalidInputError: If a box has no tag, or holds both gates and measurements.
        """
        maps: dict[str, PauliLindbladMap] = {}
        positions: dict[str, Position] = {}
        for index, (instruction, noise) in enumerate(model):
            tag = get_annotation(instruction.operation, Tag)
            if tag is None:
                raise InvalidInputError(
                    f"{name}[{index}]: the box has no Tag annotation, by which the layer would be "
                    "found in a circuit. Give the box a samplomatic.Tag."
                )
            _check(noise, f"{name}[{index}]")
            maps[tag.ref] = noise
            positions[tag.ref] = _position(instruction, f"{name}[{index}]")
        return cls(maps, positions)

    def missing(self, circuit: QuantumCircuit) -> list[str]:
        """Return the tags of a template's layers for which no noise is given, in order."""
        tags = [tag for _, tag, _ in self._barriers(circuit) if tag not in self.maps]
        return list(dict.fromkeys(tags))

    def insert(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """Return a template with the noise of its layers; itself if it has none of them.

        Args:
            circuit: The template, not modified.

        Raises:
            InvalidInputError: If the noise is for another number of qubits than a layer has.
        """
        errors = {
            place: self._errors(tag, step, circuit)
            for place, tag, step in self._barriers(circuit)
            if tag in self.maps
        }
        if not any(errors.values()):
            return circuit
        noisy = circuit.copy_empty_like()
        for place, step in enumerate(circuit.data):
            noisy.append(step, copy=False)
            for error, qubits in errors.get(place, ()):
                noisy.append(error, qubits)
        return noisy

    def _barriers(self, circuit: QuantumCircuit) -> Iterator[tuple[int, str, CircuitInstruction]]:
        """Yield each barrier at which the noise of a layer belongs: place, tag, instruction."""
        for place, step in enumerate(circuit.data):
            if step.name != "barrier" or step.label is None:
                continue
            found = LABEL.match(step.label)
            if found and found["position"] == self.positions.get(found["tag"], "R"):
                yield place, found["tag"], step

    def _errors(
        self, tag: str, barrier: CircuitInstruction, circuit: QuantumCircuit
    ) -> list[tuple[Any, list[int]]]:
        noise = self.maps[tag]
        qubits = sorted(circuit.find_bit(qubit).index for qubit in barrier.qubits)
        if len(qubits) != noise.num_qubits:
            raise InvalidInputError(
                f"The noise of the layer {tag!r} is for {noise.num_qubits} qubits, but the layer "
                f"in the circuit has {len(qubits)}. Give noise for as many qubits as the box has."
            )
        return [
            (_pauli_channel(terms), [qubits[index] for index in indices])
            for indices, terms in _by_support(noise).items()
        ]


def warn_absent(noise: LayerNoise, circuits: Sequence[QuantumCircuit]) -> None:
    """Warn of layers of templates for which no noise is given.

    Args:
        noise: The noise of layers.
        circuits: The templates.
    """
    missing = {tag for circuit in circuits for tag in noise.missing(circuit)}
    if missing:
        warn(
            f"simulator.layer_noise_model has no noise for the layers {sorted(missing)}; only the "
            f"backend's noise acts on them. It has noise for {sorted(noise.maps)}. Set "
            "simulator.warn_absent=False if that is meant.",
            QiskitModesWarning,
        )


def _position(instruction: CircuitInstruction, where: str) -> Position:
    kind = kind_of_box(instruction)
    if kind is None:
        raise InvalidInputError(
            f"{where}: the box holds other things than gates alone or measurements alone, so it "
            "is not clear where its noise acts. Divide it into boxes that hold one kind."
        )
    if kind == "measurement":
        return "M"
    twirl = get_annotation(instruction.operation, Twirl)
    return "L" if twirl is not None and twirl.dressing.value == "right" else "R"


def _check(noise: PauliLindbladMap, where: str) -> None:
    for letters, indices, rate in noise.to_sparse_list():
        if rate < 0:
            raise InvalidInputError(
                f"{where}: the rate of {letters} on qubits {list(indices)} is {rate}. A negative "
                "rate is no noise that could happen; give rates of at least 0."
            )
        if len(indices) > LARGEST_GENERATOR:
            raise InvalidInputError(
                f"{where}: the error {letters} acts on {len(indices)} qubits at once, and at most "
                f"{LARGEST_GENERATOR} can be simulated. Give errors on fewer qubits."
            )


Terms = tuple[tuple[str, float], ...]
"""Pauli strings on the same qubits, one letter a qubit in their order, and their rates."""


def _by_support(noise: PauliLindbladMap) -> dict[tuple[int, ...], Terms]:
    """Return the generators by the qubits that they act on; those on other qubits commute."""
    found: dict[tuple[int, ...], dict[str, float]] = {}
    for letters, indices, rate in noise.to_sparse_list():
        pairs = sorted((int(i), letter) for i, letter in zip(indices, letters, strict=True))
        support = tuple(index for index, _ in pairs)
        string = "".join(letter for _, letter in pairs)
        own = found.setdefault(support, {})
        own[string] = own.get(string, 0.0) + float(rate)
    return {
        support: terms
        for support, own in found.items()
        if support and (terms := tuple((string, rate) for string, rate in own.items() if rate))
    }


@lru_cache(maxsize=4096)
def _pauli_channel(terms: Terms) -> Any:
    """Return the channel of some generators as an instruction for a circuit.

    Kept: Aer gives each error an identity of its own, and circuits with the same errors are to be
    recognised as the same.
    """
    from qiskit_aer.noise import pauli_error

    num_qubits = len(terms[0][0])
    # Each generator flips its Pauli with probability (1 - exp(-2 rate)) / 2, on its own.
    weights = np.zeros((4,) * num_qubits)
    weights[(0,) * num_qubits] = 1.0
    for string, rate in terms:
        flips = -np.expm1(-2 * rate) / 2
        weights = (1 - flips) * weights + flips * _shifted(weights, string)
    outcomes = [
        ("".join("IXZY"[digit] for digit in reversed(index)), float(weight))
        for index, weight in np.ndenumerate(weights)
        if weight > 0
    ]
    return pauli_error(outcomes).to_instruction()


def _shifted(weights: np.ndarray[Any, Any], string: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return weights over Pauli strings after one more Pauli string, signs aside."""
    for axis, letter in enumerate(string):
        # With I, X, Z, Y = 0, 1, 2, 3 the product of two Paulis has the bitwise difference.
        weights = np.take(weights, np.arange(4) ^ "IXZY".index(letter), axis=axis)
    return weights
