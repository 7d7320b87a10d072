"""The service's interface to jobs, as one instance sees it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from pydantic_core import from_json

from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.options.job_settings import check_tags
from qiskit_modes.runtime.records import JobRecord, bytes_of
from qiskit_modes.service.filters import check_text, job_query
from qiskit_modes.wire.answers.job_json import job_json, listing_for, result_text
from qiskit_modes.wire.api_error import ApiError, Code, as_api_errors
from qiskit_modes.wire.instance_view import InstanceView, of_its_process
from qiskit_modes.wire.job_request import JobRequest, digest_of, request_of
from qiskit_modes.wire.programs.params import decode_params
from qiskit_modes.wire.programs.translation import Submission, run_program

__all__ = ["JobsApi"]

_LARGE_BYTES = 2**20
"""From here on it pays to make a text once for all who read it."""


@of_its_process
class JobsApi(InstanceView):
    """Jobs of one instance, as the service's interface has them; see `InstanceApi`."""

    def submit_job(
        self,
        program_id: str,
        params: str | Mapping[str, Any],
        *,
        backend: str | None = None,
        session_id: str | None = None,
        tags: Iterable[str] | None = None,
        private: bool = False,
        max_execution_time: int | None = None,
        image: str | None = None,
        calibration_id: str | None = None,
        submission_key: str | None = None,
    ) -> dict[str, Any]:
        """Submit a job.

        Args:
            program_id: ``"sampler"``, ``"estimator"``, ``"executor"`` or ``"noise-learner"``.
            params: The program's parameters as JSON, see the package.
            backend: Name of the backend; may be left out for a job of a session.
            session_id: Of its session or batch; None for job mode.
            tags: Its tags.
            private: Whether its inputs are hidden and its result can be read only once.
            max_execution_time: How long it may have the QPU, in seconds; ``cost`` in the request.
            image: Kept; there are no images here.
            calibration_id: None; calibrations have no ids here, so that every id is unknown.
            submission_key: What makes it one job, however often the same request arrives: the
                answer is that to the first. One request with a key is served at a time.

        Returns:
            ``id``, ``backend`` and ``private``, and ``session_id`` of a job of a session.

        Raises:
            ApiError: 400 if something cannot be used, 404 for an unknown program, 409 if the
                session takes no more jobs, or the key was used for another request.
        """
        self._check_calibration(calibration_id, 400)  # 404 would mean: no such program
        text, decoded = decode_params(params)
        with as_api_errors():
            checked_tags = check_tags([] if tags is None else list(tags))
        digest = None
        if submission_key is not None:
            asked = [program_id, text, backend, session_id, list(checked_tags), private]
            digest = digest_of([*asked, max_execution_time, image])
            known = self.runtime.job_of_key(self.instance.id, submission_key)
            if known is not None:
                return self._same_job(known, digest)
        mode, name = self._mode(backend, session_id)
        request = JobRequest(
            program_id,
            text,
            private,
            image,
            calibration_id,
            max_execution_time or None,
            submission_key=submission_key,
            digest=digest,
        )
        job = run_program(Submission(request, decoded, mode, checked_tags, self._next_seed))
        return self._accepted(job.job_id(), name, private, session_id)

    @staticmethod
    def _accepted(
        job_id: str, backend: str, private: bool, session_id: str | None
    ) -> dict[str, Any]:
        answer = {"id": job_id, "backend": backend, "private": private}
        return answer if session_id is None else {**answer, "session_id": session_id}

    def _same_job(self, job: JobRecord, digest: str) -> dict[str, Any]:
        request = request_of(job)
        assert request is not None, "a job with a key came with a request"
        if request.digest != digest:
            raise ApiError(
                409,
                Code.INVALID,
                f"The key {request.submission_key!r} was used for another request, job {job.id}; "
                "a new request needs a new key",
            )
        session_id = None if job.workload is None else job.workload.id
        return self._accepted(job.id, job.backend_name, job.private, session_id)

    def run_again(self, job: JobRecord) -> None:
        """Run a job again that an earlier server has left unfinished, under the same id.

        Raises:
            ApiError: If it cannot run any more.
        """
        request, text = request_of(job), job.read_params()
        if request is None or text is None:
            raise ApiError(409, Code.STATE, "its parameters are not kept")
        mode, _ = self._mode(job.backend_name, None)
        same = replace(request, params=text, job_id=job.id)
        _, decoded = decode_params(text)
        seed = request.seed
        run_program(Submission(same, decoded, mode, tuple(job.tags), lambda: seed))

    def job(self, job_id: str, *, exclude_params: bool = True) -> dict[str, Any]:
        """Return a job.

        Raises:
            ApiError: 404 if there is none of this id.
        """
        job = self._job(job_id)
        answer = job_json(job, self.runtime.clock, exclude_params=exclude_params)
        self._tell_if_ended(job)  # before anybody is told
        return answer

    def job_text(self, job_id: str) -> str:
        """Return a job with its parameters as JSON text, without reading what may be large.

        Raises:
            ApiError: 404 if there is none of this id.
        """
        answer = json.dumps(self.job(job_id))
        job = self._job(job_id)
        params = None if job.private else job.read_params()
        # It is JSON, and was read as such when it came.
        return answer if params is None else f'{answer[:-1]}, "params": {params}}}'

    def is_large(self, job_id: str) -> bool:
        """Return whether texts of a job may be so long that they are best made once for many.

        Raises:
            ApiError: 404 if there is none of this id.
        """
        job = self._job(job_id)
        if job.private:  # the result is read once
            return False
        length = job.text_bytes
        if length is None:
            length = 0 if job.result is None else bytes_of(job.result)
        request = request_of(job)
        if request is not None and request.params is not None:
            length = max(length, len(request.params))
        return length > _LARGE_BYTES

    def jobs(self, **filters: Any) -> dict[str, Any]:
        """Return the jobs that match; takes and raises what `jobs_text` does.

        Returns:
            ``jobs``, without their parameters, and ``count``, how many match in all; ``limit`` and
            ``offset`` as given.
        """
        text = self.jobs_text(**filters)
        try:
            answer: dict[str, Any] = from_json(text)
        except ValueError:  # it takes no halves of surrogate pairs, which tags and reasons may have
            answer = json.loads(text)
        return answer

    def jobs_text(
        self,
        *,
        limit: int | None = None,
        offset: int = 0,
        backend: str | None = None,
        pending: bool | None = None,
        program: str | None = None,
        tags: Iterable[str] | None = None,
        session_id: str | None = None,
        created_after: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
        newest_first: bool = True,
    ) -> str:
        """Return the answer of `jobs` as JSON text, which is kept of jobs that have ended.

        Args:
            limit: Most jobs to return; None and 0 for all.
            offset: How many of the matching ones to leave out at the start.
            backend: Only those on this backend.
            pending: True for those that have not ended, False for those that have.
            program: Only those of this program.
            tags: Only those that have all of these tags.
            session_id: Only those of this session or batch; of an unknown one there are none.
            created_after: Only those created at or after this time; local if it is naive; its text
                will do.
            created_before: Only those created at or before this time.
            newest_first: False for the oldest first.

        Raises:
            ApiError: 400 if a filter cannot be used.
        """
        with as_api_errors():
            check_text(backend, "backend_name")
            query = job_query(
                qpu_name=self._qpu_name(backend),
                pending=pending,
                program_id=program,
                instance=self.instance.id,
                job_tags=None if tags is None else list(tags),
                session_id=session_id,
                created_after=created_after,
                created_before=created_before,
                newest_first=newest_first,
                limit=limit,
                skip=offset,
            )
            said, count = self.runtime.list_jobs(query, listing_for(self.runtime.clock))
        rest = json.dumps({"count": count, "limit": limit, "offset": offset})
        return f'{{"jobs": [{", ".join(said)}], {rest[1:]}'

    def wait_for_job(
        self, job_id: str, timeout: float | None = None, *, in_view: bool = False
    ) -> bool:
        """Wait until a job has ended, and return whether it has; the only method that waits.

        Args:
            job_id: Which one.
            timeout: Longest time to wait in seconds of the runtime's clock; None for no limit.
            in_view: Whether the user of this process waits, who is then shown how it is going.

        Raises:
            ApiError: 404 if there is none of this id.
        """
        job = self._job(job_id)
        wait = self.runtime.wait if in_view else self.runtime.wait_unseen
        return wait(job, timeout)

    def keep_job(self, job_id: str) -> object:
        """Return something that keeps a job from being forgotten for as long as it is held.

        Of the jobs that have ended and that nobody holds, only the latest are remembered.

        Raises:
            ApiError: 404 if there is none of this id.
        """
        return self._job(job_id)

    def job_results(self, job_id: str) -> str:
        """Return what came of a job: its result as JSON text, or the text of what went wrong.

        Empty if it is private and its result has been read, as the service answers then.

        Raises:
            ApiError: 404 if there is no such job, 400 if it has not ended.
        """
        job = self._job(job_id)
        if job.core.ending is None:
            raise ApiError(
                400, Code.STATE, f"Job {job_id} has no result yet, it is {job.status.lower()}"
            )
        self._tell_if_ended(job)
        with as_api_errors():
            return result_text(job)

    def job_metrics(self, job_id: str) -> dict[str, Any]:
        """Return when a job was created, ran and finished, and what it is charged.

        Raises:
            ApiError: 404 if there is none of this id.
        """
        job = self._job(job_id)
        metrics = RuntimeJobV2(job, self.runtime).metrics()
        self._tell_if_ended(job)
        return metrics

    def job_logs(self, job_id: str) -> str:
        """Return the states that a job has been in, a line each.

        Raises:
            ApiError: 404 if there is none of this id, or it has not ended.
        """
        job = RuntimeJobV2(self._job(job_id), self.runtime)
        if not job.in_final_state():
            raise ApiError(404, Code.STATE, f"Job {job_id} has no logs yet, it has not ended")
        return job.logs()

    def cancel_job(self, job_id: str) -> None:
        """Cancel a job, wherever it is.

        Raises:
            ApiError: 404 if there is none of this id, 409 if it has ended.
        """
        job = self._job(job_id)
        with as_api_errors():
            self.runtime.cancel(job)
        self._tell_if_ended(job)

    def delete_job(self, job_id: str) -> None:
        """Forget a job.

        Raises:
            ApiError: 404 if there is none of this id, 409 if it has not ended.
        """
        job = self._job(job_id)
        if job.core.ending is None:
            raise ApiError(
                409, Code.STATE, f"Job {job_id} cannot be deleted before it ends; cancel it first"
            )
        self._tell_if_ended(job)
        with as_api_errors():
            self.runtime.forget_job(job_id)

    def set_job_tags(self, job_id: str, tags: Iterable[str]) -> None:
        """Replace the tags of a job.

        Raises:
            ApiError: 404 if there is none of this id, 400 if the tags are no strings.
        """
        job = self._job(job_id)
        with as_api_errors():
            RuntimeJobV2(job, self.runtime).update_tags(list(tags))
