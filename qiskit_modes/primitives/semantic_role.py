"""Programs that upstream's client prepared from PUBs, and what their results are decoded to.

Such a program says what it was prepared for, its semantic role, and upstream's client decodes the
result of a job accordingly: a program of role ``"estimator_v2"`` gives expectation values. The
role is part of the public schema in which programs are sent, and so is read there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from qiskit import QuantumCircuit
from qiskit_ibm_runtime import QuantumProgram as RuntimeQuantumProgram
from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS
from qiskit_ibm_runtime.options_models.executor import ExecutorOptions
from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
from samplomatic.quantum_program import CircuitItem, QuantumProgram

__all__ = ["decoder_of", "semantic_role"]

_SCHEMA = "v2.0"
_MARK = "post_processor"
"""Upstream's preparation leaves what decoding needs under this key of the data passed through."""


def semantic_role(program: QuantumProgram) -> str | None:
    """Return what a program was prepared for; None for one that somebody wrote."""
    if not isinstance(program, RuntimeQuantumProgram):
        return None
    if not isinstance(program.passthrough_data, dict) or _MARK not in program.passthrough_data:
        return None
    # Encoded without its own circuits, which say nothing about it and take long.
    bare = copy.copy(program)
    bare.items, bare.passthrough_data = [CircuitItem(QuantumCircuit())], None
    encoded = QUANTUM_PROGRAM_PARAMS_CONVERTERS[_SCHEMA].encoder(bare, ExecutorOptions())
    role = encoded.quantum_program.semantic_role
    return None if role is None else str(role)


def decoder_of(role: str | None) -> Callable[[Any], Any] | None:
    """Return what makes of a program's result that of the primitive it was prepared for."""
    for decoder in DEFAULT_DECODERS["executor"]:
        if role is not None and getattr(decoder, "SEMANTIC_ROLE", None) == role:
            decode: Callable[[Any], Any] = decoder.decode
            return decode
    return None
