"""Where everything of a timeline goes in a picture, in which colour, and with which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qiskit_modes.planning.headline import headline
from qiskit_modes.planning.palette import INK, MUTED, PAPER, tint
from qiskit_modes.planning.timeline import JobBar, Timeline
from qiskit_modes.planning.wording import duration

__all__ = ["Painter"]

_LANE_HEIGHT = 30
"""Pixels from one lane to the next."""
_WIDTH = 1100
_MARGINS = {"l": 116, "r": 28, "t": 104, "b": 56}
_QPU_HEIGHT = 1.6
"""Of the QPU's row, in lanes."""
_MOST_WAITING = 8
"""Rows of waiting jobs that are drawn; more are laid over the last one."""
_NARROW = 0.005
"""Part of the picture's width, about four pixels, below which a line around a bar hides it."""
_LABEL_PIXELS = 7.2
"""Width of a character of a label."""

_STRENGTH = {"compile": 0.35, "execute": 1.0, "post_process": 0.6, "abandon": 0.15}
_WORDS = {
    "compile": "compiled",
    "wait": "waits for the QPU",
    "execute": "on the QPU",
    "post_process": "post-processed",
    "abandon": "given up",
}
_FONT = "Inter, Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class _Scale:
    """Seconds, in a unit in which the axis has short numbers."""

    origin: float
    factor: float
    unit: str
    span: float
    """The width of the picture, in that unit."""

    @classmethod
    def of(cls, start: float, end: float) -> _Scale:
        seconds = max(end - start, 1e-9)
        units = ((0.5, 1e-3, "milliseconds"), (300, 1.0, "seconds"), (10_800, 60.0, "minutes"))
        for most, factor, unit in units:
            if seconds < most:
                return cls(start, factor, unit, seconds / factor)
        return cls(start, 3600.0, "hours", seconds / 3600.0)

    def __call__(self, at: float) -> float:
        return (at - self.origin) / self.factor


