"""The command ``qiskit-modes``. Until a command really runs, nothing heavy is imported."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from qiskit_modes.commands import (
    backends,
    compare,
    demo,
    doctor,
    estimate,
    record,
    run,
    serve,
    store,
    timeline,
    tokens,
)
from qiskit_modes.commands.common import run_safely

__all__ = ["main"]

_COMMANDS = (demo, run, serve, tokens, store, backends, estimate, record, compare, timeline, doctor)
"""In the order of the help text."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    It is 0 for success, 1 for a failure, 2 for a command line or a file that cannot be used, 130
    after Ctrl-C, and 143 after a request to terminate, as shells report these signals.

    Args:
        arguments: Those of the command; None for ``sys.argv``.
    """
    return run_safely(_parser().parse_args(arguments))


def _parser() -> argparse.ArgumentParser:
    from qiskit_modes import __version__

    parser = argparse.ArgumentParser(
        prog="qiskit-modes",
        description="IBM Quantum's job, batch and session modes on your own machine.",
        epilog=(
            "example: qiskit-modes demo. Exit codes: 0 success, 1 failure, 2 something that cannot "
            "be used, 130 after Ctrl-C, 143 after SIGTERM."
        ),
    )
    parser.add_argument("--version", action="version", version=f"qiskit-modes {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add(commands)
    return parser
