"""The service's program "noise-learner": ``NoiseLearnerV3`` in its schemas, and the older one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import CircuitInstruction
from qiskit_ibm_runtime.noise_learner_v3.params_converters import (
    NOISE_LEARNER_V3_PARAMS_CONVERTERS,
)
from qiskit_ibm_runtime.options_models import NoiseLearnerV3Options

from qiskit_modes.primitives.encoding.program_results import learned_text
from qiskit_modes.wire.programs.schemas import (
    check_sizes,
    complete_options,
    decoding,
    version_of,
)

__all__ = [
    "LEARNER_VERSIONS",
    "NoiseLearnerRequest",
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
        return learned_text(result, schema_version=self.schema_version)


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
