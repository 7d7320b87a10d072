"""The bars and shapes of a timeline's picture, and its frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit_modes.durations import duration
from qiskit_modes.planning.draw.geometry import MOST_WAITING, QPU_HEIGHT, Geometry
from qiskit_modes.planning.draw.headline import headline
from qiskit_modes.planning.draw.labels import FONT, Labels
from qiskit_modes.planning.draw.marks import crosses, has_crosses
from qiskit_modes.planning.draw.palette import INK, MUTED, PAPER, STRENGTH, tint
from qiskit_modes.planning.draw.timeline import JobBar, Timeline
from qiskit_modes.planning.wording import STEPS, by

__all__ = ["Painter"]


class Painter:
    """Makes of a timeline the arguments of plotly.

    Args:
        timeline: What to show.
        colours: One for each owner of jobs.
    """

    def __init__(self, timeline: Timeline, colours: dict[str, str]) -> None:
        self._timeline = timeline
        self._colours = colours
        self._grid = Geometry(timeline)

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

    def crosses(self) -> list[dict[str, Any]]:
        """Return the arguments of plotly's scatter plots: crosses where jobs ended badly."""
        return [crosses(self._timeline, self._grid)] if has_crosses(self._timeline) else []

    def _trace(
        self, rows: Sequence[tuple[float, float, float, float, str]], colour: str, **more: Any
    ) -> dict[str, Any]:
        """Return a trace of bars, each with its start, end, place, height and words."""
        more.setdefault("marker", {"color": colour, "line": {"width": 0}})
        return {
            "base": [self._grid.x(start) for start, *_ in rows],
            "x": [(end - start) / self._grid.x.factor for start, end, *_ in rows],
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
                self._grid.queue_y(bar.row),
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
        for step, words in STEPS.items():
            rows = [
                (
                    part.start,
                    part.end,
                    self._grid.lane_y(bar.lane),
                    0.09 if step == "wait" else 0.72,
                    f"{bar.label} of {bar.owner}: {words} for {duration(part.seconds)}"
                    + by({"execute": bar.workers, "compile": bar.compilers}.get(step, ())),
                )
                for bar in jobs
                if bar.lane is not None
                for part in bar.segments
                if part.step == step
            ]
            traces.append(self._trace(rows, tint(colour, STRENGTH.get(step, 0.75))))
        return traces

    def _on_qpu(self, jobs: Sequence[JobBar], colour: str) -> dict[str, Any]:
        rows = []
        for bar in jobs:
            if bar.on_qpu is not None:
                start, end = bar.on_qpu
                words = f"{bar.label} of {bar.owner}: has the QPU for {duration(end - start)}"
                rows.append((start, end, self._grid.qpu_y, QPU_HEIGHT * 0.8, words))
        apart = bool(jobs) and self._grid.tells_apart(jobs[0].owner)
        line = {"width": 1 if apart else 0, "color": PAPER}
        return self._trace(rows, colour, marker={"color": colour, "line": line})

    def _calibrations(self) -> dict[str, Any]:
        rows = [
            (
                start,
                end,
                self._grid.qpu_y,
                QPU_HEIGHT * 0.8,
                f"calibration: {duration(end - start)}",
            )
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
        """Return all words beside the title."""
        return Labels(self._timeline, self._grid, self._colours).all()

    def _colour_of(self, owner: str) -> str:
        return self._colours.get(owner, MUTED)

    # -- the frame -----------------------------------------------------------------------------

    def _queue(self) -> str:
        """Return what stands beside the rows of the queue."""
        hidden = self._timeline.waiting_rows - MOST_WAITING
        style = f"font-size:11px;color:{MUTED}"
        more = (
            f"<br><span style='{style}'>{hidden + 1} in the last row</span>" if hidden > 0 else ""
        )
        return f"in the queue{more}"

    def layout(self) -> dict[str, Any]:
        """Return size, axes and shaded reservations."""
        places = {self._grid.queue_height / 2: self._queue()} if self._grid.waiting else {}
        places |= {self._grid.lane_y(lane): f"lane {lane + 1}" for lane in range(self._grid.lanes)}
        places[self._grid.qpu_y] = "<b>QPU</b>"
        return {
            "barmode": "overlay",
            "bargap": 0,
            "width": self._grid.width,
            "height": self._grid.height,
            "margin": self._grid.margins,
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "font": {"family": FONT, "color": INK, "size": 13},
            "hoverlabel": {"bgcolor": PAPER, "font": {"color": INK}},
            "shapes": self._shapes(),
            "xaxis": {
                "title": {"text": self._grid.x.unit, "font": {"size": 13, "color": MUTED}},
                "range": [part * self._grid.x.span for part in self._grid.range],
                "gridcolor": tint(MUTED, 0.16),
                "zeroline": False,
                "tickfont": {"color": MUTED},
                "ticks": "",
            },
            "yaxis": {
                "range": [self._grid.bottom, -0.1],
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
            for y in [self._grid.queue_top + lane for lane in range(self._grid.lanes + 1)]
        ]
        windows = [
            {
                "type": "rect",
                "x0": self._grid.x(each.start),
                "x1": self._grid.x(each.end),
                "y0": self._grid.queue_top - 0.06,
                "y1": self._grid.bottom,
                "line": {"color": self._colour_of(each.owner), "width": 1.5},
                "fillcolor": tint(self._colour_of(each.owner), 0.13),
                "layer": "between",
            }
            for each in self._timeline.reservations
        ]
        limits = [
            {
                "type": "line",
                "x0": self._grid.x(each.at),
                "x1": self._grid.x(each.at),
                "y0": -0.1,
                "y1": self._grid.bottom,
                "line": {"color": INK, "width": 1, "dash": "4px,3px"},
                "layer": "between",
            }
            for each in self._timeline.limits
        ]
        return [*windows, *lanes, *limits]
