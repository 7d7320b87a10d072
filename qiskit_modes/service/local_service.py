"""The facade that people query: backends, jobs and usage, on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

from qiskit.providers import BackendV2
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError, RuntimeJobNotFound

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.modes import Batch, Session
from qiskit_modes.modes.backends import check_calibration
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.runtime.shared_runtime import default_runtime, runtime_with_store
from qiskit_modes.scheduling import Instance, Mode, WorkloadState
from qiskit_modes.service.filters import check_flag, check_text, job_query
from qiskit_modes.service.offered import OfferedBackends
from qiskit_modes.service.usage import usage_of
from qiskit_modes.simulation.backends.names import fake_name

__all__ = ["LocalService"]


class LocalService:
    """Backends, jobs and usage of the local runtime. Opens no connection and needs no account.

    All services of a process that were made without ``runtime`` see the same jobs. All methods may
    be called from any thread, and none waits for a job.

    Args:
        instance: To whom the use of this service's backends is charged, and whose plan counts;
            None for the runtime's own, which has no limits.
        runtime: Which runtime to look at, in which jobs on this service's backends run too; None
            for the one that is shared by all of the process.
        store: Where jobs, sessions and usage outlive the process: ``"sqlite:///FILE"``,
            ``"postgresql+psycopg://..."``, or the path of a file, which is made if there is none.
            All services of a process that name one store share a runtime, in which jobs on their
            backends run. None for where the environment variable ``QISKIT_MODES_STORE`` says, and
            in memory if it is not set.

    Raises:
        InvalidInputError: If both ``runtime`` and ``store`` are passed, or the store is none.
        StoreError: If the store cannot be opened.

    Example:
        >>> service = LocalService()
        >>> service.backend("ibm_torino").num_qubits
        133
    """

    is_local = True

    def __init__(
        self,
        *,
        instance: Instance | None = None,
        runtime: LocalRuntime | None = None,
        store: str | os.PathLike[str] | None = None,
    ) -> None:
        if store is not None:
            if runtime is not None:
                raise InvalidInputError("A runtime has its own store; do not pass both")
            runtime = runtime_with_store(store)
        self._own_runtime = runtime
        self.runtime = runtime or default_runtime()
        self.instance = instance or self.runtime.instance

    def __deepcopy__(self, memo: dict[int, Any]) -> LocalService:
        return self  # it has nothing of its own

    def __copy__(self) -> LocalService:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        rest = {name: value for name, value in vars(self).items() if name not in _FOUND_ANEW}
        return _service, (type(self), self.instance, self._own_runtime), rest

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of instance {self.instance.id!r}>"

    # -- backends --------------------------------------------------------------------------------

    def backend(
        self,
        name: str,
        instance: str | None = None,  # noqa: ARG002 - the service's signature
        use_fractional_gates: bool | None = False,
        calibration_id: str | None = None,
    ) -> BackendV2:
        """Return a backend by its name.

        Args:
            name: Of a fake (``"fake_torino"``), of the machine that it stands for
                (``"ibm_torino"``), or ``"aer_simulator"`` for an ideal simulator.
            instance: Ignored, every instance has all backends.
            use_fractional_gates: True for the gates rx(θ) and rzz(θ), 0 <= θ <= π/2, on the fakes
                of machines that have them, and no control flow; their errors and durations are
                taken from sx and the two-qubit gate. None for both, which no circuit may use
                together; False for the fake as it is.
            calibration_id: None; calibrations have no ids here, so that every id is unknown.

        Raises:
            QiskitBackendNotFoundError: If there is none of this name, or of this calibration.
            IBMInputValueError: If fractional gates are asked for and it has none.
        """
        check_calibration(calibration_id)
        return self._offered.named(name, use_fractional_gates=use_fractional_gates)

    def backends(
        self,
        name: str | None = None,
        min_num_qubits: int | None = None,
        instance: str | None = None,  # noqa: ARG002 - the service's signature
        dynamic_circuits: bool | None = None,
        filters: Callable[[BackendV2], bool] | None = None,
        *,
        use_fractional_gates: bool | None = False,
        calibration_id: str | None = None,
        include_mocks: bool = False,  # noqa: ARG002 - the service's signature
        **kwargs: Any,
    ) -> list[BackendV2]:
        """Return all backends that match, in the order of their names.

        Args:
            name: Only the one of this name, see `backend`.
            min_num_qubits: Only those with at least so many qubits.
            instance: Ignored, every instance has all backends.
            dynamic_circuits: Only those that can, or cannot, branch on measurement outcomes.
            filters: Only those for which it returns True.
            use_fractional_gates: See `backend`; those that have no such gates are returned as they
                are, and all of them with ``filters``.
            calibration_id: See `backend`; of an unknown one there are none.
            include_mocks: Ignored, there are none.
            **kwargs: Only those whose configuration, status or attributes have these values, such
                as ``pending_jobs``. All are ``operational``, and none is a ``simulator``.

        Raises:
            InvalidInputError: If a filter cannot be used, or no backend knows it.
        """
        name = kwargs.pop("backend_name", None) or name
        check_text(name, "name")
        if calibration_id is not None:
            return []
        return self._offered.matching(
            name,
            use_fractional_gates=use_fractional_gates,
            min_num_qubits=min_num_qubits,
            dynamic_circuits=dynamic_circuits,
            filters=filters,
            others=kwargs,
        )

    def least_busy(
        self,
        min_num_qubits: int | None = None,
        instance: str | None = None,
        filters: Callable[[BackendV2], bool] | None = None,
        use_fractional_gates: bool | None = False,
        **kwargs: Any,
    ) -> BackendV2:
        """Return the backend on whose QPU the fewest jobs are unfinished.

        Of several it is the first by its name, as the service's client has it. One that is being
        maintained is not among them.

        Args:
            min_num_qubits: See `backends`.
            instance: See `backends`.
            filters: See `backends`.
            use_fractional_gates: See `backend`; True for those only that have such gates.
            **kwargs: See `backends`.

        Raises:
            QiskitBackendNotFoundError: If none matches.
        """
        found = self.backends(
            None,
            min_num_qubits,
            instance,
            filters=filters,
            use_fractional_gates=use_fractional_gates,
            **kwargs,
        )
        return self._offered.least_busy(found, with_gates=bool(use_fractional_gates))

    @property
    def _offered(self) -> OfferedBackends:
        return OfferedBackends(self.runtime, self.instance, is_default=self._own_runtime is None)

    # -- jobs ------------------------------------------------------------------------------------

    def job(self, job_id: str) -> RuntimeJobV2:
        """Return a job by its id.

        Raises:
            RuntimeJobNotFound: If it is not known. With a store all are that were not deleted;
                without, of the jobs that have ended and that nobody holds, the latest 1,000, and
                older ones whose result nobody has read, as long as these take less than 256 MiB.
            StoreError: If the store cannot be read.
        """
        record = self.runtime.job(job_id) if isinstance(job_id, str) else None
        if record is None:
            why = self.runtime.why_gone(job_id) if isinstance(job_id, str) else None
            more = "" if why is None else f" any more: {why}"
            raise RuntimeJobNotFound(f"Job not found: no job has id {job_id!r}{more}")
        return RuntimeJobV2(self._with_backend(record, {}), self.runtime)

    def jobs(
        self,
        limit: int | None = 10,
        skip: int = 0,
        backend_name: str | None = None,
        pending: bool | None = None,
        program_id: str | None = None,
        instance: str | None = None,
        job_tags: list[str] | None = None,
        session_id: str | None = None,
        created_after: datetime | date | str | None = None,
        created_before: datetime | date | str | None = None,
        descending: bool = True,
        include_mocks: bool = False,  # noqa: ARG002 - the service's signature
    ) -> list[RuntimeJobV2]:
        """Return the jobs that match, the newest first.

        Args:
            limit: Most jobs to return; None for all, and 0, as for the service's client.
            skip: How many of the matching ones to leave out at the start.
            backend_name: Only those on the backend of this name.
            pending: True for those that have not ended, False for those that have.
            program_id: Only those of this primitive, ``"sampler"`` or ``"estimator"``.
            instance: Only those charged to the instance with this id.
            job_tags: Only those that have all of these tags.
            session_id: Only those of this session or batch.
            created_after: Only those submitted at or after this time: a datetime, a date, or the
                text of one; local if it is naive.
            created_before: Only those submitted at or before this time.
            descending: False for the oldest first.
            include_mocks: Ignored, there are none.

        Raises:
            InvalidInputError: If a filter cannot be used; the message names it.
        """
        check_text(backend_name, "backend_name")
        check_flag(descending, "descending")
        query = job_query(
            qpu_name=None if backend_name is None else fake_name(backend_name),
            pending=pending,
            program_id=program_id,
            instance=instance,
            job_tags=job_tags,
            session_id=session_id,
            created_after=created_after,
            created_before=created_before,
            newest_first=descending,
            limit=limit,
            skip=skip,
        )
        found, _ = self.runtime.find_jobs(query)
        made: dict[str, BackendV2] = {}
        return [RuntimeJobV2(self._with_backend(job, made), self.runtime) for job in found]

    def _with_backend(self, job: JobRecord, made: dict[str, BackendV2]) -> JobRecord:
        """Return a job of an earlier process with its backend, if that is offered here.

        Args:
            job: Which one; one of this process has its backend.
            made: Backends that were made for other jobs, by their names; one may be added.
        """
        name = job.backend_name
        if job.backend is None and name not in made:
            with suppress(QiskitBackendNotFoundError):
                made[name] = self._offered.named(name)
        if job.backend is None:
            job.backend = made.get(name)
        return job

    def delete_job(self, job_id: str) -> None:
        """Forget a job that has ended.

        Raises:
            RuntimeJobNotFound: If it is not known.
            RuntimeInvalidStateError: If it has not ended.
        """
        job = self.job(job_id)
        if not job.in_final_state():
            raise RuntimeInvalidStateError(
                f"Job {job_id} cannot be deleted: it is {job.status()}; cancel it first"
            )
        self.runtime.forget_job(job_id)

    def draw(
        self,
        backend: BackendV2 | str | None = None,
        *,
        title: str | None = None,
        save: str | Path | None = None,
    ) -> Any:
        """Draw what a QPU did: lanes, the QPU lock, reservations, who waited, who else.

        Needs the extra ``visualization``. Shown are the jobs that `jobs` knows, of
        many the latest 1,000.

        Args:
            backend: Whose QPU, as an object or by its name; None for the one with most jobs.
            title: None for one that says what is to be seen.
            save: A file to write too: ``.html``, which can be zoomed, or ``.png``, ``.svg``,
                ``.pdf``; or ``.json``, a trace that https://ui.perfetto.dev opens.

        Returns:
            A figure of plotly.

        Raises:
            InvalidInputError: If there are no jobs, or the file's ending is not known.
            QiskitModesError: If plotly is not installed, or the browser that PNG files need.
        """
        from qiskit_modes.planning.draw.live_drawing import draw_qpu

        if isinstance(backend, str):
            backend = self.backend(backend)
        qpu = None if backend is None else self.runtime.qpu(backend)
        return draw_qpu(self.runtime, qpu, self.instance.id, title, save)

    # -- usage -----------------------------------------------------------------------------------

    def instances(self) -> list[dict[str, Any]]:
        """Return the one instance that this service is for."""
        return [
            {"crn": self.instance.id, "plan": self.instance.plan.name, "name": self.instance.id}
        ]

    def active_instance(self) -> str:
        """Return the id of the instance that this service is for."""
        return self.instance.id

    def usage(self) -> dict[str, Any]:
        """Return what the instance was charged within the window of its plan.

        Returns:
            ``instance_id``, ``plan_id``, ``usage_consumed_seconds`` and ``usage_period`` with its
            ``start_time`` (None for a plan without a window) and ``end_time``; for an instance with
            an allocation or a limit also ``usage_allocation_seconds``, ``usage_limit_seconds`` and
            ``usage_limit_reached``, and ``usage_remaining_seconds``. What runs counts as far as it
            counts against the limit, see `Plan.running_usage_counts`.
        """
        return usage_of(self.instance, self.runtime)

    # -- sessions and batches --------------------------------------------------------------------

    def workloads(self) -> list[Session]:
        """Return the sessions and batches that are not closed, in the order of their opening."""
        kinds: dict[Mode, type[Session]] = {Mode.SESSION: Session, Mode.BATCH: Batch}
        return [
            kinds[record.core.mode].from_id(record.id, self)
            for record in self.runtime.workloads()
            if record.core.state is not WorkloadState.CLOSED
        ]

    def close_all(self) -> list[Session]:
        """Close every session and batch that was left open, and return them.

        Jobs that were submitted still run. For the time after a Ctrl-C, when a session that nobody
        closed keeps the QPU for another minute.
        """
        left_open = self.workloads()
        for workload in left_open:
            workload.close()
        return left_open


_FOUND_ANEW = ("instance", "runtime", "_own_runtime")


def _service(
    kind: type[LocalService], instance: Instance, runtime: LocalRuntime | None
) -> LocalService:
    """Rebuild a service in another process, on the runtime that is shared there."""
    service = kind.__new__(kind)
    LocalService.__init__(service, instance=instance, runtime=runtime)
    return service
