"""The history of one QPU as intervals in rows: the data of a picture, without a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning.recording.recorded_job import RecordedJob
from qiskit_modes.planning.recording.recording import RecordedWorkload, Recording
from qiskit_modes.scheduling.job import RAN_TOO_LONG
from qiskit_modes.scheduling.workload import TTL

__all__ = ["JobBar", "Limit", "Reservation", "Segment", "Timeline", "make_timeline"]

_WORDS_PART = 0.09
"""Part of the picture's width that it takes to say how a job ended."""

Step = Literal["compile", "wait", "execute", "post_process", "abandon"]


@dataclass(frozen=True)
class Segment:
    """A part of a job's way through its lane."""

    step: Step
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class JobBar:
    """A job in a picture."""

    job: RecordedJob
    owner: str
    """What it belongs to: ``"session 1"``, ``"batch 2"``, or ``"job mode"``; of another tenant,
    the name of its instance."""
    is_mine: bool
    """Whether it is charged to the instance whose picture this is."""
    place: int
    """Its number among the jobs of its owner in this picture, from 1."""
    lane: int | None
    """The lane it was in, counted from 0; None if it never had one."""
    row: int
    """Its place among those that waited in the queue at the same time, from 0."""
    queued: tuple[float, float]
    """From when to when it waited for a lane."""
    segments: tuple[Segment, ...]

    workers: tuple[str, ...] = ()
    """Who executed it."""
    compilers: tuple[str, ...] = ()
    """Who did heavy parts of its compilation."""
    has_row: bool = False
    """Whether there is something of it to be seen in the queue."""

    @property
    def end(self) -> float:
        """Time when its last bar ends."""
        return max((part.end for part in self.segments), default=self.queued[1])

    @property
    def mishap(self) -> str:
        """Word for its end, if it did not complete; empty if it did, or if it has not ended."""
        if self.job.outcome in ("completed", "unfinished"):
            return ""
        if self.job.code == RAN_TOO_LONG.code:
            return "ran too long"
        return "out of time" if _was_out_of_time(self.job) else self.job.outcome

    @property
    def label(self) -> str:
        """Name: its first tag, or its primitive; and its number."""
        return f"{self.job.short_name} {self.place}"

    @property
    def on_qpu(self) -> tuple[float, float] | None:
        """Interval in which it had the QPU lock."""
        held = [each for each in self.segments if each.step == "execute"]
        return (held[0].start, held[0].end) if held else None


@dataclass(frozen=True)
class Reservation:
    """An interval in which a session had the QPU for itself, or a batch had priority."""

    workload: RecordedWorkload
    owner: str
    start: float
    end: float


@dataclass(frozen=True)
class Limit:
    """Moment when the maximum time of a session or batch was over, and ended something."""

    owner: str
    at: float
    seconds: float
    """How long it was."""


@dataclass(frozen=True)
class Timeline:
    """Everything that is to be seen on one QPU, in seconds from the recording's beginning."""

    qpu: str
    lanes: int
    jobs: tuple[JobBar, ...]
    reservations: tuple[Reservation, ...]
    """The active windows of sessions; batches have no reservation."""
    calibrations: tuple[tuple[float, float], ...]
    start: float
    end: float
    limits: tuple[Limit, ...] = ()

    @property
    def owners(self) -> list[str]:
        """Everything that jobs belong to, the own ones first, in the order of appearance."""
        ordered = sorted(self.jobs, key=lambda bar: not bar.is_mine)
        return list(dict.fromkeys(bar.owner for bar in ordered))

    @property
    def waiting_rows(self) -> int:
        """Largest number of jobs that waited in the queue at once."""
        return max((bar.row + 1 for bar in self.jobs if bar.has_row), default=0)


def make_timeline(
    recording: Recording, qpu: str | None = None, *, around: int | None = None
) -> Timeline:
    """Arrange a recording for a picture.

    Args:
        recording: What happened.
        qpu: Which of its QPUs; None for the one with most jobs.
        around: The number of a session or batch: only it, and what was there at the same time.

    Raises:
        InvalidInputError: If the recording has no jobs there, or no such QPU.
    """
    qpu = _which_qpu(recording, qpu, around)
    now = recording.seconds
    jobs = [job for job in recording.jobs if job.qpu == qpu]
    start = min(job.submitted_at for job in jobs)
    inside = {job.workload for job in jobs}
    sessions = [w for w in recording.workloads if w.mode == "session" and w.number in inside]
    end = max([_end(job, now) for job in jobs] + [_last_end(each, now) for each in sessions])
    if around is not None:
        start, end = _extent(recording, around, now)
        jobs = [job for job in jobs if job.submitted_at <= end and _end(job, now) >= start]
        # What waited for it is to be seen to run, but nothing far away.
        margin = 0.25 * (end - start)
        start = max(start - margin, min(job.submitted_at for job in jobs))
        end = max(end, min(end + margin, max(_end(job, now) for job in jobs)))
    lane_of = _rows([(j.running_at, _end(j, now)) for j in jobs if j.running_at is not None])
    # Beside a job that ended in the queue it is said how, so that a place is left for it.
    words = _WORDS_PART * (end - start)
    waits = [_in_queue(job, now, words) for job in jobs]
    row_of = _rows([wait for wait in waits if wait[1] > wait[0]])
    shown = {job.workload for job in jobs if job.workload is not None}
    places: Counter[str] = Counter()
    bars = []
    for job in jobs:
        owner = _owner(recording, job, shown)
        places[owner] += 1
        row = row_of.get(_in_queue(job, now, words))
        bars.append(_bar(recording, job, owner, places[owner], now, lane_of, row))
    reservations = [
        Reservation(each, _owner_of_workload(recording, each, shown), a, now if b is None else b)
        for each in recording.workloads
        if each.number in shown and each.mode == "session"
        for a, b in each.windows
    ]
    limits = [
        Limit(_owner_of_workload(recording, each, shown), at, each.max_ttl_seconds)
        for each in recording.workloads
        if each.number in shown and (at := _limit(recording, each)) is not None
    ]
    return Timeline(
        qpu,
        recording.qpus[qpu],
        tuple(bars),
        tuple(each for each in reservations if each.start <= end and each.end >= start),
        tuple((a, b) for name, a, b in recording.calibrations if name == qpu and a <= end),
        start,
        end,
        tuple(each for each in limits if start <= each.at <= end),
    )


