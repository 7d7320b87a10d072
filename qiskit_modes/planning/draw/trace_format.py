"""Recordings in the trace format of Chrome, which https://ui.perfetto.dev and others open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qiskit_modes.planning.draw.timeline import JobBar, Timeline, make_timeline
from qiskit_modes.planning.recording.recording import Recording
from qiskit_modes.planning.recording.whole_file import whole_file

__all__ = ["chrome_trace", "save_chrome_trace"]

_MICROSECONDS = 1e6
_RESERVATION, _QPU = 1, 2
_QUEUE = 1000
"""Threads of a QPU in the trace: these two, then the lanes, then the places of the queue."""

_FIRST_LANE = 3

_WORDS = {
    "compile": "compile",
    "wait": "wait for the QPU",
    "execute": "on the QPU",
    "post_process": "post-process",
    "abandon": "give up",
}


def chrome_trace(recording: Recording) -> dict[str, Any]:
    """Return a recording as a trace: a process for each QPU, with its lanes as threads.

    One more process has a thread for each worker, with the pieces that it executed and the heavy
    parts of compilation that it did.

    Args:
        recording: What happened.

    Returns:
        The trace, ready for JSON; times are microseconds from the recording's beginning.
    """
    events: list[dict[str, Any]] = []
    used = [name for name in recording.qpus if any(job.qpu == name for job in recording.jobs)]
    for process, name in enumerate(used, start=1):
        timeline = make_timeline(recording, name)
        events += [{"pid": process, **event} for event in _events(timeline)]
    events += [{"pid": len(used) + 1, **event} for event in _worker_events(recording)]
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"created": recording.created, "format": "qiskit_modes timeline"},
    }


def save_chrome_trace(recording: Recording, path: str | Path) -> None:
    """Write a recording as a trace to a file."""
    with whole_file(path) as file:
        file.write_text(json.dumps(chrome_trace(recording)), encoding="utf-8")


def _events(timeline: Timeline) -> Iterator[dict[str, Any]]:
    yield _name("process_name", 0, f"QPU {timeline.qpu}")
    yield from _thread(_RESERVATION, "reservation")
    yield from _thread(_QPU, "QPU lock")
    for lane in range(timeline.lanes):
        yield from _thread(_FIRST_LANE + lane, f"lane {lane + 1}")
    for row in range(timeline.waiting_rows):
        yield from _thread(_QUEUE + row, f"queue {row + 1}")
    for each in timeline.reservations:
        yield _span(_RESERVATION, each.owner, each.start, each.end, {"id": each.workload.id})
    for start, end in timeline.calibrations:
        yield _span(_QPU, "calibration", start, end, {})
    for bar in timeline.jobs:
        yield from _job_events(bar)


def _worker_events(recording: Recording) -> Iterator[dict[str, Any]]:
    kinds = (("", recording.work), ("compile ", recording.compile_work))
    names = {name for _, work in kinds for pieces in work.values() for name, *_ in pieces}
    if not names:
        return
    yield _name("process_name", 0, "workers")
    threads = {name: number for number, name in enumerate(sorted(names), 1)}
    for name, thread in threads.items():
        yield from _thread(thread, name)
    for verb, work in kinds:
        for number, pieces in work.items():
            job = recording.job(number)
            label = f"{verb}{job.short_name} on {job.qpu}"
            about = {"id": job.id, "mode": job.mode.value}
            for name, start, end in pieces:
                yield _span(threads[name], label, start, end, about)


def _job_events(bar: JobBar) -> Iterator[dict[str, Any]]:
    about = {
        "id": bar.job.id,
        "mode": bar.job.mode.value,
        "owner": bar.owner,
        "instance": bar.job.instance,
        "outcome": bar.job.outcome,
        "charged_seconds": bar.job.charged_seconds(),
        **({"workers": list(bar.workers)} if bar.workers else {}),
        **({"compile_workers": list(bar.compilers)} if bar.compilers else {}),
    }
    name = f"{bar.label} ({bar.owner})"
    if bar.queued[1] > bar.queued[0]:
        yield _span(_QUEUE + bar.row, name, *bar.queued, about)
    if bar.on_qpu is not None:
        yield _span(_QPU, name, *bar.on_qpu, about)
    if bar.lane is not None and bar.segments:
        thread = _FIRST_LANE + bar.lane
        # Spans within a span are drawn below it.
        yield _span(thread, name, bar.segments[0].start, bar.segments[-1].end, about)
        for part in bar.segments:
            yield _span(thread, _WORDS[part.step], part.start, part.end, {})


def _span(
    thread: int, name: str, start: float, end: float, about: dict[str, Any]
) -> dict[str, Any]:
    # Rounded before the difference is taken: what lies within another span must end within it.
    begins, ends = (round(at * _MICROSECONDS, 3) for at in (start, end))
    return {
        "ph": "X",
        "tid": thread,
        "name": name,
        "cat": "qiskit_modes",
        "ts": begins,
        "dur": round(ends - begins, 3),
        "args": about,
    }


def _thread(thread: int, name: str) -> Iterator[dict[str, Any]]:
    yield _name("thread_name", thread, name)
    yield {"ph": "M", "name": "thread_sort_index", "tid": thread, "args": {"sort_index": thread}}


def _name(kind: str, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "tid": thread, "args": {"name": name}}
