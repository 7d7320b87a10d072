"""The service's interface as one instance sees it."""

from __future__ import annotations

from typing import Any

from qiskit_modes.modes import Batch, Session
from qiskit_modes.wire.answers.session_json import session_json
from qiskit_modes.wire.api_error import ApiError, Code, as_api_errors
from qiskit_modes.wire.instance_view import of_its_process
from qiskit_modes.wire.jobs_api import JobsApi

__all__ = ["InstanceApi"]

_MODES: dict[str, type[Session]] = {"dedicated": Session, "batch": Batch}


@of_its_process
class InstanceApi(JobsApi):
    """Interface of the service to one instance; the package says what holds for all methods.

    Made by `Platform.api`.

    Args:
        runtime: Whose jobs and sessions.
        catalog: Whose backends.
        instance: Who asks.
        crn: The name of the instance in the service's world.
        next_seed: Returns the seed of a job that has none of its own.
    """

    # -- sessions and batches --------------------------------------------------------------------

    def open_session(
        self, mode: str | None, backend: str | None, *, max_ttl: int | None = None
    ) -> dict[str, Any]:
        """Open a session or a batch.

        Args:
            mode: ``"dedicated"`` for a session, ``"batch"`` for a batch; None for a session.
            backend: Name of its backend.
            max_ttl: Its longest life in seconds; None for the plan's.

        Returns:
            All of it, as `session` does.

        Raises:
            ApiError: 400 if something cannot be used, 403 if the plan has no sessions, 404 if there
                is no such backend.
        """
        kind = _MODES.get(mode or "dedicated")
        if kind is None:
            raise ApiError(
                400, Code.INVALID, f"mode must be one of {', '.join(_MODES)}, not {mode!r}"
            )
        device = self._device(backend)
        with as_api_errors():
            return session_json(kind(self._backend(device.name), max_ttl))

    def session(self, session_id: str) -> dict[str, Any]:
        """Return a session or batch.

        Raises:
            ApiError: 404 if there is none of this id.
        """
        return session_json(self._session(session_id))

    def close_session(self, session_id: str) -> None:
        """Let a session or batch accept no more jobs; those that were submitted still run.

        Raises:
            ApiError: 404 if there is none of this id.
        """
        self._session(session_id).close()

    def cancel_session(self, session_id: str) -> None:
        """Let a session or batch accept no more jobs, and drop those that have not started.

        Raises:
            ApiError: 404 if there is none of this id.
        """
        self._session(session_id).cancel()

    # -- backends and usage ----------------------------------------------------------------------

    def backends(self) -> list[dict[str, Any]]:
        """Return the backends, as the ``devices`` of ``GET /backends``.

        Second names of backends are among them, with the class ``"mock"``, so that the client finds
        them by name and lists them only if it is asked to.
        """
        return [self._device_json(device) for device in self._catalog.all()]

    def backend_configuration(
        self, name: str, *, calibration_id: str | None = None
    ) -> dict[str, Any]:
        """Return the configuration of a backend.

        Raises:
            ApiError: 404 if there is none of this name, or of this calibration.
        """
        self._check_calibration(calibration_id)
        return self._device(name).configuration()

    def backend_properties(self, name: str, *, calibration_id: str | None = None) -> dict[str, Any]:
        """Return the properties of a backend; empty for one without calibration.

        Raises:
            ApiError: 404 if there is none of this name, or of this calibration.
        """
        self._check_calibration(calibration_id)
        return self._device(name).properties()

    def backend_status(self, name: str) -> dict[str, Any]:
        """Return whether a backend works, and how many jobs are unfinished on it.

        Raises:
            ApiError: 404 if there is none of this name.
        """
        device = self._device(name)
        qpu = self._qpu(device)
        return {
            "backend_version": str(getattr(device.backend, "backend_version", None) or "0"),
            "state": True,
            "status": "maintenance" if self._is_maintained(qpu) else "active",
            "length_queue": self.runtime.unfinished_jobs(qpu),
        }

    def usage(self) -> dict[str, Any]:
        """Return what the instance has used, as ``GET /instances/usage`` does."""
        return {**self._service.usage(), "instance_id": self.crn}
