"""Warnings: they point at the line of the user, and a strict setting turns them into errors."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

from qiskit_modes.exceptions import (
    OptionWithoutEffectWarning,
    QiskitModesWarning,
    UnsupportedOptionError,
    UnsupportedOptionWarning,
)

__all__ = [
    "STRICT",
    "UNSUPPORTED_OPTIONS",
    "answering_a_request",
    "is_answering_a_request",
    "remarks_so_far",
    "unsupported_options",
    "warn",
    "warn_at_users_line",
    "without_effect",
]

STRICT = "QISKIT_MODES_STRICT"
"""Name of the environment variable: set to anything but 0, this package's warnings are errors."""

UNSUPPORTED_OPTIONS = "QISKIT_MODES_UNSUPPORTED_OPTIONS"
"""Name of the environment variable: set to "warn", options that cannot be honoured are ignored with
a warning, and are no errors."""


_answers: ContextVar[bool] = ContextVar("qiskit_modes_answers", default=False)


@contextmanager
def answering_a_request() -> Iterator[None]:
    """Mark what is called inside as the answer to a request of the service's client.

    Who sends one set its options for the service, which accepts settings that have no effect.
    """
    token = _answers.set(True)
    try:
        yield
    finally:
        _answers.reset(token)


def is_answering_a_request() -> bool:
    """Return whether a request of the service's client is being answered in this context."""
    return _answers.get()


class _Remarks(threading.local):
    count = 0


_remarks = _Remarks()


def remarks_so_far() -> int:
    """Return how often this thread had something to say, also where nobody was told.

    What was found without any change of it will be found without any again.
    """
    return _remarks.count


def without_effect(sentences: Collection[str]) -> None:
    """Warn of options that have no effect as they stand, unless a request set them.

    Args:
        sentences: One for each such option: its name, the reason, and what to do.

    Warns:
        OptionWithoutEffectWarning: For each of them.
    """
    _remarks.count += len(sentences)
    if not is_answering_a_request():
        for sentence in sentences:
            warn(sentence, OptionWithoutEffectWarning)


def unsupported_options(sentences: Collection[str]) -> None:
    """Refuse options that cannot be honoured, or warn where the setting says so.

    Args:
        sentences: One for each such option: its name, the reason, and what to do.

    Raises:
        UnsupportedOptionError: If there is any.

    Warns:
        UnsupportedOptionWarning: Instead of the error, for each of them.
    """
    if not sentences:
        return
    if os.environ.get(UNSUPPORTED_OPTIONS) == "warn":
        for sentence in sentences:
            warn(f"{sentence} It is ignored.", UnsupportedOptionWarning)
        return
    several = len(sentences) > 1
    count = f"{len(sentences)} of the options cannot be honoured. " if several else ""
    raise UnsupportedOptionError(count + " ".join(sentences))


def warn(message: str, category: type[QiskitModesWarning]) -> None:
    """Warn, or raise the warning, of the same category, where the strict setting says so.

    Args:
        message: What the user should know.
        category: Which of this package's warnings.
    """
    _remarks.count += 1
    if os.environ.get(STRICT, "0") not in ("", "0"):
        raise category(message)
    warn_at_users_line(message, category)


def warn_at_users_line(message: str, category: type[Warning]) -> None:
    """Warn of the innermost line that is neither this package's nor on the way to it.

    Args:
        message: What the user should know.
        category: Any warning; the strict setting does not matter.
    """
    frame = _users_frame(sys._getframe())  # noqa: SLF001 - as the module warnings does
    warnings.warn_explicit(
        message,
        category,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        # Code that was given to exec may have no name, and without any nothing would be said.
        module=frame.f_globals.get("__name__") or frame.f_code.co_filename,
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


_OURS = f"{Path(__file__).parent}{os.sep}"

_ON_THE_WAY = {"contextlib", "functools", "qiskit_ibm_runtime"}
"""Packages through which users call this one: with blocks, decorators, the service's client."""


def _users_frame(frame: FrameType) -> FrameType:
    """Return the user's frame; the outermost one if all are ours, as in a thread of ours."""
    while frame.f_back is not None:
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if not frame.f_code.co_filename.startswith(_OURS) and package not in _ON_THE_WAY:
            break
        frame = frame.f_back
    return frame
