"""The state of options as bytes: equal exactly while nothing in them has changed.

Options are models that may be changed in place, and so may the lists in them; nothing tells that
they were. What they hold is read in a few microseconds though, a tenth of what judging it takes.
Whether it is still the very same objects is seen in half of that.
"""

from __future__ import annotations

import marshal
from collections.abc import Collection
from operator import is_
from typing import Any

from pydantic import BaseModel

__all__ = ["Look", "state_of"]

_PLAIN = frozenset({bool, int, float, str, type(None)})
_OWNERS = frozenset({"qiskit_ibm_runtime", "qiskit_modes"})
"""The packages whose models hold what is in their fields and nothing else."""


class _NotPlainError(Exception):
    """A value of which nothing tells what it is, such as a noise model."""


def state_of(options: BaseModel) -> bytes | None:
    """Return what some options are now; None if they hold more than plain values.

    Equal bytes mean options of the same classes with values of the same types, of which the same
    were set.

    Args:
        options: A model; groups in it, lists, tuples and dictionaries are read too.
    """
    try:
        return marshal.dumps(_model(options), 2)  # by values alone: version 2 has no references
    except (_NotPlainError, RecursionError):
        return None


def _model(model: BaseModel) -> tuple[Any, ...]:
    kind = type(model)
    # A user's own class may compute what it answers from anything.
    if kind.__module__.partition(".")[0] not in _OWNERS or model.__pydantic_private__:
        raise _NotPlainError
    fields, extra = model.__dict__, model.__pydantic_extra__
    return (
        kind.__module__,
        kind.__qualname__,
        tuple(fields),
        [value if type(value) in _PLAIN else _value(value) for value in fields.values()],
        tuple(model.__pydantic_fields_set__),  # in another order they are not recognised, no more
        None if extra is None else _value(extra),
    )


def _value(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return ("model", _model(value))
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return value if _PLAIN.issuperset(map(type, value)) else [_value(item) for item in value]
    if kind is tuple:
        return tuple(_value(item) for item in value)
    if kind is dict:
        return ("dict", [(_value(name), _value(item)) for name, item in value.items()])
    raise _NotPlainError


class Look:
    """A look at some options, by which they are known again while nothing in them has changed.

    It keeps what they hold, but not the options themselves.

    Args:
        model: The options, of which `state_of` is not None.
    """

    def __init__(self, model: BaseModel) -> None:
        fields = model.__dict__
        self._kind = type(model)
        self._names = tuple(fields)
        self._values = tuple(fields.values())
        self._set = frozenset(model.__pydantic_fields_set__)
        self._groups: list[BaseModel] = []
        self._looks: list[Look] = []
        self._lists: list[tuple[Collection[Any], tuple[Any, ...]]] = []
        self._tells_all = model.__pydantic_extra__ is None
        for value in self._values:
            if isinstance(value, BaseModel):
                self._groups.append(value)
                self._looks.append(Look(value))
            elif type(value) is list or (type(value) is dict and not value):
                self._lists.append((value, tuple(value)))
                self._tells_all &= _is_plain(tuple(value))
            else:
                self._tells_all &= _is_plain(value)

    def finds_same(self, model: BaseModel) -> bool:
        """Tell whether options hold the very objects that were seen, and the same were set.

        True means that `state_of` is what it was. It may be so too where this is False: some of
        what can be changed in place is not looked into.
        """
        fields = model.__dict__
        if not (
            self._tells_all
            and type(model) is self._kind
            and tuple(fields) == self._names
            and all(map(is_, fields.values(), self._values))
            and model.__pydantic_fields_set__ == self._set
            and model.__pydantic_extra__ is None
            and not model.__pydantic_private__
        ):
            return False
        for each, items in self._lists:
            if not (len(each) == len(items) and all(map(is_, each, items))):
                return False
        return all(map(Look.finds_same, self._looks, self._groups))


def _is_plain(value: Any) -> bool:
    """Tell whether a value does not change: a plain one, or a tuple of such."""
    return type(value) in _PLAIN or (type(value) is tuple and all(map(_is_plain, value)))
