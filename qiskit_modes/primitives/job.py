"""The job that users hold."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from qiskit.primitives import BasePrimitiveJob
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.exceptions import (
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobMaxTimeoutError,
    RuntimeJobTimeoutError,
)

from qiskit_modes.exceptions import InvalidInputError, QiskitModesError, RefusedError
from qiskit_modes.primitives.encoding.job_texts import decoded_inputs, decoded_result
from qiskit_modes.primitives.job_metrics import metrics_of
from qiskit_modes.primitives.options.job_settings import check_tags
from qiskit_modes.runtime.clock import Clock, iso
from qiskit_modes.runtime.handles import Handle
from qiskit_modes.runtime.local_runtime import living_runtimes
from qiskit_modes.runtime.records import EncodedResult, JobMode, JobRecord, JobStatus
from qiskit_modes.scheduling.job import RAN_TOO_LONG, Cancelled
from qiskit_modes.warn import warn_at_users_line

if TYPE_CHECKING:
    from qiskit_modes.runtime.local_runtime import LocalRuntime

__all__ = ["RuntimeJobV2"]

logger = logging.getLogger("qiskit_modes")


class RuntimeJobV2(Handle, BasePrimitiveJob[Any, JobStatus]):
    """A submitted job: its status, its result, and what it took.

    It has the public surface of the service's job. All methods may be called from any thread; only
    `result` and `wait_for_final_state` wait. Users do not make one: ``run()`` returns it. A copy is
    the same job. Pickled it is its id, and in another process it says that it is not there.

    Args:
        record: What the runtime keeps of the job.
        runtime: Where it runs.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit_aer import AerSimulator
        >>> from qiskit_modes import SamplerV2
        >>> circuit = QuantumCircuit(1)
        >>> circuit.x(0)  # doctest: +ELLIPSIS
        <...>
        >>> circuit.measure_all()
        >>> job = SamplerV2(mode=AerSimulator()).run([circuit], shots=100)
        >>> job.result()[0].data.meas.get_counts()
        {'1': 100}
        >>> job.status(), str(job.mode)
        ('DONE', 'job')
    """

    JOB_FINAL_STATES: ClassVar[tuple[JobStatus, ...]] = ("DONE", "CANCELLED", "ERROR")
    ERROR: ClassVar[JobStatus] = "ERROR"

    def __init__(self, record: JobRecord, runtime: LocalRuntime) -> None:
        BasePrimitiveJob.__init__(self, job_id=record.id)
        self._record = record
        self._runtime = runtime
        # The record may drop its inputs; whoever holds the job keeps them.
        self._inputs = record.inputs
        self._decoded: Any = None
        """The result, if it was read as text."""

    def __repr__(self) -> str:
        if self._is_elsewhere:
            return f"<{type(self).__name__}({self._id!r}) of another process>"
        return f"<{type(self).__name__}({self._record.id!r}, {self._record.primitive_id!r})>"

    def _find(self, handle_id: str) -> bool:
        for runtime in living_runtimes():
            record = runtime.job(handle_id)
            if record is not None:
                self.__init__(record, runtime)  # type: ignore[misc]
                return True
        return False

    # -- what it is ----------------------------------------------------------------------------

    def job_id(self) -> str:
        """Return the job's id."""
        return self._record.id

    @property
    def mode(self) -> JobMode:
        """Mode in which it runs: ``"job"``, ``"batch"`` or ``"session"``; ``.reason`` says why."""
        return self._record.mode

    @property
    def session_id(self) -> str | None:
        """The id of its session or batch; None in job mode."""
        return None if self._record.workload is None else self._record.workload.id

    @property
    def primitive_id(self) -> str:
        """Name of its primitive: ``"sampler"``, ``"estimator"`` or ``"executor"``."""
        return self._record.primitive_id

    @property
    def inputs(self) -> dict[str, Any]:
        """Arguments of ``run()``. Empty for a private job.

        ``pubs`` and ``options``; for an executor's job ``quantum_program`` and ``options``.
        """
        if self._record.private:
            return {}
        if self._inputs is None:
            text = self._record.read_params()
            if text is None:
                return {}
            self._inputs = decoded_inputs(self._record.program_id, text)
        return {
            name: list(value) if isinstance(value, list) else value
            for name, value in self._inputs.items()
        }

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return list(self._record.tags)

    def update_tags(self, new_tags: list[str]) -> list[str]:
        """Replace the tags.

        Args:
            new_tags: The new ones.

        Returns:
            The tags that the job has now.

        Raises:
            InvalidInputError: If they are not a list of strings.
        """
        self._runtime.set_tags(self._facts, list(dict.fromkeys(check_tags(new_tags))))
        return self.tags

    @property
    def private(self) -> bool:
        """Tell whether its inputs are hidden."""
        return self._record.private

    @property
    def instance(self) -> str:
        """The id of the instance to which its usage is charged."""
        return self._record.instance.id

    @property
    def image(self) -> str:
        """The service's container image; there is none here."""
        return ""

    @property
    def creation_date(self) -> datetime:
        """Time when it was submitted, aware, in local time."""
        return self._clock.utc(self._record.core.submitted_at).astimezone()

    def backend(self, timeout: float | None = None) -> BackendV2:  # noqa: ARG002 - the service's
        """Return the backend that it runs on.

        Raises:
            QiskitModesError: If an earlier process had it, and no service here offers it.
        """
        if self._record.backend is None:
            raise QiskitModesError(
                f"Job {self._record.id} ran on a backend {self._record.backend_name!r} that its "
                "program had made; of backends only the names are kept. Make it again to use it"
            )
        return self._record.backend

    def properties(self, refresh: bool = False) -> Any:
        """Return the calibration data of the backend, or None if it has none.

        Args:
            refresh: Passed on to the backend's own method where that takes it.
        """
        properties = getattr(self._record.backend, "properties", None)
        if not callable(properties):
            return None
        return properties(refresh) if refresh else properties()

    # -- how far it is ---------------------------------------------------------------------------

    def status(self) -> JobStatus:
        """Return ``"QUEUED"``, ``"RUNNING"``, ``"DONE"``, ``"ERROR"`` or ``"CANCELLED"``.

        A job is running from the moment it has a lane: also while it is compiled, waits for the
        QPU, or is post-processed.
        """
        status = self._facts.status
        if status in self.JOB_FINAL_STATES:
            self._runtime.tell_seen(self._record)
        return status

    def queued(self) -> bool:
        """Return whether it waits for a lane."""
        return self.status() == "QUEUED"

    def running(self) -> bool:
        """Return whether it is in a lane."""
        return self.status() == "RUNNING"

    def on_qpu(self) -> bool:
        """Return whether its circuits are being executed right now, with the QPU locked."""
        core = self._facts.core
        return core.executing_at is not None and core.released_at is None

    def done(self) -> bool:
        """Return whether it has a result."""
        return self.status() == "DONE"

    def errored(self) -> bool:
        """Return whether it failed."""
        return self.status() == "ERROR"

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self.status() == "CANCELLED"

    def in_final_state(self) -> bool:
        """Return whether it has ended, one way or another."""
        return self.status() in self.JOB_FINAL_STATES

    def wait_for_final_state(
        self, timeout: float | None = None, poll_interval: float | None = None
    ) -> None:
        """Wait until the job has ended; returns as soon as it has.

        On a terminal and in a notebook a line shows how it is going when that takes long; see
        `qiskit_modes.show_progress`.

        Args:
            timeout: Longest time to wait in seconds; None for no limit.
            poll_interval: For compatibility: nothing is polled here. Below 0.1 s it warns, as the
                service's client does.

        Raises:
            RuntimeJobTimeoutError: If the job has not ended by then; it goes on.
        """
        if poll_interval is not None and poll_interval < 0.1:
            warn_at_users_line(
                "The poll interval specified is lower than the minimal allowed. Using 0.1 as the "
                "poll interval.",
                UserWarning,
            )
        if not self._runtime.wait(self._record, timeout):
            raise RuntimeJobTimeoutError(
                f"Timed out waiting for job to complete after {timeout} secs."
            )
        self._runtime.tell_seen(self._record)

    def cancel(self) -> None:
        """End the job, wherever it is; what is on the QPU is stopped. Does not wait.

        Raises:
            RuntimeInvalidStateError: If it has already ended.
        """
        try:
            self._runtime.cancel(self._record)
        except RefusedError as error:
            raise RuntimeInvalidStateError(f"Job cannot be cancelled: {error.message}") from None

    # -- what came of it -------------------------------------------------------------------------

    def result(
        self,
        timeout: float | None = None,
        decoder: Any = None,
        poll_interval: float | None = None,
    ) -> Any:
        """Wait for the job and return its result.

        Args:
            timeout: Longest time to wait in seconds; None for no limit.
            decoder: Refused: results are not encoded here.
            poll_interval: See `wait_for_final_state`.

        Returns:
            A ``PrimitiveResult`` with one result for each PUB; for an executor's job a
            ``QuantumProgramResult`` with one for each item.

        Raises:
            RuntimeJobFailureError: If the job failed; its cause is the original exception.
            RuntimeJobMaxTimeoutError: If it held the QPU longer than it may.
            RuntimeInvalidStateError: If it was cancelled, or is private and its result was read.
            RuntimeJobTimeoutError: If it has not ended within ``timeout``.
            InvalidInputError: If a ``decoder`` was passed.
        """
        if decoder is not None:
            raise InvalidInputError("a decoder has no effect here: results are never encoded")
        self.wait_for_final_state(timeout, poll_interval)
        record = self._record
        record.is_read = True
        match record.status:  # it has ended, and who waited for it has told so
            case "DONE":
                if self._decoded is not None:
                    return self._decoded
                try:
                    return self._object_of(record.read_result())
                except LookupError:
                    raise RuntimeInvalidStateError(
                        f"The result of job {record.id} is gone: the job is private, and its "
                        "result can be read once. Keep what the first result() returns."
                    ) from None
            case "CANCELLED":
                raise RuntimeInvalidStateError(
                    f"Unable to retrieve result for job {record.id}. Job was cancelled."
                )
        if self._ran_too_long:
            raise RuntimeJobMaxTimeoutError(record.reason)
        raise RuntimeJobFailureError(
            f"Unable to retrieve job result. {record.reason}"
        ) from record.error

    def _object_of(self, result: Any) -> Any:
        if not isinstance(result, EncodedResult):
            return result
        decoded = decoded_result(self._record.program_id, result.text)
        if not self._record.private:
            self._decoded = decoded
        return decoded

    def error_message(self) -> str | None:
        """Return why it failed, or None if it did not."""
        if not self.errored():
            return None
        record = self._record
        if self._ran_too_long:
            return (
                f"Job {record.id} ran longer than maximum execution time. Job was cancelled:\n"
                f"{record.reason}"
            )
        return f"Job {record.id} has failed:\n{record.reason}"

    def metrics(self) -> dict[str, Any]:
        """Return when it was created, ran and finished, and what it is charged.

        Returns:
            ``timestamps`` with ``created`` and, once they exist, ``running`` and ``finished``, as
            ISO times in UTC; ``usage`` with ``qpu_charge_time_seconds`` and ``status``
            (``"pending"`` until the job is out of the QPU, then ``"complete"``); and
            ``circuits_execution_time_ns``, the time that its circuits really took;
            ``qiskit_version``; and two that the service does not have: for how many seconds which
            worker executed pieces of it, as ``workers``, and did heavy parts of its compilation,
            as ``compile_workers``.
        """
        return metrics_of(self._facts, self._clock)

    def usage(self, partial: bool = False) -> float:
        """Return the time in seconds during which it had the QPU locked.

        Args:
            partial: Return what has been used so far; otherwise 0 until it is known for good.
        """
        core = self._facts.core
        if not (partial or core.final):
            return 0
        return core.charged_seconds(self._clock.now())

    @property
    def usage_estimation(self) -> dict[str, float | None]:
        """Estimate of its charge on hardware, by the service's quick formula.

        ``quantum_seconds`` is 2 s and 0.35 ms for each execution of a circuit.
        """
        return {"quantum_seconds": self._record.usage_estimation_seconds}

    def logs(self) -> str:
        """Return the states that it has been in, a line each, with their times.

        With the option ``environment.log_level`` at ``"INFO"`` or ``"DEBUG"`` there are further
        lines about its steps.
        """
        if not self.in_final_state():
            logger.warning("Job logs are only available after the job finishes.")
        story = list(self._record.core.story)
        lines = [f"{iso(self._clock.utc(at))} {state}" for at, state in story]
        return "".join(f"{line}\n" for line in sorted([*lines, *self._record.log], key=_time))

    @property
    def _facts(self) -> JobRecord:
        """Facts that the runtime keeps of it, and that may have changed since it was submitted."""
        return self._runtime.facts(self._record)

    @property
    def _clock(self) -> Clock:
        return self._runtime.clock

    @property
    def _ran_too_long(self) -> bool:
        ending = self._record.core.ending
        return isinstance(ending, Cancelled) and ending.code == RAN_TOO_LONG.code


def _time(line: str) -> str:
    """Return with what a line of a log begins; lines of the same time keep their order."""
    return line.split(maxsplit=1)[0]
