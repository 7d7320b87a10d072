"""Endpoints for those who look after a server: is it alive, is it ready, what does it do."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from qiskit_modes.server.app_state import AppState
from qiskit_modes.server.monitoring.metrics import CONTENT_TYPE, Metrics

__all__ = ["OPERATORS", "PUBLIC", "router"]

router = APIRouter(tags=["operators"], default_response_class=PlainTextResponse)

PUBLIC = frozenset({"/livez", "/readyz"})
"""What is answered without a token; both say how it is, or why not."""

OPERATORS = frozenset({"/metrics"})
"""What tells of all instances, and so wants a token that opens all of them."""

_OPERATOR = "the operator"
"""Whose share of threads makes the metrics."""


@router.get("/livez")
async def is_alive() -> Response:
    """Answer, which shows that the event loop goes round."""
    return Response("alive\n", media_type="text/plain")


@router.get("/readyz")
async def is_ready(request: Request) -> Response:
    """Tell whether jobs are taken: 503 when the runtime has been shut down, or cannot keep them.

    It is for balancers, not for the client, which would repeat what is answered with 503.
    """
    state: AppState = request.app.state.shared
    if not state.platform.runtime.is_open:
        return Response("shut down\n", 503, media_type="text/plain")
    if not state.platform.runtime.takes_jobs:
        return Response("the store cannot be written\n", 503, media_type="text/plain")
    return Response("ready\n", media_type="text/plain")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return metrics for Prometheus; it sends the token as ``Authorization: apikey ...``."""
    state: AppState = request.app.state.shared
    kept: Metrics = request.app.state.metrics
    return Response(await state.answers.run(_OPERATOR, kept.text), media_type=CONTENT_TYPE)
