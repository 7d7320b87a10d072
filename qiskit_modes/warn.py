"""Warnings, which a strict setting turns into errors."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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


def without_effect(sentences: Collection[str], *, stacklevel: int) -> None:
    """Warn of options that have no effect as they stand, unless a request set them.

    Args:
        sentences: One for each such option: its name, the reason, and what to do.
        stacklevel: Whose line is meant, counted from the caller as in `warnings.warn`.

    Warns:
        OptionWithoutEffectWarning: For each of them.
    """
    _remarks.count += len(sentences)
    if not is_answering_a_request():
        for sentence in sentences:
            warn(sentence, OptionWithoutEffectWarning, stacklevel=stacklevel + 1)


def unsupported_options(sentences: Collection[str], *, stacklevel: int) -> None:
    """Refuse options that cannot be honoured, or warn where the setting says so.

    Args:
        sentences: One for each such option: its name, the reason, and what to do.
        stacklevel: Whose line is meant, counted from the caller as in `warnings.warn`.

    Raises:
        UnsupportedOptionError: If there is any.

    Warns:
        UnsupportedOptionWarning: Instead of the error, for each of them.
    """
    if not sentences:
        return
    if os.environ.get(UNSUPPORTED_OPTIONS) == "warn":
        for sentence in sentences:
            warn(f"{sentence} It is ignored.", UnsupportedOptionWarning, stacklevel=stacklevel + 1)
        return
    several = len(sentences) > 1
    count = f"{len(sentences)} of the options cannot be honoured. " if several else ""
    raise UnsupportedOptionError(count + " ".join(sentences))


def warn(message: str, category: type[QiskitModesWarning], *, stacklevel: int) -> None:
    """Warn, or raise the warning, of the same category, where the strict setting says so.

    Args:
        message: What the user should know.
        category: Which of this package's warnings.
        stacklevel: Whose line is meant, counted from the caller as in `warnings.warn`.
    """
    _remarks.count += 1
    if os.environ.get(STRICT, "0") not in ("", "0"):
        raise category(message)
    warnings.warn(message, category, stacklevel=stacklevel + 1)
