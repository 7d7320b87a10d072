"""A session or batch in the words of the service's interface."""

from __future__ import annotations

import math
from typing import Any

from qiskit_modes.modes import Session

__all__ = ["session_json"]

_API_NAMES = {
    "interactive_timeout": "interactive_ttl",
    "max_time": "max_ttl",
    "active_timeout": "active_ttl",
    "usage_time": "elapsed_time",
}
"""What the interface calls that which users see under other names."""

_WHOLE_SECONDS = ("interactive_ttl", "max_ttl", "active_ttl")
"""What the interface has as integers; part of a second counts as a whole one."""


def session_json(session: Session) -> dict[str, Any]:
    """Return a session or batch as the answer to ``GET /sessions/{id}``."""
    details = session.details()
    answer = {_API_NAMES.get(key, key): value for key, value in details.items()}
    for key in _WHOLE_SECONDS:
        answer[key] = math.ceil(answer[key])
    answer["backend_name"] = session.record.backend_name
    answer["user_id"] = session.record.core.instance.id
    if session.record.core.closed_because:
        answer["state_reason"] = session.record.core.closed_because
    return answer
