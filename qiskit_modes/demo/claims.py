"""Claims of the demonstration, each checked against the records.

The intervals on the QPU are those that the worker processes stamped themselves; the lock manager's
own history is looked at beside them, not instead of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from qiskit_modes.demo.scene import Scene
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.scheduling import WorkloadState
from qiskit_modes.scheduling.locks import Hold

__all__ = ["Claim", "examine"]

_ROUNDING_SECONDS = 1e-6
"""Sums of a few hundred floats may differ by less than this."""


_AT_ONCE_SECONDS = 0.1
"""Nobody sees a shorter delay."""


@dataclass(frozen=True)
class Claim:
    """A sentence, and whether it is true."""

    text: str
    held: bool


def examine(scene: Scene) -> list[Claim]:
    """Return what a scene that was played has shown, or was meant to show."""
    jobs = [job for search in scene.searches for job in search.jobs]
    inside = [record for job in jobs if (record := _record(scene, job.job_id()))]
    outside = scene.outsider.job and _record(scene, scene.outsider.job.job_id())
    if scene.session is None or outside is None or not inside:
        return [Claim("Both searches and the job outside have run.", held=False)]
    holds = [
        hold
        for hold in scene.service.runtime.snapshot(scene.qpu).holds
        if hold.start >= scene.origin
    ]
    return [
        _all_succeeded(inside, outside),
        _one_at_a_time([*inside, outside], holds),
        _nobody_else_inside(scene, inside, holds),
        _waited_for_the_end(scene, outside),
        _charged_once(scene, outside),
    ]


def _record(scene: Scene, job_id: str) -> JobRecord | None:
    return scene.service.runtime.job(job_id)


def _all_succeeded(inside: list[JobRecord], outside: JobRecord) -> Claim:
    ran = all(job.status == "DONE" and job.mode == "session" for job in inside)
    alone = outside.status == "DONE" and outside.mode == "job"
    text = f"{len(inside)} jobs ran in session mode and one in job mode; all of them succeeded."
    return Claim(text, ran and alone)


def _one_at_a_time(jobs: list[JobRecord], holds: list[Hold]) -> Claim:
    stamped = sorted((job.worker_stamps, job.id) for job in jobs if job.worker_stamps)
    apart = all(a[1] <= b[0] for (a, _), (b, _) in pairwise(stamped))
    locked = {hold.holder: hold for hold in holds}
    inside = all(
        job_id in locked and locked[job_id].start <= start and stop <= locked[job_id].end
        for (start, stop), job_id in stamped
    )
    text = (
        f"They had the QPU one at a time: none of the {len(stamped)} intervals of quantum "
        "execution overlaps another, and each lies inside its job's hold of the QPU lock."
    )
    return Claim(text, len(stamped) == len(jobs) and apart and inside)


def _nobody_else_inside(scene: Scene, inside: list[JobRecord], holds: list[Hold]) -> Claim:
    start, end = _window(scene)
    own = {job.id for job in inside}
    during = {hold.holder for hold in holds if hold.start < end and hold.end > start}
    text = f"For the {end - start:.1f} s of its active window the session had the QPU for itself."
    return Claim(text, end > start and during == own)


def _waited_for_the_end(scene: Scene, outside: JobRecord) -> Claim:
    start, end = _window(scene)
    submitted, began = outside.core.submitted_at, outside.core.running_at or 0.0
    text = (
        f"The Bell job came {submitted - start:.1f} s after the session had begun. It waited for "
        f"{began - submitted:.1f} s, until the session was closed, and then started at once."
    )
    return Claim(text, start <= submitted < end <= began <= end + _AT_ONCE_SECONDS)


def _charged_once(scene: Scene, outside: JobRecord) -> Claim:
    start, end = _window(scene)
    window = end - start
    alone = outside.core.charged_seconds(scene.clock.now())
    assert scene.session is not None
    right = (
        abs((scene.session.usage() or 0.0) - window) < _ROUNDING_SECONDS
        and abs(scene.charged() - window - alone) < _ROUNDING_SECONDS
    )
    text = (
        f"Charged: {window:.2f} s to the session, its window by the wall clock, optimizers' "
        f"thinking included; {alone:.3f} s to the Bell job, its time on the QPU."
    )
    return Claim(text, right)


def _window(scene: Scene) -> tuple[float, float]:
    """Return when the session was active; an empty interval if that was not once and is over."""
    assert scene.session is not None
    core = scene.session.record.core
    if len(core.windows) != 1 or core.state is not WorkloadState.CLOSED:
        return 0.0, 0.0
    window = core.windows[0]
    return window.start, window.start if window.end is None else window.end
