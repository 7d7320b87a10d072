"""The service's program "noise-learner": ``NoiseLearnerV3`` in its schemas, and the older one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import CircuitInstruction
from qiskit_ibm_runtime import RuntimeEncoder
from qiskit_ibm_runtime.noise_learner_v3.params_converters import (
    NOISE_LEARNER_V3_PARAMS_CONVERTERS,
)
from qiskit_ibm_runtime.options_models import NoiseLearnerV3Options
from qiskit_ibm_runtime.results import NoiseLearnerResult

from qiskit_modes.wire.programs.schemas import (
    check_sizes,
    complete_options,
    decoding,
    tensor,
    version_of,
)

__all__ = [
    "LEARNER_VERSIONS",
    "NoiseLearnerRequest",
    "encode_learner_result",
    "read_noise_learner_params",
]

LEARNER_VERSIONS = ("v0.1", "v0.2", "v0.3")
"""Versions of parameters that are read."""


@dataclass(frozen=True)
class NoiseLearnerRequest:
    """Layers whose noise is asked for, and how to say it."""

    instructions: list[CircuitInstruction]
    options: NoiseLearnerV3Options
    schema_version: str

    def encode_result(self, result: Any) -> str:
        """Return the learned noise as JSON text in the version of the request."""
        return json.dumps(
            {"schema_version": self.schema_version, "data": [_layer(each) for each in result.data]}
        )


def _layer(learned: Any) -> dict[str, Any]:
    """Return the noise of one layer. It was computed, so that its rates are exact."""
    noise = learned.to_pauli_lindblad_map()
    terms = noise.to_sparse_list()
    measured = learned.metadata["learning_protocol"] == "trex"
    return {
        "generators_sparse": [[[paulis, list(qubits)]] for paulis, qubits, _ in terms],
        "num_qubits": noise.num_qubits,
        "rates": tensor(np.array([rate for *_, rate in terms], dtype=float), compressed=False),
        "rates_std": tensor(np.zeros(len(terms)), compressed=False),
        "metadata": {
            "learning_protocol": "trex" if measured else "lindblad",
            "post_selection": {"fraction_kept": 1.0 if measured else {}, "success_rates": {}},
        },
    }


def encode_learner_result(result: NoiseLearnerResult) -> str:
    """Return what the older noise learner found as JSON text; its decoder wants no type around."""
    return json.dumps({"data": result.data, "metadata": result.metadata}, cls=RuntimeEncoder)


def read_noise_learner_params(params: Mapping[str, Any]) -> NoiseLearnerRequest:
    """Read the parameters of the program "noise-learner".

    Args:
        params: As a JSON decoder made them.

    Raises:
        ApiError: If they are of an unknown version or cannot be read; status 400.
        UnsupportedOptionError: If there are options that are not known here.
    """
    version = version_of(params, LEARNER_VERSIONS, "use NoiseLearnerV3 of qiskit_ibm_runtime")
    converter = NOISE_LEARNER_V3_PARAMS_CONVERTERS[version]
    with decoding():
        check_sizes(params, compressed=False)
        read = {name: value for name, value in params.items() if name != "version"}
        instructions, options = converter.decoder(converter.model(**read))
    schema = converter.model.model_fields["options"].annotation
    complete_options("noise-learner", options, params.get("options") or {}, schema)
    return NoiseLearnerRequest(instructions, options, version)
