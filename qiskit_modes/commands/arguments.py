"""Arguments of the commands that offer the service."""

from __future__ import annotations

import argparse

from qiskit_modes.commands.common import whole

__all__ = ["add_service_arguments"]

_PLANS = ("open", "pay-as-you-go", "flex", "premium")
"""By their names, so that talking about a command imports nothing heavy."""


def add_service_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which service is offered."""
    parser.add_argument(
        "--qpu",
        action="append",
        metavar="NAME",
        help="a fake backend or the machine that it stands for; may be given several times "
        "(default: all of them)",
    )
    parser.add_argument(
        "--plan", choices=_PLANS, help="with whose limits (default: without limits)"
    )
    parser.add_argument(
        "--lanes",
        type=whole(1, 100),
        default=5,
        metavar="N",
        help="jobs of a QPU that are in progress at once (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=whole(0, 2**31 - 1),
        metavar="N",
        help="for the jobs that set none, in the order of their submission",
    )
