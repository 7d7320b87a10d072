"""``qiskit-modes timeline``: a recording as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from qiskit_modes.commands.common import Commands, add_json, print_json

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    timeline = commands.add_parser(
        "timeline",
        help="draw a recorded run: lanes, the QPU lock, reservations, who waited",
        description=(
            "Draw a recording. An .html file can be zoomed and needs no network; .png, .svg and "
            ".pdf need Chrome or Chromium; a .json file is a trace that https://ui.perfetto.dev "
            "opens. Pictures need the extra `visualization`, a trace does not."
        ),
        epilog="example: qiskit-modes timeline run.json --save run.png",
    )
    timeline.add_argument("file", metavar="FILE", help="the recording")
    timeline.add_argument(
        "--save", metavar="FILE", help="where to write it (default: the recording's name, .html)"
    )
    timeline.add_argument(
        "--qpu", metavar="NAME", help="which QPU (default: the one with most jobs)"
    )
    timeline.add_argument("--title", metavar="TEXT", help="of the picture")
    add_json(timeline)
    timeline.set_defaults(run=_timeline)


def _timeline(parsed: argparse.Namespace) -> int:
    from qiskit_modes.exceptions import InvalidInputError
    from qiskit_modes.planning.draw.drawing import check_can_be_saved, draw_timeline
    from qiskit_modes.planning.draw.trace_format import save_chrome_trace
    from qiskit_modes.planning.recording.recording import Recording

    recording = Recording.load(parsed.file)
    target = Path(parsed.save or Path(parsed.file).with_suffix(".html"))
    if target.absolute() == Path(parsed.file).absolute():
        raise InvalidInputError(f"{target} is the recording itself; save to another file")
    check_can_be_saved(target)
    if target.suffix.lower() == ".json":
        save_chrome_trace(recording, target)
    else:
        draw_timeline(recording, qpu=parsed.qpu, title=parsed.title, save=target)
    if parsed.json:
        return print_json({"written": str(target), "jobs": len(recording.jobs)})
    print(f"Wrote {target}")
    return 0
