"""Options with nothing left open: what the resilience level decides, and what mitigation needs."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from pydantic import BaseModel
from qiskit_ibm_runtime.options_models import EstimatorOptions, SamplerOptions

from qiskit_modes.exceptions import QiskitModesWarning
from qiskit_modes.warn import warn

__all__ = ["finalize_estimator_options", "finalize_sampler_options"]

Model = TypeVar("Model", bound=BaseModel)

# What a level means where nothing else is said: twirled gates, twirled measurements, measurement
# mitigation, zero-noise extrapolation.
_LEVELS = {
    0: (False, False, False, False),
    1: (False, True, True, False),
    2: (True, True, True, True),
}


def finalize_sampler_options(options: SamplerOptions) -> SamplerOptions:
    """Return a copy in which twirling is on or off; off where nothing was said."""
    final = copied(options)
    if final.twirling.enable_gates is None:
        final.twirling.enable_gates = False
    if final.twirling.enable_measure is None:
        final.twirling.enable_measure = False
    return final


def finalize_estimator_options(options: EstimatorOptions) -> EstimatorOptions:
    """Return a copy in which every technique is on or off.

    Measurement mitigation twirls measurements, and what works with the noise of layers twirls
    gates and measurements, also where that was switched off.

    Args:
        options: The options, not modified.

    Warns:
        QiskitModesWarning: If twirling was switched off and is needed all the same.
    """
    final = copied(options)
    twirling, resilience = final.twirling, final.resilience
    gates, measure, measure_mitigation, zne = _LEVELS[final.resilience_level]
    if twirling.enable_gates is None:
        twirling.enable_gates = gates
    if twirling.enable_measure is None:
        twirling.enable_measure = measure
    if resilience.measure_mitigation is None:
        resilience.measure_mitigation = measure_mitigation
    if resilience.zne_mitigation is None:
        resilience.zne_mitigation = zne

    needs: dict[str, str] = {}
    if resilience.measure_mitigation:
        needs["enable_measure"] = "measurement mitigation"
    if resilience.zne_mitigation and resilience.zne.amplifier == "pea":
        needs |= dict.fromkeys(("enable_gates", "enable_measure"), "PEA")
    if resilience.pec_mitigation:
        needs |= dict.fromkeys(("enable_gates", "enable_measure"), "PEC")
    for name, technique in needs.items():
        if getattr(options.twirling, name) is False:
            warn(
                f"twirling.{name}=False was set, but {technique} needs twirling.{name}=True, so it "
                f"is on. Leave it unset, or switch {technique} off.",
                QiskitModesWarning,
            )
        setattr(twirling, name, True)
    return final


def copied(options: Model) -> Model:
    """Return a copy whose groups, lists and dictionaries are copies; noise in them is shared."""
    own: dict[str, Any] = {}
    for name in type(options).model_fields:
        value = getattr(options, name)
        if isinstance(value, BaseModel):
            own[name] = copied(value)
        elif isinstance(value, list | dict):
            own[name] = copy.copy(value)
    return options.model_copy(update=own)
