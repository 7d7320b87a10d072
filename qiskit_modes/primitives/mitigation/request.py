"""Requests to techniques of error mitigation: what a job's options ask of them, shots divided."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from qiskit.quantum_info import PauliLindbladMap
from qiskit_ibm_runtime.options_models import ResilienceOptions
from samplomatic import InjectNoise
from samplomatic.utils import get_annotation

from qiskit_modes.primitives.mitigation.boxing import boxing_of
from qiskit_modes.primitives.options.resilience import Technique, noise_factors_of, technique_of
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.simulation.circuits.content import describe

__all__ = ["FOLDING", "Request", "request_of"]

NoiseMaps = Mapping[str, PauliLindbladMap]
"""The noise of layers, by the references of their boxes."""

FOLDING: dict[str, Literal["random", "front", "back"]] = {
    "gate_folding": "random",
    "gate_folding_front": "front",
    "gate_folding_back": "back",
}
"""The names of gate folding's amplifiers in qiskit-mitigation."""


@dataclass(frozen=True)
class Request:
    """Request to a technique."""

    technique: Technique
    resilience: ResilienceOptions
    boxing: Mapping[str, Any]
    """Arguments of the boxing pass manager."""
    randomisations: int
    shots: int
    """For each randomisation."""
    noise_maps: NoiseMaps
    folding_seed: int
    """From which gates to fold are drawn; 0 where that is not left to chance."""

    def key(self) -> Hashable:
        """Return what equals for requests that are the same, and nothing if that cannot be told."""
        resilience = self.resilience.model_dump(exclude={"layer_noise_model"})
        whole = {each.name: getattr(self, each.name) for each in fields(self)}
        return describe({**whole, "resilience": resilience}) or object()


def request_of(options: ResolvedEstimatorOptions, shots: int, seed: int) -> Request:
    """Return what a job's options ask of the technique that is on.

    Args:
        options: The options.
        shots: The shots of a PUB.
        seed: From which gates to fold are drawn, where that is left to chance.
    """
    randomisations, shots_of_each = options.divide(shots)
    return Request(
        technique=technique_of(options.resilience),
        resilience=options.resilience,
        boxing=boxing_of(options),
        randomisations=randomisations,
        shots=shots_of_each,
        noise_maps=_noise_maps_of(options),
        folding_seed=seed if _folds_at_random(options.resilience) else 0,
    )


def _noise_maps_of(options: ResolvedEstimatorOptions) -> dict[str, PauliLindbladMap]:
    """Return the noise of layers, by the references of the boxes."""
    maps: dict[str, PauliLindbladMap] = {}
    if options.layers_to_find:
        return maps
    for instruction, noise in options.resilience.layer_noise_model or ():
        annotation = get_annotation(instruction.operation, InjectNoise)
        if annotation is not None:
            maps[annotation.ref] = noise
    return maps


def _folds_at_random(resilience: ResilienceOptions) -> bool:
    """Return whether which gates are folded is left to chance."""
    zne = resilience.zne
    if technique_of(resilience) != "gate_folding" or FOLDING[zne.amplifier] != "random":
        return False
    return any((factor - 1) % 2 != 0 for factor in noise_factors_of(resilience))
