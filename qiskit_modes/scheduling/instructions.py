"""Instructions, which a scheduler wants done. Names are imperative.

`Compile`, `Execute` and `PostProcess` are each answered by exactly one event, when that step of
that job has ended: its success, or `JobFailed`. That stays so after an `Abandon`, which only asks
to make the end come soon.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from qiskit_modes.scheduling.job import Ending

__all__ = [
    "Abandon",
    "Announce",
    "Compile",
    "Execute",
    "Finish",
    "Instruction",
    "LookAgain",
    "PostProcess",
    "Refusal",
    "Refuse",
    "Wait",
]


@dataclass(frozen=True)
class Compile:
    """Take the job into a lane and prepare its program."""

    job_id: str


@dataclass(frozen=True)
class Execute:
    """Run the job's program: it holds the QPU lock from now on."""

    job_id: str


@dataclass(frozen=True)
class PostProcess:
    """Turn the job's samples into its result: it has released the QPU lock."""

    job_id: str


@dataclass(frozen=True)
class Abandon:
    """Stop the step that is under way if it can be stopped, and drop what it returns."""

    job_id: str


@dataclass(frozen=True)
class Finish:
    """Tell everyone who waits for the job how it ended. Given once per job."""

    job_id: str
    ending: Ending


class Refusal(Enum):
    """Reason why a request was turned down."""

    NOT_ACCEPTING = auto()
    """The session or batch is closed, or takes no more jobs."""
    PLAN = auto()
    """The plan of the instance does not allow it."""
    LIMIT = auto()
    """A limit that was asked for, or a number of jobs, exceeds what is allowed."""
    BUSY = auto()
    """There are as many as are allowed at a time: it is possible again once something has ended."""
    FULL = auto()
    """As much is kept as is allowed: it is possible again once something was deleted."""
    ALREADY_FINAL = auto()
    """The job has already ended."""


@dataclass(frozen=True)
class Refuse:
    """Turn a request down: nothing has changed."""

    subject_id: str
    """The job or workload that the request was about."""
    refusal: Refusal
    message: str


@dataclass(frozen=True)
class Wait:
    """Somebody whom a job waits for."""

    job_id: str
    blocker_id: str
    """A workload, a job, or ``CALIBRATION``."""
    reason: str
    """One clause: what the blocker is doing."""
    longest_seconds: float | None
    """The wait ends by itself after this time at the latest; None if no limit is known."""
    seconds_if_idle: float | None = None
    """It ends this soon if the blocker stays idle; None if the blocker is not idle."""


@dataclass(frozen=True)
class Announce:
    """Tell the user, once, why a job does not start."""

    wait: Wait


@dataclass(frozen=True)
class LookAgain:
    """Tell the other schedulers that share the ledger, by `UsageChanged`, that usage has changed.

    Given for instances with a limit: it may come sooner now, or be relieved.
    """

    instance_id: str


Instruction = Compile | Execute | PostProcess | Abandon | Finish | Refuse | Announce | LookAgain
