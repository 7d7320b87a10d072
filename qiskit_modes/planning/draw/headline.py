"""Headlines of pictures: what is to be seen, and what it came to."""

from __future__ import annotations

from collections import Counter

from qiskit_modes.durations import duration
from qiskit_modes.planning.draw.timeline import JobBar, Timeline
from qiskit_modes.planning.wording import MODES

__all__ = ["headline"]


def headline(timeline: Timeline) -> tuple[str, str]:
    """Return a headline and a line of figures, about the user's own jobs."""
    mine = [bar for bar in timeline.jobs if bar.is_mine] or list(timeline.jobs)
    ends = [part.end for bar in mine for part in bar.segments]
    seconds = max(ends, default=timeline.end) - min(bar.job.submitted_at for bar in mine)
    figures = [
        f"{duration(seconds)} from the first submission to the last end",
        f"{duration(sum(bar.job.held_seconds() for bar in mine))} on the QPU",
        f"{duration(_charged(timeline, mine))} charged",
    ]
    fates = Counter(bar.mishap for bar in mine if bar.mishap)
    figures += [f"{number} {fate}" for fate, number in fates.items()]
    return f"{_subject(mine)} on {timeline.qpu}", " · ".join(figures)


def _subject(mine: list[JobBar]) -> str:
    """Return which jobs there are, such as ``12 jobs in a session and one in job mode``."""
    owners = list(dict.fromkeys(bar.owner for bar in mine))
    parts: list[str] = []
    for owner in owners[:3]:
        jobs = [bar for bar in mine if bar.owner == owner]
        mode = jobs[0].job.mode
        count = str(len(jobs)) if len(jobs) > 1 else "one"
        noun = "" if parts else (" jobs" if len(jobs) > 1 else " job")
        parts.append(f"{count}{noun} in {owner if owner != mode.value else MODES[mode]}")
    if len(owners) > 3:
        parts.append(f"more in {len(owners) - 3} others")
    text = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"
    return text[0].upper() + text[1:]


def _charged(timeline: Timeline, mine: list[JobBar]) -> float:
    """Return what all of the user's jobs in the picture are charged."""
    owners = {bar.owner for bar in mine}
    windows = [each for each in timeline.reservations if each.owner in owners]
    alone = [bar.job.charged_seconds() for bar in mine if bar.job.mode.value != "session"]
    return sum(each.end - each.start for each in windows) + sum(alone)
