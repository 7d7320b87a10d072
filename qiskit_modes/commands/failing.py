"""How commands say that something cannot be done."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable

__all__ = ["USAGE", "told"]

USAGE = 2
"""What argparse returns for a command line that it cannot use."""

_EXTRA = frozenset({"anyio", "cryptography", "fastapi", "jwt", "starlette", "uvicorn"})


def told(command: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Let a command end with a line on standard error instead of a traceback."""

    @functools.wraps(command)
    def run(parsed: argparse.Namespace) -> int:
        try:
            return command(parsed)
        except ImportError as error:
            if (error.name or "").partition(".")[0] not in _EXTRA:
                raise
            return _say(f"{error.name} is missing; pip install 'qiskit_modes[server]'")
        except OSError as error:
            return _say(str(error))
        except Exception as error:
            from qiskit.exceptions import QiskitError

            if not isinstance(error, QiskitError):
                raise
            return _say(error.message)

    return run


def _say(text: str) -> int:
    print(f"qiskit-modes: error: {text}", file=sys.stderr)
    return USAGE
