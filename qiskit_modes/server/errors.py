"""The body of a response about an error, whoever answers."""

from __future__ import annotations

import json

from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["error_body", "server_ends"]


def error_body(error: ApiError) -> bytes:
    """Return what a response says of an error."""
    described = {"code": int(error.code), "message": error.message}
    return json.dumps({"errors": [described]}).encode()


def server_ends(what: str = "nothing was done") -> ApiError:
    """Return what a request is answered that comes too late.

    Args:
        what: Became of it.
    """
    return ApiError(
        503, Code.CLOSED, f"The server ends, {what}; send the request again when it is back"
    )
