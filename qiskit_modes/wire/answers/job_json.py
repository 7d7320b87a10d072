"""A job in the words of the service's interface."""

from __future__ import annotations

import json
import traceback
from typing import Any

from qiskit_modes.runtime.clock import Clock, iso
from qiskit_modes.runtime.keeping.listing import Listing
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.scheduling.job import Cancelled, Completed, Failed, Queued
from qiskit_modes.wire.job_request import request_of

__all__ = ["FORM", "job_json", "listing_for", "result_text"]

FORM = 1
"""Form of what lists say of a job, which stores keep; a change of `job_json` needs a new number."""


def job_json(job: JobRecord, clock: Clock, *, exclude_params: bool) -> dict[str, Any]:
    """Return a job as the answer to ``GET /jobs/{id}``.

    Args:
        job: Which one.
        clock: That of its runtime.
        exclude_params: Whether to leave the program's parameters out. Those of a private job, and
            of one whose inputs were dropped, are left out in any case.
    """
    request = request_of(job)
    answer = {
        "id": job.id,
        "backend": job.backend_name,
        "state": _state(job),
        "status": _state(job)["status"],
        "program": {"id": job.program_id},
        "created": iso(clock.utc(job.core.submitted_at)),
        "runtime": "" if request is None else request.image or "",
        "tags": list(job.tags),
        "user_id": job.instance.id,
        "private": job.private,
        "usage": {"seconds": job.core.charged_seconds(clock.now())},
        "estimated_running_time_seconds": job.usage_estimation_seconds,
    }
    if job.workload is not None:
        answer["session_id"] = job.workload.id
    if request is not None:
        if request.max_execution_seconds is not None:
            answer["cost"] = request.max_execution_seconds
        if request.calibration_id is not None:
            answer["calibration_id"] = request.calibration_id
        params = None if exclude_params or job.private else job.read_params()
        if params is not None:
            answer["params"] = json.loads(params)
    return answer


def listing_for(clock: Clock) -> Listing:
    """Return what makes the parts of the answer to ``GET /jobs``: jobs without their parameters."""

    def text_of(job: JobRecord) -> str:
        answer = job_json(job, clock, exclude_params=True)
        del answer["tags"]
        return json.dumps(answer)

    return Listing(FORM, text_of)


def result_text(job: JobRecord) -> str:
    """Return what came of a job that has ended: its result as JSON, or why it has none.

    Empty for a private job whose result has been read.
    """
    if isinstance(job.core.ending, Completed):
        try:
            result = job.read_result()
        except LookupError:
            return ""
        return job.as_text(result)
    job.is_read = True
    kept = None if job.bodies is None else job.bodies.read(job.id, "error")
    if kept is not None:
        return kept
    if job.error is not None:
        return "".join(traceback.format_exception(job.error))
    return job.reason or "The job was cancelled."


def _state(job: JobRecord) -> dict[str, Any]:
    match job.core.ending:
        case None:
            waits = isinstance(job.core.state, Queued)
            return {"status": "Queued" if waits else "Running"}
        case Completed():
            return {"status": "Completed"}
        case Failed(reason=reason, code=code):
            status = "Failed"
        case Cancelled(reason=reason, code=code):
            status = "Cancelled"
    state: dict[str, Any] = {"status": status}
    if reason:  # a code without a reason is not read
        state["reason"] = reason
        if code is not None:
            state["reason_code"] = code
    return state
