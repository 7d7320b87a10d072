"""What comes of circuits by a sampler, an estimator and an executor, and by a worker's cache."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

import numpy as np
from qiskit import QuantumCircuit, qpy
from qiskit_ibm_runtime import QuantumProgram

from qiskit_modes.exceptions import NotISAError, QiskitModesError
from qiskit_modes.primitives.estimator.prepare import prepare_estimator_job
from qiskit_modes.primitives.executor.program_input import coerce_quantum_program
from qiskit_modes.primitives.programs.compile import compile_quantum_program
from qiskit_modes.primitives.sampler.prepare import prepare_sampler_job
from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.simulation import Program
from tests.simulation.devices import device

__all__ = ["outcomes"]

OPTIONS = {"simulator": {"seed_simulator": 3}}

_sent: set[str] = set()
"""The circuits that this process, as its own worker, knows."""


def programs(name: str, circuit: QuantumCircuit) -> Iterator[Program]:
    """Yield what a sampler, an estimator and an executor make of a circuit."""
    backend = device(name)
    values = [0.3 * (k + 1) for k in range(circuit.num_parameters)]
    yield prepare_sampler_job([(circuit, values)], OPTIONS, backend, shots=32).steps.compile()[0]
    options = {**OPTIONS, "resilience_level": 0, "default_shots": 32}
    pub = (circuit, ["IIIIZ", "IIXZI"], values)
    yield prepare_estimator_job([pub], options, backend, precision=None).steps.compile()[0]
    program = QuantumProgram(shots=32)
    program.append_circuit_item(circuit, circuit_arguments=np.array(values))
    checked = coerce_quantum_program(program, backend)
    contents = checked.fingerprints
    yield compile_quantum_program(checked.program, backend, seed=3, fingerprints=contents).program


def outcomes(name: str, circuits: list[bytes]) -> list[list[str]]:
    """Return for each circuit, in order, digests of the bits that each primitive gets."""
    found = []
    for data in circuits:
        (circuit,) = qpy.load(io.BytesIO(data))
        digests = []
        try:
            digests.extend(map(executed, programs(name, circuit)))
        except (QiskitModesError, NotISAError) as error:
            digests.append(type(error).__name__)
        found.append(digests)
    return found


def executed(program: Program) -> str:
    """Execute a program as a worker does that keeps the circuits that it was sent."""
    new = {key: each for key, each in program.circuits.items() if key not in _sent}
    lean = program._replace(circuits=new)
    done = worker_process.run(lean, tuple(program.circuits))
    if not isinstance(done, worker_process.Execution):  # it has forgotten some
        done = worker_process.run(program, tuple(program.circuits))
    assert isinstance(done, worker_process.Execution)
    _sent.update(program.circuits)
    digest = hashlib.blake2b(digest_size=12)
    for run in done.samples.runs:
        for register, bits in sorted(run.registers.items()):
            digest.update(register.encode() + repr(bits.shape).encode() + bits.tobytes())
    return digest.hexdigest()
