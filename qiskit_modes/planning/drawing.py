"""Timelines as pictures: lanes, the QPU lock, reservations, and who waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qiskit_modes.exceptions import InvalidInputError, QiskitModesError
from qiskit_modes.planning.painter import Painter
from qiskit_modes.planning.palette import owner_colours
from qiskit_modes.planning.recording import Recording
from qiskit_modes.planning.timeline import Timeline, make_timeline

__all__ = ["draw_timeline"]


def draw_timeline(
    recording: Recording,
    *,
    qpu: str | None = None,
    around: int | None = None,
    title: str | None = None,
    save: str | Path | None = None,
) -> Any:
    """Draw what happened on a QPU.

    From the top: the jobs that wait in the queue, the lanes with the steps of the jobs in them, and
    the QPU, which one job has at a time. A session's reservation is shaded.

    Args:
        recording: What happened.
        qpu: Which of its QPUs; None for the one with most jobs.
        around: The number of a session or batch, to draw only what was there at the same time.
        title: None for one that says what is to be seen.
        save: A file to write too: ``.html``, which can be zoomed, or ``.png``, ``.svg``, ``.pdf``.

    Returns:
        A figure of plotly.

    Raises:
        InvalidInputError: If there is nothing to draw, or the file's ending is not known.
        QiskitModesError: If plotly is not installed, or the browser that PNG files need.
    """
    figure = _figure_of(make_timeline(recording, qpu, around=around), title)
    if save is not None:
        _save_figure(figure, save)
    return figure


def _save_figure(figure: Any, path: str | Path) -> None:
    """Write a figure to a file; see `draw_timeline`.

    HTML files hold everything that they need, and open without a network. The other formats are
    made by kaleido, which needs Chrome or Chromium on this machine.

    Raises:
        InvalidInputError: If the file's ending is not known.
        QiskitModesError: If kaleido or a browser is missing.
    """
    ending = Path(path).suffix.lower()
    if ending in (".html", ".htm"):
        figure.write_html(str(path), include_plotlyjs=True)
        return
    if ending not in (".png", ".svg", ".pdf", ".jpg", ".webp"):
        raise InvalidInputError(f"cannot save to {path}: use .html, .png, .svg or .pdf")
    try:
        figure.write_image(str(path), scale=2)
    except Exception as error:
        raise QiskitModesError(
            f"a {ending} file needs kaleido and Chrome or Chromium: install "
            "qiskit_modes[visualization] and one of these browsers (`plotly_get_chrome` fetches "
            f"one), or save to .html, which needs neither ({type(error).__name__}: {error})"
        ) from error


def _figure_of(timeline: Timeline, title: str | None = None) -> Any:
    """Return the picture of a timeline, as a figure of plotly."""
    go = _plotly()
    mine = [each for each in timeline.owners if _is_mine(timeline, each)]
    others = [each for each in timeline.owners if each not in mine]
    painter = Painter(timeline, owner_colours(mine, others))
    figure = go.Figure([go.Bar(**bars) for bars in painter.bars()])
    figure.update_layout(
        **painter.layout(), title=painter.title(title), annotations=painter.annotations()
    )
    return figure


def _plotly() -> Any:
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise QiskitModesError(
            "pictures need plotly: install it with `pip install qiskit_modes[visualization]`"
        ) from error
    return go


def _is_mine(timeline: Timeline, owner: str) -> bool:
    return any(bar.is_mine for bar in timeline.jobs if bar.owner == owner)
