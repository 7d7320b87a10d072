"""Looks at requests before anything else does: where they come from, and how long they are."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qiskit_modes.server.errors import error_body
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["IBM_CLOUD", "Guard", "is_ibm_cloud"]

_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1", "qiskit-modes.invalid"})
"""Names under which this machine is asked; the last is for clients that use it as a proxy."""

IBM_CLOUD = "cloud.ibm.com"
"""Whose names a program has in it that is written for the service."""


def is_ibm_cloud(host: str) -> bool:
    """Return whether a name is one of IBM Cloud."""
    return host == IBM_CLOUD or host.endswith("." + IBM_CLOUD)


class Guard:
    """Lets requests through that may be answered, with their whole body.

    A web page that a browser on this machine shows can send requests to 127.0.0.1 too. It gives
    itself away: by the header ``Origin``, or by another name of the host.

    Args:
        app: What answers.
        most_bytes: Longest body.
        check_host: Whether only requests to names of this machine, and to names of IBM Cloud that
            were led here, are answered. Not where the server is meant for other machines, under
            whatever names they know it; there it wants a token.
    """

    def __init__(self, app: ASGIApp, *, most_bytes: int, check_host: bool) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._check_host = check_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as `starlette` asks for it."""
        if scope["type"] != "http":
            return  # there are no others
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not scope["path"].startswith("/"):  # as a proxy is asked: with the whole address
            host, scope = _without_host(scope)
        body = await self._body(receive)
        refusal = self._refusal(host, headers, body)
        if refusal is not None:
            await _refuse(refusal, send)
            return
        await self._app(scope, _replay(body or b"", receive), send)

    def _refusal(
        self, host: str, headers: Collection[bytes], body: bytes | None
    ) -> ApiError | None:
        if body is None:
            return ApiError(
                413, Code.INVALID, f"The body is longer than {self._most_bytes:,} bytes; send less"
            )
        if b"origin" in headers:
            return ApiError(403, Code.REFUSED, "Web pages of other servers are not answered")
        name = urlsplit(f"//{host}").hostname if _is_sane(host) else None
        known = name is not None and (name in _LOCAL_HOSTS or is_ibm_cloud(name))
        if self._check_host and not known:
            return ApiError(
                403, Code.REFUSED, f"This server answers to 127.0.0.1, not to {host or 'nobody'}"
            )
        return None

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the body; None if it is too long, after all of it was read and dropped.

        Who is answered before everything was sent may see a broken connection, and no answer.
        """
        body, length = bytearray(), 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return bytes(body)
            piece = message.get("body", b"")
            length += len(piece)
            if length <= self._most_bytes:
                body += piece
            else:
                body.clear()
            if not message.get("more_body"):
                return bytes(body) if length <= self._most_bytes else None


def _is_sane(host: str) -> bool:
    try:
        urlsplit(f"//{host}")
    except ValueError:  # brackets without an address
        return False
    return True


def _without_host(scope: Scope) -> tuple[str, Scope]:
    """Return the host of an absolute address, and the request as if it had been sent there."""
    rest = scope["path"].partition("://")[2]
    host, _, path = rest.partition("/")
    return host, {**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a function that gives the body that was read, and then what follows."""
    given = False

    async def next_message() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message


async def _refuse(error: ApiError, send: Send) -> None:
    body = error_body(error)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
