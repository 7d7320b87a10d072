"""Estimates of what hardware would charge: IBM's published formula, and the quick one.

A job is charged for a fixed overhead, and for each execution of a circuit its duration, the
repetition delay and the reset of its qubits. A batch is charged the sum of its jobs; a session the
time by the wall clock, so that everything between its jobs counts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.durations import seconds_of
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning.estimate.circuit_duration import CircuitDuration, known_duration
from qiskit_modes.planning.estimate.inputs import read_job
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.quick_estimate import (
    CIRCUIT_SECONDS,
    OVERHEAD_SECONDS,
    REP_DELAY_SECONDS,
    quick_estimate,
)
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.runtime.steps import CircuitExecutions, Steps
from qiskit_modes.scheduling import Mode, Plan
from qiskit_modes.simulation.backends.kinds import describe

__all__ = ["CircuitEstimate", "UsageEstimate", "estimate_steps", "estimate_usage"]


@dataclass(frozen=True)
class CircuitEstimate:
    """Time that one circuit of a job takes on the QPU."""

    pub: int
    """Which PUB it is for, counted from 0."""
    purpose: str
    """What it is executed for, such as the basis that it measures; often empty."""
    executions: int
    """Shots of all parameter sets together."""
    circuit_seconds: float
    """Duration of the circuit itself."""
    repetition_seconds: float
    """From one execution to the next: reset, circuit and delay."""

    @property
    def seconds(self) -> float:
        """All executions together."""
        return self.executions * self.repetition_seconds


@dataclass(frozen=True)
class UsageEstimate:
    """Estimate of what a job, or several equal ones, would be charged in each mode.

    ``str()`` of it is a summary in some lines.
    """

    backend: str
    job_seconds: float
    """What one job is charged in job mode."""
    jobs: int
    """How many such jobs there are."""
    mode_seconds: dict[str, float]
    """What all of them are charged as ``"job"``, ``"batch"`` and ``"session"``."""
    quick_seconds: float
    """What one job is charged by the quick formula: 2 s, and 0.35 ms for each execution."""
    mode: str | None
    """The mode that was asked for."""
    overhead_seconds: float
    """Of each job, beside its circuits."""
    circuits: tuple[CircuitEstimate, ...]
    assumptions: tuple[str, ...]
    """Everything that was assumed, a sentence each."""

    @property
    def seconds(self) -> float:
        """Seconds charged for all jobs in the mode that was asked for, or else in job mode."""
        return self.mode_seconds[self.mode or Mode.JOB.value]

    @property
    def executions(self) -> int:
        """Number of times that one job executes a circuit, all circuits together."""
        return _executions(self.circuits)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {**asdict(self), "seconds": self.seconds, "executions": self.executions}

    def __str__(self) -> str:
        many = f", {self.jobs} jobs" if self.jobs > 1 else ""
        lines = [f"Estimated usage on {self.backend}{many}:"]
        lines += [f"  as {mode:<8} {secs:12,.1f} s" for mode, secs in self.mode_seconds.items()]
        lines.append(
            f"One job: {self.executions:,} executions, {self.job_seconds:,.2f} s; "
            f"{self.quick_seconds:,.2f} s by the quick formula."
        )
        lines.append("Assumed:")
        lines += [f"- {each}" for each in self.assumptions]
        return "\n".join(lines)


def estimate_usage(
    pubs: Iterable[Any],
    backend: BackendV2,
    options: Any = None,
    mode: Any = None,
    *,
    primitive: str | None = None,
    shots: int | None = None,
    precision: float | None = None,
    jobs: int = 1,
    classical_time: float | str = 0.0,
    thinking_time: float | str = 0.0,
) -> UsageEstimate:
    """Estimate what hardware would charge for a job, without running anything.

    Args:
        pubs: What would be passed to ``run()`` of a sampler or an estimator.
        backend: The backend; its target tells how long the instructions take.
        options: What would be passed to the primitive.
        mode: ``"job"``, ``"batch"`` or ``"session"``, or a `Session` or `Batch`: which figure the
            answer's ``seconds`` is. All three are in the answer.
        primitive: ``"sampler"`` or ``"estimator"``; None to tell by the options and the PUBs.
        shots: As of a sampler's ``run()``.
        precision: As of an estimator's ``run()``.
        jobs: How many such jobs there are, one after another, such as an optimizer's iterations.
        classical_time: How long each job is compiled and post-processed, for sessions.
        thinking_time: From a result to the next submission, in seconds or as text, ``"1m 30s"``.

    Raises:
        InvalidInputError: If the primitive could not run this; see there.

    Example:
        >>> from qiskit import QuantumCircuit, generate_preset_pass_manager
        >>> from qiskit_ibm_runtime.fake_provider import FakeTorino
        >>> bell = QuantumCircuit(2)
        >>> _ = bell.h(0), bell.cx(0, 1), bell.measure_all()
        >>> isa = generate_preset_pass_manager(1, FakeTorino(), seed_transpiler=1).run(bell)
        >>> estimate = estimate_usage([isa], FakeTorino(), shots=8000)
        >>> round(estimate.seconds, 2), round(estimate.quick_seconds, 2)
        (4.03, 4.8)
    """
    name = _mode_name(mode)
    job = read_job(pubs, backend, options, primitive, shots=shots, precision=precision)
    circuits, assumptions = _circuits(job.steps.executions(), backend, job.options.rep_delay)
    assumptions.append(_what_is_counted(circuits, job.primitive))
    job_seconds = OVERHEAD_SECONDS + sum(each.seconds for each in circuits)
    classical, thinking = seconds_of(classical_time), seconds_of(thinking_time)
    modes, more = _modes(job_seconds, jobs, classical, thinking)
    return UsageEstimate(
        backend=describe(backend).name,
        job_seconds=job_seconds,
        jobs=jobs,
        mode_seconds=modes,
        quick_seconds=quick_estimate(job.options.rep_delay, sum(c.executions for c in circuits)),
        mode=name,
        overhead_seconds=OVERHEAD_SECONDS,
        circuits=tuple(circuits),
        assumptions=(*assumptions, *more),
    )


def _what_is_counted(circuits: Sequence[CircuitEstimate], primitive: str) -> str:
    calibrations = [each for each in circuits if each.purpose == "calibration"]
    others = [each for each in circuits if each.purpose != "calibration"]
    noun = "circuit is" if len(others) == 1 else "circuits are"
    text = f"{len(others)} {noun} executed {_executions(others):,} times"
    if calibrations:
        whose = "its" if len(others) == 1 else "their"
        text += f", the calibration of {whose} measurements {_executions(calibrations):,} times"
    return (
        f"{text}, as the {primitive} prepares them here: measurement bases, randomisations and "
        "noise factors are counted."
    )


def _executions(circuits: Iterable[CircuitEstimate]) -> int:
    return sum(each.executions for each in circuits)


def estimate_steps(job: JobRecord, steps: Steps) -> float | None:
    """Return what hardware would charge for a job that was submitted, in seconds.

    Args:
        job: What the runtime keeps of it.
        steps: What it does.

    Returns:
        None if its steps do not tell what will be executed.
    """
    planned = steps.executions()
    if not planned:
        return None
    options = {} if job.inputs is None else job.inputs.get("options", {})
    rep_delay = options.get("execution", {}).get("rep_delay")
    circuits, _ = _circuits(planned, job.backend, rep_delay)
    return OVERHEAD_SECONDS + sum(each.seconds for each in circuits)


def _circuits(
    planned: Sequence[CircuitExecutions], backend: BackendV2, rep_delay: float | None
) -> tuple[list[CircuitEstimate], list[str]]:
    """Return the estimate of each circuit, and what was assumed."""
    assumptions = [
        (
            f"The job is one piece on the QPU, with an overhead of {OVERHEAD_SECONDS:g} s; the "
            "service may divide a large one, which adds that overhead for each piece."
        )
    ]
    usual = getattr(backend, "default_rep_delay", None)
    if rep_delay is not None:
        delay = rep_delay
        assumptions.append(f"rep_delay is {delay * 1e6:g} µs, as the options say.")
    elif usual is not None:
        delay = usual
        assumptions.append(f"rep_delay is {delay * 1e6:g} µs, the backend's default.")
    else:
        delay = REP_DELAY_SECONDS
        assumptions.append(f"rep_delay is {delay * 1e6:g} µs; the backend does not tell its own.")
    reset = _reset_seconds(backend)
    assumptions.append(
        f"Before each execution all qubits are reset at once, which takes {reset * 1e6:.3g} µs."
        if reset
        else "The reset before each execution takes no time: the target has no duration for it."
    )
    instructions = instruction_set_of(backend)
    circuits = []
    for each in planned:
        duration = _duration(known_duration(each.circuit, each.content, instructions))
        assumptions += [text for text in duration.assumptions if text not in assumptions]
        circuits.append(
            CircuitEstimate(
                each.pub,
                each.purpose,
                each.executions,
                duration.seconds,
                reset + duration.seconds + delay,
            )
        )
    return circuits, assumptions


def _duration(duration: CircuitDuration) -> CircuitDuration:
    if duration.seconds or not duration.assumptions:
        return duration
    return CircuitDuration(
        CIRCUIT_SECONDS,
        (
            (
                f"The backend does not tell how long its instructions take: a circuit counts "
                f"{CIRCUIT_SECONDS * 1e6:g} µs, as in the quick formula."
            ),
        ),
    )


def _reset_seconds(backend: BackendV2) -> float:
    """Return the longest reset of any qubit; 0 where the target does not say."""
    target = backend.target
    if "reset" not in target.operation_names:
        return 0.0
    known = [each.duration for each in target["reset"].values() if each is not None]
    return max((seconds for seconds in known if seconds is not None), default=0.0)


def _modes(
    job_seconds: float, jobs: int, classical: float, thinking: float
) -> tuple[dict[str, float], list[str]]:
    """Return the usage of several equal jobs in each mode, and what was assumed."""
    if jobs < 1:
        raise InvalidInputError(f"jobs must be at least 1, not {jobs}")
    idle = Plan().session_interactive_ttl_seconds
    together = jobs * job_seconds
    session = together + jobs * classical + (jobs - 1) * min(thinking, idle)
    assumptions = [
        "A batch is charged what its jobs have the QPU; compiling and waiting cost nothing.",
        (
            "A session is charged by the wall clock: "
            f"{_session_sum(job_seconds, jobs, classical, min(thinking, idle))} = {session:,.1f} "
            "s; its jobs come one after another, and it is closed when the last one has ended."
        ),
    ]
    if thinking > idle and jobs > 1:
        assumptions.append(
            f"A session that is idle for {idle:g} s becomes inactive and is charged no longer; its "
            "next job waits in the queue."
        )
    seconds = {Mode.JOB: together, Mode.BATCH: together, Mode.SESSION: session}
    return {mode.value: value for mode, value in seconds.items()}, assumptions


def _session_sum(job_seconds: float, jobs: int, classical: float, thinking: float) -> str:
    """Return of what a session's time is made: a sum that can be checked by hand."""
    one = f"{job_seconds:,.2f} s on the QPU + {classical:g} s compiled and post-processed"
    if jobs == 1:
        return one
    return f"{jobs} × ({one}) + {jobs - 1} × {thinking:g} s from a result to the next job"


def _mode_name(mode: Any) -> str | None:
    from qiskit_modes.modes import Session

    if mode is None:
        return None
    if isinstance(mode, Session):
        return mode.record.core.mode.value
    if isinstance(mode, BackendV2):
        return Mode.JOB.value
    if mode in {each.value for each in Mode}:
        return str(mode)
    raise InvalidInputError(
        f'mode must be "job", "batch", "session", a Session, a Batch or None, not {mode!r}'
    )
