"""Filters of jobs and backends: each is checked, so that a wrong one finds an error
and not nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.options.job_settings import check_tags
from qiskit_modes.service.choosing import can_branch, num_qubits
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.store.rows import JobQuery, is_storable, microseconds

__all__ = [
    "check_flag",
    "check_text",
    "job_query",
    "matching_backends",
    "microseconds_of",
    "moment_of",
]


def check_text(value: Any, name: str) -> None:
    """Raise if a filter is neither text nor None.

    Raises:
        InvalidInputError: Naming the filter.
    """
    if value is not None and not isinstance(value, str):
        raise InvalidInputError(f"{name} must be text or None, not {_shown(value)}.")
    if value is not None and not is_storable(value):
        raise InvalidInputError(f"{name} has characters that no name has: {value!r}.")


def check_flag(value: Any, name: str) -> None:
    """Raise if a filter is neither True, False nor None.

    Raises:
        InvalidInputError: Naming the filter.
    """
    if value is not None and not isinstance(value, bool):
        raise InvalidInputError(f"{name} must be True, False or None, not {_shown(value)}.")


def _check_count(value: Any, name: str) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidInputError(
            f"{name} must be a whole number from 0, or None, not {_shown(value)}."
        )


def moment_of(value: Any, name: str) -> datetime | None:
    """Return the time that a filter means.

    Args:
        value: A time; a date, for its first moment; the text of either, in the form of ISO 8601;
            or None. Local if it has no time zone.
        name: The filter, for the message.

    Raises:
        InvalidInputError: If it is none of these.

    Example:
        >>> moment_of("2026-03-01", "created_after")
        datetime.datetime(2026, 3, 1, 0, 0)
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise InvalidInputError(
                f"{name}={value!r} is not the text of a time: {error}. Write it as 2026-12-31 or "
                "2026-12-31T23:59:59, or pass a datetime."
            ) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if value is not None and not isinstance(value, datetime):
        raise InvalidInputError(
            f"{name} must be a datetime, a date, the text of one, or None, not {_shown(value)}."
        )
    return value


def microseconds_of(at: datetime) -> int:
    """Return a time in microseconds since 1970; local if it is naive.

    >>> microseconds_of(datetime.max) > microseconds_of(datetime(2026, 1, 1))
    True
    """
    if at.tzinfo is None:
        try:
            at = at.astimezone()
        except (OverflowError, ValueError, OSError):  # at the ends of what there is
            at = at.replace(tzinfo=UTC)
    return microseconds(at)


def job_query(
    *,
    qpu_name: str | None = None,
    pending: bool | None = None,
    program_id: str | None = None,
    instance: str | None = None,
    job_tags: list[str] | None = None,
    session_id: str | None = None,
    created_after: datetime | date | str | None = None,
    created_before: datetime | date | str | None = None,
    newest_first: bool = False,
    limit: int | None = None,
    skip: int = 0,
) -> JobQuery:
    """Check filters of jobs, and return what they ask for.

    Args:
        qpu_name: Only those on the QPU of this name.
        pending: See `LocalService.jobs`, as the others.
        program_id: See there.
        instance: See there.
        job_tags: See there.
        session_id: See there.
        created_after: See there.
        created_before: See there.
        newest_first: Their order.
        limit: See there.
        skip: See there.

    Raises:
        InvalidInputError: If a filter cannot be used; the message names it.
    """
    _check_count(limit, "limit")
    _check_count(skip, "skip")
    tags = None if job_tags is None else set(check_tags(job_tags))
    texts = {"program_id": program_id, "instance": instance, "session_id": session_id}
    for name, value in texts.items():
        check_text(value, name)
    check_flag(pending, "pending")
    after = moment_of(created_after, "created_after")
    before = moment_of(created_before, "created_before")
    return JobQuery(
        qpu=qpu_name,
        pending=pending,
        program=program_id,
        instance=instance,
        tags=frozenset(tags or ()),
        workload=session_id,
        created_from=None if after is None else microseconds_of(after),
        created_to=None if before is None else microseconds_of(before),
        newest_first=newest_first,
        skip=skip or 0,
        limit=limit or None,
    )


def matching_backends(
    backends: list[BackendV2],
    *,
    given: Callable[[BackendV2], BackendV2],
    status: Callable[[BackendV2], Mapping[str, Any]],
    min_num_qubits: Any = None,
    dynamic_circuits: Any = None,
    filters: Callable[[BackendV2], bool] | None = None,
    others: dict[str, Any],
) -> list[BackendV2]:
    """Return the backends that match.

    Args:
        backends: All of them.
        given: Makes of one of them what the user is given.
        status: Tells of one of them what its QPU knows, and it does not.
        min_num_qubits: Only those with at least so many qubits.
        dynamic_circuits: Only those that can, or cannot, branch on measurement outcomes.
        filters: Only those for which it returns True.
        others: Only those whose configuration, status or attributes have these values.

    Raises:
        InvalidInputError: If a filter cannot be used, or no backend knows it.
    """
    _check_count(min_num_qubits, "min_num_qubits")
    check_flag(dynamic_circuits, "dynamic_circuits")
    if filters is not None and not callable(filters):
        raise InvalidInputError(f"filters must be a function or None, not {_shown(filters)}.")
    found = backends
    if min_num_qubits:
        found = [backend for backend in found if num_qubits(backend) >= min_num_qubits]
    if dynamic_circuits is not None:
        found = [backend for backend in found if can_branch(backend) is dynamic_circuits]
    for name, value in others.items():
        known = [(backend, *_known(backend, status(backend), name)) for backend in backends]
        if backends and not any(is_known for _, is_known, _ in known):
            near = get_close_matches(name, _USUAL, 2)
            raise InvalidInputError(
                f"No backend has a {name!r} to filter by"
                + (f": did you mean {' or '.join(map(repr, near))}?" if near else ".")
            )
        if name not in _QPU and _is_said_by_some(backends, name):
            return []
        fitting = {id(b) for b, is_known, of_backend in known if is_known and of_backend == value}
        found = [backend for backend in found if id(backend) in fitting]
    return [mine for mine in map(given, found) if filters is None or filters(mine)]


_USUAL = (
    *("min_num_qubits", "num_qubits", "n_qubits", "simulator", "operational", "backend_name"),
    *("basis_gates", "coupling_map", "dynamic_circuits", "calibration_id", "filters"),
)
"""What people filter by."""


_QPU = frozenset({"operational", "simulator", "status_msg", "pending_jobs"})
"""What is asked of the QPU, whatever a configuration says."""


def _is_said_by_some(backends: Sequence[BackendV2], name: str) -> bool:
    """Return whether only some configurations tell something: then the client finds no backend."""
    configurations = [describe(backend).configuration for backend in backends]
    said = [name in configuration for configuration in configurations if configuration is not None]
    return any(said) and not all(said)


def _known(backend: BackendV2, status: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    """Return whether a backend has something of a name, and what it is."""
    if name in status:
        return True, status[name]
    for part in ("configuration", "status"):
        described = getattr(backend, part, None)
        value = getattr(described(), name, None) if callable(described) else None
        if value is not None and not callable(value):
            return True, value
    value = getattr(backend, name, None)
    return (False, None) if value is None or callable(value) else (True, value)


def _shown(value: Any) -> str:
    return f"{value!r} ({type(value).__name__})"
