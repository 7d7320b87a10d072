"""Endpoints of sessions and batches."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from qiskit_modes.server.app_state import Asker
from qiskit_modes.server.endpoints.request_models import (
    CloseBody,
    SessionBody,
    described,
    parse,
    read,
)
from qiskit_modes.wire import ApiError, InstanceApi
from qiskit_modes.wire.api_error import Code

__all__ = ["router"]

router = APIRouter(tags=["sessions"])


@router.post("/sessions", openapi_extra=described(SessionBody))
async def open_session(asker: Asker, request: Request) -> Response:
    """Open a session or a batch."""
    body = await read(request)

    def open_in_thread(api: InstanceApi) -> dict[str, Any]:
        asked = parse(SessionBody, body)
        return api.open_session(asked.mode, asked.backend, max_ttl=asked.max_ttl)

    return await asker.ask(open_in_thread)


@router.get("/sessions/{session_id}")
async def session(asker: Asker, session_id: str) -> Response:
    """Return a session or batch."""
    return await asker.ask(lambda api: api.session(session_id))


@router.patch(
    "/sessions/{session_id}",
    status_code=204,
    response_class=Response,
    openapi_extra=described(CloseBody),
)
async def close(asker: Asker, session_id: str, request: Request) -> Response:
    """Let a session accept no more jobs; those that were submitted still run."""
    body = await read(request)

    def close_in_thread(api: InstanceApi) -> None:
        if parse(CloseBody, body).accepting_jobs:
            api.session(session_id)
            raise ApiError(400, Code.INVALID, "A session cannot be opened again; open a new one")
        api.close_session(session_id)

    return await asker.ask(close_in_thread)


@router.delete("/sessions/{session_id}/close", status_code=204, response_class=Response)
async def cancel(asker: Asker, session_id: str) -> Response:
    """Let a session accept no more jobs, and drop those that have not started."""
    return await asker.ask(lambda api: api.cancel_session(session_id))
