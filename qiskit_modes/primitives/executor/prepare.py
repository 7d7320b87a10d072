"""Preparation of an executor's job: the arguments of ``run()``, read, checked and counted."""

from __future__ import annotations

from functools import partial
from typing import Any

from qiskit.providers import BackendV2
from samplomatic.quantum_program import QuantumProgram

from qiskit_modes.primitives.backends.seed import draw_seed
from qiskit_modes.primitives.executor.executor_job import ExecutorJob
from qiskit_modes.primitives.executor.options import resolve_executor_options
from qiskit_modes.primitives.executor.program_input import coerce_quantum_program
from qiskit_modes.primitives.executor.semantic_role import decoder_of
from qiskit_modes.primitives.executor.width import check_program
from qiskit_modes.primitives.inputs.isa import warn_of_broken
from qiskit_modes.primitives.inputs.job_limits import check_memory_of_drawn, check_results
from qiskit_modes.primitives.layers.layer_noise import warn_absent
from qiskit_modes.primitives.prepared_job import PreparedJob
from qiskit_modes.primitives.programs.compile import drawn_of

__all__ = ["prepare_executor_job"]


def prepare_executor_job(
    program: Any, options: Any, backend: BackendV2, *, decoded: bool
) -> PreparedJob:
    """Check everything that an executor is given, and return its job.

    Args:
        program: See `coerce_quantum_program`.
        options: See `resolve_executor_options`.
        backend: The backend to simulate.
        decoded: Whether the result of a program that upstream's client prepared from PUBs is what
            the client makes of it, and not the program's own.

    Raises:
        InvalidInputError: If something cannot be run; the message names the item.
        NotISAError: If a circuit is not in the backend's instruction set.
        UnsupportedOptionError: If an option was set that cannot be honoured.
    """
    resolved = resolve_executor_options(options, backend)
    checked = coerce_quantum_program(program, backend)
    items, shots = checked.program.items, checked.program.shots
    circuits = [item.circuit for item in items]
    bits = [sum(register.size for register in circuit.cregs) for circuit in circuits]
    # Each bit is a byte of the result.
    check_results(zip([shots * item.size() for item in items], bits, strict=True), "Item")
    if resolved.layer_noise is not None and resolved.warn_absent:
        warn_absent(resolved.layer_noise, circuits)
    warn_of_broken(checked.fingerprints, backend)
    decode = decoder_of(checked.program) if decoded else None
    seed = draw_seed(resolved.seed, backend)
    return PreparedJob(
        primitive="executor",
        options=resolved,
        steps=ExecutorJob(checked, resolved, backend, seed, decode),
        inputs={"quantum_program": checked.program},
        circuits=[(f"the circuit of item {n}", circuit) for n, circuit in enumerate(circuits)],
        executions=checked.executions,
        check_simulation=partial(_check_simulation, checked.program, backend),
    )


def _check_simulation(program: QuantumProgram, backend: BackendV2) -> None:
    """Raise if what is executed is too wide, or too much."""
    check_memory_of_drawn(
        drawn_of(item, program.shots, f"Item {index}") for index, item in enumerate(program.items)
    )
    check_program(program, backend)
