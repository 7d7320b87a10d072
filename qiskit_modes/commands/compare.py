"""``qiskit-modes compare``: session or batch? A recording replayed in every mode."""

from __future__ import annotations

import argparse

from qiskit_modes.commands.common import (
    Commands,
    add_json,
    positive,
    print_json,
    print_text,
    seconds,
    whole,
)

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    compare = commands.add_parser(
        "compare",
        help="session or batch? replay a recorded run in every mode",
        description=(
            "Replay a recording as single jobs, as a batch and as a session, by the rules of the "
            "service and on a virtual clock: how long each takes, and what is charged. Recordings "
            "are made by `qiskit-modes record`, or in Python by `with qiskit_modes.record(FILE):`."
        ),
        epilog="example: qiskit-modes compare run.json --traffic heavy --price-per-minute 96",
    )
    compare.add_argument("file", metavar="FILE", help="the recording")
    compare.add_argument(
        "--traffic",
        default="none",
        metavar="WHO",
        help="who else uses the QPU: none, light (30 %% of its time), heavy (90 %%), or a number "
        "of jobs an hour (default: %(default)s)",
    )
    compare.add_argument(
        "--plan",
        metavar="NAME",
        help="open, pay-as-you-go, flex or premium (default: as recorded, without limits)",
    )
    compare.add_argument(
        "--times",
        choices=("estimated", "recorded"),
        default="estimated",
        help="how long jobs have the QPU: as hardware would by IBM's published formula, or as in "
        "the recording (default: %(default)s)",
    )
    compare.add_argument(
        "--compile-time",
        type=seconds,
        metavar="TIME",
        help="how long the service compiles each job, such as 5 or 5s (default: as recorded)",
    )
    compare.add_argument(
        "--price-per-minute", type=positive, metavar="X", help="what a charged minute costs"
    )
    compare.add_argument(
        "--seeds",
        type=whole(1, 1000),
        default=10,
        metavar="N",
        help="how many replays, each with other jobs of others (default: %(default)s)",
    )
    add_json(compare)
    compare.set_defaults(run=_compare)


def _compare(parsed: argparse.Namespace) -> int:
    from qiskit_modes.planning.compare.compare import compare_modes

    comparison = compare_modes(
        parsed.file,
        plan=parsed.plan,
        traffic=parsed.traffic,
        times=parsed.times,
        compile_time=parsed.compile_time,
        price_per_minute=parsed.price_per_minute,
        seeds=parsed.seeds,
    )
    return print_json(comparison.to_dict()) if parsed.json else print_text(comparison)
