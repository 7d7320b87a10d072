"""``qiskit-modes store``: what is kept, what may go, a copy of it, and whether it is whole."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiskit_modes.commands.common import (
    FAILED,
    USAGE,
    Commands,
    add_json,
    print_json,
    seconds,
    size,
    tell,
)
from qiskit_modes.memory import size_of

if TYPE_CHECKING:
    from qiskit_modes.store.sql_store import SqlStore

__all__ = ["add", "add_store", "with_store"]


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "store",
        help="look after the jobs that are kept",
        description=(
            "Look after the store in which jobs outlive their process: the one of `qiskit-modes "
            "serve` and of LocalService(store=...). Needs the extra `store`."
        ),
        epilog="example: qiskit-modes store prune --older-than 90d --keep 10G",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = _action(actions, "show", _show, "say what is in the store, and who uses it")
    add_json(show)
    pruning = _action(actions, "prune", _prune, "drop jobs that ended long ago, or are too much")
    pruning.add_argument(
        "--older-than",
        type=seconds,
        metavar="AGE",
        help="those that ended longer ago than this: 90d, 12h, '1d 6h'",
    )
    pruning.add_argument(
        "--keep",
        type=size,
        metavar="BYTES",
        help="the oldest ones, until inputs and results take no more than this: 500M, 10G",
    )
    pruning.add_argument("--dry-run", action="store_true", help="only say what would go")
    exporting = _action(actions, "export", _export, "write all jobs as JSON, a line each")
    exporting.add_argument("file", metavar="FILE", help="which to write, or - for the output")
    _action(actions, "check", _check, "see whether the store is whole; exit code 1 if it is not")


def _action(
    actions: Commands, name: str, run: Callable[[SqlStore, argparse.Namespace], int], about: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    add_store(parser)
    parser.set_defaults(run=lambda parsed: with_store(run, parsed))
    return parser


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--store``."""
    parser.add_argument(
        "--store",
        metavar="WHERE",
        help="which store (default: what QISKIT_MODES_STORE says, or that of the user's server)",
    )


def with_store(
    run: Callable[[SqlStore, argparse.Namespace], int],
    parsed: argparse.Namespace,
    *,
    new: bool = False,
) -> int:
    """Open the store that a command line names, do something with it, and return the exit code.

    Args:
        run: What to do.
        parsed: The command line, with ``store``.
        new: Whether it is made if there is none.
    """
    from qiskit_modes.store.locations import default_location, location_of, named_in_environment
    from qiskit_modes.store.sql_store import SqlStore

    url = location_of(parsed.store or named_in_environment() or default_location())
    if url is None:
        tell("error: jobs in memory are in no store; name one with --store")
        return USAGE
    path = url.removeprefix("sqlite:///")
    if path != url and not new and not Path(path).exists():
        tell(f"error: there is no store {path}")
        return USAGE
    store = SqlStore(url)
    try:
        return run(store, parsed)
    finally:
        store.close()


def _show(store: SqlStore, parsed: argparse.Namespace) -> int:
    from qiskit_modes.store.upkeep import summary

    found = summary(store)
    if parsed.json:
        return print_json(asdict(found))
    print(f"{found.name}, tables of version {found.version}")
    print(f"jobs: {_counts(found.jobs)}")
    if found.oldest is not None and found.newest is not None:
        print(f"submitted: {found.oldest[:19]} to {found.newest[:19]} UTC")
    print(f"sessions and batches: {_counts(found.workloads)}")
    print(f"inputs and results: {size_of(found.body_bytes)}")
    for instance, used in sorted(found.usage_seconds.items()):
        print(f"usage of {instance}: {used:.3f} s")
    for head in found.heads:
        print(f"used by {head}")
    return 0


def _prune(store: SqlStore, parsed: argparse.Namespace) -> int:
    from qiskit_modes.store.upkeep import prune

    if parsed.older_than is None and parsed.keep is None:
        tell("error: say what may go: --older-than AGE, --keep BYTES, or both")
        return USAGE
    gone = prune(
        store,
        older_than_seconds=parsed.older_than,
        keep_bytes=parsed.keep,
        dry_run=parsed.dry_run,
    )
    print(
        f"{'would drop' if parsed.dry_run else 'dropped'} {gone.jobs} jobs with "
        f"{size_of(gone.body_bytes)}, and {gone.workloads} sessions and batches; usage stays"
    )
    return 0


def _export(store: SqlStore, parsed: argparse.Namespace) -> int:
    from qiskit_modes.store.upkeep import export

    if parsed.file == "-":
        export(store, sys.stdout)
        return 0
    with open(parsed.file, "w", encoding="utf-8") as file:
        count = export(store, file)
    print(f"wrote {count} jobs to {parsed.file}")
    return 0


def _check(store: SqlStore, parsed: argparse.Namespace) -> int:  # noqa: ARG001 - as the others
    from qiskit_modes.store.upkeep import check

    found = check(store)
    for sentence in found:
        print(sentence)
    print("the store is whole" if not found else f"{len(found)} things are wrong")
    return FAILED if found else 0


def _counts(counts: dict[str, Any]) -> str:
    if not counts:
        return "none"
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
