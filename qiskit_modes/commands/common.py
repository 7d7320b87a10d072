"""Things that all commands share: numbers within limits, errors as exit codes, JSON."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from qiskit_modes.commands.terminating import Terminated, raising

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "USAGE",
    "Commands",
    "add_json",
    "cluster",
    "find_cluster",
    "make_output_robust",
    "positive",
    "print_json",
    "print_text",
    "run_safely",
    "seconds",
    "size",
    "tell",
    "whole",
]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
"""Where a command adds itself."""

FAILED = 1
"""Exit code of a command that could not do what it was asked for, or found a fault."""

USAGE = 2
"""What argparse returns for a command line that it cannot use."""

_EXTRA = {
    **dict.fromkeys(("anyio", "cryptography", "fastapi", "jwt", "starlette", "uvicorn"), "server"),
    **dict.fromkeys(("kaleido", "plotly"), "visualization"),
    **dict.fromkeys(("alembic", "platformdirs", "sqlalchemy"), "store"),
    "psycopg": "postgresql",
}
"""Which of our extras brings a package that not everybody has."""

INTERRUPTED = 130
"""What shells report for a program that Ctrl-C has ended."""


def run_safely(parsed: argparse.Namespace) -> int:
    """Run a parsed command line and return its exit code; errors of Qiskit become one line."""
    try:
        with raising(), _warnings_of_ours():
            code: int = parsed.run(parsed)
        return code
    except Terminated as end:
        with suppress(OSError):  # the terminal may be gone
            print("qiskit-modes: terminated, everything was stopped", file=sys.stderr)
        return end.exit_code
    except KeyboardInterrupt:
        print("qiskit-modes: interrupted, everything was stopped", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return _explain(error)


@contextmanager
def _warnings_of_ours() -> Iterator[None]:
    """Have warnings look as errors do, but for those that a line of a user's script gets."""
    usual = warnings.formatwarning

    def as_a_line(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        line: str | None = None,
    ) -> str:
        if filename != sys.argv[0]:  # the first frame of this program is nobody's line
            return usual(message, category, filename, lineno, line)
        return f"qiskit-modes: warning: {message}\n"

    warnings.formatwarning = as_a_line
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _explain(error: Exception) -> int:
    if isinstance(error, ImportError):
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise error
        extra = f"pip install 'qiskit_modes[{_EXTRA[package]}]'"
        print(f"qiskit-modes: error: {package} is missing; {extra}", file=sys.stderr)
        return USAGE
    if isinstance(error, OSError):
        print(f"qiskit-modes: error: {error}", file=sys.stderr)
        return USAGE
    from qiskit.exceptions import QiskitError
    from qiskit.providers.exceptions import QiskitBackendNotFoundError
    from qiskit_ibm_runtime.exceptions import IBMInputValueError

    if isinstance(error, QiskitBackendNotFoundError | IBMInputValueError):
        print(f"qiskit-modes: error: {error.message}", file=sys.stderr)
        return USAGE
    if isinstance(error, QiskitError):
        print(f"qiskit-modes: failed: {error.message}", file=sys.stderr)
        return FAILED
    raise error


def cluster(text: str) -> str:
    """Parse the address of a cluster."""
    from qiskit_modes.runtime.workers.dask.knock import NoSchedulerError, check_address

    try:
        return check_address(text)
    except NoSchedulerError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def find_cluster(address: str | None = None) -> None:
    """Check that a cluster answers, before anything is imported that takes longer than that.

    Args:
        address: Where; None for what the environment says, if it says anything.

    Raises:
        NoSchedulerError: If nothing answers there; it is an `OSError`.
    """
    from qiskit_modes.runtime.workers.dask.knock import CLUSTER_VARIABLE, knock

    address = address or os.environ.get(CLUSTER_VARIABLE, "").strip()
    if address:
        knock(address)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--json``."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def print_json(data: Mapping[str, Any]) -> int:
    """Print an answer as JSON, and return the exit code of success."""
    print(json.dumps(data, indent=2, ensure_ascii=False))
    return 0


def print_text(thing: object) -> int:
    """Print an answer for people, and return the exit code of success."""
    from rich.console import Console

    make_output_robust()
    # Nobody's terminal is so wide, but files and pipes have no width: there nothing is folded.
    width = None if sys.stdout.isatty() else 1000
    Console(highlight=False, markup=False, width=width).print(thing, soft_wrap=width is not None)
    return 0


def make_output_robust() -> None:
    """Have a terminal or file print a question mark where it cannot show a character."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def positive(text: str) -> float:
    """Parse a number above zero."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return number


def seconds(text: str) -> float:
    """Parse a time: a plain number is in seconds, others are such as ``2m 30s``."""
    from qiskit_modes.durations import seconds_of

    try:
        number = float(text)
    except ValueError:
        number = None
    try:
        return seconds_of(text if number is None else number)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected a time such as 2, 0.5s or '1m 30s', found {text!r}"
        ) from error


def tell(text: str) -> None:
    """Print a sentence of this program's beside what it was asked for."""
    with suppress(OSError):  # nobody may be left to read it
        sys.stdout.flush()
        print(f"qiskit-modes: {text}", file=sys.stderr)


_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def size(text: str) -> int:
    """Parse a number of bytes, such as ``500M``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a size such as 500M or 10G, found {text!r}")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within limits."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(
                f"expected a whole number from {least} to {most}, found {text!r}"
            )
        return number

    return parse
