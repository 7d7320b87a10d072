"""An executor's options, reduced to what acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.providers import BackendV2
from qiskit_ibm_runtime.options_models import ExecutorOptions

from qiskit_modes.primitives.backends.simulated_backend import rounding_of
from qiskit_modes.primitives.layers.layer_noise import LayerNoise
from qiskit_modes.primitives.options.job_settings import JobSettings, check_seed, job_settings
from qiskit_modes.primitives.options.read import coerce_model
from qiskit_modes.primitives.options.rules import check_options

__all__ = ["ResolvedExecutorOptions", "coerce_executor_options", "resolve_executor_options"]


@dataclass(frozen=True)
class ResolvedExecutorOptions(JobSettings):
    """Settings that act of an executor's options; shares nothing with them."""

    seed: int | None
    """``simulator.seed_simulator``; 0 is a seed, None asks for a new one per job."""

    layer_noise: LayerNoise | None
    """``simulator.layer_noise_model``; None if it is unset or empty."""

    warn_absent: bool
    """``simulator.warn_absent``: whether to warn of layers that it has no noise for."""

    angle_decimals: int | None
    """``simulator.angle_decimals`` where the user set it, or where the method needs it."""


def coerce_executor_options(
    options: ExecutorOptions | Mapping[str, Any] | None,
) -> ExecutorOptions:
    """Return options as upstream's model; see `coerce_model`."""
    return coerce_model(options, ExecutorOptions, "executor")


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

    Warns:
        OptionWithoutEffectWarning: If one tunes what is off.
    """
    model = coerce_executor_options(options)
    check_options("executor", model)
    simulator = model.simulator
    rounds = "angle_decimals" in simulator.model_fields_set
    decimals = simulator.angle_decimals if rounds else None
    noise = simulator.layer_noise_model
    return ResolvedExecutorOptions(
        **job_settings(model),
        seed=check_seed(simulator.seed_simulator),
        layer_noise=LayerNoise.of(noise) if noise else None,
        warn_absent=simulator.warn_absent,
        angle_decimals=rounding_of(backend, decimals),
    )
