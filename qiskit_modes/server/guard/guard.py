"""Looks at requests before anything else does: where they come from, whose and how long they are.

What it does, in this order, before a byte of a body is read: the headers are counted, the sender's
address and a token are looked at. Who has no token may sign in, with a short form, and ask whether
the server is alive; all else is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qiskit_modes.server.errors import error_body, server_ends
from qiskit_modes.server.guard.bodies import Bodies
from qiskit_modes.server.guard.connections import Connections
from qiskit_modes.server.guard.tokens import Grant
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["IBM_CLOUD", "IDENTITY", "Admission", "Guard", "Identity", "is_ibm_cloud", "text_of"]

_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1", "qiskit-modes.invalid"})
"""Names under which this machine is asked; the last is for clients that use it as a proxy."""

IBM_CLOUD = "cloud.ibm.com"
"""Whose names a program has in it that is written for the service."""


def is_ibm_cloud(host: str) -> bool:
    """Return whether a name is one of IBM Cloud."""
    return host == IBM_CLOUD or host.endswith("." + IBM_CLOUD)


_ONCE = frozenset({b"authorization", b"host", b"idempotency-key", b"origin", b"service-crn"})
"""Headers that mean something only if there is one."""


@dataclass(frozen=True)
class Admission:
    """Rules by which requests are let in."""

    identify: Callable[[str, Mapping[bytes, bytes]], Awaitable[Identity]]
    """Tells for a path and headers who asks, or raises unless they open it."""
    is_public: Callable[[str], bool]
    """Tells whether a path is answered without a token."""
    is_page: Callable[[str], bool]
    """Tells whether a path is one of the page for people, which sends forms to itself."""
    check_host: bool
    """Whether only requests to names of this machine, and to names of IBM Cloud that were led
    here, are answered. Not where the server is meant for other machines, under whatever names they
    know it; there it wants a token."""


@dataclass(frozen=True)
class Identity:
    """Sender of a request: what it may use, and for whom it asks."""

    grant: Grant
    instance: str
    """Id of the instance; empty for what is no instance's."""


IDENTITY = "qiskit_modes.identity"
"""Where the `Identity` stands in the scope of a request."""


class Guard:
    """Lets requests through that may be answered, with their whole body.

    A web page that a browser on this machine shows can send requests to 127.0.0.1 too. It gives
    itself away: by the header ``Origin``, or by another name of the host.

    Args:
        app: What answers.
        admission: Who is answered.
        connections: On which requests come; their limits are those of all that is sent.
    """

    def __init__(self, app: ASGIApp, *, admission: Admission, connections: Connections) -> None:
        self._app = app
        self._admission = admission
        self._connections = connections
        self._limits = connections.limits
        self._bodies = Bodies(connections.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as `starlette` asks for it."""
        if scope["type"] != "http":
            return  # there are no others
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not scope["path"].startswith("/"):  # as a proxy is asked: with the whole address
            host = _take_host(scope)
        is_public, instance = self._admission.is_public(scope["path"]), ""
        try:
            self._check_size(scope)
            self._check_sender(host, scope["path"], headers)
            if not is_public:
                with self._connections.answering(scope.get("client")):
                    sender = await self._admission.identify(scope["path"], headers)
                scope[IDENTITY], instance = sender, sender.instance
                self._connections.check_share(instance)
        except ApiError as refusal:
            with self._connections.request(scope.get("client"), known=False):
                await self._bodies.drain(receive)
                if refusal.status == 401 and self._admission.is_page(scope["path"]):
                    await _lead_to_sign_in(send)
                else:
                    await self._refuse(refusal, send)
            return
        with self._connections.request(scope.get("client"), known=not is_public, instance=instance):
            await self._answer(scope, headers, instance, is_public, receive, send)

    async def _answer(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        instance: str,
        is_public: bool,
        receive: Receive,
        send: Send,
    ) -> None:
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with self._bodies.read(
                receive,
                declared=_declared_length(headers),
                most=self._limits.form_bytes if is_public else self._limits.body_bytes,
                instance=instance,
            ) as body:
                with self._connections.answering(scope.get("client")):
                    await self._app(scope, _replay(body, receive), noted)
        except ApiError as refusal:  # of the body: those of the application it answers itself
            await self._refuse(refusal, send)
        except asyncio.CancelledError:  # the server ends, and has waited for long enough
            if begun:
                raise
            what = "and whether this was done is not known"
            await self._refuse(server_ends(what), send)

    def _check_size(self, scope: Scope) -> None:
        # `uvicorn` limits only what comes in pieces.
        length = len(scope["raw_path"]) + len(scope["query_string"])
        length += sum(len(name) + len(value) for name, value in scope["headers"])
        if len(scope["headers"]) > self._limits.headers or length > self._limits.head_bytes:
            raise ApiError(
                431,
                Code.INVALID,
                f"A request has {self._limits.headers} headers at most, and "
                f"{self._limits.head_bytes:,} bytes in them and in its address",
            )
        names = [name for name, _ in scope["headers"] if name in _ONCE]
        if len(set(names)) < len(names):  # of two, one would be looked at here and the other later
            raise ApiError(400, Code.INVALID, "A header that says who asks is there twice")

    def _check_sender(self, host: str, path: str, headers: Mapping[bytes, bytes]) -> None:
        origin = text_of(headers, b"origin")
        is_own = self._admission.is_page(path) and origin in (f"http://{host}", f"https://{host}")
        if origin is not None and not is_own:
            raise ApiError(403, Code.REFUSED, "Web pages of other servers are not answered")
        name = urlsplit(f"//{host}").hostname if _is_sane(host) else None
        known = name is not None and (name in _LOCAL_HOSTS or is_ibm_cloud(name))
        if self._admission.check_host and not known:
            raise ApiError(
                403, Code.REFUSED, f"This server answers to 127.0.0.1, not to {host or 'nobody'}"
            )

    async def _refuse(self, error: ApiError, send: Send) -> None:
        body = error_body(error)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        if error.retry_after_seconds is not None:
            headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _lead_to_sign_in(send: Send) -> None:
    headers = [(b"location", b"/ui/signin"), (b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def text_of(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    """Return a header, or None."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _declared_length(headers: Mapping[bytes, bytes]) -> int | None:
    """Return the length of a body, of which `h11` has seen that it is a number; 0 without one."""
    if b"transfer-encoding" in headers:
        return None
    return int(headers.get(b"content-length", b"0"))


def _is_sane(host: str) -> bool:
    try:
        urlsplit(f"//{host}")
    except ValueError:  # brackets without an address
        return False
    return True


def _take_host(scope: Scope) -> str:
    """Return the host of an absolute address, and make the request as if it had been sent there."""
    rest = scope["path"].partition("://")[2]
    host, _, path = rest.partition("/")
    scope["path"], scope["raw_path"] = f"/{path}", f"/{path}".encode()
    return host


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
