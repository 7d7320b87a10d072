"""A stand-in for the object with which the client sends its requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder
from qiskit_ibm_runtime.exceptions import IBMRuntimeError

from qiskit_modes._mutex import cached_property
from qiskit_modes.client.upstream import RequestsApiError
from qiskit_modes.wire import ApiError, InstanceApi, Platform
from qiskit_modes.wire.api_error import Code, refuse_newer

__all__ = ["ADDRESS", "LocalClient", "as_request_errors"]

ADDRESS = "http://qiskit-modes.invalid"
"""Where requests would go if anything sent them: the name is reserved to lead nowhere."""


class LocalClient:
    """The requests of the client, met in this process.

    It has the methods of the client's own class, with its arguments; what newer releases add to a
    job or to the filters of jobs is refused unless it is off, and elsewhere it is ignored. All of
    them may be called from any thread, and none waits for a job but `wait_for_job`. That one and
    `keep_job` the client's own class does not have.

    Args:
        platform: What answers.
        instance: Who asks, by its CRN; None for the first. One that there is not is told so by the
            answers, since the client makes these objects before it looks whether there is.
    """

    def __init__(self, platform: Platform, instance: str | None) -> None:
        self._platform = platform
        self._instance = instance or platform.api().crn

    @cached_property
    def _api(self) -> InstanceApi:
        return self._platform.api(self._instance)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._instance}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> LocalClient:
        return self

    # -- jobs ------------------------------------------------------------------------------------

    def program_run(
        self,
        program_id: str,
        backend_name: str | None,
        params: dict[str, Any],
        image: str | None = None,
        log_level: str | None = None,  # noqa: ARG002 - there is no container that would log
        session_id: str | None = None,
        job_tags: list[str] | None = None,
        max_execution_time: int | None = None,
        start_session: bool | None = False,
        session_time: int | None = None,  # noqa: ARG002 - goes with start_session
        private: bool | None = False,
        calibration_id: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Submit a job and return its ``id`` and ``backend``."""
        with as_request_errors("/jobs"):
            refuse_newer("A job", kwargs)
            if start_session:
                raise ApiError(
                    400, Code.INVALID, "start_session is not supported; use a Session or a Batch"
                )
            return self._api.submit_job(
                program_id,
                json.dumps(params, cls=RuntimeEncoder),
                backend=backend_name,
                session_id=session_id,
                tags=job_tags,
                private=bool(private),
                max_execution_time=max_execution_time,
                image=image,
                calibration_id=calibration_id,
            )

    def job_get(self, job_id: str, exclude_params: bool = True) -> dict[str, Any]:
        """Return a job; with its parameters decoded, if they are wanted."""
        with as_request_errors(f"/jobs/{job_id}"):
            job = self._api.job(job_id, exclude_params=exclude_params)
            if exclude_params:
                return job
            decoded: dict[str, Any] = json.loads(json.dumps(job), cls=RuntimeDecoder)
            return decoded

    def jobs_get(
        self,
        limit: int | None = None,
        skip: int | None = None,
        backend_name: str | None = None,
        pending: bool | None = None,
        program_id: str | None = None,
        job_tags: list[str] | None = None,
        session_id: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        descending: bool = True,
        include_mocks: bool = False,  # noqa: ARG002 - second names are the same machines
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the ``jobs`` that match, and the ``count`` of all that do."""
        with as_request_errors("/jobs"):
            refuse_newer("A list of jobs", kwargs)
            return self._api.jobs(
                limit=limit,
                offset=skip or 0,
                backend=backend_name,
                pending=pending,
                program=program_id,
                tags=job_tags,
                session_id=session_id,
                created_after=created_after,
                created_before=created_before,
                newest_first=descending,
            )

    def wait_for_job(self, job_id: str, timeout: float | None) -> bool:
        """Wait until a job has ended, and return whether it has."""
        with as_request_errors(f"/jobs/{job_id}"):
            return self._api.wait_for_job(job_id, timeout, in_view=True)

    def keep_job(self, job_id: str) -> object:
        """Return something that keeps a job from being forgotten for as long as it is held."""
        with as_request_errors(f"/jobs/{job_id}"):
            return self._api.keep_job(job_id)

    def job_results(self, job_id: str) -> str:
        """Return what came of a job, as text."""
        with as_request_errors(f"/jobs/{job_id}/results"):
            return self._api.job_results(job_id)

    def job_cancel(self, job_id: str) -> None:
        """Cancel a job."""
        with as_request_errors(f"/jobs/{job_id}/cancel"):
            self._api.cancel_job(job_id)

    def job_delete(self, job_id: str) -> None:
        """Forget a job."""
        with as_request_errors(f"/jobs/{job_id}"):
            self._api.delete_job(job_id)

    def job_logs(self, job_id: str) -> str:
        """Return the states that a job has been in."""
        with as_request_errors(f"/jobs/{job_id}/logs"):
            return self._api.job_logs(job_id)

    def job_metadata(self, job_id: str) -> dict[str, Any]:
        """Return the times and the usage of a job."""
        with as_request_errors(f"/jobs/{job_id}/metrics"):
            return self._api.job_metrics(job_id)

    def update_tags(self, job_id: str, tags: list[str]) -> SimpleNamespace:
        """Replace the tags of a job; the answer's ``status_code`` is 204."""
        with as_request_errors(f"/jobs/{job_id}/tags"):
            self._api.set_job_tags(job_id, tags)
        return SimpleNamespace(status_code=HTTPStatus.NO_CONTENT.value)

    # -- sessions and batches --------------------------------------------------------------------

    def create_session(
        self,
        backend: str | None = None,
        instance: str | None = None,  # noqa: ARG002 - this object is of one instance
        max_time: int | None = None,
        mode: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Open a session or batch and return all of it."""
        with as_request_errors("/sessions"):
            if kwargs:
                raise ApiError(
                    400,
                    Code.INVALID,
                    f"A session has no {', '.join(sorted(kwargs))} here; leave it out",
                )
            return self._api.open_session(mode, backend, max_ttl=max_time or None)

    def session_details(self, session_id: str) -> dict[str, Any]:
        """Return a session or batch."""
        with as_request_errors(f"/sessions/{session_id}"):
            return self._api.session(session_id)

    def close_session(self, session_id: str) -> None:
        """Let a session or batch accept no more jobs; one that there is not is no error."""
        try:
            with as_request_errors(f"/sessions/{session_id}"):
                self._api.close_session(session_id)
        except RequestsApiError as error:
            if error.status_code != HTTPStatus.NOT_FOUND:
                raise IBMRuntimeError(f"Error closing session: {error}") from None

    def cancel_session(self, session_id: str) -> None:
        """Let a session or batch accept no more jobs, and drop those that have not started."""
        with as_request_errors(f"/sessions/{session_id}/close"):
            self._api.cancel_session(session_id)

    # -- backends and usage ----------------------------------------------------------------------

    def list_backends(self, include_mocks: bool = False, **kwargs: Any) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return the backends; second names of them only with ``include_mocks``."""
        with as_request_errors("/backends"):
            backends = self._api.backends()
        return [each for each in backends if include_mocks or "class" not in each]

    def backend_configuration(
        self,
        backend_name: str,
        *args: Any,  # noqa: ARG002 - whether to ask again
        calibration_id: str | None = None,
        **kwargs: Any,  # noqa: ARG002 - of newer releases
    ) -> dict[str, Any]:
        """Return the configuration of a backend."""
        with as_request_errors(f"/backends/{backend_name}/configuration"):
            return self._api.backend_configuration(backend_name, calibration_id=calibration_id)

    def backend_properties(
        self,
        backend_name: str,
        *args: Any,  # noqa: ARG002 - of which day
        calibration_id: str | None = None,
        **kwargs: Any,  # noqa: ARG002 - of newer releases
    ) -> dict[str, Any]:
        """Return the properties of a backend; a fake has one calibration, of whatever day."""
        with as_request_errors(f"/backends/{backend_name}/properties"):
            return self._api.backend_properties(backend_name, calibration_id=calibration_id)

    def backend_status(self, backend_name: str) -> dict[str, Any]:
        """Return whether a backend works, in the words of the client's model."""
        with as_request_errors(f"/backends/{backend_name}/status"):
            status = self._api.backend_status(backend_name)
        return {
            "backend_name": backend_name,
            "backend_version": status["backend_version"],
            "status_msg": status["status"],
            "operational": status["state"],
            "pending_jobs": status["length_queue"],
        }

    def cloud_usage(self) -> dict[str, Any]:
        """Return what the instance has used."""
        with as_request_errors("/instances/usage"):
            return self._api.usage()


@contextmanager
def as_request_errors(path: str) -> Iterator[None]:
    """Say an `ApiError` as the client says the answer to a request.

    Args:
        path: Of the request.
    """
    try:
        yield
    except ApiError as error:
        body = {"errors": [{"code": int(error.code), "message": error.message}]}
        raise RequestsApiError(
            f"{error.status} Client Error: {HTTPStatus(error.status).phrase} for url: "
            f"{ADDRESS}{path}. {json.dumps(body)}",
            error.status,
        ) from error
