"""A file of settings for ``qiskit-modes serve``."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qiskit_modes.commands.common import size

__all__ = ["ReadConfig", "instances_of", "limits_of", "read_token", "tokens_of"]

_TABLES = ("instances", "limits")
"""What a file may have beside the options of the command line."""

_TOKEN_FILE = "token_file"  # noqa: S105 - the name of a setting
_OF_INSTANCES = {
    "id": str,
    "plan": str,
    "allocation_seconds": float,
    "limit_seconds": float,
    _TOKEN_FILE: str,
}
_OF_BUDGETS = ("max_bytes", "max_jobs", "max_pending_jobs", "max_open_workloads")
"""What an instance may have besides; the first may be such as "10G"."""


class ReadConfig(argparse.Action):
    """Reads a file as if its settings stood on the command line in its place.

    So each is judged as the option of the same name is, and options that follow count more.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # noqa: ARG002 - the signature of argparse
    ) -> None:
        """Read the file; what cannot be used ends the program with a message."""
        try:
            with open(values, "rb") as file:
                settings = tomllib.load(file)
        except (OSError, ValueError) as error:
            parser.error(f"{values} cannot be read: {error}")
        for name in _TABLES:
            setattr(namespace, name, settings.pop(name, None))
        if "config" in settings:
            parser.error(f"{values}: a file names no other file")
        parser.parse_args(list(_words_of(settings)), namespace)


def _words_of(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, list) else [value]:
            if each is True:
                yield option  # as one that takes no value is given
            elif each is not False:
                yield f"{option}={each}"


def limits_of(table: Any) -> Any:
    """Return limits of a table in a file; None for None.

    Raises:
        InvalidInputError: If it names none, or one is no positive number.
    """
    from dataclasses import fields

    from qiskit_modes.exceptions import InvalidInputError
    from qiskit_modes.server.guard.limits import Limits

    if table is None:
        return None
    known = {field.name: type(field.default) for field in fields(Limits)}
    for name, value in _items(table, "limits"):
        if name not in known:
            raise InvalidInputError(f"limits has no {name!r}; it has {', '.join(known)}")
        whole = known[name] is int
        kinds = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or value <= 0:
            kind = "a whole number" if whole else "a number"
            raise InvalidInputError(f"limits.{name} must be {kind} above 0, not {value!r}")
    return Limits(**table)


def instances_of(tables: Any) -> Any:
    """Return the instances of the tables in a file; None for None.

    Raises:
        InvalidInputError: If one has no id, or something else than an instance has.
    """
    from qiskit_modes import Instance
    from qiskit_modes.exceptions import InvalidInputError
    from qiskit_modes.wire.opening import plan_named

    if tables is None:
        return None
    if not isinstance(tables, list):
        raise InvalidInputError("instances must be tables: write [[instances]] above each")
    found = []
    for table in tables:
        for name, value in _items(table, "instances"):
            if name in _OF_BUDGETS:
                continue
            if name not in _OF_INSTANCES:
                known = ", ".join((*_OF_INSTANCES, *_OF_BUDGETS))
                raise InvalidInputError(f"An instance has no {name!r}; it has {known}")
            number = _OF_INSTANCES[name] is float
            fits = isinstance(value, (int, float) if number else str)
            if not fits or isinstance(value, bool) or (number and not value >= 0):
                kind = "a number of seconds" if number else "a text"
                raise InvalidInputError(f"instances.{name} must be {kind}, not {value!r}")
        if not table.get("id"):
            raise InvalidInputError("An instance needs an id")
        fields = {name: table[name] for name in _OF_INSTANCES if name in table}
        fields.pop(_TOKEN_FILE, None)
        fields |= {"plan": plan_named(table.get("plan")), "budget": _budget_of(table)}
        found.append(Instance(**fields))
    return found


def _budget_of(table: Mapping[str, Any]) -> Any:
    from qiskit_modes import Budget
    from qiskit_modes.exceptions import InvalidInputError

    limits = {}
    for name in _OF_BUDGETS:
        value = table.get(name)
        if name == "max_bytes" and isinstance(value, str):
            try:
                value = size(value)
            except argparse.ArgumentTypeError as error:
                raise InvalidInputError(f"instances.{name}: {error}") from None
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise InvalidInputError(f"instances.{name} must be a whole number, not {value!r}")
        if value is not None and value < 0:
            raise InvalidInputError(f"instances.{name} must be 0 or more, not {value!r}")
        limits[name] = value
    return Budget(**limits)


def tokens_of(tables: Any) -> dict[str, str]:
    """Return the tokens of instances whose tables name a file with one, by the instances' ids.

    Args:
        tables: Tables that `instances_of` has read, or None.

    Raises:
        InvalidInputError: If a file cannot be read.
    """
    return {
        table["id"]: read_token(table[_TOKEN_FILE])
        for table in tables or ()
        if _TOKEN_FILE in table
    }


def read_token(name: str) -> str:
    """Return the token in a file.

    Raises:
        InvalidInputError: If the file cannot be read, or is empty.
    """
    from qiskit_modes.exceptions import InvalidInputError

    try:
        token = Path(name).read_text().strip()
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"The token cannot be read: {error}") from error
    if not token:
        raise InvalidInputError(f"{name} is empty; it must hold the token")
    return token


def _items(table: Any, name: str) -> Any:
    from qiskit_modes.exceptions import InvalidInputError

    if not isinstance(table, dict):
        raise InvalidInputError(f"{name} must be a table, not {table!r}")
    return table.items()
