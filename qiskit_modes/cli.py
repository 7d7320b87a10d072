"""The command ``qiskit-modes``. Until a command really runs, nothing heavy is imported."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from qiskit_modes.commands import run, serve
from qiskit_modes.commands.arguments import whole
from qiskit_modes.demo.settings import MAX_EVALUATIONS, Settings

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["main"]

_INTERRUPTED = 130
"""What shells report for a program that Ctrl-C has ended."""

_USAGE = 2
"""What argparse returns for a command line that it cannot use."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: Those of the command; None for ``sys.argv``.
    """
    try:
        parsed = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = parsed.command
        return command(parsed)
    except KeyboardInterrupt:
        print("qiskit-modes: interrupted, everything was stopped", file=sys.stderr)
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    from qiskit_modes import __version__

    parser = argparse.ArgumentParser(
        prog="qiskit-modes",
        description="IBM Quantum's job, batch and session modes on your own machine.",
        epilog="example: qiskit-modes demo",
    )
    parser.add_argument("--version", action="version", version=f"qiskit-modes {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    serve.add(commands)
    run.add(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    default = Settings()
    demo = commands.add_parser(
        "demo",
        help="watch two optimizers share a session while another job waits outside",
        description=(
            "Search for the ground state of H2 with two optimizers, in two threads inside of one "
            "session, on a simulated noisy QPU. A job in job mode wants the same QPU and has to "
            "wait until the session is closed. Takes about half a minute."
        ),
        epilog="example: qiskit-modes demo --backend fake_sherbrooke --seed 3",
    )
    demo.add_argument(
        "--backend",
        default=default.backend,
        metavar="NAME",
        help="which QPU: a fake backend or aer_simulator (default: %(default)s)",
    )
    demo.add_argument(
        "--seed",
        type=whole(0, 2**31 - 1),
        default=default.seed,
        metavar="N",
        help="where the searches start, and every shot (default: %(default)s)",
    )
    demo.add_argument(
        "--maxiter",
        type=whole(1, MAX_EVALUATIONS),
        default=default.evaluations,
        metavar="N",
        help="most energies for each optimizer (default: %(default)s)",
    )
    demo.add_argument(
        "--shots",
        type=whole(1, 10_000_000),
        default=default.shots,
        metavar="N",
        help="for each energy, in each of two bases (default: %(default)s)",
    )
    demo.add_argument(
        "--plain",
        action="store_true",
        help="lines of text, no moving picture; so it is anyway if the output is no terminal",
    )
    demo.add_argument("--quiet", action="store_true", help="only the report at the end")
    demo.add_argument(
        "--record", metavar="FILE", help="record the run, for `compare` and `timeline`"
    )
    demo.set_defaults(command=_demo)


def _demo(parsed: argparse.Namespace) -> int:
    from rich.console import Console

    # A terminal or file that cannot show a character gets a question mark, and not an error.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False)
    settings = Settings(parsed.backend, parsed.seed, parsed.maxiter, parsed.shots)
    can_move = console.is_terminal and not console.is_dumb_terminal
    plain = parsed.plain or not can_move or console.options.ascii_only
    return _play(settings, console, plain=plain, quiet=parsed.quiet, recording=parsed.record)


def _play(
    settings: Settings, console: Console, *, plain: bool, quiet: bool, recording: str | None
) -> int:
    with console.status("Importing Qiskit ..."):
        from qiskit.exceptions import QiskitError
        from qiskit.providers.exceptions import QiskitBackendNotFoundError

        from qiskit_modes.demo.run import run_demo
        from qiskit_modes.exceptions import InvalidInputError
    try:
        shown = run_demo(settings, console, plain=plain, quiet=quiet, recording=recording)
        return 0 if shown else 1
    except (QiskitBackendNotFoundError, InvalidInputError) as error:
        print(f"qiskit-modes: error: {error.message}", file=sys.stderr)
        return _USAGE
    except QiskitError as error:
        print(f"qiskit-modes: the demonstration failed: {error.message}", file=sys.stderr)
        return 1
