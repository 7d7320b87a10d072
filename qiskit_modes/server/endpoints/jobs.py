"""Endpoints of jobs."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from qiskit_modes.server.app_state import (
    JSON,
    TEXT,
    Asker,
    json_text_response,
    text_response,
)
from qiskit_modes.server.endpoints.request_models import (
    JobBody,
    TagsBody,
    described,
    is_heavy,
    parse,
    read,
)
from qiskit_modes.server.submission_keys import check_key
from qiskit_modes.wire import ApiError, InstanceApi
from qiskit_modes.wire.api_error import Code, refuse_newer

__all__ = ["router"]

router = APIRouter(tags=["jobs"])

_CHARGE_RENAMED = date(2026, 3, 15)
"""From this version on a job's charge is called ``qpu_charge_time_seconds``."""

_CIRCUITS_TIME_MOVED = date(2026, 4, 15)
"""From this version on the time of its circuits is no part of its usage."""


@router.post("/jobs", openapi_extra=described(JobBody))
async def submit(asker: Asker, request: Request) -> Response:
    """Submit a job."""
    body = await read(request)
    key = request.headers.get("idempotency-key")

    def submit_in_thread(api: InstanceApi) -> dict[str, Any]:
        if key is None:
            return submit_once(api)
        check_key(key)
        with asker.app_state.keys.alone(f"{api.crn} {key}"):
            return submit_once(api)

    def submit_once(api: InstanceApi) -> dict[str, Any]:
        asked = parse(JobBody, body)
        refuse_newer("A job", asked.model_extra or {})
        if asked.start_session:
            raise ApiError(
                400, Code.INVALID, "start_session is not supported; use a Session or a Batch"
            )
        asker.app_state.inspector.check(asked.params, asker.instance)
        params = json.dumps(asked.params)
        asked.params.clear()  # so that they are not there twice while they are decoded
        answer = api.submit_job(
            asked.program_id,
            params,
            backend=asked.backend,
            session_id=asked.session_id or None,
            tags=asked.tags,
            private=asked.private,
            max_execution_time=asked.cost,
            image=asked.runtime,
            calibration_id=asked.calibration_id,
            submission_key=key,
        )
        asker.app_state.long_poll.submitted(answer["id"])
        asker.app_state.on_job(api, answer["id"])
        return answer

    return await asker.submit(submit_in_thread, heavy=is_heavy(body))


@router.get("/jobs")
async def jobs(
    asker: Asker,
    request: Request,
    limit: Annotated[int | None, Query(ge=1)] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    backend: str | None = None,
    pending: bool | None = None,
    program: str | None = None,
    tags: Annotated[list[str] | None, Query()] = None,
    session_id: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    sort: Literal["ASC", "DESC"] = "DESC",
) -> Response:
    """Return the jobs that match, the newest first; 200 at a time, as the service does."""
    unknown = {name: text for name, text in request.query_params.items() if name not in _FILTERS}

    def matching(api: InstanceApi) -> str:
        refuse_newer("A list of jobs", {k: v for k, v in unknown.items() if v != "false"})
        return api.jobs_text(
            limit=min(limit or _MOST_LISTED, _MOST_LISTED),
            offset=offset,
            backend=backend,
            pending=pending,
            program=program,
            tags=tags,
            session_id=session_id,
            created_after=created_after,
            created_before=created_before,
            newest_first=sort == "DESC",
        )

    return await asker.ask(matching, json_text_response)


_MOST_LISTED = 200
"""In one answer; who wants more asks again, with an offset, as the client does."""

_FILTERS = frozenset(
    {
        *("limit", "offset", "backend", "pending", "program", "tags", "session_id", "sort"),
        *("created_after", "created_before", "exclude_params", "include_mocks"),
    }
)
"""What is known in the query of ``GET /jobs``; the last two have no effect."""


@router.get("/jobs/{job_id}")
async def job(asker: Asker, job_id: str, exclude_params: bool = False) -> Response:
    """Return a job; a new one is waited for, half a second at most after its submission."""
    if exclude_params:  # as the client asks when it wants to know how far the job is
        await asker.wait_for(job_id)
        return await asker.ask(lambda api: api.job(job_id))
    return await asker.ask_large(job_id, "job", lambda api: api.job_text(job_id), JSON)


@router.delete("/jobs/{job_id}", status_code=204, response_class=Response)
async def delete(asker: Asker, job_id: str) -> Response:
    """Forget a job that has ended."""
    return await asker.ask(lambda api: api.delete_job(job_id))


@router.get("/jobs/{job_id}/results")
async def results(asker: Asker, job_id: str) -> Response:
    """Return what came of a job, as text."""
    return await asker.ask_large(job_id, "results", lambda api: api.job_results(job_id), TEXT)


@router.get("/jobs/{job_id}/metrics")
async def metrics(asker: Asker, job_id: str) -> Response:
    """Return when a job was created, ran and finished, and what it is charged."""

    def in_their_words(api: InstanceApi) -> dict[str, Any]:
        return _metrics_of(asker.api_version(), api.job_metrics(job_id))

    return await asker.ask(in_their_words)


@router.get("/jobs/{job_id}/logs")
async def logs(asker: Asker, job_id: str) -> Response:
    """Return the states that a job has been in."""
    return await asker.ask(lambda api: api.job_logs(job_id), text_response)


@router.post("/jobs/{job_id}/cancel", status_code=204, response_class=Response)
async def cancel(asker: Asker, job_id: str) -> Response:
    """Cancel a job, wherever it is."""
    return await asker.ask(lambda api: api.cancel_job(job_id))


@router.put(
    "/jobs/{job_id}/tags",
    status_code=204,
    response_class=Response,
    openapi_extra=described(TagsBody),
)
async def set_tags(asker: Asker, job_id: str, request: Request) -> Response:
    """Replace the tags of a job."""
    body = await read(request)
    return await asker.ask(lambda api: api.set_job_tags(job_id, parse(TagsBody, body).tags))


def _metrics_of(version: date, metrics: dict[str, Any]) -> dict[str, Any]:
    """Return metrics in the words of a version of the interface."""
    if version >= _CIRCUITS_TIME_MOVED:
        return metrics
    usage = dict(metrics["usage"])
    usage["circuits_execution_time_ns"] = metrics["circuits_execution_time_ns"]
    older = {key: value for key, value in metrics.items() if key != "circuits_execution_time_ns"}
    if version >= _CHARGE_RENAMED:
        return {**older, "usage": usage}
    charge = usage["qpu_charge_time_seconds"]
    usage["quantum_seconds"] = usage["seconds"] = charge
    return {**older, "usage": usage, "bss": {"seconds": charge}}
