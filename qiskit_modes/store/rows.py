"""Rows of a store, as plain dataclasses; and what jobs are looked for by.

Times are whole microseconds since 1970 in UTC: exact, whatever clock they were read from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

__all__ = [
    "BODY_KINDS",
    "UNFINISHED",
    "HeadRow",
    "JobQuery",
    "JobRow",
    "ListedJob",
    "UsageRow",
    "WorkloadQuery",
    "WorkloadRow",
    "is_storable",
    "microseconds",
    "moment",
]

UNFINISHED = "unfinished"
"""Ending of a job that has none yet; the others are completed, failed and cancelled."""

BODY_KINDS = ("params", "result", "error")
"""What may be long and is kept beside a job: the program's parameters, the result, a traceback."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def is_storable(text: str) -> bool:
    r"""Return whether text can be in a row: not every database takes NUL, and UTF-8 no surrogates.

    >>> is_storable("any text"), is_storable("\0"), is_storable("\ud800")
    (True, False, False)
    """
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def microseconds(at: datetime) -> int:
    """Return an aware time as a row has it.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (at - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """Return the aware time, in UTC, that a row has."""
    return _EPOCH + timedelta(microseconds=at)


@dataclass(frozen=True)
class HeadRow:
    """A process that uses a store: what it has under way is its own."""

    id: str
    host: str
    """Name of the machine, and of what separates its processes from others there."""
    process_id: int
    """0 if the process has left the store, and something unfinished in it."""
    process_started: float
    """When the process began, as the system says; ids are used again."""
    serves: bool
    """Whether it is a server, of which a store has one at a time."""
    began_at: int
    seen_at: int
    """When it last gave a sign of life."""
    ended_at: int | None = None


@dataclass(frozen=True)
class JobRow:
    """A job, as it was submitted and as it ended."""

    id: str
    head: str
    """The process in which it is, or was last."""
    instance: str
    qpu: str
    program: str
    """The service's name of its program, such as ``"sampler"``."""
    created_at: int
    workload: str | None = None
    """Id of its session or batch; None in job mode."""
    ending: str = UNFINISHED
    is_final: bool = False
    """Whether nothing about it will change: it has ended, and is out of the QPU."""
    ended_at: int | None = None
    tags: tuple[str, ...] = ()
    submission_key: str | None = None
    """What its sender gave along so that it is one job however often it is sent."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What is not looked for: JSON."""
    size: int = 0
    """Bytes of what is kept beside it; filled in when a row is read."""


class ListedJob(NamedTuple):
    """A job of which nothing but its tags changes any more, as lists have it."""

    text: str
    """What lists say of it but its tags: the text of a JSON object."""
    tags: tuple[str, ...]


@dataclass(frozen=True)
class WorkloadRow:
    """A session or batch with its timeline."""

    id: str
    head: str
    instance: str
    qpu: str
    mode: str
    opened_at: int
    closed_at: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What is not looked for: JSON."""


@dataclass(frozen=True)
class UsageRow:
    """Seconds that an instance was charged, once for each source and part."""

    source: str
    """Id of the job, or of the session."""
    part: int
    """0 for a job; the number of its window for a session."""
    instance: str
    ended_at: int
    seconds: float


@dataclass(frozen=True)
class JobQuery:
    """Jobs that are looked for; what is None does not matter."""

    qpu: str | None = None
    pending: bool | None = None
    """True for those that have not ended, False for those that have."""
    program: str | None = None
    instance: str | None = None
    tags: frozenset[str] = frozenset()
    """Only those that have all of these."""
    workload: str | None = None
    beside: str | None = None
    """Only those that are not of this session or batch."""
    created_from: int | None = None
    created_to: int | None = None
    newest_first: bool = False
    skip: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class WorkloadQuery:
    """Workloads of all modes that are looked for together; what is None does not matter.

    Those of job mode are single jobs.
    """

    modes: frozenset[str] | None = None
    """Names of modes; ``"job"`` is one."""
    instances: frozenset[str] | None = None
    qpus: frozenset[str] | None = None
    text: str = ""
    """Part of the id, or of a tag, in whatever case."""
    is_open: bool | None = None
    """True for those that go on, False for those that have ended."""
    endings: tuple[tuple[str, tuple[int, ...], bool], ...] | None = None
    """How jobs of job mode have ended, one of these: the ending, codes, and whether one of the
    codes is meant or none of them. Sessions and batches do not end so."""
    skip: int = 0
    limit: int | None = None
