"""Places of stores, as users write them."""

from __future__ import annotations

import os
from pathlib import Path

from qiskit_modes.exceptions import InvalidInputError

__all__ = ["MEMORY", "STORE", "default_location", "location_of", "named_in_environment"]

STORE = "QISKIT_MODES_STORE"
"""Name of the environment variable that says where jobs are kept."""

MEMORY = "memory"
"""What stands for no store: jobs are kept in memory, and go with the process."""

_SQLITE, _POSTGRESQL = "sqlite:///", "postgresql+psycopg://"
_SHORT_FORMS = ("postgresql://", "postgres://")


def location_of(written: str | os.PathLike[str]) -> str | None:
    """Return the URL of a store; None for `MEMORY`.

    Args:
        written: ``sqlite:///FILE``, ``postgresql+psycopg://...``, the path of a file, or `MEMORY`.

    Raises:
        InvalidInputError: If it is none of these.

    Example:
        >>> location_of("sqlite:////srv/jobs.sqlite"), location_of("memory")
        ('sqlite:////srv/jobs.sqlite', None)
    """
    text = os.fspath(written)
    if not isinstance(text, str) or not text.strip():
        raise InvalidInputError(_expected(written))
    if text == MEMORY:
        return None
    for short in _SHORT_FORMS:
        if text.startswith(short):
            return _POSTGRESQL + text.removeprefix(short)
    if text.startswith(_POSTGRESQL):
        return text
    if text.startswith(_SQLITE):
        path = text.removeprefix(_SQLITE)
        if not path or path == ":memory:" or "?" in path:
            raise InvalidInputError(_expected(written))
        return _SQLITE + _whole(path)
    if "://" in text or text.startswith("sqlite:"):
        raise InvalidInputError(_expected(written))
    return _SQLITE + _whole(text)


def named_in_environment() -> str | None:
    """Return what the environment variable `STORE` says; None if it is not set, or empty."""
    return os.environ.get(STORE) or None


def default_location() -> str:
    """Return the URL of the store in the user's own folder, where a server keeps its jobs."""
    from platformdirs import user_data_path

    return f"{_SQLITE}{user_data_path('qiskit_modes', appauthor=False) / 'jobs.sqlite'}"


def _whole(path: str) -> str:
    """Return a path that does not depend on the present folder."""
    return str(Path(path).expanduser().absolute())


def _expected(written: object) -> str:
    return (
        f"a store is sqlite:///FILE, postgresql+psycopg://USER@HOST/DATABASE, the path of a file, "
        f"or {MEMORY!r} for none; not {written!r}"
    )
