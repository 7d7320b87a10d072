"""``qiskit-modes record``: run a script, and record what it submits."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

from qiskit_modes.commands.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    record = commands.add_parser(
        "record",
        help="run a Python script and record its jobs, for `compare` and `timeline`",
        description=(
            "Run a script that uses qiskit_modes, as `python SCRIPT` would, and record its jobs, "
            "their steps, and the time that it takes between a result and the next submission. "
            "What the script returns is the exit code."
        ),
        epilog="example: qiskit-modes record run.json my_script.py --my-option",
    )
    record.add_argument("file", metavar="FILE", help="where to write the recording")
    record.add_argument("script", metavar="SCRIPT", help="the Python script")
    record.add_argument(
        "arguments", metavar="...", nargs=argparse.REMAINDER, help="arguments of the script"
    )
    record.set_defaults(run=_record)


def _record(parsed: argparse.Namespace) -> int:
    from qiskit_modes.exceptions import InvalidInputError
    from qiskit_modes.planning.recorder import record

    script = Path(parsed.script)
    if not script.is_file():
        raise InvalidInputError(f"there is no script {parsed.script}")
    if not Path(parsed.file).absolute().parent.is_dir():
        raise InvalidInputError(f"there is no directory for {parsed.file}")
    with record(parsed.file) as recorder:
        code = _run(script, parsed.arguments)
    jobs = len(recorder.recording().jobs)
    if not jobs:
        print("qiskit-modes: the script submitted no job to qiskit_modes", file=sys.stderr)
    else:
        print(f"Recorded {jobs} job{'s' * (jobs > 1)} in {parsed.file}", file=sys.stderr)
    return code


def _run(script: Path, arguments: list[str]) -> int:
    """Run a script as Python does: with its arguments, and its directory to import from."""
    argv, path = sys.argv, sys.path
    sys.argv, sys.path = [str(script), *arguments], [str(script.parent.absolute()), *path]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    finally:
        sys.argv, sys.path = argv, path
    return 0
