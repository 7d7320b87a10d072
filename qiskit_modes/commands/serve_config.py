"""A file of settings for ``qiskit-modes serve``."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["ReadConfig", "instances_of", "limits_of"]

_TABLES = ("instances", "limits")
"""What a file may have beside the options of the command line."""

_OF_INSTANCES = {"id": str, "plan": str, "allocation_seconds": float, "limit_seconds": float}


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
            if name not in _OF_INSTANCES:
                known = ", ".join(_OF_INSTANCES)
                raise InvalidInputError(f"An instance has no {name!r}; it has {known}")
            number = _OF_INSTANCES[name] is float
            fits = isinstance(value, (int, float) if number else str)
            if not fits or isinstance(value, bool) or (number and value < 0):
                kind = "a number of seconds" if number else "a text"
                raise InvalidInputError(f"instances.{name} must be {kind}, not {value!r}")
        if not table.get("id"):
            raise InvalidInputError("An instance needs an id")
        found.append(Instance(**{**table, "plan": plan_named(table.get("plan"))}))
    return found


def _items(table: Any, name: str) -> Any:
    from qiskit_modes.exceptions import InvalidInputError

    if not isinstance(table, dict):
        raise InvalidInputError(f"{name} must be a table, not {table!r}")
    return table.items()
