"""The noise of a job's layers as far as it is found when ``run()`` is called.

To box a large circuit takes seconds. So its job does that, and ``run()`` looks at a sample: whether
it can be boxed at all, and how many layers there will be about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2

from qiskit_modes.exceptions import InvalidInputError, QiskitModesWarning
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.primitives.boxes.sample import AT_ONCE, sample_of
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.layers.learnable import read_layer
from qiskit_modes.primitives.mitigation.boxing import boxing_of
from qiskit_modes.primitives.mitigation.counted_layers import counted_layers
from qiskit_modes.primitives.mitigation.find_layer_noise import find_layer_noise
from qiskit_modes.primitives.mitigation.learned_layers import shots_of
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.simulation.circuits.used_qubits import used_qubits
from qiskit_modes.warn import is_answering_a_request, warn

__all__ = ["early_layer_noise"]


def early_layer_noise(
    inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions, backend: BackendV2
) -> tuple[ResolvedEstimatorOptions, int]:
    """Find the noise of layers that a technique needs, or leave it to the job of large circuits.

    Args:
        inputs: The PUBs.
        options: The options; they ask for PEC or PEA.
        backend: The backend that the job is for.

    Returns:
        The options with the noise of all layers, or with ``layers_to_find``; and how many shots an
        experiment would take to learn it.

    Raises:
        InvalidInputError: If a circuit cannot be boxed, or the noise of a layer not be learned.

    Warns:
        QiskitModesWarning: If noise of layers is given, and there is none for one of them.
    """
    if any(len(each.circuit.data) > AT_ONCE for each in inputs):
        learning = _shots_to_learn(inputs, options)
        if _layers_can_be_read(inputs, options, backend):
            return replace(options, layers_to_find=True), learning
    return find_layer_noise(inputs, options, backend, _tell)


def _tell(sentence: str) -> None:
    if not is_answering_a_request():
        warn(sentence, QiskitModesWarning)


def _shots_to_learn(inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions) -> int:
    """Return how many shots it would take about to learn the noise of layers, before boxing.

    Layers are taken for gates on two qubits, each as early as it can be; how boxing divides them
    differs little from that.

    Args:
        inputs: The PUBs.
        options: The options; they ask for PEC or PEA.
    """
    if options.resilience.layer_noise_model:
        return 0
    learning = options.resilience.layer_noise_learning
    layers = {layer for each in inputs for layer in _early_layers(each.circuit)}
    limit = learning.max_layers_to_learn
    return shots_of(learning) * (len(layers) if limit is None else min(limit, len(layers)))


def _early_layers(circuit: QuantumCircuit) -> set[frozenset[tuple[str, tuple[int, ...]]]]:
    """Return the layers of gates on two qubits, each gate as early as it can be."""
    places = {qubit: at for at, qubit in enumerate(circuit.qubits)}
    level = [0] * circuit.num_qubits
    layers: list[set[tuple[str, tuple[int, ...]]]] = []
    for step in circuit.data:
        if len(step.qubits) != 2 or step.name in {"barrier", "delay"}:
            continue
        on = tuple(places[qubit] for qubit in step.qubits)
        now = max(level[qubit] for qubit in on)
        if now == len(layers):
            layers.append(set())
        layers[now].add((step.name, on))
        for qubit in on:
            level[qubit] = now + 1
    return set(map(frozenset, layers))


def _layers_can_be_read(
    inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions, backend: BackendV2
) -> bool:
    """Return whether nothing is known to be in the way of finding the noise of layers.

    Looked at is a sample of each circuit, see `sample_of`: what it says of large ones takes a small
    part of the time. Noise that destroys something altogether is found by the job.

    Args:
        inputs: The PUBs.
        options: The options; they ask for PEC or PEA.
        backend: The backend that the job is for.
    """
    boxing = boxing_of(options)
    instructions = instruction_set_of(backend)
    facts = TargetFacts(instructions.target)  # of which boxing reads nothing
    for each in inputs:
        key = ("layers of sample", each.fingerprint, tuple(sorted(boxing.items())))
        verdict: bool | None = instructions.templates.get(key, facts)
        if verdict is None:
            sample = sample_of(each.circuit)
            qubits = sorted(used_qubits(sample)) or [0]
            try:
                for layer in counted_layers([sample], qubits, boxing):
                    read_layer(layer.instruction, backend, "", layer.places)
            except InvalidInputError:
                verdict = False
            else:
                verdict = True
            instructions.templates.put(key, verdict, facts)
        if not verdict:
            return False
    return True
