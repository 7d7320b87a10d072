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


_Part = tuple[
    BaseModel | None,
    type,
    tuple[str, ...],
    tuple[Any, ...],
    frozenset[str],
    list[tuple[Collection[Any], tuple[Any, ...]]],
]
"""A group of options, None for the whole; its class, names and values, what was set, and what its
lists held."""


class Look:
    """A look at some options, by which they are known again while nothing in them has changed.

    It keeps what they hold, but not the options themselves.

    Args:
        model: The options, of which `state_of` is not None.
    """

    def __init__(self, model: BaseModel) -> None:
        self._tells_all = True
        self._parts: list[_Part] = []
        """The options themselves, and after them all groups in them."""
        self._look_at(model, None)

    def _look_at(self, model: BaseModel, kept: BaseModel | None) -> None:
        fields = model.__dict__
        lists: list[tuple[Collection[Any], tuple[Any, ...]]] = []
        values = tuple(fields.values())
        chosen = frozenset(model.__pydantic_fields_set__)
        self._parts.append((kept, type(model), tuple(fields), values, chosen, lists))
        self._tells_all &= model.__pydantic_extra__ is None
        for value in values:
            if isinstance(value, BaseModel):
                self._look_at(value, value)
            elif type(value) is list or (type(value) is dict and not value):
                lists.append((value, tuple(value)))
                self._tells_all &= _is_plain(tuple(value))
            else:
                self._tells_all &= _is_plain(value)

    def finds_same(self, model: BaseModel) -> bool:
        """Tell whether options hold the very objects that were seen, and the same were set.

        True means that `state_of` is what it was. It may be so too where this is False: some of
        what can be changed in place is not looked into.
        """
        if not self._tells_all:
            return False
        for kept, kind, names, values, chosen, lists in self._parts:
            # A group is the one that was seen, or what holds it has been found to be changed.
            part = model if kept is None else kept
            fields = part.__dict__
            if not (
                type(part) is kind
                and tuple(fields) == names
                and all(map(is_, fields.values(), values))
                and part.__pydantic_fields_set__ == chosen
                and part.__pydantic_extra__ is None
                and not part.__pydantic_private__
            ):
                return False
            for each, items in lists:
                if not (len(each) == len(items) and all(map(is_, each, items))):
                    return False
        return True


def _is_plain(value: Any) -> bool:
    """Tell whether a value does not change: a plain one, or a tuple of such."""
    return type(value) in _PLAIN or (type(value) is tuple and all(map(_is_plain, value)))
