"""Sees every request and its answer: writes them down, and counts them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qiskit_modes.server.guard.guard import IDENTITY, Identity

__all__ = ["ACCESS", "REFUSED", "NoticeLines", "Watch"]

ACCESS = logging.getLogger("qiskit_modes.access")
"""A line of JSON for each request that was let in, at level INFO."""

REFUSED = logging.getLogger("qiskit_modes.access.refused")
"""The same of those that were not; floods of them are counted, and not written."""

_NOBODYS = frozenset({400, 401, 403, 408, 413, 429, 431})
"""Statuses of requests that were refused before anybody looked at them."""

_PREFIXES = ("/experimental", "/api/v1")
"""Where the interface is, see ``application``."""

_MOST_CHARACTERS = 200
"""Of what strangers have written, in a line."""


class NoticeLines(logging.Formatter):
    """Format of the runtime's notices of jobs as lines of JSON, beside those of requests."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(
            {
                "time": datetime.fromtimestamp(record.created, UTC).isoformat(
                    timespec="milliseconds"
                ),
                "notice": getattr(record, "notice", None),
                "job": getattr(record, "job_id", None),
                "instance": getattr(record, "instance", None),
                "message": record.getMessage(),
            }
        )


class Watch:
    """Tells of each request when it has been answered; of what users wrote only the path.

    Args:
        app: What answers.
        count: Called with the method, the route as the interface describes it, the status and
            the seconds until the answer was sent.
    """

    def __init__(self, app: ASGIApp, *, count: Callable[[str, str, int, float], None]) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as `starlette` asks for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, sent = time.monotonic(), 0, 0

        async def note(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            seconds = time.monotonic() - began
            route = _route_of(scope)
            self._count(scope["method"], route or "none", status, seconds)
            self._write(scope, route, status, sent, seconds)

    @staticmethod
    def _write(scope: Scope, route: str | None, status: int, sent: int, seconds: float) -> None:
        # Without a route nothing of ours has seen it: it was refused at the door.
        logger = REFUSED if route is None and status in _NOBODYS else ACCESS
        if not logger.isEnabledFor(logging.INFO):
            return
        sender: Identity | None = scope.get(IDENTITY)
        named = dict(scope["headers"]).get(b"service-crn", b"").decode("latin-1")
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "client": ":".join(map(str, scope.get("client") or ("?",))),
            "method": scope["method"][:_MOST_CHARACTERS],
            "path": scope["path"][:_MOST_CHARACTERS],
            "route": route,
            "instance": (sender.instance if sender else named)[:_MOST_CHARACTERS],
            "token": sender.grant.token if sender else None,
            "status": status,
            "bytes": sent,
            "seconds": round(seconds, 6),
        }
        logger.info("%s", json.dumps(line))


def _route_of(scope: Scope) -> str | None:
    """Return the route that answers a request, under one name wherever the interface is."""
    route: str | None = getattr(scope.get("route"), "path", None)
    for prefix in _PREFIXES:
        route = route and route.removeprefix(prefix)
    return route
