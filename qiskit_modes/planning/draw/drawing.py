"""Timelines as pictures: lanes, the QPU lock, reservations, and who waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qiskit_modes.exceptions import InvalidInputError, QiskitModesError
from qiskit_modes.planning.draw.painter import Painter
from qiskit_modes.planning.draw.palette import owner_colours
from qiskit_modes.planning.draw.timeline import Timeline, make_timeline
from qiskit_modes.planning.draw.trace_format import save_chrome_trace
from qiskit_modes.planning.recording.recording import Recording
from qiskit_modes.planning.recording.whole_file import check_can_be_written, whole_file

__all__ = ["check_can_be_saved", "draw_timeline"]

_PAGES = (".html", ".htm")
_IMAGES = (".png", ".svg", ".pdf", ".jpg", ".webp")


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
        save: A file to write too: ``.html``, which can be zoomed, or ``.png``, ``.svg``, ``.pdf``;
            or ``.json``, the whole recording as a trace that https://ui.perfetto.dev opens.

    Returns:
        A figure of plotly, which shows itself in a notebook, and as one line on a terminal.

    Raises:
        InvalidInputError: If there is nothing to draw, the file's ending is not known, or there is
            no directory for it.
        QiskitModesError: If plotly is not installed, or the browser that PNG files need.
    """
    if save is not None:
        check_can_be_saved(save)
    figure = _figure_of(make_timeline(recording, qpu, around=around), title)
    if save is not None and Path(save).suffix.lower() == ".json":
        save_chrome_trace(recording, save)
    elif save is not None:
        _save_figure(figure, save)
    return figure


def check_can_be_saved(path: str | Path) -> None:
    """Check that a picture can be written to a file.

    Raises:
        InvalidInputError: If the file's ending is not known, or if it has no directory to be in.
    """
    if Path(path).suffix.lower() not in (*_PAGES, *_IMAGES, ".json"):
        raise InvalidInputError(
            f"cannot save to {path}: its ending must be .html, .png, .svg, .pdf, .jpg or .webp, or "
            ".json for a trace that https://ui.perfetto.dev opens"
        )
    check_can_be_written(path)


def _save_figure(figure: Any, path: str | Path) -> None:
    """Write a figure to a file; see `draw_timeline`.

    HTML files hold everything that they need, and open without a network. The other formats are
    made by kaleido, which needs Chrome or Chromium on this machine.

    Raises:
        QiskitModesError: If kaleido or a browser is missing.
    """
    with whole_file(path) as file:
        if file.suffix.lower() in _PAGES:
            figure.write_html(str(file), include_plotlyjs=True)
        else:
            _write_image(figure, file)


def _write_image(figure: Any, file: Path) -> None:
    ending = file.suffix.lower()
    try:
        figure.write_image(str(file), scale=2)
    except OSError:
        raise
    except Exception as error:
        raise QiskitModesError(
            f"a {ending} file needs kaleido and Chrome or Chromium: install "
            "qiskit_modes[visualization] and one of these browsers (`plotly_get_chrome` fetches "
            f"one), or save to .html, which needs neither ({type(error).__name__}: {error})"
        ) from error


def _figure_of(timeline: Timeline, title: str | None = None) -> Any:
    """Return the picture of a timeline, as a figure of plotly."""
    go, figure_class = _plotly()
    mine = [each for each in timeline.owners if _is_mine(timeline, each)]
    others = [each for each in timeline.owners if each not in mine]
    painter = Painter(timeline, owner_colours(mine, others))
    bars = [go.Bar(**each) for each in painter.bars()]
    figure = figure_class([*bars, *(go.Scatter(**each) for each in painter.crosses())])
    figure.update_layout(
        **painter.layout(), title=painter.title(title), annotations=painter.annotations()
    )
    return figure


def _plotly() -> Any:
    try:
        import plotly.graph_objects as go

        from qiskit_modes.planning.draw.figure import TimelineFigure
    except ImportError as error:
        raise QiskitModesError(
            "pictures need plotly: install it with `pip install qiskit_modes[visualization]`"
        ) from error
    return go, TimelineFigure


def _is_mine(timeline: Timeline, owner: str) -> bool:
    return any(bar.is_mine for bar in timeline.jobs if bar.owner == owner)
