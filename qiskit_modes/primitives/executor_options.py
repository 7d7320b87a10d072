"""An executor's options: which of them act, and why every other one is refused.

Like those of the other primitives they are upstream's public model, or a dictionary of the same
form, and are read when ``run()`` is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.options_models.executor import ExecutorOptions

from qiskit_modes.exceptions import InvalidInputError, UnsupportedOptionError
from qiskit_modes.primitives.layer_noise import LayerNoise
from qiskit_modes.primitives.option_rules import set_options
from qiskit_modes.primitives.options import check_tags

__all__ = ["ResolvedExecutorOptions", "coerce_executor_options", "resolve_executor_options"]

ACTING = frozenset(
    {
        "environment.job_tags",
        "environment.max_execution_time",
        "execution.rep_delay",
        "max_execution_time",
        "simulator.angle_decimals",
        "simulator.layer_noise_model",
        "simulator.seed_simulator",
        "simulator.warn_absent",
    }
)
"""The options that act, as dotted paths; ``rep_delay`` acts on the estimate of usage."""

_NO_HARDWARE = "it describes hardware that a simulated backend does not have"

_REFUSED = {
    "execution.init_qubits": (
        "every shot starts in the ground state",
        "Leave it unset or set it to True",
    ),
    "execution.scheduler_timing": (_NO_HARDWARE, "Leave it unset or set it to False"),
    "execution.stretch_values": (_NO_HARDWARE, "Leave it unset or set it to False"),
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

_STABILIZERS = frozenset({"stabilizer", "extended_stabilizer"})
"""Aer's methods that take Clifford gates for what they are only where angles are rounded."""


@dataclass(frozen=True)
class ResolvedExecutorOptions:
    """What acts of an executor's options; shares nothing with them."""

    seed: int | None
    """``simulator.seed_simulator``; 0 is a seed, None asks for a new one per job."""

    layer_noise: LayerNoise | None
    """``simulator.layer_noise_model``; None if it is unset or empty."""

    warn_absent: bool
    """``simulator.warn_absent``: whether to warn of layers that it has no noise for."""

    angle_decimals: int | None
    """``simulator.angle_decimals`` where the user set it, or where the method needs it."""

    job_tags: tuple[str, ...]
    """``environment.job_tags``."""

    max_execution_time_seconds: int | None
    """``max_execution_time``, or the deprecated one of ``environment``; None: no limit given."""

    rep_delay: float | None
    """``execution.rep_delay`` in seconds, for the estimate of usage; None for the usual one."""


def coerce_executor_options(
    options: ExecutorOptions | Mapping[str, Any] | None,
) -> ExecutorOptions:
    """Return options as upstream's model; a model is returned as it is, not copied.

    Args:
        options: A model, a dictionary, or None for the defaults.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    if options is None:
        return ExecutorOptions()
    if isinstance(options, ExecutorOptions):
        return options
    if not isinstance(options, Mapping):
        raise InvalidInputError(
            "The options must be a dict or qiskit_ibm_runtime.options_models.ExecutorOptions, not "
            f"{type(options).__module__}.{type(options).__qualname__}."
        )
    try:
        return ExecutorOptions(**options)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc']))}={each['input']!r}: {each['msg']}."
            for each in error.errors(include_url=False)
        ]
        raise InvalidInputError(f"ExecutorOptions: {' '.join(problems)}") from None


def resolve_executor_options(
    options: ExecutorOptions | Mapping[str, Any] | None, backend: BackendV2
) -> ResolvedExecutorOptions:
    """Check all options as they are now, and return what acts.

    Args:
        options: See `coerce_executor_options`.
        backend: Where the job is to run; its method may need rounded angles.

    Raises:
        UnsupportedOptionError: If options were set that cannot be honoured; all are named.
        InvalidInputError: If a value cannot be used.
    """
    model = coerce_executor_options(options)
    chosen = {option.path: option for option in set_options(model)}
    refused = []
    for path, option in chosen.items():
        if path not in ACTING and not option.is_default:
            reason, remedy = _REFUSED.get(path, ("it is not known here", "Leave it unset"))
            refused.append(f"{path}={option.value!r} is not supported: {reason}. {remedy}.")
    if refused:
        raise UnsupportedOptionError(" ".join(refused))
    simulator = model.simulator
    needed = getattr(backend.options, "method", None) in _STABILIZERS
    rounded = needed or "simulator.angle_decimals" in chosen
    noise = simulator.layer_noise_model
    return ResolvedExecutorOptions(
        seed=_whole(simulator.seed_simulator, "simulator.seed_simulator", 0),
        layer_noise=LayerNoise.of(noise) if noise else None,
        warn_absent=simulator.warn_absent,
        angle_decimals=simulator.angle_decimals if rounded else None,
        job_tags=check_tags(model.environment.job_tags, "The option environment.job_tags"),
        max_execution_time_seconds=_max_execution_time(model),
        rep_delay=_rep_delay(model.execution.rep_delay),
    )


def _max_execution_time(model: ExecutorOptions) -> int | None:
    if model.max_execution_time is not None:
        return _whole(model.max_execution_time, "max_execution_time", 1)
    return _whole(model.environment.max_execution_time, "environment.max_execution_time", 1)


def _whole(value: int | None, name: str, least: int) -> int | None:
    if value is not None and value < least:
        raise InvalidInputError(f"The option {name} must be at least {least}, not {value!r}.")
    return value


def _rep_delay(seconds: float | None) -> float | None:
    if seconds is not None and not 0 <= seconds < float("inf"):
        raise InvalidInputError(
            f"The option execution.rep_delay must be a number of seconds from 0, not {seconds!r}."
        )
    return seconds
