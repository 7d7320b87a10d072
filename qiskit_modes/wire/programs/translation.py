"""The service's programs, translated to this package's primitives."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2

from qiskit_modes.modes import Session
from qiskit_modes.primitives import (
    EstimatorV2,
    Executor,
    NoiseLearner,
    NoiseLearnerV3,
    RuntimeJobV2,
    SamplerV2,
)
from qiskit_modes.primitives.encoding.program_results import older_learned_text
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.warn import answering_a_request
from qiskit_modes.wire.api_error import ApiError, Code, as_api_errors
from qiskit_modes.wire.job_request import JobRequest
from qiskit_modes.wire.programs.executor_program import read_executor_params
from qiskit_modes.wire.programs.noise_learner_program import (
    read_noise_learner_params,
)
from qiskit_modes.wire.programs.openqasm import read_openqasm

__all__ = ["PROGRAMS", "Submission", "run_program"]


@dataclass(frozen=True)
class Submission:
    """A request to run a program, read and checked as far as it is the same for all programs."""

    request: JobRequest
    params: dict[str, Any]
    """The program's parameters, with their circuits and arrays."""
    mode: Session | BackendV2
    """Where it is to run."""
    tags: tuple[str, ...]
    next_seed: Callable[[], int | None]
    """Gives the seed of a job that has none of its own."""
    _drawn: list[int | None] = field(default_factory=list)

    def seed(self) -> int | None:
        """Return the seed that the service chooses for this job; the same each time."""
        if not self._drawn:
            self._drawn.append(self.next_seed())
        return self._drawn[0]

    def answered(self, **changes: Any) -> JobRequest:
        """Return the request as its job keeps it: with the seed that was chosen, if one was."""
        seed = self._drawn[0] if self._drawn else self.request.seed
        return replace(self.request, seed=seed, **changes)


def run_program(submission: Submission) -> RuntimeJobV2:
    """Submit a job; does not wait for it.

    Raises:
        ApiError: If there is no such program, or it cannot be run with these parameters.
    """
    program = PROGRAMS.get(submission.request.program_id)
    if program is None:
        raise ApiError(
            404,
            Code.NOT_FOUND,
            f"There is no program {submission.request.program_id!r} here; there is "
            f"{', '.join(sorted(PROGRAMS))}",
        )
    # A request comes from nowhere: no `with` block stands around it, wherever it is met.
    with as_api_errors():
        return contextvars.Context().run(_answered, program, submission)


def _answered(
    program: Callable[[Submission], RuntimeJobV2], submission: Submission
) -> RuntimeJobV2:
    with answering_a_request():
        return program(submission)


def _run_sampler(submission: Submission) -> RuntimeJobV2:
    sampler = SamplerV2(submission.mode, _options(submission))
    sampler.request = submission.answered()
    return sampler.run(_pubs(submission))


def _run_estimator(submission: Submission) -> RuntimeJobV2:
    estimator = EstimatorV2(submission.mode, _options(submission))
    # Upstream's client-side estimator sends programs for the executor.
    estimator.older = True
    estimator.request = submission.answered()
    return estimator.run(_pubs(submission))


def _run_executor(submission: Submission) -> RuntimeJobV2:
    asked = read_executor_params(submission.params)
    options = asked.options
    seed = asked.seed()
    if seed is not None and type(seed) is not int:
        raise ApiError(
            400, Code.INVALID, f"seed_simulator must be a whole number, not {str(seed)[:50]!r}"
        )
    options.simulator.seed_simulator = submission.seed() if seed is None else seed
    options.experimental = {k: v for k, v in options.experimental.items() if k != "seed_simulator"}
    options.max_execution_time = submission.request.max_execution_seconds
    options.environment.job_tags = list(submission.tags)
    executor = Executor(submission.mode, options)
    executor.request = submission.answered(encode_result=asked.encode_result)
    return executor.run(asked.program)


def _run_noise_learner(submission: Submission) -> RuntimeJobV2:
    if "schema_version" not in submission.params:
        return _run_older_noise_learner(submission)
    asked = read_noise_learner_params(submission.params)
    options = asked.options
    options.max_execution_time = submission.request.max_execution_seconds
    options.environment.job_tags = list(submission.tags)
    learner = NoiseLearnerV3(submission.mode, options)
    learner.request = submission.answered(encode_result=asked.encode_result)
    return learner.run(asked.instructions)


