"""The parts put together: an ASGI application that answers what the service answers its client."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

import qiskit_modes
from qiskit_modes.server.app_state import AppState
from qiskit_modes.server.endpoints import backends, health, iam_stub, jobs, sessions
from qiskit_modes.server.endpoints.request_models import ErrorBody
from qiskit_modes.server.errors import error_body
from qiskit_modes.server.guard.connections import Connections
from qiskit_modes.server.guard.guard import Admission, Guard, Identity, text_of
from qiskit_modes.server.guard.limits import Limits
from qiskit_modes.server.monitoring.metrics import Metrics
from qiskit_modes.server.monitoring.watch import Watch
from qiskit_modes.server.page import routes as page
from qiskit_modes.server.page.live import Live
from qiskit_modes.server.page.sign_in import authorization_of, is_page
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["PREFIX", "make_application"]

PREFIX = "/experimental"
"""Where the interface is for clients that are told the address: a word in it keeps the client from
changing it. Those that are led here by a proxy ask for ``/api/v1``, as on the service."""

_SERVICE_PREFIX = "/api/v1"

_PUBLIC = frozenset({"/identity/token"}) | health.PUBLIC
"""What is answered without a token."""

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 403, 404, 408, 409, 413, 429)
}

logger = logging.getLogger(__name__)


def make_application(
    app_state: AppState, *, connections: Connections | None = None, check_host: bool = True
) -> FastAPI:
    """Return the application.

    Args:
        app_state: What it answers from.
        connections: On which requests come, with their limits; None for the usual ones.
        check_host: See `Admission`.
    """
    app = FastAPI(
        title="qiskit_modes",
        description="What IBM's service answers its client, on this machine",
        version=qiskit_modes.__version__,
        docs_url=None,  # its page would be fetched from elsewhere
        redoc_url=None,
        responses=_ERRORS,
    )
    app.state.shared = app_state
    for part in (jobs.router, sessions.router, backends.router):
        app.include_router(part, prefix=PREFIX)
        app.include_router(part, prefix=_SERVICE_PREFIX, include_in_schema=False)
    app.include_router(iam_stub.router)
    app.include_router(iam_stub.catalog)
    app.include_router(iam_stub.catalog, prefix=_SERVICE_PREFIX, include_in_schema=False)
    app.add_exception_handler(ApiError, _say)
    app.add_exception_handler(RequestValidationError, _say_what_is_invalid)
    app.add_exception_handler(HTTPException, _say_what_there_is_not)
    app.include_router(page.router)
    app.include_router(health.router)
    admission = Admission(
        identify=partial(_identify, app_state),
        is_public=lambda path: path in _PUBLIC or page.is_public(path),
        is_page=is_page,
        check_host=check_host,
    )
    if connections is None:
        connections = Connections(Limits())
    app.state.live = Live()
    app.state.metrics = Metrics(lambda: app_state.platform, connections)
    app.add_middleware(Guard, admission=admission, connections=connections)
    app.add_middleware(Watch, count=app.state.metrics.count)  # outside of what refuses
    return app


async def _identify(app_state: AppState, path: str, headers: Mapping[bytes, bytes]) -> Identity:
    """Return who asks, or raise; nothing of the body was read."""
    tokens, cookie = app_state.tokens, text_of(headers, b"cookie")
    shown = authorization_of(path, text_of(headers, b"authorization"), cookie)
    grant = tokens.check_nowait(shown)
    if grant is None:
        look_up = partial(tokens.check, shown)
        if tokens.asks_store:
            grant = await app_state.look_ups.run(tokens.holder_of(shown), look_up)
        else:
            grant = look_up()
    if is_page(path):  # which shows what the grant opens
        return Identity(grant, "")
    if path in health.OPERATORS:
        if grant.instances is not None:
            raise ApiError(
                403,
                Code.REFUSED,
                "This shows all instances, and your token opens some: it needs the server's own "
                "token, or one that was made with --all-instances",
            )
        return Identity(grant, "")
    api = app_state.platform.api(text_of(headers, b"service-crn"), among=grant.instances)
    return Identity(grant, api.instance.id)


async def _say(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    wait = error.retry_after_seconds
    headers = None if wait is None else {"Retry-After": str(wait)}
    return Response(error_body(error), error.status, headers, media_type="application/json")


async def _say_what_is_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(
        f"{each['loc'][-1]}: {each['msg']}" for each in list(error.errors())[:3] if each["loc"]
    )
    return await _say(request, ApiError(400, Code.INVALID, f"The request is invalid: {said}"))


async def _say_what_there_is_not(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = Code.NOT_FOUND if error.status_code == 404 else Code.INVALID
    message = f"{error.detail}: {request.method} {request.url.path}"
    return await _say(request, ApiError(error.status_code, code, message))
