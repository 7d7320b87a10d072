"""The one error of the service's interface, which each door says in its own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from qiskit_ibm_runtime.exceptions import IBMError

from qiskit_modes.exceptions import (
    InvalidInputError,
    NotStorableError,
    RefusedError,
    RuntimeClosedError,
    StoreError,
)
from qiskit_modes.scheduling.instructions import Refusal

__all__ = ["OFF", "ApiError", "Code", "as_api_errors", "refuse_newer"]


class Code(IntEnum):
    """The codes of errors. Those below 9000 are the service's, the others are this package's."""

    SESSION_CLOSED = 4001
    """The session or batch takes no more jobs."""
    INVALID = 9000
    """Something in the request cannot be used."""
    NOT_FOUND = 9001
    """There is no such job, session, backend, program or instance, or it is somebody else's."""
    STATE = 9002
    """The job is not in a state for this: it has ended, or has not."""
    REFUSED = 9003
    """The rules of the plan or the QPU do not allow it."""
    CLOSED = 9004
    """The runtime behind the interface has been shut down."""
    STORE = 9005
    """Jobs cannot be kept, or read, where they should be: nothing was done, and may be repeated."""


class ApiError(Exception):
    """A request that cannot be met.

    Args:
        status: What HTTP says: 400 for what cannot be used, 403 for what the plan forbids, 404 for
            what there is not, 409 for the wrong moment, 429 for what is possible later, 503 if the
            store fails.
        code: What the service's interface says, in ``errors[0].code``.
        message: For the user.
        retry_after_seconds: When it makes sense to ask again; None for never, or nobody knows.
    """

    def __init__(
        self, status: int, code: Code, message: str, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(status, code, message, retry_after_seconds)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return self.message


@contextmanager
def as_api_errors() -> Iterator[None]:
    """Turn whatever goes wrong while a request is met into an `ApiError`."""
    try:
        yield
    except ApiError:
        raise
    except Exception as error:
        raise _api_error(error) from error


OFF: tuple[Any, ...] = (None, False, "auto", "", [], {})
"""Values that say of a setting that it is not used."""


def refuse_newer(what: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that are not known here, unless they say that something is off.

    Args:
        what: What they are of, at the start of the message.
        settings: Those that are not known, by their names.

    Raises:
        ApiError: If there are any; status 400.
    """
    names = sorted(name for name, value in settings.items() if value not in OFF)
    if names:
        raise ApiError(
            400,
            Code.INVALID,
            f"{what} has no {', '.join(names)} here, which may be of a newer client; leave it out",
        )


_REFUSALS: dict[Refusal | None, tuple[int, Code]] = {
    Refusal.NOT_ACCEPTING: (409, Code.SESSION_CLOSED),
    Refusal.PLAN: (403, Code.REFUSED),
    Refusal.ALREADY_FINAL: (409, Code.STATE),
    Refusal.BUSY: (429, Code.REFUSED),
    Refusal.FULL: (403, Code.REFUSED),
}

_RETRY_SECONDS = 5
"""After how long it makes sense to ask again for what has to wait for a job to end."""


def _api_error(error: Exception) -> ApiError:
    # The primitives wrap a refusal in what the service's client would raise.
    cause = error.__cause__ if isinstance(error.__cause__, RefusedError) else error
    message = str(getattr(cause, "message", None) or cause)
    match cause:
        case InvalidInputError():
            return ApiError(400, Code.INVALID, message)
        case RefusedError():
            status, code = _REFUSALS.get(cause.refusal, (400, Code.REFUSED))
            return ApiError(status, code, message, _RETRY_SECONDS if status == 429 else None)
        case RuntimeClosedError():
            return ApiError(409, Code.CLOSED, message)
        case NotStorableError():
            return ApiError(400, Code.INVALID, message)
        case StoreError():
            return ApiError(503, Code.STORE, message, _RETRY_SECONDS)
        case IBMError() | ValueError():
            return ApiError(400, Code.INVALID, message)
        case _:
            return ApiError(400, Code.INVALID, f"{type(cause).__name__}: {message}")