def _run_older_noise_learner(submission: Submission) -> RuntimeJobV2:
    learner = NoiseLearner(submission.mode, _learner_options(submission))
    learner.request = submission.answered(encode_result=older_learned_text)
    return learner.run(_circuits(submission))


PROGRAMS: dict[str, Callable[[Submission], RuntimeJobV2]] = {
    "estimator": _run_estimator,
    "executor": _run_executor,
    "noise-learner": _run_noise_learner,
    "sampler": _run_sampler,
}
"""How to run each program."""


def _pubs(submission: Submission) -> list[Any]:
    """Return the PUBs of a primitive; what is wrong in one of them the primitive says."""
    params = submission.params
    if params.get("version", 2) != 2:
        raise ApiError(
            400,
            Code.INVALID,
            f"version is {params['version']!r}, but only version 2 of the primitives exists here; "
            "use the V2 primitives",
        )
    unknown = set(params) - {"options", "pubs", "resilience_level", "support_qiskit", "version"}
    if unknown or not isinstance(params.get("pubs"), list):
        raise ApiError(
            400,
            Code.INVALID,
            "Expected the parameters pubs (a list), options, resilience_level, version and "
            f"support_qiskit; found {', '.join(sorted(params)) or 'none'}",
        )
    mode = submission.mode
    backend = mode.record.backend if isinstance(mode, Session) else mode
    return [_pub(pub, number, backend) for number, pub in enumerate(params["pubs"])]


def _pub(pub: Any, number: int, backend: BackendV2) -> Any:
    """Return a PUB in the form of the primitives; its circuit may be OpenQASM 3 text."""
    parts = list(pub) if isinstance(pub, list) else [pub]
    if parts and isinstance(parts[0], str):
        where = f"the circuit of PUB {number}"
        parts[0] = read_openqasm(parts[0], describe(backend).num_qubits, where)
    return tuple(parts) if isinstance(pub, list) else parts[0]


def _circuits(submission: Submission) -> list[QuantumCircuit]:
    """Return the circuits of the older noise learner."""
    params = submission.params
    circuits = params.get("circuits")
    unknown = set(params) - {"circuits", "options", "version"}
    if unknown or params.get("version") not in (None, 2) or not isinstance(circuits, list):
        raise ApiError(
            400,
            Code.INVALID,
            "Expected the parameters circuits (a list), options and version (2) of the older "
            "NoiseLearner, or a schema_version, which NoiseLearnerV3 sends; found "
            f"{', '.join(sorted(params)) or 'none'}",
        )
    for index, circuit in enumerate(circuits):
        if not isinstance(circuit, QuantumCircuit):
            raise ApiError(
                400,
                Code.INVALID,
                f"circuits[{index}] is a {type(circuit).__name__}, and only circuits in QPY are "
                "read here, as the client sends them",
            )
    return circuits


def _learner_options(submission: Submission) -> dict[str, Any]:
    """Return the options of the older noise learner: those that the user set, and no others."""
    options = _options(submission, seeded=False)
    options.pop("support_qiskit", None)
    return options


_NO_NOISE_MODEL = (
    "simulator.noise_model must be left unset here: a noise model cannot travel, because what the "
    "client sends of it leaves out what its passes do, such as the relaxation during delays. Open "
    "the service with a backend that has it, as backends={'noisy': AerSimulator(noise_model=...)}, "
    "or use the primitives of qiskit_modes, which take it"
)


def _options(submission: Submission, *, seeded: bool = True) -> dict[str, Any]:
    """Return the options of a primitive: those that the user set, and no others.

    Args:
        submission: The request.
        seeded: Whether a job without a seed of its own gets the service's next one.
    """
    options = submission.params.get("options") or {}
    if not isinstance(options, Mapping):
        raise ApiError(400, Code.INVALID, f"options must be an object, not {options!r}")
    options = dict(options)
    if submission.params.get("resilience_level") is not None:
        options["resilience_level"] = submission.params["resilience_level"]
    if submission.request.max_execution_seconds is not None:
        options["max_execution_time"] = submission.request.max_execution_seconds
    if submission.tags:
        options["environment"] = {"job_tags": list(submission.tags)}
    simulator = options.get("simulator") or {}
    if not isinstance(simulator, Mapping):
        return options
    if simulator.get("noise_model") is not None:
        raise ApiError(400, Code.INVALID, _NO_NOISE_MODEL)
    own = (simulator.get("seed_simulator"), options.get("seed_estimator"))
    seed = submission.seed() if seeded and own == (None, None) else None
    if seed is not None:
        options["simulator"] = {**simulator, "seed_simulator": seed}
    return options
