"""The noise of layers in the form of upstream's older learner: ``LayerError``."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from qiskit.quantum_info import PauliLindbladMap, PauliList
from qiskit_ibm_runtime.results import LayerError, PauliLindbladError
from samplomatic.constants import SYMMETRIC_2Q_GATES

from qiskit_modes.primitives.layers.learnable import Layer

__all__ = ["layer_error", "looked_up"]


def layer_error(layer: Layer, noise: PauliLindbladMap | None) -> LayerError:
    """Return the noise of a layer as upstream's older learner has it.

    Args:
        layer: The layer.
        noise: Its noise, on its qubits in ascending order; None if it is not known.
    """
    error = None
    if noise is not None:
        terms = noise.to_sparse_list()
        generators = [_label(letters, at, noise.num_qubits) for letters, at, _ in terms]
        error = PauliLindbladError(
            PauliList(generators or ["I" * noise.num_qubits]),
            [rate for *_, rate in terms] if terms else [0.0],
        )
    return LayerError(layer.circuit(), list(layer.qubits), error)


def _label(letters: str, places: Sequence[int], num_qubits: int) -> str:
    """Return a Pauli string with a letter for each qubit, the last for the first qubit."""
    label = ["I"] * num_qubits
    for letter, place in zip(letters, places, strict=True):
        label[num_qubits - 1 - place] = letter
    return "".join(label)


def looked_up(
    layers: Sequence[Layer], errors: Sequence[LayerError], tell: Callable[[str], None]
) -> dict[int, PauliLindbladMap]:
    """Return the noise of the layers that are among what the older learner gave.

    Args:
        layers: The layers.
        errors: What it gave.
        tell: Takes a sentence about the layers that are not.
    """
    known = {_identity_of_error(each): each for each in errors if each.error is not None}
    found = {
        index: _map_of(known[identity])
        for index, layer in enumerate(layers)
        if (identity := _identity(layer.qubits, layer.gates)) in known
    }
    missing = [layer.qubits for index, layer in enumerate(layers) if index not in found]
    if missing:
        tell(
            f"resilience.layer_noise_model has no noise for {len(missing)} of the {len(layers)} "
            f"layers of the circuits, so that theirs is not mitigated; the first of them is on the "
            f"qubits {list(missing[0])}. Learn the noise of these circuits with the twirling "
            "strategy of the estimator, and with max_layers_to_learn=None."
        )
    return found


def _identity_of_error(error: LayerError) -> Hashable:
    circuit = error.circuit
    gates = [
        (
            step.operation,
            tuple(error.qubits[circuit.find_bit(qubit).index] for qubit in step.qubits),
        )
        for step in circuit.data
        if step.name != "barrier"
    ]
    return _identity(error.qubits, gates)


def _identity(qubits: Sequence[int], gates: Sequence[tuple[Any, tuple[int, ...]]]) -> Hashable:
    """Return what tells layers apart: their qubits, and their gates with theirs."""
    return frozenset(qubits), frozenset(
        (
            operation.name,
            tuple(map(str, operation.params)),
            tuple(sorted(on)) if operation.name in SYMMETRIC_2Q_GATES else on,
        )
        for operation, on in gates
    )


def _map_of(error: LayerError) -> PauliLindbladMap:
    """Return noise on a layer's qubits in ascending order."""
    place = {qubit: index for index, qubit in enumerate(sorted(error.qubits))}
    places = [place[qubit] for qubit in error.qubits]
    noise = error.error
    terms = []
    for label, rate in zip(noise.generators.to_labels(), noise.rates, strict=True):
        letters = [(places[at], each) for at, each in enumerate(reversed(label)) if each != "I"]
        if letters:
            terms.append(("".join(each for _, each in letters), [at for at, _ in letters], rate))
    return PauliLindbladMap.from_sparse_list(terms, num_qubits=len(places))
