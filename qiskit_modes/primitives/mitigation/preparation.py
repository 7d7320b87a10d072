"""Preparation of a job's mitigated PUBs: grouped by their shots, and checked beforehand."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.providers import BackendV2

from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.layers.layer_noise import LayerNoise, warn_absent
from qiskit_modes.primitives.mitigation.boxing import qubits_of
from qiskit_modes.primitives.mitigation.preparer import Preparer
from qiskit_modes.primitives.mitigation.request import request_of
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.primitives.programs.parts import by_key, seed_of_part
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["check_layers", "preparers_of"]


def check_layers(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    seed: int,
) -> None:
    """Raise if circuits cannot be divided into layers, warn of layers without noise.

    Args:
        inputs: The PUBs.
        options: The options, with the noise of all layers that a technique needs, unless the job
            finds it.
        backend: The backend that the job is for.
        seed: From which all in the job is drawn.

    Raises:
        InvalidInputError: Naming the PUB, and what to change.

    Warns:
        QiskitModesWarning: If there is no noise for a layer, where noise of layers is given.
    """
    preparers = preparers_of(inputs, options, backend, seed)
    if options.layer_noise_model is None:
        for preparer in preparers.values():
            preparer.check()
        return
    prepared = [pub for preparer in preparers.values() for pub in preparer.prepared()]
    if options.warn_absent:
        noise = LayerNoise.of(options.layer_noise_model)
        circuits = [item.circuit for pub in prepared for item in pub.items]
        warn_absent(noise, circuits)


def preparers_of(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    seed: int,
    elsewhere: Elsewhere = here,
) -> dict[tuple[int, ...], Preparer]:
    """Return what prepares PUBs, by their places in the job; those with as many shots together.

    Args:
        inputs: The PUBs; those that have no value to estimate are left out.
        options: The options.
        backend: Whose gates and durations count.
        seed: From which all in the job is drawn.
        elsewhere: Boxes, builds and decouples what is not known yet.
    """
    run = [index for index, each in enumerate(inputs) if each.pub.size > 0]
    groups = by_key(inputs[index].shots for index in run)
    places = [tuple(run[index] for index in group) for group in groups.values()]
    preparers = {}
    for number, own in enumerate(places):
        mine = [(place, inputs[place]) for place in own]
        qubits = qubits_of([each for _, each in mine], options)
        request = request_of(options, mine[0][1].shots, seed_of_part(seed, number))
        preparers[own] = Preparer(mine, qubits, request, options, backend, elsewhere)
    return preparers
