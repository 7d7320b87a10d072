"""Names and times as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from qiskit_modes.runtime.progress.outlook import clock_face
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.scheduling import Mode, WorkloadState
from qiskit_modes.simulation.backends.names import machine_name

__all__ = [
    "Owner",
    "day_of",
    "duration",
    "name_of",
    "owner_of_job",
    "owner_of_workload",
    "plural",
    "short",
    "state_of",
    "whole_moment",
]

_COLOURS = 6
"""Of the style."""


@dataclass(frozen=True)
class Owner:
    """Owner of jobs: a session, a batch, or the job mode of an instance."""

    mode: str
    id: str
    """Of the workload; of job mode, the instance."""
    instance: str
    colour: str
    """A class of the style: the same for as long as the workload is known."""

    @property
    def name(self) -> str:
        """Name, short enough for a row."""
        return "job mode" if self.mode == Mode.JOB else f"{self.mode} {short(self.id)}"

    @property
    def address(self) -> str | None:
        """Address of its page; job mode has none."""
        return None if self.mode == Mode.JOB else f"/ui/workloads/{self.id}"


def owner_of_workload(record: WorkloadRecord) -> Owner:
    """Return a session or batch as the owner of its jobs."""
    core = record.core
    return Owner(str(core.mode), core.id, core.instance.id, f"c{core.number % _COLOURS}")


def owner_of_job(record: JobRecord) -> Owner:
    """Return whose a job is."""
    if record.workload is not None:
        return owner_of_workload(record.workload)
    return Owner(str(Mode.JOB), record.instance.id, record.instance.id, "cj")


def name_of(qpu: QPU) -> str:
    """Return the name under which users know a QPU: that of the machine, if it is a fake's."""
    return machine_name(qpu.name)


def short(identifier: str) -> str:
    """Return the first piece of an id: enough to tell a handful of them apart."""
    return identifier.partition("-")[0][:12]


def duration(seconds: float | None) -> str:
    """Return a duration with the digits that matter.

    >>> duration(0.0123), duration(4.56), duration(75), duration(0), duration(None)
    ('12 ms', '4.6 s', '1:15', '0 s', '–')
    """
    if seconds is None:
        return "–"
    if not seconds:
        return "0 s"
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return clock_face(seconds)


def day_of(at: int) -> str:
    """Return the day of a time in microseconds since 1970, in UTC.

    >>> day_of(86_400_000_000)
    '1970-01-02'
    """
    return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d")


def plural(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> plural(1, "job"), plural(3, "job")
    ('1 job', '3 jobs')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def state_of(record: WorkloadRecord) -> str:
    """Return the state of a session or batch."""
    core = record.core
    if core.state is not WorkloadState.CLOSED and not core.accepting_jobs:
        return "closing"
    return str(core.state)


def whole_moment(at: datetime) -> str:
    """Return a time with its day, in the time zone of the server."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
