"""The noise of a job's layers: as it is given, looked up in what was learned, or learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from qiskit.providers import BackendV2
from qiskit.quantum_info import PauliLindbladMap

from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.primitives.boxes.templates import seconds_to_build
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.layers.learnable import read_layer
from qiskit_modes.primitives.mitigation.boxing import boxing_of, qubits_of
from qiskit_modes.primitives.mitigation.counted_layers import CountedLayer, counted_layers
from qiskit_modes.primitives.mitigation.layer_errors import layer_error, looked_up
from qiskit_modes.primitives.mitigation.learned_layers import learned_maps
from qiskit_modes.primitives.mitigation.simulated_noise import with_noise_of_layers
from qiskit_modes.primitives.options.models import layer_errors
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["find_layer_noise"]


def find_layer_noise(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    tell: Callable[[str], None],
    elsewhere: Elsewhere = here,
) -> tuple[ResolvedEstimatorOptions, int]:
    """Return options that have the noise of all layers of a job's circuits.

    Noise that is given as pairs stays as it is. What upstream's older learner gave is looked up for
    each layer by its gates and qubits; a layer that is not among it counts as noiseless. Where no
    noise is given, it is computed from the noise of the backend, as `NoiseLearnerV3` does.

    Args:
        inputs: The PUBs.
        options: The options; they ask for PEC or PEA.
        backend: The backend that the job is for.
        tell: Takes a sentence, if what the older learner gave has nothing for a layer.
        elsewhere: Boxes circuits that were not boxed yet.

    Returns:
        Options whose ``resilience.layer_noise_model`` are pairs of a layer and its noise, and how
        many shots an experiment would take to learn it.

    Raises:
        InvalidInputError: If a circuit cannot be boxed, or the noise of a layer not be learned.
    """
    given = options.resilience.layer_noise_model
    errors = layer_errors(given)
    if given and errors is None:
        return replace(options, layers_to_find=False), 0
    counted = _layers_of(inputs, options, backend, elsewhere)
    layers = [
        read_layer(each.instruction, backend, f"Layer {index} of the circuits", each.places)
        for index, each in enumerate(counted)
    ]
    if errors is not None:
        maps, learning = looked_up(layers, errors, tell), 0
    else:
        maps, learning = learned_maps(counted, layers, options, backend)
    pairs = [
        (each.instruction, maps.get(index, PauliLindbladMap.identity(len(layers[index].qubits))))
        for index, each in enumerate(counted)
    ]
    final = replace(
        options,
        resilience=options.resilience.model_copy(update={"layer_noise_model": pairs}),
        layer_errors=tuple(layer_error(layers[index], maps[index]) for index in sorted(maps)),
        layers_to_find=False,
    )
    return final if errors is None else with_noise_of_layers(final, backend), learning


def _layers_of(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    elsewhere: Elsewhere,
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
        circuits = [each.circuit for each in pubs]
        seconds = sum(map(seconds_to_build, circuits))
        found = tuple(elsewhere(seconds, counted_layers, circuits, qubits, boxing))
        instructions.templates.put(key, found, facts)
    return found
