"""Warnings, which a strict setting turns into errors."""

from __future__ import annotations

import os
import warnings

from qiskit_modes.exceptions import QiskitModesWarning

__all__ = ["STRICT", "warn"]

STRICT = "QISKIT_MODES_STRICT"
"""Name of the environment variable: set to anything but 0, this package's warnings are errors."""


def warn(message: str, category: type[QiskitModesWarning], *, stacklevel: int) -> None:
    """Warn, or raise the warning where the strict setting says so.

    Args:
        message: What the user should know.
        category: Which of this package's warnings.
        stacklevel: Whose line is meant, counted from the caller as in `warnings.warn`.
    """
    if os.environ.get(STRICT, "0") not in ("", "0"):
        raise category(message)
    warnings.warn(message, category, stacklevel=stacklevel + 1)