def _which_qpu(recording: Recording, qpu: str | None, around: int | None) -> str:
    if around is not None:
        return recording.workload(around).qpu
    counts = {name: sum(job.qpu == name for job in recording.jobs) for name in recording.qpus}
    if not any(counts.values()):
        raise InvalidInputError("there are no jobs to draw; submit some first")
    if qpu is None:
        return max(counts, key=lambda name: counts[name])
    if not counts.get(qpu):
        names = ", ".join(name for name, count in counts.items() if count)
        raise InvalidInputError(f"no job ran on {qpu!r}; there are jobs on {names}")
    return qpu


def _extent(recording: Recording, number: int, now: float) -> tuple[float, float]:
    workload = recording.workload(number)
    jobs = recording.jobs_of(workload)
    ends = [_end(job, now) for job in jobs]
    ends.append(_last_end(workload, now))
    return min(job.submitted_at for job in jobs), max(ends)


def _end(job: RecordedJob, now: float) -> float:
    return now if job.finished_at is None else job.finished_at


def _last_end(workload: RecordedWorkload, now: float) -> float:
    """Return when a session or batch was active last; 0 if it never was."""
    return max((now if end is None else end for _, end in workload.windows), default=0.0)


def _was_out_of_time(job: RecordedJob) -> bool:
    return TTL.MAX_TTL.value in job.reason


def _limit(recording: Recording, workload: RecordedWorkload) -> float | None:
    """Return when the maximum time of a workload was over; None if that changed nothing."""
    if not workload.windows:
        return None
    at = workload.windows[0][0] + workload.max_ttl_seconds
    closed = workload.closing_at is None and (workload.closed_at or 0.0) >= at
    ended = any(_was_out_of_time(job) for job in recording.jobs_of(workload))
    return at if closed or ended else None


def _in_queue(job: RecordedJob, now: float, words: float) -> tuple[float, float]:
    """Return from when to when there is something of a job to be seen in the queue."""
    ended_there = job.running_at is None and job.outcome not in ("completed", "unfinished")
    return job.submitted_at, _queued_until(job, now) + (words if ended_there else 0.0)


def _queued_until(job: RecordedJob, now: float) -> float:
    return job.running_at if job.running_at is not None else _end(job, now)


def _rows(intervals: Sequence[tuple[float, float]]) -> dict[tuple[float, float], list[int]]:
    """Give each interval the lowest row that is free at its start."""
    rows: list[float] = []
    given: dict[tuple[float, float], list[int]] = {}
    for start, end in sorted(intervals):
        free = next((row for row, until in enumerate(rows) if until <= start), len(rows))
        rows[free : free + 1] = [end]
        given.setdefault((start, end), []).append(free)
    return given


def _bar(
    recording: Recording,
    job: RecordedJob,
    owner: str,
    place: int,
    now: float,
    lane_of: dict[tuple[float, float], list[int]],
    rows: list[int] | None,
) -> JobBar:
    waited = (job.submitted_at, _queued_until(job, now))
    lane = None
    if job.running_at is not None:
        lane = lane_of[job.running_at, _end(job, now)].pop(0)
    is_mine = job.instance == recording.main_instance()
    return JobBar(
        job,
        owner,
        is_mine,
        place,
        lane,
        rows.pop(0) if rows else 0,
        waited,
        tuple(_segments(job, now)),
        workers=recording.workers_of(job),
        compilers=recording.compilers_of(job),
        has_row=rows is not None,
    )


def _owner(recording: Recording, job: RecordedJob, shown: Collection[int]) -> str:
    if job.instance != recording.main_instance():
        return job.instance
    if job.workload is None:
        return "job mode"
    return _owner_of_workload(recording, recording.workload(job.workload), shown)


def _owner_of_workload(
    recording: Recording, workload: RecordedWorkload, shown: Collection[int]
) -> str:
    """Name a session or batch by its mode, and by a number where several are shown."""
    if workload.instance != recording.main_instance():
        return workload.instance
    like = [
        each.number
        for each in recording.workloads
        if each.number in shown and (each.mode, each.instance) == (workload.mode, workload.instance)
    ]
    number = f" {like.index(workload.number) + 1}" if len(like) > 1 else ""
    return f"{workload.mode.value}{number}"


_STEPS: dict[str, Step] = {
    "compiling": "compile",
    "ready": "wait",
    "executing": "execute",
    "post_processing": "post_process",
    "abandoning": "abandon",
}


def _segments(job: RecordedJob, now: float) -> Iterable[Segment]:
    """Yield the parts of a job's way; a job that is stopped on the QPU has it until it is free."""
    for state, step in _STEPS.items():
        start = job.times.get(state)
        if start is None:
            continue
        seconds = job.seconds(state)
        end = now if seconds is None else start + seconds
        if state == "executing" and job.released_at is not None:
            end = job.released_at
        elif state == "abandoning" and job.was_stopped_on_qpu:
            continue
        if end > start:
            yield Segment(step, start, end)
