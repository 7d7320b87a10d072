"""Common parts of the schemas of the client's programs: packed tensors and circuits."""

from __future__ import annotations

import base64
import reprlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ValidationError
from qiskit_ibm_runtime.options_models import ExecutionOptions

from qiskit_modes.primitives.encoding.tensors import DTYPES
from qiskit_modes.primitives.options.table import Refused, rows_of
from qiskit_modes.warn import unsupported_options
from qiskit_modes.wire.api_error import OFF, ApiError
from qiskit_modes.wire.programs.params import Inflater, check_qpy_version, unreadable

__all__ = [
    "CIRCUIT_KEYS",
    "check_sizes",
    "complete_options",
    "decoding",
    "dictionaries",
    "version_of",
]

CIRCUIT_KEYS = ("b64_data", "circuit_b64")
"""Under which keys circuits stand, as QPY."""


@contextmanager
def decoding() -> Iterator[None]:
    """Say of whatever the client's converters raise inside that the parameters are unreadable.

    Raises:
        ApiError: If something was raised: that of a check as it is, or else one of status 400.
    """
    try:
        yield
    except ApiError:
        raise
    except ValidationError as error:
        raise unreadable(_first_problems(error)) from error
    except Exception as error:  # parsers of foreign bytes fail in many ways
        raise unreadable(f"{type(error).__name__}: {error}") from error


def _first_problems(error: ValidationError) -> str:
    """Return what is wrong with parameters, where the client's model says so."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    said = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems[:3]]
    return "; ".join(said) + ("; ..." if len(problems) > 3 else "")


def version_of(params: Mapping[str, Any], known: Collection[str], remedy: str) -> str:
    """Return the version of the schema in which parameters were written.

    Args:
        params: As a JSON decoder made them.
        known: The versions that are read.
        remedy: What to do where it is another.

    Raises:
        ApiError: If it is another; status 400.
    """
    version = params.get("schema_version")
    if not isinstance(version, str) or version not in known:
        raise unreadable(
            f"the schema version is {version!r}, and this service reads {', '.join(known)}; "
            f"{remedy}"
        )
    return version


def complete_options(
    program: str, options: BaseModel, asked: Mapping[str, Any], schema: type[BaseModel]
) -> None:
    """Put onto options what a request says of them and the client's converter leaves out.

    So that they are judged like any others. What is known to nobody is refused by its name; what
    the client has for simulations only, and sends along, the service has no use for.

    Args:
        program: Whose options they are.
        options: What the converter made of them; modified.
        asked: The options as they were sent.
        schema: The client's model of what is sent.

    Raises:
        UnsupportedOptionError: If some are not known, unless they say that something is off.
    """
    rows, sentences = rows_of(program), []
    groups = {path.partition(".")[0] for path in rows}
    for name, value in _leaves(asked):
        group = name.partition(".")[0]
        if group not in schema.model_fields and group in groups:
            continue
        path = f"execution.{name}" if name in ExecutionOptions.model_fields else name
        row = rows.get(path)
        if row is None:
            why, remedy = "it is not known here, and may be of a newer client", "Leave it unset"
        elif not isinstance(row, Refused):
            continue  # the converter has it
        elif _has(options, path):
            group, _, last = path.rpartition(".")
            setattr(getattr(options, group) if group else options, last, value)
            continue
        else:
            why, remedy = row.why, row.remedy
        if value not in OFF:
            sentences.append(f"{path}={reprlib.repr(value)} is not supported: {why}. {remedy}.")
    unsupported_options(sentences)


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and name != "experimental" and len(prefix) < _LONGEST_PATH:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


_LONGEST_PATH = 100
"""Characters; the nesting is a stranger's."""


def _has(options: BaseModel, path: str) -> bool:
    """Return whether options have one of this path, at most a group deep."""
    group, _, name = path.rpartition(".")
    return hasattr(getattr(options, group, None) if group else options, name)


def check_sizes(params: Mapping[str, Any], *, compressed: bool) -> None:
    """Look at what is packed in the parameters, before anything is made of it.

    Args:
        params: Of a program whose circuits and tensors are in the client's schemas.
        compressed: Whether they are packed with zlib, too, and not with base64 only.

    Raises:
        ApiError: If it is too much, or of a newer Qiskit; status 400.
    """
    inflater = Inflater()
    for packed in dictionaries(params):
        for key in ("data", *CIRCUIT_KEYS):
            text = packed.get(key)
            if not isinstance(text, str) or (key == "data" and not _is_tensor(packed)):
                continue
            if compressed:
                data = inflater.inflate(text)
            else:
                data = base64.b64decode(text)
                inflater.count(data)
            if key in CIRCUIT_KEYS:
                check_qpy_version(data)


def _is_tensor(packed: Mapping[str, Any]) -> bool:
    """Return whether a schema may read a dictionary as a tensor; where it can be no other, the
    schema does not need the type. Users pass dictionaries of their own through, too.
    """
    kind = packed.get("dtype", "f64")
    return "shape" in packed and isinstance(kind, str) and kind in DTYPES.values()


def dictionaries(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all dictionaries of nested ones, without recursion: the nesting is a stranger's."""
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            yield each
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
