"""The outlook of a job for who waits: how far it is, who has the QPU, what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_modes.scheduling.job import Executing
from qiskit_modes.scheduling.rules.waiting import CALIBRATION

if TYPE_CHECKING:
    from qiskit_modes.runtime.records import JobRecord
    from qiskit_modes.scheduling import Scheduler

__all__ = ["End", "Outlook", "clock_face", "take_outlook"]


@dataclass(frozen=True)
class End:
    """Something that will end by itself."""

    seconds: float
    """How long it lasts at most from now on."""
    what: str
    """What happens then, as a clause such as ``"session 1f0c64ae ends"``."""


@dataclass(frozen=True)
class Outlook:
    """State of a job at one moment, and of the workload that it belongs to."""

    subject: str
    """The workload, and the QPU that it is on."""
    done: int
    """How many of its jobs have ended."""
    total: int | None
    """How many jobs there will be; None if they come one by one."""
    holder: str
    """Who has the QPU, and for how long already."""
    next_end: End | None
    """Of everything that ends by itself and matters here, what ends first."""
    pieces: str = ""
    """How many of its pieces are done, and who has others, or who compiles it; empty where it is
    one piece, or is compiled in this process."""

    @property
    def count(self) -> str:
        """Number of jobs that are done, in words; empty where there is nothing to count."""
        if self.total is None:
            return f"{self.done} job{'s' * (self.done != 1)} done" if self.done else ""
        return f"{self.done}/{self.total} jobs done" if self.total > 1 else ""


def take_outlook(job: JobRecord, now: float, *, ended: int) -> Outlook:
    """Return how it stands for ``job``.

    May be called from any thread, also after the job has ended. It looks at few things, however
    many jobs are queued.

    Args:
        job: The one that is waited for.
        now: The present time of the runtime's clock.
        ended: In job mode nobody counts jobs; how many have ended while the user waited.
    """
    qpu, workload = job.qpu, job.workload
    under_way = job.under_way.split_program or job.under_way.step_item
    with qpu.mutex:
        scheduler = qpu.scheduler
        if workload is None:
            name = f"job {_short(job.id)}"
            unfinished = scheduler.unfinished.get(job.instance.id, 0)
            accepting = True
        else:
            core = workload.core
            name = f"{core.mode} {_short(core.id)}"
            unfinished = len(core.queued) + len(core.running)
            ended = core.jobs_submitted - unfinished
            accepting = core.accepting_jobs
        ends = _ends(scheduler, job, now)
        return Outlook(
            subject=f"{name} on {qpu.name}",
            done=ended,
            total=None if accepting and unfinished <= 1 else ended + unfinished,
            holder=_holder(scheduler, job, now),
            next_end=min(ends, key=lambda end: end.seconds, default=None),
            pieces="" if under_way is None else under_way.describe(),
        )


def _holder(scheduler: Scheduler, job: JobRecord, now: float) -> str:
    lock = scheduler.locks.qpu
    for holder in lock.holders:
        seconds = f"{now - lock.held_since(holder):.0f} s"
        return f"{_name_of_holder(scheduler, job, holder)}, {seconds}"
    mine = None if job.workload is None else job.workload.id
    for session_id in scheduler.locks.reservation.holders:
        if session_id != mine:
            return f"reserved for session {_short(session_id)}"
    return "out of service" if scheduler.maintained_until > now else "free"


def _name_of_holder(scheduler: Scheduler, job: JobRecord, holder: str) -> str:
    if holder == CALIBRATION:
        return "calibration"
    if holder == job.id:
        return "this job"
    mine = None if job.workload is None else job.workload.id
    theirs = scheduler.jobs[holder].workload_id
    name = f"job {_short(holder)}"
    if theirs is None or theirs == mine:
        return name
    return f"{name} of {scheduler.workloads[theirs].mode} {_short(theirs)}"


def _ends(scheduler: Scheduler, job: JobRecord, now: float) -> Iterator[End]:
    wait = scheduler.waits_for(job.id, now) if job.id in scheduler.jobs else None
    if wait is not None:
        blocker = scheduler.workloads.get(wait.blocker_id)
        name = wait.blocker_id if blocker is None else f"{blocker.mode} {_short(blocker.id)}"
        if wait.longest_seconds is not None:
            yield End(wait.longest_seconds, f"{name} ends")
        if wait.seconds_if_idle is not None:
            yield End(wait.seconds_if_idle, f"{name}, which is idle, gives way")
    for holder in scheduler.locks.qpu.holders:
        executing = scheduler.jobs.get(holder)
        if executing is not None and isinstance(executing.state, Executing):
            yield End(executing.state.deadline - now, "its limit")
    if job.workload is not None:
        core = job.workload.core
        ends_at = core.ends_at()
        if ends_at is not None and core.closed_at is None:
            yield End(ends_at - now, f"the {core.mode} ends")


def _short(identifier: str) -> str:
    """Return the first piece of an id: enough to tell a handful of them apart."""
    return identifier.partition("-")[0]


def clock_face(seconds: float) -> str:
    """Return a duration as clocks show it.

    >>> clock_face(14.2), clock_face(599), clock_face(8 * 3600 - 1)
    ('0:14', '9:59', '7:59:59')
    """
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
