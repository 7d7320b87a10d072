"""Classes and functions by their names, and whether they are what their names say."""

from __future__ import annotations

import itertools
import sys
import types
import weakref
from typing import Any

from qiskit.circuit import (
    Barrier,
    BoxOp,
    BreakLoopOp,
    ContinueLoopOp,
    Delay,
    ForLoopOp,
    Gate,
    IfElseOp,
    Instruction,
    Measure,
    Reset,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)

from qiskit_modes.exceptions import UnsupportedCircuitError

__all__ = [
    "FUNCTIONS",
    "UndescribedError",
    "check_name",
    "class_content",
    "function_content",
    "is_trusted",
]

_TRUSTED = frozenset({"builtins", "copyreg", "numpy", "qiskit", "qiskit_aer"})
_TRUSTED |= {"qiskit_ibm_runtime", "samplomatic", "collections", "functools", "uuid"}
"""Packages whose classes stay what they are while a process lives. A user's class may be defined
anew under its old name, as in a notebook, and what it computes may depend on more than its state.
"""

FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


class UndescribedError(Exception):
    """Something that has no description, so that it equals nothing else."""


_serials: weakref.WeakKeyDictionary[type, int] = weakref.WeakKeyDictionary()
_next_serial = itertools.count(1)


def class_content(kind: type) -> tuple[str, str, int]:
    """Return a class by its name, one that may be defined anew by a number too."""
    serial = 0 if is_trusted(kind) else _serials.setdefault(kind, next(_next_serial))
    return (kind.__module__, kind.__qualname__, serial)


def function_content(function: Any) -> Any:
    """Return a function by its name.

    Raises:
        UndescribedError: If it is neither compiled nor a library's, and may be another one later.
    """
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and is_trusted(owner):
        return ("method", class_content(owner), function.__name__)
    compiled = isinstance(function, types.BuiltinFunctionType)
    if compiled and (owner is None or isinstance(owner, types.ModuleType)):
        return ("function", function.__module__, function.__qualname__)
    if isinstance(function, types.FunctionType) and is_trusted(function):
        return ("function", function.__module__, function.__qualname__)
    raise UndescribedError(function)


def is_trusted(thing: Any) -> bool:
    """Tell whether a class or function is found under its name in a library."""
    module = thing.__module__ or ""
    if module.partition(".")[0] not in _TRUSTED:
        return False
    found: Any = sys.modules.get(module)
    for name in thing.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is thing


_MEANT: dict[str, type] = {
    "barrier": Barrier,
    "box": BoxOp,
    "break_loop": BreakLoopOp,
    "continue_loop": ContinueLoopOp,
    "delay": Delay,
    "for_loop": ForLoopOp,
    "if_else": IfElseOp,
    "measure": Measure,
    "reset": Reset,
    "store": Store,
    "switch_case": SwitchCaseOp,
    "while_loop": WhileLoopOp,
}
"""Whose names are what simulators, Aer too, go by."""
_CHANNELS = frozenset({"initialize", "kraus", "superop"})
"""Names that simulators go by as well, of instructions that may be of no class of their own."""


def _is_disguised(operation: Any) -> bool:
    """Tell whether a gate, or what is composed of others, has the name of a channel."""
    if getattr(operation, "name", "") not in _CHANNELS:
        return False
    composed = type(operation) is Instruction and operation.definition is not None
    return composed or isinstance(operation, Gate)


def check_name(operation: Any) -> None:
    """Check that an instruction has not the name of another one, which simulators would do.

    Raises:
        UnsupportedCircuitError: If it has.
    """
    meant = _MEANT.get(getattr(operation, "name", ""))
    if (meant is not None and not isinstance(operation, meant)) or _is_disguised(operation):
        kind = getattr(operation, "base_class", type(operation))
        raise UnsupportedCircuitError(
            f"The circuit has an instruction of the class {kind.__name__} that is called "
            f"{operation.name!r}, and that is the name of another one, for which it would be "
            "taken. Give it a name of its own."
        )
