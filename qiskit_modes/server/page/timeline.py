"""The picture of what happened on a QPU, as rows of bars on one axis of time.

Places are in percent of the picture's width, so that it fits any. In the row of an owner the time
for which it had the QPU reserved is a band behind its jobs; each job is a thin line while it waits,
a pale bar in its lane, and a full one on the QPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.scheduling import Mode
from qiskit_modes.server.page.words import (
    Owner,
    duration,
    owner_of_job,
    owner_of_workload,
    short,
)

__all__ = ["Bar", "Row", "Timeline", "by_job", "by_owner", "of_one"]

_MOST_ROWS = 12
_MOST_JOBS = 60
_MOST_BARS = 400
"""Of a row; of more, the latest."""

_SPANS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 4 * 3600.0, 8 * 3600.0)
_TICKS = 5

_KINDS = {
    "Queued": ("queued", "waits for a lane"),
    "Compiling": ("lane", "is compiled"),
    "Ready": ("lane", "waits for the QPU"),
    "Executing": ("qpu", "on the QPU"),
    "PostProcessing": ("after", "is post-processed"),
    "Abandoning": ("after", "is being stopped"),
}


@dataclass(frozen=True)
class Bar:
    """One interval of a row."""

    kind: str
    """A class of the style."""
    left: float
    width: float
    title: str
    colour: str = ""


@dataclass
class Row:
    """One line of the picture."""

    owner: Owner
    label: str
    address: str | None
    note: str = ""
    is_guest: bool = False
    """Whether it is of somebody else than the picture is about."""
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Timeline:
    """A picture: its rows, and the ticks of its axis, with their places."""

    rows: list[Row]
    ticks: list[tuple[float, str]]
    hidden: int = 0
    """Rows that were left out."""


class _Axis:
    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, max(end, start + 1e-6)

    def bar(
        self, kind: str, start: float, end: float | None, title: str, colour: str
    ) -> Bar | None:
        until = self.end if end is None else min(end, self.end)
        begin = max(start, self.start)
        if until < begin:
            return None
        scale = 100 / (self.end - self.start)
        return Bar(
            kind,
            round((begin - self.start) * scale, 3),
            round(max((until - begin) * scale, 0.15), 3),
            title,
            colour,
        )

    def ticks(self, *, from_now: bool) -> list[tuple[float, str]]:
        length = self.end - self.start
        step = _nice(length / _TICKS)
        ticks = []
        for number in range(int(length / step + 1e-9) + 1):
            away = number * step
            words = duration(away) if away >= 60 or away < 1 else f"{away:g} s"
            if from_now:
                place, text = length - away, f"\N{MINUS SIGN}{words}" if number else "now"
            else:
                place, text = away, words if number else "0"
            ticks.append((round(100 * place / length, 3), text))
        return ticks


def _nice(seconds: float) -> float:
    """Return the next larger of the steps that clocks have."""
    for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200):
        if step >= seconds and seconds >= 0.5:
            return float(step)
    power = 10 ** math.floor(math.log10(max(seconds, 1e-6)))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= seconds))


def by_owner(
    jobs: Sequence[JobRecord], workloads: Sequence[WorkloadRecord], now: float
) -> Timeline | None:
    """Return the picture of the latest time of a QPU, with a row for each owner of jobs.

    Args:
        jobs: Of the QPU.
        workloads: Of the QPU.
        now: The present time of the runtime's clock.
    """
    begins = [job.core.submitted_at for job in jobs if job.core.ending is None]
    begins += [each.core.windows[-1].start for each in workloads if _is_active(each)]
    needed = now - min(begins, default=now) or _SPANS[2]
    span = next((each for each in _SPANS if each >= needed * 1.1), _SPANS[-1])
    axis = _Axis(now - span, now)
    rows: dict[Owner, Row] = {}
    for workload in workloads:
        bands = _bands(axis, workload, now)
        if bands or workload.core.has_jobs:
            owner = owner_of_workload(workload)
            rows[owner] = Row(owner, owner.name, owner.address, owner.instance, bars=bands)
    for job in jobs:
        bars = _bars(axis, job)
        if bars:
            owner = owner_of_job(job)
            row = rows.setdefault(owner, Row(owner, owner.name, owner.address, owner.instance))
            row.bars += bars
    shown = sorted(rows.values(), key=lambda row: -_latest(row))[:_MOST_ROWS]
    if not shown:
        return None
    for row in shown:
        row.bars = _tidy(row.bars)
    shown.sort(
        key=lambda row: (row.owner.mode != Mode.SESSION, row.owner.mode == Mode.JOB, row.label)
    )
    return Timeline(shown, axis.ticks(from_now=True), len(rows) - len(shown))


def by_job(
    workload: WorkloadRecord, jobs: Iterable[JobRecord], others: Iterable[JobRecord], now: float
) -> Timeline:
    """Return the picture of a session or batch: a row for each of its jobs, and for who waited.

    Args:
        workload: Which one.
        jobs: Its own.
        others: Of its QPU; those appear that waited or ran while it was open.
        now: The present time of the runtime's clock.
    """
    core, own = workload.core, list(jobs)
    end = core.closed_at
    if end is not None:
        end = max([end, *(job.core.settled_at or end for job in own)])
    axis = _Axis(core.opened_at, now if end is None else end)
    owner = owner_of_workload(workload)
    reserved = Row(owner, "reserved" if core.mode is Mode.SESSION else "active", None)
    reserved.bars = _bands(axis, workload, now)
    rows = [reserved]
    for number, job in enumerate(own[:_MOST_JOBS], 1):
        row = Row(owner, f"{number} · {short(job.id)}", f"/ui/jobs/{job.id}", job.status.lower())
        row.bars = _bars(axis, job)
        rows.append(row)
    guests: dict[Owner, Row] = {}
    for job in others:
        bars = _bars(axis, job)
        if bars:
            theirs = owner_of_job(job)
            row = guests.setdefault(
                theirs, Row(theirs, theirs.name, theirs.address, theirs.instance, is_guest=True)
            )
            row.bars += bars
    most = [*guests.values()][: max(_MOST_ROWS - 6, 3)]
    for row in most:
        row.bars = _tidy(row.bars)
    hidden = max(len(own) - _MOST_JOBS, 0) + len(guests) - len(most)
    return Timeline(rows + most, axis.ticks(from_now=False), hidden)


def of_one(job: JobRecord, now: float) -> Timeline:
    """Return the picture of one job's steps."""
    end = job.core.settled_at
    axis = _Axis(job.core.submitted_at, now if end is None else end)
    owner = owner_of_job(job)
    row = Row(owner, short(job.id), None, job.status.lower(), bars=_bars(axis, job))
    return Timeline([row], axis.ticks(from_now=False))


