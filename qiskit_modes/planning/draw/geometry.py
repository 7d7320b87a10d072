"""Places of everything in a timeline's picture: rows from the top, seconds to the right."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit_modes.planning.draw.timeline import Timeline

__all__ = ["MOST_WAITING", "QPU_HEIGHT", "Geometry", "Scale"]

_LANE_HEIGHT = 30
"""Pixels from one lane to the next."""
_WIDTH = 1100
_MARGINS = {"l": 116, "r": 28, "t": 104, "b": 56}
_LIMIT_HEIGHT = 18
"""Pixels above the rows for the names of limits."""
_END_PIXELS = 84
"""Pixels to the right of the last bar for the word that says how its job ended."""
_QUEUE_ROW = 0.45
"""Height of a row of the queue, in lanes."""
_NARROW = 15
"""Pixels: the number of a job fits into a bar that is wider."""
QPU_HEIGHT = 1.6
"""Of the QPU's row, in lanes."""
MOST_WAITING = 8
"""Rows of waiting jobs that are drawn; more are laid over the last one."""


@dataclass(frozen=True)
class Scale:
    """Seconds, in a unit in which the axis has short numbers."""

    origin: float
    factor: float
    unit: str
    span: float
    """The width of the picture, in that unit."""

    @classmethod
    def of(cls, start: float, end: float) -> Scale:
        """Return the scale for some seconds."""
        seconds = max(end - start, 1e-9)
        units = ((0.5, 1e-3, "milliseconds"), (300, 1.0, "seconds"), (10_800, 60.0, "minutes"))
        for most, factor, unit in units:
            if seconds < most:
                return cls(start, factor, unit, seconds / factor)
        return cls(start, 3600.0, "hours", seconds / 3600.0)

    def __call__(self, at: float) -> float:
        """Return a time as the axis has it."""
        return (at - self.origin) / self.factor


class Geometry:
    """The places of a picture; heights are in lanes, and count downwards.

    Args:
        timeline: What to show.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.x = Scale.of(timeline.start, timeline.end)
        self.waiting = min(timeline.waiting_rows, MOST_WAITING)
        """Rows of the queue."""
        used = max((bar.lane + 1 for bar in timeline.jobs if bar.lane is not None), default=0)
        self.lanes = max(timeline.lanes, used)
        self.queue_height = _QUEUE_ROW * self.waiting
        self.queue_top = self.queue_height + (0.55 if self.waiting else 0.0)
        """Where the lanes begin; the queue's rows are above."""
        self.qpu_y = self.queue_top + self.lanes + 0.35 + QPU_HEIGHT / 2
        self.bottom = self.qpu_y + QPU_HEIGHT / 2 + (0.75 if timeline.reservations else 0.25)
        top = _MARGINS["t"] + (_LIMIT_HEIGHT if timeline.limits else 0)
        self.margins = _MARGINS | {"t": top}
        self.key_shift = 8 + (_LIMIT_HEIGHT if timeline.limits else 0)
        """Pixels from the top row to the key; the names of limits are between."""
        self.width = _WIDTH
        self.height = round(self.bottom * _LANE_HEIGHT + top + _MARGINS["b"])
        late = any(
            bar.end > timeline.start + 0.9 * (timeline.end - timeline.start)
            for bar in timeline.jobs
            if bar.mishap
        )
        inner = _WIDTH - _MARGINS["l"] - _MARGINS["r"]
        self.range = (-0.01, 1.01 + (_END_PIXELS / inner if late else 0.0))
        """Which part of the span the axis shows."""
        self._pixels = inner / (self.x.span * (self.range[1] - self.range[0]))

    def tells_apart(self, owner: str) -> bool:
        """Return whether there is a line between an owner's neighbours on the QPU.

        There is none if it would cover the narrowest, or nearly so.
        """
        held = [
            bar.on_qpu[1] - bar.on_qpu[0]
            for bar in self._timeline.jobs
            if bar.owner == owner and bar.on_qpu is not None
        ]
        return self.pixels(min(held, default=0.0)) > _NARROW

    def lane_y(self, lane: int) -> float:
        """Return the middle of a lane."""
        return self.queue_top + 0.5 + lane

    def queue_y(self, row: int) -> float:
        """Return the middle of a row of the queue."""
        return _QUEUE_ROW * (min(row, MOST_WAITING - 1) + 0.5)

    def pixels(self, seconds: float) -> float:
        """Return how wide some seconds are."""
        return seconds / self.x.factor * self._pixels
