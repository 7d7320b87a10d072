"""Settings of jobs that the options of every primitive have.

Upstream's models check types when something is assigned; what they let pass, and what was changed
in place, is checked here.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.store.rows import is_storable

__all__ = ["JobSettings", "check_seed", "check_tags", "job_settings"]


@dataclass(frozen=True)
class JobSettings:
    """Settings that act on every job; shares nothing with the options."""

    job_tags: tuple[str, ...]
    """``environment.job_tags``."""

    max_execution_time_seconds: int | None
    """``max_execution_time``, or the deprecated one of ``environment``; None: no limit given."""

    rep_delay: float | None
    """``execution.rep_delay`` in seconds, for the estimate of usage; None for the usual one."""

    private: bool
    """``environment.private``: inputs are hidden, and the result can be read once."""

    log_level: int
    """``environment.log_level``, as a number of Python's logging."""


def job_settings(model: Any) -> dict[str, Any]:
    """Return the fields of `JobSettings`.

    Args:
        model: The options of a primitive, as upstream's model.

    Raises:
        InvalidInputError: If a value cannot be used.
    """
    environment = model.environment
    return {
        "job_tags": check_tags(environment.job_tags, "The option environment.job_tags"),
        "max_execution_time_seconds": _max_execution_time(model),
        "rep_delay": _rep_delay(model.execution.rep_delay),
        "private": bool(environment.private),
        "log_level": logging.getLevelNamesMapping()[environment.log_level],
    }


def check_seed(seed: int | None) -> int | None:
    """Return the option ``simulator.seed_simulator``.

    Raises:
        InvalidInputError: If it is negative.
    """
    if seed is not None and seed < 0:
        raise InvalidInputError(
            f"The option simulator.seed_simulator must be an integer of at least 0, not {seed!r}."
        )
    return seed


def check_tags(tags: Any, what: str = "job tags") -> tuple[str, ...]:
    """Return tags as they were passed.

    Args:
        tags: What was passed.
        what: What it is, for the message.

    Raises:
        InvalidInputError: If they are not a list of strings that can be kept.
    """
    if not isinstance(tags, (list, tuple)) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInputError(f"{what} must be a list of strings, not {tags!r}.")
    for tag in tags:
        if not is_storable(tag):
            raise InvalidInputError(
                f"{what} must be text that can be kept, without NUL and halves of characters, not "
                f"{tag!r}."
            )
    return tuple(tags)


def _max_execution_time(model: Any) -> int | None:
    seconds, name = model.max_execution_time, "max_execution_time"
    if seconds is None:
        seconds = getattr(model.environment, "max_execution_time", None)
        name = "environment.max_execution_time"
    if seconds is not None and seconds < 1:
        raise InvalidInputError(
            f"The option {name} must be a positive number of whole seconds, not {seconds!r}."
        )
    return seconds


def _rep_delay(seconds: float | None) -> float | None:
    if seconds is not None and not 0 <= seconds < math.inf:
        raise InvalidInputError(
            f"The option execution.rep_delay must be a number of seconds from 0, not {seconds!r}."
        )
    return seconds
