"""The metadata of an estimator's results: what acted, under the keys of upstream's two families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions

__all__ = ["job_metadata"]

# A group of options is told only if its technique was on.
_TUNING = {
    "zne_mitigation": "zne",
    "pec_mitigation": "pec",
    "measure_mitigation": "measure_noise_learning",
}


def job_metadata(
    options: ResolvedEstimatorOptions, inputs: Sequence[EstimatorInput], seed: int
) -> dict[str, Any]:
    """Return the metadata of a job's result.

    ``target_precision`` and ``shots`` are those of all PUBs, or None where they differ.

    Args:
        options: The options.
        inputs: The PUBs.
        seed: What reproduces the job.
    """
    report = options.report
    resilience = dict(report["resilience"])
    for switch, group in _TUNING.items():
        if not resilience[switch]:
            resilience.pop(group)
    told = dict(resilience)
    if options.layer_errors:
        told["layer_noise_model"] = list(options.layer_errors)
    twirling, decoupling = report["twirling"], report["dynamical_decoupling"]
    return {
        "version": 2,
        "resilience_level": options.resilience_level,
        "resilience": told,
        "twirling": dict(twirling) if options.twirling.enabled else _off(twirling),
        "dynamical_decoupling": dict(decoupling) if decoupling["enable"] else _off(decoupling),
        "options": {**report, "resilience": resilience},
        "target_precision": _common([each.precision for each in inputs]),
        "shots": _common([each.shots for each in inputs]),
        "executor": None,
        "simulation": {"seed_simulator": seed},
    }


def _off(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name.startswith("enable")}


def _common(values: Sequence[Any]) -> Any:
    return values[0] if len(set(values)) == 1 else None
