"""Judging the options that a user set by the table of options: which act, which are refused.

An option that a user set acts or is refused by name; none is dropped in silence. Options that only
tune a feature have no effect while the feature is off, and natively a warning says so, unless the
feature was switched off explicitly: then it is plain that they wait for it to be switched on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from pydantic import BaseModel

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.options.table import (
    Acts,
    Feature,
    Refused,
    Renamed,
    Row,
    Tunes,
    rows_of,
)
from qiskit_modes.warn import unsupported_options, without_effect

__all__ = [
    "SetOption",
    "check_options",
    "refuse_options",
    "set_options",
    "warn_of_idle_options",
]

_UNKNOWN = "it is not known here, and may be of a newer release of qiskit-ibm-runtime"


@dataclass(frozen=True)
class SetOption:
    """An option that a user set, by whatever way."""

    path: str
    """Its full name, with dots."""

    value: Any
    """What it was set to."""

    is_default: bool
    """True if the value equals upstream's default."""


def set_options(options: BaseModel) -> list[SetOption]:
    """Return every option that was set, in the constructor or later, in place or by assignment."""
    return list(_walk(options, ""))


def _walk(model: BaseModel, prefix: str) -> Iterator[SetOption]:
    touched = model.model_fields_set
    for name, default in _defaults(type(model)):
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            # Assigning to a field of a nested model does not mark the nested model itself as set.
            yield from _walk(value, f"{prefix}{name}.")
            if not _is_a_kind_of(value, default):  # a choice in itself, whatever is in it
                yield SetOption(prefix + name, value, is_default=False)
            continue
        is_default = value is default or _equal(value, default)
        if name in touched or not is_default:
            yield SetOption(prefix + name, value, is_default)
    for name, value in (model.model_extra or {}).items():
        yield SetOption(prefix + name, value, is_default=False)


@cache
def _defaults(model: type[BaseModel]) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a model with their defaults, of which nobody else has the very ones."""
    return tuple(
        (name, field.get_default(call_default_factory=True))
        for name, field in model.model_fields.items()
    )


def _is_a_kind_of(value: BaseModel, default: Any) -> bool:
    """Return whether a group is of the class of its default, or one is derived from the other."""
    return isinstance(value, type(default)) or isinstance(default, type(value))


def _equal(value: Any, default: Any) -> bool:
    """Return whether a value is a default."""
    try:
        return bool(value == default)
    except (TypeError, ValueError):  # an array, or what cannot be compared at all
        return np.array_equal(value, default)


def check_options(program: str, model: BaseModel) -> None:
    """Refuse options that cannot be honoured and warn of those without effect, as they are set.

    For programs whose options are complete as the user has them; where others decide a part, see
    `refuse_options` and `warn_of_idle_options`.

    Args:
        program: Whose options they are, one of `PROGRAMS`.
        model: The options.

    Raises:
        UnsupportedOptionError: If options were set that cannot be honoured; all are named.
        InvalidInputError: If a value is none of those that are known.

    Warns:
        OptionWithoutEffectWarning: If one tunes what is off.
    """
    chosen = set_options(model)
    refuse_options(program, chosen)
    warn_of_idle_options(program, chosen, model)


def refuse_options(program: str, chosen: Collection[SetOption]) -> None:
    """Refuse the options that a user set and that cannot be honoured.

    Args:
        program: Whose options they are, one of `PROGRAMS`.
        chosen: What was set, see `set_options`.

    Raises:
        UnsupportedOptionError: If one was set that cannot be honoured, or is not known, to another
            value than its default; all are named.
        InvalidInputError: If one has a value that is not known.
    """
    rows = rows_of(program)
    sentences = []
    for option in chosen:
        if option.is_default:
            continue
        row = rows.get(option.path)
        match None if row is None else _row_within(option, row, rows):
            case None:
                why, remedy = _UNKNOWN, "Leave it unset"
            case Refused(why=why, remedy=remedy):
                pass
            case Renamed(to=to):
                why, remedy = "it has another name", f"Use {to}"
            case Acts() as acts:
                _check_value(option, acts)
                continue
        sentences.append(f"{option.path}={option.value!r} is not supported: {why}. {remedy}.")
    unsupported_options(sentences)


def warn_of_idle_options(program: str, chosen: Collection[SetOption], final: BaseModel) -> None:
    """Warn of options that tune a feature which is off, unless a request set them.

    Args:
        program: Whose options they are, one of `PROGRAMS`.
        chosen: What was set, see `set_options`.
        final: All options, with every feature on or off.

    Warns:
        OptionWithoutEffectWarning: For each of them.
    """
    rows = rows_of(program)
    said = {option.path for option in chosen}
    sentences = []
    for option in chosen:
        row = rows.get(option.path)
        if option.is_default or not isinstance(row, Tunes) or _is_on(row.feature, final):
            continue
        switches = [each for each in row.feature.switches if each in rows]
        if _is_switched_off(row.feature, switches, said):
            continue
        off = f"{row.feature.name} {row.feature.is_off}"
        sentences.append(
            f"{option.path}={option.value!r} has no effect: {off}. Switch it on with "
            f"{' or '.join(switches)}, or leave {option.path} unset."
        )
    without_effect(sentences)


def _row_within(option: SetOption, row: Row, rows: Mapping[str, Row]) -> Row:
    """Return the row of what is set in a dictionary of options, if it has one; or else its own."""
    if not isinstance(row, Refused):
        return row
    paths = (f"{option.path}.{inner}" for inner in _keys(option.value))
    return next((rows[path] for path in paths if path in rows), row)


def _keys(tree: Any) -> Iterator[str]:
    """Yield the names, with dots, of what nested dictionaries hold."""
    for name, value in tree.items() if isinstance(tree, Mapping) else ():
        yield str(name)
        yield from (f"{name}.{inner}" for inner in _keys(value))


def _check_value(option: SetOption, row: Acts) -> None:
    """Refuse a value that is none of those that are known.

    Raises:
        InvalidInputError: Naming the ones that are.
    """
    value = option.value
    asked = value if isinstance(value, list | tuple) else [value]
    unknown = [each for each in asked if row.values and each not in row.values]
    if unknown:
        raise InvalidInputError(
            f"{option.path}={value!r} does not fit: {unknown[0]!r} is not known here. Use one of "
            f"{', '.join(map(repr, row.values))}."
        )


def _is_on(feature: Feature, final: BaseModel) -> bool:
    return any(bool(_at(final, switch)) for switch in feature.switches)


def _at(options: BaseModel, path: str) -> Any:
    """Return an option by its path; None if there is none."""
    value: Any = options
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


def _is_switched_off(feature: Feature, switches: list[str], said: set[str]) -> bool:
    """Return True if the user said that the feature is off, and not only nothing about it."""
    return said.issuperset(switches) or (feature.by_level and "resilience_level" in said)
