"""Shots and precision: what may be asked for, and how one follows from the other."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from qiskit_modes.exceptions import InvalidInputError

__all__ = ["MAX_SHOTS", "precision_of", "shots_for", "validate_precision", "validate_shots"]

MAX_SHOTS = 100_000_000
"""A thousand times what hardware takes; above it a typing error would fill the memory."""


def validate_shots(shots: Any, what: str) -> int:
    """Return ``shots`` as a positive int.

    Args:
        shots: What was given.
        what: Names it at the start of the message.

    Raises:
        InvalidInputError: If it is not a positive integer, or absurdly many.
    """
    if not isinstance(shots, (int, Integral)) or isinstance(shots, bool):
        raise InvalidInputError(
            f"{what} must be a positive integer, not {shots!r} ({type(shots).__name__})."
        )
    number = int(shots)
    if not 0 < number <= MAX_SHOTS:
        raise InvalidInputError(
            f"{what} must be a positive integer of at most {MAX_SHOTS:,}, not {number:,}."
        )
    return number


def validate_precision(precision: Any, what: str) -> float:
    """Return ``precision`` as a float that a possible number of shots can reach.

    Args:
        precision: What was given.
        what: Names it at the start of the message.

    Raises:
        InvalidInputError: If it is not a positive finite number, or absurdly small.
    """
    if not isinstance(precision, (float, Real)) or isinstance(precision, bool):
        raise InvalidInputError(
            f"{what} must be a positive number, not {precision!r} ({type(precision).__name__})."
        )
    value = float(precision)
    if not (value > 0 and math.isfinite(value)):
        raise InvalidInputError(f"{what} must be a positive finite number, not {value}.")
    if value < precision_of(MAX_SHOTS):
        raise InvalidInputError(
            f"{what} must be at least {precision_of(MAX_SHOTS):g}, which takes {MAX_SHOTS:,} shots "
            f"per measurement basis, not {value:g}."
        )
    return value


def shots_for(precision: float) -> int:
    """Return the shots that reach a precision: one over its square, rounded up.

    Example:
        >>> shots_for(0.015625)
        4096
    """
    return math.ceil(1.0 / precision**2)


def precision_of(shots: int) -> float:
    """Return the precision that a number of shots reaches.

    Example:
        >>> precision_of(4096)
        0.015625
    """
    return 1.0 / math.sqrt(shots)
