"""Which options act, which values mean "off", and why every other one is refused.

An option that a user set acts or is refused by name; none is dropped in silence. A value is no
request, and accepted, if it is what happens anyway: upstream's default where that default asks for
nothing, or "off". Options that only tune a feature are accepted too, and have no effect, as soon as
the feature is switched off explicitly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

__all__ = ["ACTING", "SetOption", "refusals", "set_options"]

ACTING = frozenset(
    {
        "default_precision",
        "default_shots",
        "environment.job_tags",
        "environment.max_execution_time",
        "execution.rep_delay",
        "max_execution_time",
        "simulator.seed_simulator",
    }
)
"""The options that act, as dotted paths; ``rep_delay`` acts on the estimate of usage."""


@dataclass(frozen=True)
class SetOption:
    """An option that a user set, by whatever way."""

    path: str
    """Its full name, with dots."""

    value: Any
    """What it was set to."""

    is_default: bool
    """True if the value equals upstream's default."""


@dataclass(frozen=True)
class _Feature:
    """Something that cannot be had here, the options that ask for it, and those that tune it."""

    reason: str
    """Why it is refused; starts a clause."""

    switches: tuple[str, ...] = ()
    """Options that switch it on; False and None mean off."""

    tuning: tuple[str, ...] = ()
    """Options, or groups of options, that say how it works once it is on."""

    by_level: bool = False
    """True if ``resilience_level=0`` switches it off where no switch is set."""


_FEATURES = (
    _Feature(
        "Pauli twirling is not available",
        ("twirling.enable_gates", "twirling.enable_measure"),
        ("twirling",),
        by_level=True,
    ),
    _Feature(
        "dynamical decoupling is not available",
        ("dynamical_decoupling.enable",),
        ("dynamical_decoupling",),
    ),
    _Feature(
        "measurement error mitigation is not available",
        ("resilience.measure_mitigation",),
        ("resilience.measure_noise_learning",),
        by_level=True,
    ),
    _Feature(
        "probabilistic error cancellation is not available",
        ("resilience.pec_mitigation",),
        ("resilience.pec",),
    ),
    _Feature(
        "zero-noise extrapolation is not available",
        ("resilience.zne_mitigation",),
        ("resilience.zne",),
        by_level=True,
    ),
)

_LAYER_NOISE = (
    "the noise is that of the backend, and noise models of layers are not simulated",
    "Leave it unset; to change the noise, pass AerSimulator(noise_model=...) as the backend",
)
_NO_HARDWARE = "it describes hardware that a simulated backend does not have"

# Single options: why, and what to do.
_OTHERS = {
    "resilience_level": (
        "error mitigation is not available, and results are not mitigated",
        "Set resilience_level=0, or leave it unset, which means 0 here",
    ),
    "resilience.layer_noise_model": _LAYER_NOISE,
    "simulator.layer_noise_model": _LAYER_NOISE,
    "simulator.angle_decimals": (
        "angles are simulated as they are and never rounded",
        "Leave it unset, or round the angles of the circuit",
    ),
    "simulator.warn_absent": (
        "it belongs to layer_noise_model, which is not simulated",
        "Leave it unset",
    ),
    "execution.init_qubits": (
        "every shot starts in the ground state",
        "Leave it unset or set it to True",
    ),
    "execution.scheduler_timing": (_NO_HARDWARE, "Leave it unset or set it to False"),
    "execution.stretch_values": (_NO_HARDWARE, "Leave it unset or set it to False"),
    "execution.meas_type": (
        "the simulation gives classified bits, and no readout signals",
        'Leave it unset or set it to "classified"',
    ),
    "environment.log_level": (
        "jobs run on this computer and write no log of their own",
        "Leave it unset; this package logs through Python's logging",
    ),
    "environment.private": (
        "nothing leaves this computer, and inputs stay readable on the job",
        "Leave it unset or set it to False",
    ),
    "environment.image": ("jobs run in the installed packages and in no image", "Leave it unset"),
    "experimental": ("experimental options of the service are not known here", "Leave it empty"),
}

_EMPTY_MEANS_OFF = frozenset(
    {
        "experimental",
        "resilience.layer_noise_model",
        "resilience_level",
        "simulator.layer_noise_model",
    }
)


def set_options(options: BaseModel) -> Iterator[SetOption]:
    """Yield every option that was set, in the constructor or later, in place or by assignment."""
    yield from _walk(options, "")


def _walk(model: BaseModel, prefix: str) -> Iterator[SetOption]:
    touched = model.model_fields_set
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            # Assigning to a field of a nested model does not mark the nested model itself as set.
            yield from _walk(value, f"{prefix}{name}.")
            continue
        is_default = value is field.default or bool(value == field.default)
        if name in touched or not is_default:
            yield SetOption(prefix + name, value, is_default)


def refusals(options: BaseModel) -> list[str]:
    """Return one sentence for each option that was set and can be neither honoured nor ignored."""
    chosen = {option.path: option for option in set_options(options)}
    sentences = []
    for path, option in chosen.items():
        if path in ACTING or (option.is_default and path != "resilience_level"):
            continue
        feature = _feature_of(path)
        if feature is not None:
            if path in feature.switches:
                means_off = not option.value
            else:
                means_off = _is_switched_off(feature, chosen)
            why = (feature.reason, _how_to_switch_off(feature, path))
        else:
            means_off = not option.value and path in _EMPTY_MEANS_OFF
            why = _OTHERS.get(path, ("it is not known here", "Leave it unset"))
        if not means_off:
            reason, remedy = why
            sentences.append(f"{path}={option.value!r} is not supported: {reason}. {remedy}.")
    return sentences


def _feature_of(path: str) -> _Feature | None:
    for feature in _FEATURES:
        if path in feature.switches or any(path.startswith(f"{each}.") for each in feature.tuning):
            return feature
    return None


def _is_switched_off(feature: _Feature, chosen: dict[str, SetOption]) -> bool:
    """Return True if the user said that the feature is off, and not only nothing about it."""
    switches = [chosen[path].value for path in feature.switches if path in chosen]
    level = chosen.get("resilience_level")
    if feature.by_level and level is not None and level.value == 0:
        return not any(switches)
    return len(switches) == len(feature.switches) and all(value is False for value in switches)


def _how_to_switch_off(feature: _Feature, path: str) -> str:
    off = " and ".join(f"{each}=False" for each in feature.switches)
    if path in feature.switches:
        return f"Leave it unset or set {path}=False"
    return f"Leave it unset, or set {off}, and it has no effect"
