"""Texts of what a job of our own primitives was asked, and came to; and the way back.

The texts are those that the service's client would send and get, so that whoever reads a store
reads what the service keeps.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder
from qiskit_ibm_runtime.options_models import ExecutorOptions, NoiseLearnerV3Options
from qiskit_ibm_runtime.results import NoiseLearnerResult, NoiseLearnerV3Results

from qiskit_modes.primitives.encoding.program_results import (
    learned_text,
    older_learned_text,
    program_text,
)
from qiskit_modes.primitives.encoding.tensors import tensor

__all__ = ["JOB_TEXTS", "JobTexts", "decoded_inputs", "decoded_result"]

_PROGRAM_VERSION = "v2.0"
"""Of the schemas of quantum programs, the newest that is written."""

_LEARNER_VERSION = "v0.3"


class JobTexts:
    """Makes texts of jobs; see `qiskit_modes.runtime.records.Encoding`."""

    def params(self, inputs: Mapping[str, Any]) -> str:
        """Return what was passed to ``run()`` as the parameters of the program."""
        options = inputs.get("options") or {}
        if "quantum_program" in inputs:
            return _program_params(inputs["quantum_program"], options)
        if "instructions" in inputs:
            return _learner_params(inputs["instructions"], options)
        asked = {name: value for name, value in inputs.items() if name != "options"}
        with warnings.catch_warnings():
            # What has no text, such as a function among the options, is left out of it.
            warnings.simplefilter("ignore")
            return json.dumps({**asked, "options": options, "version": 2}, cls=RuntimeEncoder)

    def result(self, result: Any, inputs: Mapping[str, Any] | None) -> str:
        """Return the result as the text that the service answers with.

        Args:
            result: Of whatever program.
            inputs: What was passed to ``run()``.
        """
        if isinstance(result, NoiseLearnerV3Results):
            return learned_text(result, schema_version=_LEARNER_VERSION)
        if isinstance(result, NoiseLearnerResult):
            return older_learned_text(result)
        program = None if inputs is None else inputs.get("quantum_program")
        if program is not None and hasattr(result, "passthrough_data"):
            return program_text(
                result,
                [item.shape for item in program.items],
                schema_version=_PROGRAM_VERSION,
                passthrough_data=_passed_through(program.passthrough_data),
                semantic_role=None,
            )
        return json.dumps(result, cls=RuntimeEncoder)


JOB_TEXTS = JobTexts()


def decoded_inputs(program_id: str, text: str) -> dict[str, Any]:
    """Return what was passed to ``run()`` from the parameters of a program.

    Args:
        program_id: The service's name of the program.
        text: The parameters.
    """
    if program_id == "executor":
        return _program_inputs(text)
    params = json.loads(text, cls=RuntimeDecoder)
    if program_id == "noise-learner" and "schema_version" in params:
        return _learner_inputs(text)
    params.pop("version", None)
    params.pop("support_qiskit", None)
    options = params.pop("options", None) or {}
    level = params.pop("resilience_level", None)
    if level is not None:
        options = {"resilience_level": level, **options}
    if "pubs" in params:
        coerce = EstimatorPub.coerce if program_id == "estimator" else SamplerPub.coerce
        params["pubs"] = [coerce(tuple(pub)) for pub in params["pubs"]]
    return {**params, "options": options}


def decoded_result(program_id: str, text: str) -> Any:
    """Return a result from its text, as the service's client makes it."""
    from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS
    from qiskit_ibm_runtime.decoders.result_decoder import ResultDecoder

    result: Any = text
    is_whole = program_id == "executor" and '"__type__": "PrimitiveResult"' in text[:50]
    known: Any = DEFAULT_DECODERS.get(program_id, ResultDecoder)
    # A release has one decoder for a program, another several in a row that are asked before.
    decoders: list[Any] = [known] if isinstance(known, type) else list(known)
    for decoder in [ResultDecoder] if is_whole else decoders:
        if not hasattr(decoder, "is_applicable") or decoder.is_applicable(result):
            result = decoder.decode(result)
    return result


def _program_params(program: Any, options: Mapping[str, Any]) -> str:
    from qiskit_ibm_runtime.quantum_program.params_converters import (
        QUANTUM_PROGRAM_PARAMS_CONVERTERS,
    )

    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS[_PROGRAM_VERSION]
    model = converter.encoder(program, ExecutorOptions(**options))
    return str(model.model_dump_json())


def _program_inputs(text: str) -> dict[str, Any]:
    from qiskit_ibm_runtime.quantum_program.params_converters import (
        QUANTUM_PROGRAM_PARAMS_CONVERTERS,
    )

    params = json.loads(text)
    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS[params["schema_version"]]
    program, _ = converter.decoder(converter.model(**params))
    return {"quantum_program": program, "options": params.get("options") or {}}


def _learner_params(instructions: Any, options: Mapping[str, Any]) -> str:
    from qiskit_ibm_runtime.noise_learner_v3.params_converters import (
        NOISE_LEARNER_V3_PARAMS_CONVERTERS,
    )

    converter = NOISE_LEARNER_V3_PARAMS_CONVERTERS[_LEARNER_VERSION]
    model = converter.encoder(instructions, NoiseLearnerV3Options(**options))
    return str(model.model_dump_json())


def _learner_inputs(text: str) -> dict[str, Any]:
    from qiskit_ibm_runtime.noise_learner_v3.params_converters import (
        NOISE_LEARNER_V3_PARAMS_CONVERTERS,
    )

    params = {name: value for name, value in json.loads(text).items() if name != "version"}
    converter = NOISE_LEARNER_V3_PARAMS_CONVERTERS[params["schema_version"]]
    instructions, _ = converter.decoder(converter.model(**params))
    return {"instructions": list(instructions), "options": params.get("options") or {}}


def _passed_through(data: Any) -> Any:
    """Return what a program passes through as JSON, arrays as the schemas have them."""
    if isinstance(data, Mapping):
        return {name: _passed_through(each) for name, each in data.items()}
    if isinstance(data, list | tuple):
        return [_passed_through(each) for each in data]
    return tensor(data, compressed=True) if isinstance(data, np.ndarray) else data
