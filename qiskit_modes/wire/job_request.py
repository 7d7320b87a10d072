"""Requests for jobs: what the service's interface keeps of them beside the job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from qiskit_modes.runtime.records import JobRecord

__all__ = ["JobRequest", "digest_of", "request_of"]


@dataclass(frozen=True)
class JobRequest:
    """Request for a job, as it came through the service's interface."""

    program_id: str
    """The service's name of the program."""
    params: str | None
    """The program's parameters as JSON text; None once the inputs have been dropped."""
    private: bool = False
    """Whether the inputs are hidden, and the result can be read once."""
    image: str | None = None
    """What was asked for; it is kept and has no effect."""
    calibration_id: str | None = None
    """What was asked for; it is kept and has no effect."""
    max_execution_seconds: int | None = None
    """The job's own limit on its time on the QPU."""
    encode_result: Callable[[Any], str] | None = None
    """Makes of the result the text that the program answers with; None for the usual way."""
    seed: int | None = None
    """What the service chose for a job that has none of its own; with it, it can run again."""
    submission_key: str | None = None
    """What its sender gave along: the same key is the same job, however often it arrives."""
    digest: str | None = None
    """Of what was asked for with the key, so that the key is not taken for something else."""
    job_id: str | None = None
    """The id that the job is to have; None for a new one."""

    def facts(self) -> dict[str, Any]:
        """Return what is kept of it beside the program's name and parameters, as JSON."""
        return {name: getattr(self, name) for name in _FACTS}

    def without_inputs(self) -> Self:
        """Return what stays of it when the inputs of its job are dropped."""
        return replace(self, params=None)


def digest_of(asked: Sequence[Any]) -> str:
    """Return what is the same for requests that ask for the same, as far as anybody can tell."""
    text = json.dumps(asked, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_FACTS = ("image", "calibration_id", "max_execution_seconds", "seed", "digest")


def request_of(job: JobRecord) -> JobRequest | None:
    """Return the request that a job came with; None for a job of this package's own primitives."""
    request = job.request
    if request is None or isinstance(request, JobRequest):
        return request
    asked = request.facts()
    return JobRequest(
        request.program_id,
        None,
        request.private,
        submission_key=request.submission_key,
        **{name: asked.get(name) for name in _FACTS},
    )