def _is_active(workload: WorkloadRecord) -> bool:
    windows = workload.core.windows
    return bool(windows) and windows[-1].end is None


def _bands(axis: _Axis, workload: WorkloadRecord, now: float) -> list[Bar]:
    core = workload.core
    what = "has the QPU to itself" if core.mode is Mode.SESSION else "is active"
    kind = "band" if core.mode is Mode.SESSION else "active"
    colour = owner_of_workload(workload).colour
    bars = (
        axis.bar(
            kind,
            window.start,
            window.end,
            f"{core.mode} {short(core.id)} {what}, "
            f"{duration((now if window.end is None else window.end) - window.start)}",
            colour,
        )
        for window in list(core.windows)
    )
    return [bar for bar in bars if bar is not None]


def _bars(axis: _Axis, job: JobRecord) -> list[Bar]:
    story = list(job.core.story)
    colour = owner_of_job(job).colour
    bars = []
    for number, (start, state) in enumerate(story):
        if state not in _KINDS:
            continue
        end = story[number + 1][0] if number + 1 < len(story) else None
        if end is not None and end < axis.start:
            continue
        kind, words = _KINDS[state]
        length = (axis.end if end is None else end) - start
        bar = axis.bar(kind, start, end, f"job {short(job.id)} {words}, {duration(length)}", colour)
        if bar is not None:
            bars.append(bar)
    return bars


def _latest(row: Row) -> float:
    return max((bar.left + bar.width for bar in row.bars), default=0.0)


def _tidy(bars: list[Bar]) -> list[Bar]:
    """Return the latest bars, bands first: what is drawn later lies on top."""
    order = {"band": 0, "active": 0, "queued": 1, "lane": 2, "after": 3, "qpu": 4}
    return sorted(bars[-_MOST_BARS:], key=lambda bar: order[bar.kind])
