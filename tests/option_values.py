"""A value for options whose values are no fixed set: one that is not the default."""

from __future__ import annotations

from typing import Any

__all__ = ["OTHER_VALUES", "nested"]

OTHER_VALUES: dict[str, Any] = {
    "twirling.num_randomizations": 5,
    "twirling.shots_per_randomization": 6,
    "dynamical_decoupling.skip_reset_qubits": True,
    "simulator.basis_gates": ["cx"],
    "simulator.coupling_map": [[0, 1]],
    "simulator.warn_absent": False,
    "resilience.measure_noise_learning.num_randomizations": 3,
    "resilience.measure_noise_learning.shots_per_randomization": 3,
    "resilience.zne.noise_factors": [1, 2, 3],
    "resilience.zne.extrapolated_noise_factors": [0.5],
    "resilience.pec.max_overhead": 3.0,
    "resilience.pec.noise_gain": 0.5,
}


def nested(path: str, value: Any) -> dict[str, Any]:
    """Options in which one is set."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value
