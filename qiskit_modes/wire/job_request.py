"""Requests for jobs: what the service's interface keeps of them beside the job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from qiskit_modes.runtime.records import JobRecord

__all__ = ["JobRequest", "request_of"]


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

    def without_inputs(self) -> Self:
        """Return what stays of it when the inputs of its job are dropped."""
        return replace(self, params=None)


def request_of(job: JobRecord) -> JobRequest | None:
    """Return the request that a job came with; None for a job of this package's own primitives."""
    return job.request if isinstance(job.request, JobRequest) else None
