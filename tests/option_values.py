"""A value for options whose values are no fixed set: one that is not the default."""

from __future__ import annotations

from typing import Any

__all__ = ["ALL_VALUES", "OTHER_VALUES", "nested"]

OTHER_VALUES: dict[str, Any] = {
    "twirling.num_randomizations": 5,
    "twirling.shots_per_randomization": 6,
    "dynamical_decoupling.skip_reset_qubits": True,
    "simulator.basis_gates": ["cx"],
    "simulator.coupling_map": [[0, 1]],
    "simulator.warn_absent": False,
    "resilience.measure_noise_learning.num_randomizations": 3,
    "resilience.measure_noise_learning.shots_per_randomization": 3,
    "resilience.layer_noise_learning.max_layers_to_learn": 2,
    "resilience.layer_noise_learning.num_randomizations": 3,
    "resilience.layer_noise_learning.shots_per_randomization": 3,
    "resilience.layer_noise_learning.layer_pair_depths": [1, 2],
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


ALL_VALUES: dict[str, Any] = {
    **OTHER_VALUES,
    "default_precision": 0.25,
    "default_shots": 17,
    "dynamical_decoupling.enable": True,
    "dynamical_decoupling.extra_slack_distribution": "edges",
    "dynamical_decoupling.scheduling_method": "asap",
    "dynamical_decoupling.sequence_type": "XY4",
    "environment.image": "registry/image:1",
    "environment.job_tags": ["a"],
    "environment.log_level": "DEBUG",
    "environment.max_execution_time": 33,
    "environment.private": True,
    "execution.init_qubits": False,
    "execution.meas_type": "kerneled",
    "execution.rep_delay": 1e-4,
    "execution.scheduler_timing": True,
    "execution.stretch_values": True,
    "experimental": {"unheard": {"of": 1}},
    "max_execution_time": 44,
    "resilience.layer_noise_learning.layer_pair_depths": [0, 2],
    "resilience.layer_noise_learning.max_layers_to_learn": 2,
    "resilience.layer_noise_learning.num_randomizations": 3,
    "resilience.layer_noise_learning.shots_per_randomization": 4,
    "resilience.measure_mitigation": False,
    "resilience.pec_mitigation": False,
    "resilience.zne.amplifier": "gate_folding_back",
    "resilience.zne.extrapolator": "linear",
    "resilience.zne_mitigation": True,
    "resilience_level": 2,
    "seed_estimator": 3,
    "simulator.angle_decimals": 2,
    "simulator.pauli_propagation_max_terms": 100,
    "simulator.seed_simulator": 3,
    "twirling.enable_gates": True,
    "twirling.enable_measure": True,
    "twirling.group": "local_c1",
    "twirling.strategy": "active",
}
"""A value for every option of both families that is no object."""
