"""The view of one instance: its jobs and sessions, and the backends of everybody."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from qiskit.providers import BackendV2
from qiskit.providers.exceptions import QiskitBackendNotFoundError

from qiskit_modes._mutex import new_mutex
from qiskit_modes.modes import Batch, Session
from qiskit_modes.modes.backends import charge_to, check_calibration
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.scheduling import Instance, Mode
from qiskit_modes.service import LocalService
from qiskit_modes.service.choosing import with_gates
from qiskit_modes.wire.answers.session_json import session_json
from qiskit_modes.wire.api_error import ApiError, Code, as_api_errors
from qiskit_modes.wire.catalog import Catalog, Device

__all__ = ["InstanceView", "of_its_process"]

_Api = TypeVar("_Api", bound=type)


def of_its_process(api: _Api) -> _Api:
    """Have every public method of a class checked for the process in which it is called."""
    for name, method in list(vars(api).items()):
        if not name.startswith("_") and callable(method):
            setattr(api, name, _checked(method))
    return api


def _checked(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(self: InstanceView, *args: Any, **kwargs: Any) -> Any:
        self._check_process()
        return method(self, *args, **kwargs)

    return checked


class InstanceView:
    """Finds what an instance asks for; what is somebody else's does not exist.

    Args:
        runtime: Whose jobs and sessions.
        catalog: Whose backends.
        instance: Who looks.
        crn: The name of the instance in the service's world.
        next_seed: Returns the seed of a job that has none of its own, see `Platform.next_seed`.
    """

    def __init__(
        self,
        runtime: LocalRuntime,
        catalog: Catalog,
        instance: Instance,
        crn: str,
        next_seed: Callable[[], int | None],
    ) -> None:
        self.instance = instance
        self.crn = crn
        self.runtime = runtime
        """Where its jobs run."""
        self._catalog = catalog
        self._next_seed = next_seed
        self._service = LocalService(instance=instance, runtime=runtime)
        self._mutex = new_mutex()
        """Guards ``_backends``."""
        self._backends: dict[str, BackendV2] = {}

    def __repr__(self) -> str:
        return f"<InstanceApi of {self.crn}>"

    def _check_process(self) -> None:
        """Check that this is not the child of a fork, where no thread would do the work.

        Raises:
            ApiError: If it is; status 409.
        """
        with as_api_errors():
            self.runtime.check_process()

    @staticmethod
    def _check_calibration(calibration_id: str | None, status: int = 404) -> None:
        """Check that no calibration is asked for by an id: none has one here.

        Raises:
            ApiError: If one is.
        """
        try:
            check_calibration(calibration_id)
        except QiskitBackendNotFoundError as error:
            raise ApiError(status, Code.NOT_FOUND, error.message) from None

    def _job(self, job_id: str) -> JobRecord:
        job = self.runtime.job(job_id)
        if job is None or job.instance.id != self.instance.id:
            # Who asks for somebody else's is told the same, and ids cannot be guessed.
            why = self.runtime.why_gone(job_id) if job is None else None
            more = "" if why is None else f" any more: {why}"
            raise ApiError(404, Code.NOT_FOUND, f"Job not found: there is no job {job_id!r}{more}")
        return job

    def _tell_if_ended(self, job: JobRecord) -> None:
        """Say that somebody is about to learn of the end of a job, if it has ended."""
        if job.core.ending is not None:
            with as_api_errors():
                self.runtime.tell_seen(job)

    def _session(self, session_id: str) -> Session:
        record = self.runtime.workload(session_id)
        if record is None or record.core.instance.id != self.instance.id:
            raise ApiError(
                404, Code.NOT_FOUND, f"Session not found: there is no session {session_id!r}"
            )
        kind = Session if record.core.mode is Mode.SESSION else Batch
        return kind.from_id(session_id, self._service)

    def _device(self, name: str | None) -> Device:
        device = self._catalog.get(name or "")
        if device is None:
            names = [each.name for each in self._catalog.listed()]
            some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            raise ApiError(
                404, Code.NOT_FOUND, f"There is no backend {name!r} here; there is {some}"
            )
        return device

    def _backend(self, name: str) -> BackendV2:
        """Return the backend on which jobs of this instance run that ask for this name."""
        with self._mutex:
            if name not in self._backends:
                # Who did not ask for fractional gates has none in the client's own target.
                backend = with_gates(self._device(name).backend, None)
                mine = charge_to(backend, self.instance, runtime=self.runtime, name=name)
                self._backends.setdefault(name, mine)
            return self._backends[name]

    def _mode(self, backend: str | None, session_id: str | None) -> tuple[Session | BackendV2, str]:
        """Return where a job is to run, and the name of its backend."""
        try:
            device = None if backend is None and session_id else self._device(backend)
            if session_id is None:
                assert device is not None, "without a session the backend was looked up"
                return self._backend(device.name), device.name
            session = self._session(session_id)
        except ApiError as error:
            # Here 404 would mean that there is no such program.
            raise ApiError(400, error.code, error.message) from None
        core = session.record.core
        if not core.accepting_jobs:
            raise ApiError(
                409,
                Code.SESSION_CLOSED,
                f"{core.mode} {core.id} takes no more jobs: {core.closed_because}; "
                f"open a new {core.mode}",
            )
        name = session_json(session)["backend_name"]
        if device is not None and self._qpu(device) is not session.record.qpu:
            raise ApiError(
                400,
                Code.INVALID,
                f"Session {session_id} is on the backend {name}, not on {backend}",
            )
        return session, name if device is None else device.name

    def _qpu(self, device: Device) -> QPU:
        return self.runtime.qpu(device.backend)

    def _qpu_name(self, backend: str | None) -> str | None:
        if backend is None:
            return None
        device = self._catalog.get(backend)
        return backend if device is None else self._qpu(device).name

    def _is_maintained(self, qpu: QPU) -> bool:
        return self.runtime.is_maintained(qpu)

    def _device_json(self, device: Device) -> dict[str, Any]:
        qpu = self._qpu(device)
        maintained = self._is_maintained(qpu)
        return {
            "name": device.name,
            "status": {"name": "paused", "reason": "maintenance"}
            if maintained
            else {"name": "online", "reason": "available"},
            "queue_length": self.runtime.unfinished_jobs(qpu),
            "qubits": device.num_qubits,
            "physical_qubits": device.num_qubits,
            "is_simulator": False,
            **({} if device.listed else {"class": "mock"}),
        }
