"""The noise of a job's layers: learned on the way, or found in what the older learner gave."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.quantum_info import PauliLindbladMap, PauliList
from qiskit_ibm_runtime.results import LayerError, PauliLindbladError
from samplomatic.constants import SYMMETRIC_2Q_GATES

from qiskit_modes.exceptions import QiskitModesWarning
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.layers.learn import learn_layer
from qiskit_modes.primitives.layers.learnable import Layer, read_layer
from qiskit_modes.primitives.mitigation.counted_layers import CountedLayer, counted_layers
from qiskit_modes.primitives.mitigation.preparation import boxing_of, qubits_of
from qiskit_modes.primitives.mitigation.simulated_noise import with_noise_of_layers
from qiskit_modes.primitives.options.models import LayerNoiseLearningOptions, layer_errors
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.simulation import fingerprint
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.warn import is_answering_a_request, warn

__all__ = [
    "find_layer_noise",
    "layer_error",
    "learned_map",
    "most_important",
    "shots_of",
]

_BASES = 9
"""In so many measurement bases an experiment sees all errors on one and two qubits."""


def find_layer_noise(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
) -> tuple[ResolvedEstimatorOptions, int]:
    """Return options that have the noise of all layers of a job's circuits.

    Noise that is given as pairs stays as it is. What upstream's older learner gave is looked up for
    each layer by its gates and qubits; a layer that is not among it counts as noiseless. Where no
    noise is given, it is computed from the noise of the backend, as `NoiseLearnerV3` does.

    Args:
        inputs: The PUBs.
        options: The options; they ask for PEC or PEA.
        backend: The backend that the job is for.

    Returns:
        Options whose ``resilience.layer_noise_model`` are pairs of a layer and its noise, and how
        many shots an experiment would take to learn it.

    Raises:
        InvalidInputError: If a circuit cannot be boxed, or the noise of a layer not be learned.

    Warns:
        QiskitModesWarning: If what the older learner gave has nothing for a layer.
    """
    given = options.resilience.layer_noise_model
    errors = layer_errors(given)
    if given and errors is None:
        return options, 0
    counted = _layers_of(inputs, options, backend)
    layers = [
        read_layer(each.instruction, backend, f"Layer {index} of the circuits", each.places)
        for index, each in enumerate(counted)
    ]
    if errors is not None:
        maps = _looked_up(layers, errors)
        return with_noise_of_layers(_with_noise(options, counted, layers, maps), backend), 0
    learning = options.resilience.layer_noise_learning
    chosen = most_important(counted, learning.max_layers_to_learn)
    source = simulated_backend(backend, options.noise_model)
    maps = {index: learned_map(layers[index], source) for index in chosen}
    return _with_noise(options, counted, layers, maps), len(chosen) * shots_of(learning)


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
    content = fingerprint(_circuit_of(layer))
    key = ("learned", type(noise), layer.kind, layer.qubits, content, layer.twirl, layer.site)
    learned: PauliLindbladMap | None = known.get(key, noise)
    if learned is None:
        learned = learn_layer(layer, backend, noise=noise).to_pauli_lindblad_map()
        known.put(key, learned, noise)
    return learned


def _circuit_of(layer: Layer) -> QuantumCircuit:
    """Return the gates of a layer as a circuit on its qubits."""
    place = {qubit: index for index, qubit in enumerate(layer.qubits)}
    circuit = QuantumCircuit(len(layer.qubits))
    for operation, qubits in layer.gates:
        circuit.append(operation, [place[qubit] for qubit in qubits])
    return circuit


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
    return LayerError(_circuit_of(layer), list(layer.qubits), error)


def _label(letters: str, places: Sequence[int], num_qubits: int) -> str:
    """Return a Pauli string with a letter for each qubit, the last for the first qubit."""
    label = ["I"] * num_qubits
    for letter, place in zip(letters, places, strict=True):
        label[num_qubits - 1 - place] = letter
    return "".join(label)


def _layers_of(
    inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions, backend: BackendV2
) -> tuple[CountedLayer, ...]:
    """Return the layers of circuits; they follow from the circuits and how they are boxed."""
    pubs = [each for each in inputs if each.pub.size > 0]
    boxing, qubits = boxing_of(options), qubits_of(pubs, options)
    instructions = instruction_set_of(backend)
    facts = TargetFacts(instructions.target)  # of which boxing reads nothing
    contents = tuple(each.fingerprint for each in pubs)
    key = ("layers", contents, qubits, tuple(sorted(boxing.items())))
    found: tuple[CountedLayer, ...] | None = instructions.templates.get(key, facts)
    if found is None:
        found = tuple(counted_layers([each.circuit for each in pubs], qubits, boxing))
        instructions.templates.put(key, found, facts)
    return found


def _with_noise(
    options: ResolvedEstimatorOptions,
    counted: Sequence[CountedLayer],
    layers: Sequence[Layer],
    maps: Mapping[int, PauliLindbladMap],
) -> ResolvedEstimatorOptions:
    """Return the options with the noise of all layers, and none for those that have no map."""
    pairs = [
        (each.instruction, maps.get(index, PauliLindbladMap.identity(len(layers[index].qubits))))
        for index, each in enumerate(counted)
    ]
    resilience = options.resilience.model_copy(update={"layer_noise_model": pairs})
    told = tuple(layer_error(layers[index], noise) for index, noise in sorted(maps.items()))
    return replace(options, resilience=resilience, layer_errors=told)


def _looked_up(
    layers: Sequence[Layer], errors: Sequence[LayerError]
) -> dict[int, PauliLindbladMap]:
    """Return the noise of the layers that are among what the older learner gave."""
    known = {_identity_of_error(each): each for each in errors if each.error is not None}
    found = {
        index: _map_of(known[identity])
        for index, layer in enumerate(layers)
        if (identity := _identity(layer.qubits, layer.gates)) in known
    }
    missing = [layer.qubits for index, layer in enumerate(layers) if index not in found]
    if missing and not is_answering_a_request():
        warn(
            f"resilience.layer_noise_model has no noise for {len(missing)} of the {len(layers)} "
            f"layers of the circuits, so that theirs is not mitigated; the first of them is on the "
            f"qubits {list(missing[0])}. Learn the noise of these circuits with the twirling "
            "strategy of the estimator, and with max_layers_to_learn=None.",
            QiskitModesWarning,
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
