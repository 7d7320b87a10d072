"""Events that happen to a QPU's scheduler. Names are in the past tense: facts, not wishes."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit_modes.scheduling.job import Fault
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.workload import Mode

__all__ = [
    "CalibrationDue",
    "CancelRequested",
    "Event",
    "InstanceChanged",
    "JobCompiled",
    "JobExecuted",
    "JobFailed",
    "JobPostProcessed",
    "JobSubmitted",
    "MaintenanceBegan",
    "TimePassed",
    "UsageChanged",
    "WorkloadCancelled",
    "WorkloadClosed",
    "WorkloadExpired",
    "WorkloadOpened",
]


@dataclass(frozen=True)
class WorkloadOpened:
    """A session or a batch was asked for. Answered by `Refuse` if the plan forbids it."""

    workload_id: str
    mode: Mode
    instance: Instance
    max_ttl_seconds: float | None = None
    """What the user asked for; None for the plan's maximum."""


@dataclass(frozen=True)
class WorkloadClosed:
    """Its user closed a session or batch: nothing more is accepted, what is there still runs."""

    workload_id: str


@dataclass(frozen=True)
class WorkloadCancelled:
    """Its user cancelled a session or batch: what has not started will not run."""

    workload_id: str


@dataclass(frozen=True)
class WorkloadExpired:
    """The maximum TTL of a session or batch is over before its time; for tests."""

    workload_id: str


@dataclass(frozen=True)
class JobSubmitted:
    """A job was handed in. Answered by `Refuse` if its workload takes no more jobs."""

    job_id: str
    instance: Instance
    workload_id: str | None = None
    """The session or batch it belongs to; None for job mode."""
    max_execution_seconds: float | None = None
    """The job's own limit on its time on the QPU."""


@dataclass(frozen=True)
class JobCompiled:
    """The step asked for by `Compile` has succeeded."""

    job_id: str


@dataclass(frozen=True)
class JobExecuted:
    """The step asked for by `Execute` has succeeded: the QPU has done its part."""

    job_id: str


@dataclass(frozen=True)
class JobPostProcessed:
    """The step asked for by `PostProcess` has succeeded: the result is there."""

    job_id: str


@dataclass(frozen=True)
class JobFailed:
    """The step that was under way has ended without success, or was abandoned."""

    job_id: str
    fault: Fault
    reason: str
    code: int | None = None


@dataclass(frozen=True)
class CancelRequested:
    """Its user cancelled a job. Answered by `Refuse` if the job has already ended."""

    job_id: str


@dataclass(frozen=True)
class CalibrationDue:
    """The QPU wants to be calibrated between two jobs; never within a session."""

    duration_seconds: float


@dataclass(frozen=True)
class MaintenanceBegan:
    """The QPU is taken out of service: what is on it ends, nothing more gets it meanwhile."""

    duration_seconds: float


@dataclass(frozen=True)
class InstanceChanged:
    """An instance has other limits, or another plan, for all that it has and will have.

    The TTLs of what is open stay as they are.
    """

    instance: Instance


@dataclass(frozen=True)
class UsageChanged:
    """Another scheduler has changed the ledger, and asked by `LookAgain` that this one looks."""

    instance_id: str


@dataclass(frozen=True)
class TimePassed:
    """Nothing happened but time: a deadline may have been reached.

    Whoever tells the time has told before of every step that ended by then: what ends at the very
    moment of its limit has not exceeded it.
    """


Event = (
    WorkloadOpened
    | WorkloadClosed
    | WorkloadCancelled
    | WorkloadExpired
    | JobSubmitted
    | JobCompiled
    | JobExecuted
    | JobPostProcessed
    | JobFailed
    | CancelRequested
    | CalibrationDue
    | MaintenanceBegan
    | InstanceChanged
    | UsageChanged
    | TimePassed
)
