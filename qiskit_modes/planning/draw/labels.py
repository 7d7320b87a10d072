"""The words in a picture: on bars, reservations and limits, and the key to colours and signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from qiskit_modes.durations import duration
from qiskit_modes.planning.draw.geometry import Geometry
from qiskit_modes.planning.draw.marks import has_crosses, has_room_beside, words_beside_crosses
from qiskit_modes.planning.draw.palette import INK, MUTED, PAPER, STRENGTH, tint
from qiskit_modes.planning.draw.timeline import JobBar, Timeline
from qiskit_modes.planning.wording import STEPS

__all__ = ["FONT", "Labels"]

FONT = "Inter, Helvetica, Arial, sans-serif"

_CHARACTER = 7.2
"""Pixels of a character of a label."""
_LONGEST_UPRIGHT = 7
"""Characters that fit into the QPU's row from below to above."""
_MOST = 250
"""Labels; more would take long, and nobody could read them."""


class Labels:
    """Makes the annotations of a picture.

    Args:
        timeline: What is shown.
        geometry: Where.
        colours: One for each owner of jobs.
    """

    def __init__(self, timeline: Timeline, geometry: Geometry, colours: dict[str, str]) -> None:
        self._timeline = timeline
        self._geometry = geometry
        self._colours = colours

    def all(self) -> list[dict[str, Any]]:
        """Return the arguments of plotly's annotations."""
        on_bars = [*self._in_lanes(), *self._on_qpu()]
        on_bars += words_beside_crosses(self._timeline, self._geometry)
        if len(on_bars) >= _MOST:
            on_bars = []
        texts = [*self._on_reservations(), *on_bars, *self._on_limits(), self._key()]
        return [self._text(**each) for each in texts]

    @staticmethod
    def _text(**given: Any) -> dict[str, Any]:
        font = {"size": 12, "color": INK, "family": FONT} | given.pop("font", {})
        return {"showarrow": False, "font": font, **given}

    # -- bars ----------------------------------------------------------------------------------

    def _in_lanes(self) -> Iterator[dict[str, Any]]:
        """Yield the numbers of the user's jobs and their steps, where they fit."""
        for bar in self._timeline.jobs:
            if bar.lane is None or not bar.is_mine:
                continue
            y = self._geometry.lane_y(bar.lane)
            for part in bar.segments:
                words = [] if part.step == "wait" else [STEPS[part.step]]
                if part.step == "compile":
                    words = [f"{bar.label}: {self._fate(bar)}", bar.label, str(bar.place)]
                yield from self._inside(part.start, part.end, y, words, dark=part.step == "execute")

    def _fate(self, bar: JobBar) -> str:
        """Return what the first bar says of its job: how it ended, if that stands nowhere else."""
        if bar.mishap and not has_room_beside(bar, self._timeline, self._geometry):
            return bar.mishap
        return STEPS["compile"]

    def _on_qpu(self) -> Iterator[dict[str, Any]]:
        """Yield the names of the jobs on the QPU; of neighbours that run together, their number."""
        y = self._geometry.qpu_y
        for run in self._runs():
            labels = [label for bar in run for label in self._inside(*_held(bar), y, _names(bar))]
            if len(labels) < len(run) > 1:
                labels = self._together(_held(run[0])[0], _held(run[-1])[1], len(run))
            yield from labels
        for start, end in self._timeline.calibrations:
            yield from self._inside(start, end, y, ["calibration"])

    def _together(self, start: float, end: float, count: int) -> list[dict[str, Any]]:
        """Return how many jobs there are in a bar; along it if it is narrow."""
        y, words = self._geometry.qpu_y, f"{count} jobs"
        labels = self._inside(start, end, y, [words])
        if labels or len(words) > _LONGEST_UPRIGHT or self._geometry.pixels(end - start) < 14:
            return labels or self._inside(start, end, y, [str(count)])
        middle = self._geometry.x((start + end) / 2)
        font = {"size": 10, "color": PAPER}
        return [{"x": middle, "y": y, "text": words, "textangle": -90, "font": font}]

    def _runs(self) -> list[list[JobBar]]:
        """Return the bars on the QPU, those together between which there is nothing to be seen."""
        bars = sorted((b for b in self._timeline.jobs if b.on_qpu is not None), key=_held)
        apart = {owner for owner in self._colours if self._geometry.tells_apart(owner)}
        runs: list[list[JobBar]] = []
        for bar in bars:
            last = runs[-1][-1] if runs else None
            if last is not None and last.owner == bar.owner and bar.owner not in apart:
                gap = self._geometry.pixels(_held(bar)[0] - _held(last)[1])
                if gap < 1:
                    runs[-1].append(bar)
                    continue
            runs.append([bar])
        return runs

    def _inside(
        self, start: float, end: float, y: float, words: Sequence[str], *, dark: bool = True
    ) -> list[dict[str, Any]]:
        """Return the longest of some words that fits into a bar, if any does."""
        room = self._geometry.pixels(end - start)
        for text in words:
            if len(text) * _CHARACTER + 8 <= room:
                middle = self._geometry.x((start + end) / 2)
                colour = PAPER if dark else INK
                return [{"x": middle, "y": y, "text": text, "font": {"color": colour}}]
        return []

    # -- reservations and limits ---------------------------------------------------------------

    def _on_reservations(self) -> Iterator[dict[str, Any]]:
        for each in self._timeline.reservations:
            seconds = each.end - each.start
            text = f"{each.owner} has the QPU for itself: {duration(seconds)} charged"
            short = f"{each.owner}: {duration(seconds)}"
            room = self._geometry.pixels(seconds)
            words = next((t for t in (text, short) if len(t) * 6.6 <= room), None)
            if words is not None:
                yield {
                    "x": self._geometry.x(each.start),
                    "y": self._geometry.bottom,
                    "text": f"<b>{words}</b>",
                    "xanchor": "left",
                    "align": "left",  # a font wider than the one measured grows to the right
                    "yanchor": "bottom",
                    "xshift": 4,
                    "yshift": 1,
                    "font": {"color": self._colours.get(each.owner, MUTED)},
                }

    def _on_limits(self) -> Iterator[dict[str, Any]]:
        for each in self._timeline.limits:
            is_right = self._geometry.x(each.at) > 0.85 * self._geometry.x.span
            yield {
                "x": self._geometry.x(each.at),
                "y": 1,
                "yref": "paper",
                "text": f"max_time of {each.owner}: {duration(each.seconds)}",
                "xanchor": "right" if is_right else "left",
                "yanchor": "bottom",
                "xshift": 4 if is_right else -4,
                "font": {"size": 11, "color": INK},
            }

    # -- the key -------------------------------------------------------------------------------

    def _key(self) -> dict[str, Any]:
        owners = [f"<span style='color:{c}'>■</span> {name}" for name, c in self._colours.items()]
        if len(owners) > 5:
            owners = [*owners[:4], f"and {len(owners) - 4} more"]
        signs = [
            f"<span style='color:{tint(MUTED, STRENGTH[step])}'>■</span> {STEPS[step]}"
            for step in ("compile", "execute", "post_process")
        ]
        signs.insert(1, f"<span style='color:{MUTED}'>━</span> {STEPS['wait']}")
        if self._geometry.waiting:
            signs.insert(0, f"<span style='color:{tint(MUTED, 0.7)}'>▨</span> in the queue")
        if has_crosses(self._timeline):
            signs.append(f"<span style='color:{INK}'>✖</span> did not complete")
        between = f"<span style='color:{tint(MUTED, 0.5)}'>   |   </span>"
        return {
            "x": 0,
            "y": 1,
            "text": "   ".join(owners) + between + "   ".join(signs),
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left",
            "align": "left",
            "yanchor": "bottom",
            "yshift": self._geometry.key_shift,
            "font": {"color": MUTED},
        }


def _names(bar: JobBar) -> list[str]:
    return [bar.label, str(bar.place)] if bar.is_mine else [bar.owner]


def _held(bar: JobBar) -> tuple[float, float]:
    assert bar.on_qpu is not None, "only jobs that had the QPU are labelled there"
    return bar.on_qpu
