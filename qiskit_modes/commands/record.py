"""``qiskit-modes record``: run a script, and record what it submits."""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from pathlib import Path

from qiskit_modes.commands.common import FAILED, Commands, find_cluster, tell

__all__ = ["add"]

_OURS = {__file__, runpy.__file__, "<frozen runpy>"}
"""Where the frames are that run a script."""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    record = commands.add_parser(
        "record",
        help="run a Python script and record its jobs, for `compare` and `timeline`",
        description=(
            "Run a script, as `python SCRIPT` would, and record its jobs, their steps, and the "
            "time that it takes between a result and the next submission. It may use qiskit_modes, "
            "or be written for IBM's service: its QiskitRuntimeService() is the local one then, "
            "whatever account it names. Programs in other processes: `qiskit-modes run --record`. "
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
    find_cluster()

    from qiskit_modes.client.local_runtime import led_to
    from qiskit_modes.exceptions import InvalidInputError
    from qiskit_modes.planning.recording.recorder import NO_JOBS, record_and_tell
    from qiskit_modes.runtime.shared_runtime import default_runtime

    script = Path(parsed.script)
    if not script.is_file():
        raise InvalidInputError(f"there is no script {parsed.script}")
    with record_and_tell(parsed.file, tell) as recorder, led_to(default_runtime()):
        code = _run(script, parsed.arguments)
    if not recorder.recording().jobs:
        tell(NO_JOBS)
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
        return FAILED
    except Exception as error:
        _print_without_us(error)
        return FAILED
    finally:
        sys.argv, sys.path = argv, path
    return 0


def _print_without_us(error: Exception) -> None:
    """Print a script's traceback as Python does, without the frames that run the script."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in _OURS:
        frames = frames.tb_next
    # A syntax error has no frame of the script, and tells where it is by itself.
    traceback.print_exception(error.with_traceback(frames))
