"""Programs that upstream's client prepared from PUBs, and what their results are decoded to.

Such a program says what it was prepared for, its semantic role, and upstream's client decodes the
result of a job accordingly: a program of role ``"estimator_v2"`` gives expectation values. The
role is part of the public schema in which programs are sent, and so is read there.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from typing import Any

from qiskit import QuantumCircuit
from qiskit_ibm_runtime import QuantumProgram as RuntimeQuantumProgram
from qiskit_ibm_runtime.options_models import ExecutorOptions
from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
from samplomatic.quantum_program import CircuitItem, QuantumProgram

from qiskit_modes.exceptions import InvalidInputError

__all__ = ["decoder_of", "semantic_role"]

_SCHEMA = "v2.0"
_MARK = "post_processor"
"""Upstream's preparation leaves what decoding needs under this key of the data passed through."""

_VERSION = "v0.1"
_DECODERS = {
    f"{role}_{number}": (
        f"qiskit_ibm_runtime.decoders.executor_{role}.post_processor_v0_1",
        f"{role}_{number}_post_processor_v0_1",
    )
    for role, number in (("sampler", "v2"), ("estimator", "v2"), ("noise_learner", "v3"))
}
"""Where upstream keeps what decodes the result of each role."""


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


def decoder_of(program: QuantumProgram) -> Callable[[Any], Any] | None:
    """Return what makes of a program's result that of the primitive it was prepared for.

    None for a program that somebody wrote, whose result stays as it is.

    Raises:
        InvalidInputError: If it was prepared for decoding in a way that is not known.
    """
    role = semantic_role(program)
    if role not in _DECODERS:
        return None
    version = program.passthrough_data[_MARK].get("version")
    if version != _VERSION:
        raise InvalidInputError(
            f"The program was prepared as {role!r} for a post-processor of version {version!r}, "
            f"but only {_VERSION!r} is known. Prepare it with the installed qiskit_ibm_runtime."
        )
    module, name = _DECODERS[role]
    decode: Callable[[Any], Any] = getattr(importlib.import_module(module), name)
    return decode
