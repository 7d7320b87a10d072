"""Results of quantum programs and of noise learners, as text in the client's schemas.

The client only reads them, in the version of its request; so they are written here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from qiskit_ibm_runtime import RuntimeEncoder
from qiskit_ibm_runtime.results import NoiseLearnerResult

from qiskit_modes.primitives.encoding.tensors import tensor

__all__ = ["is_compressed", "learned_text", "older_learned_text", "program_text"]


def is_compressed(schema_version: str) -> bool:
    """Return whether circuits and tensors are packed with zlib, or with base64 only as before."""
    return schema_version >= "v2.0"


def program_text(
    result: Any,
    item_shapes: Sequence[Sequence[int]],
    *,
    schema_version: str,
    passthrough_data: Any,
    semantic_role: str | None,
) -> str:
    """Return the result of a quantum program as JSON text.

    Args:
        result: A ``QuantumProgramResult``.
        item_shapes: The shape of each item of the program.
        schema_version: Of the text.
        passthrough_data: What the program passed through, as JSON.
        semantic_role: What the program was prepared for.
    """
    compressed = is_compressed(schema_version)
    return json.dumps(
        {
            "schema_version": schema_version,
            "data": [
                {
                    "results": {
                        name: tensor(array, compressed=compressed) for name, array in item.items()
                    },
                    "metadata": {"scheduler_timing": None, "stretch_values": None},
                }
                for item in result
            ],
            "metadata": {"chunk_timing": list(_chunks(result, item_shapes))},
            "passthrough_data": passthrough_data,
            "semantic_role": semantic_role,
        }
    )


def _chunks(result: Any, shapes: Sequence[Sequence[int]]) -> Iterator[dict[str, Any]]:
    for span in result.metadata.chunk_timing:
        yield {
            "start": _naive(span.start),
            "stop": _naive(span.stop),
            "parts": [
                {
                    "idx_item": part.idx_item,
                    "size": part.size,
                    "permutation": list(range(len(shapes[part.idx_item]))),
                    "element_range": [0, math.prod(shapes[part.idx_item]), 1],
                }
                for part in span.parts
            ],
        }


def _naive(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def learned_text(result: Any, *, schema_version: str) -> str:
    """Return what ``NoiseLearnerV3`` learned as JSON text."""
    return json.dumps(
        {"schema_version": schema_version, "data": [_layer(each) for each in result.data]}
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


def older_learned_text(result: NoiseLearnerResult) -> str:
    """Return what the older noise learner found as JSON text; its decoder wants no type around."""
    return json.dumps({"data": result.data, "metadata": result.metadata}, cls=RuntimeEncoder)
