"""The service's program "executor": quantum programs in the client's schemas, and their results.

The client bumps the version of its schema with most releases, and reads results in the version of
its request: they are answered in kind. Parameters are read by the client's own converters, after
their sizes and types were looked at; results are written here, because the client only reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit_ibm_runtime.options_models import ExecutorOptions
from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
from samplomatic.quantum_program import QuantumProgram, SamplexItem

from qiskit_modes.primitives.encoding.program_results import is_compressed, program_text
from qiskit_modes.wire.programs.params import unreadable
from qiskit_modes.wire.programs.samplex_sizes import check_declared_sizes, check_drawing
from qiskit_modes.wire.programs.schemas import (
    check_sizes,
    complete_options,
    decoding,
    version_of,
)

__all__ = ["SCHEMA_VERSIONS", "ExecutorRequest", "read_executor_params"]

SCHEMA_VERSIONS = ("v1.0", "v1.1", "v2.0")
"""Versions of parameters that are read, those of the releases from 0.47 on."""


@dataclass(frozen=True)
class ExecutorRequest:
    """A quantum program that was asked for, and how to say its result."""

    program: QuantumProgram
    options: ExecutorOptions
    schema_version: str
    passthrough_data: Any
    """Of the program, as it came; the result has it back."""
    semantic_role: str | None
    """What the client prepared the program for; the result has it back."""

    def seed(self) -> Any:
        """Return the seed that the client sent along, wherever it puts it; None if it did not.

        Its primitives send their simulator's options in what they want back. Its executor sends
        none, so that a user writes ``options.experimental = {"seed_simulator": 7}``.
        """
        chosen = self.options.experimental.get("seed_simulator")
        found = self.passthrough_data
        for key in ("post_processor", "options", "simulator", "seed_simulator"):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if chosen is None else chosen

    def encode_result(self, result: Any) -> str:
        """Return the result of the program as JSON text in the version of the request."""
        return program_text(
            result,
            [item.shape for item in self.program.items],
            schema_version=self.schema_version,
            passthrough_data=self.passthrough_data,
            semantic_role=self.semantic_role,
        )


def read_executor_params(params: Mapping[str, Any]) -> ExecutorRequest:
    """Read the parameters of the program "executor".

    Args:
        params: As a JSON decoder made them.

    Raises:
        ApiError: If they are of an unknown version or cannot be read; status 400.
        UnsupportedOptionError: If there are options that are not known here.
    """
    remedy = "use a qiskit-ibm-runtime that sends one of them, or a newer qiskit_modes"
    version = version_of(params, SCHEMA_VERSIONS, remedy)
    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS[version]
    described = params.get("quantum_program")
    if not isinstance(described, Mapping):
        raise unreadable("there is no quantum_program")
    circuits = described.get("circuits")
    if not isinstance(circuits, Mapping) or "b64_data" not in circuits:
        # The schema also knows OpenQASM texts, which may name files of this machine.
        raise unreadable("quantum_program.circuits has no b64_data: circuits are read as QPY only")
    with decoding():
        check_sizes(params, compressed=is_compressed(version))
        program, options = converter.decoder(converter.model(**params))
    kept = 0
    for index, item in enumerate(program.items):
        if isinstance(item, SamplexItem):
            where = f"Item {index} of the program"
            check_declared_sizes(item, where)
            item.samplex.finalize()
            kept = check_drawing(item, where, kept)
    schema = converter.model.model_fields["options"].annotation
    complete_options("executor", options, params.get("options") or {}, schema)
    return ExecutorRequest(
        program,
        options,
        version,
        described.get("passthrough_data"),
        described.get("semantic_role"),
    )
