"""The body of a response about an error, whoever answers."""

from __future__ import annotations

import json

from qiskit_modes.wire import ApiError

__all__ = ["error_body"]


def error_body(error: ApiError) -> bytes:
    """Return what a response says of an error."""
    described = {"code": int(error.code), "message": error.message}
    return json.dumps({"errors": [described]}).encode()
