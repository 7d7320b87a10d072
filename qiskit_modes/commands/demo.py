"""``qiskit-modes demo``: two optimizers in a session, and a job outside that has to wait."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from qiskit_modes.commands.common import Commands, find_cluster, make_output_robust, whole
from qiskit_modes.demo.settings import MAX_EVALUATIONS, Settings

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the command line."""
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
    demo.set_defaults(run=_demo)


def _demo(parsed: argparse.Namespace) -> int:
    from rich.console import Console

    make_output_robust()
    find_cluster()
    console = Console(highlight=False, markup=False)
    settings = Settings(parsed.backend, parsed.seed, parsed.maxiter, parsed.shots)
    can_move = console.is_terminal and not console.is_dumb_terminal
    plain = parsed.plain or not can_move or console.options.ascii_only
    return _play(settings, console, plain=plain, quiet=parsed.quiet, recording=parsed.record)


def _play(
    settings: Settings, console: Console, *, plain: bool, quiet: bool, recording: str | None
) -> int:
    with console.status("Importing Qiskit ..."):
        from qiskit_modes.demo.run import run_demo
    shown = run_demo(settings, console, plain=plain, quiet=quiet, recording=recording)
    return 0 if shown else 1