class Painter:
    """Makes of a timeline the arguments of plotly.

    Args:
        timeline: What to show.
        colours: One for each owner of jobs.
    """

    def __init__(self, timeline: Timeline, colours: dict[str, str]) -> None:
        self._timeline = timeline
        self._colours = colours
        self._x = _Scale.of(timeline.start, timeline.end)
        self._waiting = min(timeline.waiting_rows, _MOST_WAITING)
        self._queue_height = 0.45 * self._waiting
        used = max((bar.lane + 1 for bar in timeline.jobs if bar.lane is not None), default=0)
        self._lanes = max(timeline.lanes, used)
        self._qpu_y = self._queue_top + 0.5 + self._lanes + 0.35 + _QPU_HEIGHT / 2 - 0.5

    @property
    def _queue_top(self) -> float:
        """Where the lanes begin, from the top; the queue's rows are above."""
        return self._queue_height + (0.55 if self._waiting else 0.0)

    def _lane_y(self, lane: int) -> float:
        return self._queue_top + 0.5 + lane

    # -- bars ----------------------------------------------------------------------------------

    def bars(self) -> list[dict[str, Any]]:
        """Return the arguments of plotly's bars: one trace for each owner and step."""
        traces = []
        for owner, colour in self._colours.items():
            jobs = [bar for bar in self._timeline.jobs if bar.owner == owner]
            traces += [self._queued(jobs, colour), *self._in_lanes(jobs, colour)]
            traces.append(self._on_qpu(jobs, colour))
        if self._timeline.calibrations:
            traces.append(self._calibrations())
        return [trace for trace in traces if trace["x"]]

    def _trace(
        self, rows: Sequence[tuple[float, float, float, float, str]], colour: str, **more: Any
    ) -> dict[str, Any]:
        """Return a trace of bars, each with its start, end, place, height and words."""
        more.setdefault("marker", {"color": colour, "line": {"width": 0}})
        return {
            "base": [self._x(start) for start, *_ in rows],
            "x": [(end - start) / self._x.factor for start, end, *_ in rows],
            "y": [place for _, _, place, _, _ in rows],
            "width": [height for *_, height, _ in rows],
            "hovertext": [words for *_, words in rows],
            "hoverinfo": "text",
            "orientation": "h",
            "showlegend": False,
            **more,
        }

    def _queued(self, jobs: Sequence[JobBar], colour: str) -> dict[str, Any]:
        rows = [
            (
                *bar.queued,
                0.45 * (min(bar.row, _MOST_WAITING - 1) + 0.5),
                0.3,
                f"{bar.label}: waits {duration(bar.queued[1] - bar.queued[0])} in the queue",
            )
            for bar in jobs
            if bar.queued[1] > bar.queued[0]
        ]
        pattern = {
            "shape": "/",
            "size": 5,
            "solidity": 0.35,
            "fgcolor": tint(colour, 0.75),
            "bgcolor": tint(colour, 0.12),
        }
        marker = {"color": tint(colour, 0.3), "pattern": pattern, "line": {"width": 0}}
        return self._trace(rows, colour, marker=marker)

    def _in_lanes(self, jobs: Sequence[JobBar], colour: str) -> list[dict[str, Any]]:
        traces = []
        for step, words in _WORDS.items():
            rows = [
                (
                    part.start,
                    part.end,
                    self._lane_y(bar.lane),
                    0.09 if step == "wait" else 0.72,
                    f"{bar.label} of {bar.owner}: {words} for {duration(part.seconds)}",
                )
                for bar in jobs
                if bar.lane is not None
                for part in bar.segments
                if part.step == step
            ]
            traces.append(self._trace(rows, tint(colour, _STRENGTH.get(step, 0.75))))
        return traces

    def _on_qpu(self, jobs: Sequence[JobBar], colour: str) -> dict[str, Any]:
        rows = []
        for bar in jobs:
            if bar.on_qpu is not None:
                start, end = bar.on_qpu
                words = f"{bar.label} of {bar.owner}: has the QPU for {duration(end - start)}"
                rows.append((start, end, self._qpu_y, _QPU_HEIGHT * 0.8, words))
        # Neighbours of one colour are told apart by a line, unless it would cover the narrowest.
        narrowest = min((end - start for start, end, *_ in rows), default=0.0)
        wide = narrowest > _NARROW * (self._timeline.end - self._timeline.start)
        line = {"width": 1 if wide else 0, "color": PAPER}
        return self._trace(rows, colour, marker={"color": colour, "line": line})

    def _calibrations(self) -> dict[str, Any]:
        rows = [
            (start, end, self._qpu_y, _QPU_HEIGHT * 0.8, f"calibration: {duration(end - start)}")
            for start, end in self._timeline.calibrations
        ]
        return self._trace(rows, INK)

    # -- words ---------------------------------------------------------------------------------

    def title(self, title: str | None) -> dict[str, Any]:
        """Return the title: what is to be seen, and what it came to."""
        text, figures = headline(self._timeline)
        below = f"<span style='font-size:14px;color:{MUTED}'>{figures}</span>"
        return {
            "text": f"<b>{title or text}</b><br>{below}",
            "font": {"size": 20, "color": INK},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "pad": {"l": 20, "t": 28},
            "y": 1,
            "yanchor": "top",
            "yref": "container",
        }

    def annotations(self) -> list[dict[str, Any]]:
        """Return the labels of bars and reservations, and the key to the colours."""
        return [*self._reservation_labels(), *self._bar_labels(), self._key()]

    def _text(self, x: float, y: float, text: str, **more: Any) -> dict[str, Any]:
        font = {"size": 12, "color": INK, "family": _FONT} | more.pop("font", {})
        return {"x": x, "y": y, "text": text, "showarrow": False, "font": font, **more}

    def _key(self) -> dict[str, Any]:
        owners = [f"<span style='color:{c}'>■</span> {name}" for name, c in self._colours.items()]
        if len(owners) > 5:
            owners = [*owners[:4], f"and {len(owners) - 4} more"]
        steps = [
            f"<span style='color:{tint(MUTED, _STRENGTH[step])}'>■</span> {_WORDS[step]}"
            for step in ("compile", "execute", "post_process")
        ]
        steps.insert(1, f"<span style='color:{MUTED}'>━</span> {_WORDS['wait']}")
        text = "   ".join(owners) + f"<span style='color:{tint(MUTED, 0.5)}'>   |   </span>"
        return self._text(
            0,
            1,
            text + "   ".join(steps),
            xref="paper",
            yref="paper",
            xanchor="left",
            yanchor="bottom",
            yshift=8,
            font={"color": MUTED},
        )

    def _bar_labels(self) -> list[dict[str, Any]]:
        """Return the numbers of the jobs where they fit, and the steps of the first job."""
        labels = []
        for bar in self._timeline.jobs:
            name = [bar.label, str(bar.place)] if bar.is_mine else [bar.owner]
            if bar.on_qpu is not None:
                labels += self._inside(*bar.on_qpu, self._qpu_y, name)
            if bar.lane is None or not bar.is_mine:
                continue
            for part in bar.segments:
                words = [] if part.step == "wait" else [_WORDS[part.step]]
                if part.step == "compile":
                    words = [f"{name[0]}: {words[0]}", *name]
                on_dark = part.step == "execute"
                y = self._lane_y(bar.lane)
                labels += self._inside(part.start, part.end, y, words, dark=on_dark)
        for start, end in self._timeline.calibrations:
            labels += self._inside(start, end, self._qpu_y, ["calibration"])
        return labels if len(labels) < 250 else []

    def _inside(
        self, start: float, end: float, y: float, words: Sequence[str], *, dark: bool = True
    ) -> list[dict[str, Any]]:
        """Return the longest of some words that fits into a bar, if any does."""
        room = (end - start) / self._x.factor * self._pixels
        for text in words:
            if len(text) * _LABEL_PIXELS + 8 <= room:
                middle = self._x((start + end) / 2)
                return [self._text(middle, y, text, font={"color": PAPER if dark else INK})]
        return []

    @property
    def _pixels(self) -> float:
        """Pixels of one unit of the axis."""
        return (_WIDTH - _MARGINS["l"] - _MARGINS["r"]) / (self._x.span * 1.02)

    def _reservation_labels(self) -> list[dict[str, Any]]:
        labels = []
        for each in self._timeline.reservations:
            text = f"{each.owner} has the QPU for itself: {duration(each.end - each.start)} charged"
            room = (each.end - each.start) / self._x.factor * self._pixels
            short = f"{each.owner}: {duration(each.end - each.start)}"
            words = next((t for t in (text, short) if len(t) * 6.6 <= room), None)
            if words is not None:
                font = {"color": self._colour_of(each.owner), "size": 12}
                labels.append(
                    self._text(
                        self._x(each.start),
                        self._bottom,
                        f"<b>{words}</b>",
                        xanchor="left",
                        yanchor="bottom",
                        xshift=4,
                        yshift=1,
                        font=font,
                    )
                )
        return labels

    def _colour_of(self, owner: str) -> str:
        return self._colours.get(owner, MUTED)

    # -- the frame -----------------------------------------------------------------------------

    @property
    def _bottom(self) -> float:
        space = 0.75 if self._timeline.reservations else 0.25
        return self._qpu_y + _QPU_HEIGHT / 2 + space

    def layout(self) -> dict[str, Any]:
        """Return size, axes and shaded reservations."""
        places = {self._queue_height / 2: "in the queue"} if self._waiting else {}
        places |= {self._lane_y(lane): f"lane {lane + 1}" for lane in range(self._lanes)}
        places[self._qpu_y] = "<b>QPU</b>"
        height = self._bottom * _LANE_HEIGHT + _MARGINS["t"] + _MARGINS["b"]
        return {
            "barmode": "overlay",
            "bargap": 0,
            "width": _WIDTH,
            "height": round(height),
            "margin": _MARGINS,
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "font": {"family": _FONT, "color": INK, "size": 13},
            "hoverlabel": {"bgcolor": PAPER, "font": {"color": INK}},
            "shapes": self._shapes(),
            "xaxis": {
                "title": {"text": self._x.unit, "font": {"size": 13, "color": MUTED}},
                "range": [-0.01 * self._x.span, 1.01 * self._x.span],
                "gridcolor": tint(MUTED, 0.16),
                "zeroline": False,
                "tickfont": {"color": MUTED},
                "ticks": "",
            },
            "yaxis": {
                "range": [self._bottom, -0.1],
                "tickvals": list(places),
                "ticktext": list(places.values()),
                "showgrid": False,
                "zeroline": False,
                "ticks": "",
                "ticklabelstandoff": 8,
                "fixedrange": True,
            },
        }

    def _shapes(self) -> list[dict[str, Any]]:
        lanes = [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": y,
                "y1": y,
                "line": {"color": tint(MUTED, 0.18), "width": 1},
                "layer": "below",
            }
            for y in [self._queue_top + lane for lane in range(self._lanes + 1)]
        ]
        windows = [
            {
                "type": "rect",
                "x0": self._x(each.start),
                "x1": self._x(each.end),
                "y0": self._queue_top - 0.06,
                "y1": self._bottom,
                "line": {"color": self._colour_of(each.owner), "width": 1.5},
                "fillcolor": tint(self._colour_of(each.owner), 0.13),
                "layer": "between",
            }
            for each in self._timeline.reservations
        ]
        return [*windows, *lanes]
