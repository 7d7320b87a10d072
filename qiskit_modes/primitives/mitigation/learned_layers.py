"""The noise of layers as it is learned: computed from the noise of a backend."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.providers import BackendV2
from qiskit.quantum_info import PauliLindbladMap

from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.layers.learn import learn_layer
from qiskit_modes.primitives.layers.learnable import Layer
from qiskit_modes.primitives.mitigation.counted_layers import CountedLayer
from qiskit_modes.primitives.options.models import LayerNoiseLearningOptions
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.simulation import fingerprint
from qiskit_modes.simulation.backends.kinds import describe

__all__ = ["learned_map", "learned_maps", "most_important", "shots_of"]

_BASES = 9
"""In so many measurement bases an experiment sees all errors on one and two qubits."""


def learned_maps(
    counted: Sequence[CountedLayer],
    layers: Sequence[Layer],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
) -> tuple[dict[int, PauliLindbladMap], int]:
    """Learn the noise of layers, of as many as the options say.

    Args:
        counted: The layers.
        layers: The same, checked.
        options: The options; they say how layers are learned.
        backend: The backend that the job is for.

    Returns:
        The noise of those that are learned, by their indices; and how many shots an experiment
        would take to learn it.

    Raises:
        InvalidInputError: If noise destroys something altogether.
    """
    learning = options.resilience.layer_noise_learning
    chosen = most_important(counted, learning.max_layers_to_learn)
    source = simulated_backend(backend, options.noise_model)
    maps = {index: learned_map(layers[index], source) for index in chosen}
    return maps, len(chosen) * shots_of(learning)


def most_important(counted: Sequence[CountedLayer], limit: int | None) -> list[int]:
    """Return which layers are learned: those that occur most often, then those with most gates.

    Args:
        counted: The layers.
        limit: How many are learned at most; None: all.
    """
    order = sorted(
        range(len(counted)),
        key=lambda index: (-counted[index].count, -counted[index].num_gates, index),
    )
    return order if limit is None else order[:limit]


def shots_of(options: LayerNoiseLearningOptions) -> int:
    """Return how many shots an experiment would take to learn the noise of a layer of gates.

    Args:
        options: How it is learned.
    """
    number = options.num_randomizations * options.shots_per_randomization
    return int(_BASES * len(options.layer_pair_depths) * number)


def learned_map(layer: Layer, backend: BackendV2) -> PauliLindbladMap:
    """Return the noise of a layer under a backend's noise model; its qubits are in ascending order.

    An optimizer's jobs have the same layers, and learning one takes some 50 ms. So it is kept, with
    all that was read of the backend, for as long as that is the same.

    Raises:
        InvalidInputError: If noise destroys something altogether.
    """
    noise = describe(backend).noise()
    if not noise.answers_for_facts:
        return learn_layer(layer, backend).to_pauli_lindblad_map()
    known = instruction_set_of(backend).templates
    content = fingerprint(layer.circuit())
    key = ("learned", type(noise), layer.kind, layer.qubits, content, layer.twirl, layer.site)
    learned: PauliLindbladMap | None = known.get(key, noise)
    if learned is None:
        learned = learn_layer(layer, backend, noise=noise).to_pauli_lindblad_map()
        known.put(key, learned, noise)
    return learned
