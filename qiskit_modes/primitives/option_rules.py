"""Which options cannot be honoured, which have no effect as they stand, and what to do about it.

An option that a user set acts or is refused by name; none is dropped in silence. Options that only
tune a feature are refused while the feature is off, because they would have no effect, unless the
feature was switched off explicitly: then it is plain that they wait for it to be switched on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

__all__ = ["SetOption", "refusal", "refusals", "set_options"]


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
    """Something that can be switched on, and the options that tune it."""

    name: str
    """What it is, for messages."""

    switches: tuple[str, ...]
    """Options that switch it on."""

    tuning: tuple[str, ...]
    """Options, or groups of options, that say how it works once it is on."""

    by_level: bool = False
    """True if ``resilience_level`` decides where no switch is set."""


_FEATURES = (
    _Feature("the twirling of gates", ("twirling.enable_gates",), ("twirling.group",), True),
    _Feature(
        "twirling",
        ("twirling.enable_gates", "twirling.enable_measure"),
        ("twirling",),
        by_level=True,
    ),
    _Feature("dynamical decoupling", ("dynamical_decoupling.enable",), ("dynamical_decoupling",)),
    _Feature(
        "measurement error mitigation",
        ("resilience.measure_mitigation",),
        ("resilience.measure_noise_learning",),
        by_level=True,
    ),
    _Feature(
        "probabilistic error cancellation", ("resilience.pec_mitigation",), ("resilience.pec",)
    ),
    _Feature(
        "zero-noise extrapolation",
        ("resilience.zne_mitigation",),
        ("resilience.zne",),
        by_level=True,
    ),
    _Feature("the noise of layers", ("simulator.layer_noise_model",), ("simulator.warn_absent",)),
)

_NO_SCHEDULE = "a simulation has no schedule of its own to report"

_REFUSED = {
    "execution.init_qubits": (
        "every shot of the simulation starts in the ground state",
        "Leave it unset or set it to True",
    ),
    "execution.scheduler_timing": (_NO_SCHEDULE, "Leave it unset or set it to False"),
    "execution.stretch_values": (
        "stretches are resolved for hardware only",
        "Leave it unset or set it to False",
    ),
    "execution.meas_type": (
        "the simulation gives classified bits, and no readout signals",
        'Leave it unset or set it to "classified"',
    ),
    "environment.image": ("jobs run in the installed packages and in no image", "Leave it unset"),
    "experimental": ("experimental options of the service are not known here", "Leave it empty"),
}
"""What no primitive can honour unless it has upstream's default: why, and what to do."""

_GROUPS_IN_EXPERIMENTAL = {
    "scheduler_timing": (_NO_SCHEDULE, "Leave it out"),
    "stretch_values": ("stretches are resolved for hardware only", "Leave it out"),
}


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


def refusals(options: BaseModel, is_on: Mapping[str, bool]) -> dict[str, str]:
    """Return, by its path, a sentence for each option that can be neither honoured nor ignored.

    Args:
        options: The options, as the user set them.
        is_on: For each switch whether what it switches is on in the end.
    """
    chosen = {option.path: option for option in set_options(options)}
    sentences = {}
    for path, option in chosen.items():
        if option.is_default:
            continue
        if path in _REFUSED:
            sentences[path] = refusal(option)
            continue
        feature = _feature_of(path)
        if feature is None or any(is_on[switch] for switch in feature.switches):
            continue
        if not _is_switched_off(feature, chosen):
            switches = " or ".join(feature.switches)
            sentences[path] = (
                f"{path}={option.value!r} has no effect: {feature.name} is off. Switch it on with "
                f"{switches}, or leave {path} unset."
            )
    return sentences


def refusal(option: SetOption, own: Mapping[str, tuple[str, str]] | None = None) -> str:
    """Return a sentence for an option that cannot be honoured: its name, why, and what to do.

    Args:
        option: What was set.
        own: Reason and remedy of options, by their paths, that one primitive alone refuses.
    """
    path, value = option.path, option.value
    reasons = {**_REFUSED, **(own or {})}
    reason, remedy = reasons.get(path, ("it is not known here", "Leave it unset"))
    if path == "experimental" and set(value) == {"execution"}:
        inner = value["execution"]
        if isinstance(inner, Mapping) and inner and set(inner) <= set(_GROUPS_IN_EXPERIMENTAL):
            reason, remedy = _GROUPS_IN_EXPERIMENTAL[min(inner)]
    return f"{path}={value!r} is not supported: {reason}. {remedy}."


def _feature_of(path: str) -> _Feature | None:
    """Return the feature that an option tunes; None for a switch and for what tunes none."""
    if any(path in feature.switches for feature in _FEATURES):
        return None
    for feature in _FEATURES:
        if any(path == each or path.startswith(f"{each}.") for each in feature.tuning):
            return feature
    return None


def _is_switched_off(feature: _Feature, chosen: Mapping[str, SetOption]) -> bool:
    """Return True if the user said that the feature is off, and not only nothing about it."""
    said = [path for path in feature.switches if path in chosen]
    return len(said) == len(feature.switches) or (feature.by_level and "resilience_level" in chosen)
