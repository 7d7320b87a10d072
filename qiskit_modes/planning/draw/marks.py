"""Crosses in a picture where jobs ended that did not complete, and words beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qiskit_modes.planning.draw.geometry import MOST_WAITING, Geometry
from qiskit_modes.planning.draw.palette import INK, PAPER
from qiskit_modes.planning.draw.timeline import JobBar, Timeline

__all__ = ["crosses", "has_crosses", "has_room_beside", "words_beside_crosses"]

_CHARACTER = 6.4
"""Pixels of a character of such a word."""
_OFFSET = 8
"""Pixels from the middle of a cross to its word."""


def has_crosses(timeline: Timeline) -> bool:
    """Return whether some job of a picture did not complete."""
    return any(bar.mishap for bar in timeline.jobs)


def crosses(timeline: Timeline, geometry: Geometry) -> dict[str, Any]:
    """Return the arguments of plotly's scatter: a cross at the end of each such job's last bar."""
    bars = [bar for bar in timeline.jobs if bar.mishap]
    return {
        "x": [geometry.x(bar.end) for bar in bars],
        "y": [_place(bar, geometry) for bar in bars],
        "mode": "markers",
        "marker": {
            "symbol": "x",
            "size": [11 if bar.lane is not None else 9 for bar in bars],
            "color": INK,
            "opacity": 1.0,
            "line": {"width": 1.2, "color": PAPER},
        },
        "hovertext": [
            f"{bar.label} of {bar.owner}: {bar.mishap}: {bar.job.reason}" for bar in bars
        ],
        "hoverinfo": "text",
        "showlegend": False,
        "cliponaxis": False,
    }


def words_beside_crosses(timeline: Timeline, geometry: Geometry) -> Iterable[dict[str, Any]]:
    """Yield how each such job ended, at the right of its cross, where no bar is in the way."""
    for bar in timeline.jobs:
        if bar.mishap and has_room_beside(bar, timeline, geometry):
            yield {
                "x": geometry.x(bar.end),
                "y": _place(bar, geometry),
                "text": bar.mishap,
                "xanchor": "left",
                "align": "left",
                "xshift": _OFFSET - 3,
                "font": {"size": 11, "color": INK},
            }


def has_room_beside(bar: JobBar, timeline: Timeline, geometry: Geometry) -> bool:
    """Return whether there is room to say beside a job's last bar how it ended."""
    if bar.lane is None and bar.row >= MOST_WAITING - 1:  # where several rows are laid over another
        return False
    room = geometry.pixels(_next_start(bar, timeline) - bar.end)
    return room >= _OFFSET + len(bar.mishap) * _CHARACTER


def _place(bar: JobBar, geometry: Geometry) -> float:
    return geometry.queue_y(bar.row) if bar.lane is None else geometry.lane_y(bar.lane)


def _next_start(bar: JobBar, timeline: Timeline) -> float:
    """Return when the next bar begins in the row in which a job ended."""
    if bar.lane is None:
        starts = [
            each.queued[0]
            for each in timeline.jobs
            if each.row == bar.row and each.has_row and each is not bar
        ]
    else:
        starts = [
            each.segments[0].start
            for each in timeline.jobs
            if each.lane == bar.lane and each.segments and each is not bar
        ]
    return min((at for at in starts if at >= bar.end), default=float("inf"))
