"""Session mode: the QPU is reserved for one user, from the first job's start to the end."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from qiskit.providers import BackendV2
from qiskit_ibm_runtime.exceptions import IBMInputValueError, IBMRuntimeError

from qiskit_modes.exceptions import InvalidInputError, ModeWarning
from qiskit_modes.modes.backends import belonging, check_backend, check_calibration, instance_of
from qiskit_modes.modes.context import Block, current_block, enter, leave, new_block
from qiskit_modes.modes.max_time import max_time_seconds
from qiskit_modes.runtime.clock import iso
from qiskit_modes.runtime.handles import Handle
from qiskit_modes.runtime.local_runtime import LocalRuntime, living_runtimes
from qiskit_modes.runtime.records import WorkloadRecord
from qiskit_modes.runtime.shared_runtime import default_runtime
from qiskit_modes.scheduling import Instance, Mode, WorkloadState
from qiskit_modes.scheduling.events import WorkloadOpened
from qiskit_modes.warn import warn

if TYPE_CHECKING:
    from qiskit_modes.service import LocalService

__all__ = ["Session"]


class Session(Handle):
    """A session: while it is active, its jobs have the QPU for themselves.

    It is *open* when it was created, *active* from the start of its first job, *inactive* when it
    has had nothing to do for its interactive TTL (60 s), and *closed* for good when it was closed
    and its last job has ended, or when its maximum TTL is over. Its jobs run in up to five lanes at
    once, one of them on the QPU. All methods may be called from any thread, none waits for a job.

    A copy is the same session. Pickled it is its id, and in another process it says that it is not
    there: a session lives in one.

    Usable as a context manager: primitives that are made inside without a mode run in it, and it
    is closed at the end; jobs that were submitted still run.

    Args:
        backend: What to run on; a fake backend, an ``AerSimulator``, or any other ``BackendV2``.
        max_time: The longest time from the start of its first job to its end, in seconds or as
            text such as ``"2h 30m"``. None, and as on the service 0, for the plan's maximum, 8 h.
        create_new: For compatibility; `from_id` is the way to an existing session.
        instance: To whom usage is charged, and whose plan counts; None for that of the service
            that gave the backend.
        runtime: Where it runs; None for that of the service that gave the backend, or else the one
            that is shared by all of the process.

    Raises:
        InvalidInputError: If the backend or ``max_time`` cannot be used.
        RefusedError: If the plan does not allow it; an Open plan has no sessions.

    Example:
        >>> from qiskit_ibm_runtime.fake_provider import FakeManilaV2
        >>> session = Session(FakeManilaV2(), max_time="10m")
        >>> session.status()
        'Pending'
        >>> session.close()
        >>> session.status()
        'Closed'
    """

    _mode: ClassVar[Mode] = Mode.SESSION

    def __init__(
        self,
        backend: BackendV2,
        max_time: int | str | None = None,
        *,
        create_new: bool | None = True,
        instance: Instance | None = None,
        runtime: LocalRuntime | None = None,
    ) -> None:
        if not create_new:
            raise IBMInputValueError(
                f"create_new=False makes no {type(self).__name__}: use "
                f"{type(self).__name__}.from_id(session_id, service) for an existing one"
            )
        check_backend(backend)
        self._runtime = runtime or belonging(backend).runtime or default_runtime()
        event = WorkloadOpened(
            workload_id=str(uuid.uuid4()),
            mode=self._mode,
            instance=instance or instance_of(backend, self._runtime.instance),
            max_ttl_seconds=max_time_seconds(max_time),
        )
        self._record: WorkloadRecord = self._runtime.open_workload(
            event, backend, backend_name=belonging(backend).name
        )
        self._closed_here = False
        self._blocks: list[Block[Any]] = []

    @classmethod
    def from_id(
        cls,
        session_id: str,
        service: LocalService,
        use_fractional_gates: bool = False,  # noqa: ARG003 - the service's signature
        calibration_id: str | None = None,
    ) -> Self:
        """Return a new handle to an existing session or batch.

        Args:
            session_id: Its id.
            service: The service that knows it.
            use_fractional_gates: Ignored; the backend is the one that the session was opened with.
            calibration_id: None; calibrations have no ids here, so that every id is unknown.

        Raises:
            IBMInputValueError: If there is none with this id, or it is of the other mode.
            QiskitBackendNotFoundError: If a calibration is asked for.
            InvalidInputError: If ``service`` is none of this package.
        """
        runtime = getattr(service, "runtime", None)
        if not isinstance(runtime, LocalRuntime):
            raise InvalidInputError(
                f"{cls.__name__}.from_id needs the service that knows the session: pass a "
                f"qiskit_modes.LocalService, not {type(service).__name__}"
            )
        check_calibration(calibration_id)
        record = runtime.workload(session_id)
        if record is None:
            raise IBMInputValueError(f"Session not found: no session or batch has id {session_id}")
        if record.core.mode is not cls._mode:
            raise IBMInputValueError(
                f"Input ID {session_id} has execution mode {_API_MODE[record.core.mode]} instead "
                f"of {_API_MODE[cls._mode]}."
            )
        self = cls.__new__(cls)
        self._hold(runtime, record)
        return self

    def _hold(self, runtime: LocalRuntime, record: WorkloadRecord) -> None:
        self._runtime = runtime
        self._record = record
        self._closed_here = record.core.state is WorkloadState.CLOSED
        self._blocks = []

    def _find(self, handle_id: str) -> bool:
        for runtime in living_runtimes():
            record = runtime.workload(handle_id)
            if record is not None:
                self._hold(runtime, record)
                return True
        return False

    def __repr__(self) -> str:
        if self._is_elsewhere or not self._runtime.is_of_this_process:
            return f"<{type(self).__name__} {self._id} of another process>"
        return f"<{type(self).__name__} {self.session_id} on {self.backend()}: {self.status()}>"

    def __enter__(self) -> Self:
        block = new_block(self)
        try:
            enter(block)
            self._blocks.append(block)
            return self
        except KeyboardInterrupt:  # Python does not call __exit__ then
            self._leave(block)
            raise

    def __exit__(self, error_type: type[BaseException] | None, *exc_info: object) -> None:
        block = self._blocks[-1] if self._blocks else None
        try:
            self._leave(block)
        except KeyboardInterrupt:  # just now: the QPU is given back all the same
            self._leave(block)
            raise
        if error_type is None and not self._runtime.is_of_this_process:
            warn(
                f"A `with` block of a {self._mode.value} was left in a process that was forked "
                "inside of it, and closes nothing here: the other process does that.",
                ModeWarning,
            )
        elif error_type is None and not self._record.core.jobs_submitted:
            kind = self._record.core.mode
            warn(
                f"No job was submitted to this {kind} before its `with` block ended. A primitive "
                f"runs in it if it is made in the block, or with mode={kind}.",
                ModeWarning,
            )

    def _leave(self, block: Block[Any] | None) -> None:
        """Leave a block and close; doing it again does nothing."""
        if block is not None:
            leave(block)
        if block in self._blocks:
            self._blocks.remove(block)
        self._closed_here = True
        if self._runtime.is_of_this_process:
            self.close()

    @property
    def record(self) -> WorkloadRecord:
        """Record that the runtime keeps of it; for those who extend this package."""
        return self._record

    @property
    def runtime(self) -> LocalRuntime:
        """Runtime in which it runs."""
        return self._runtime

    @property
    def session_id(self) -> str:
        """The id of this session or batch."""
        return self._record.id

    @property
    def service(self) -> LocalService:
        """A service that knows this session, its jobs and its QPU."""
        # The only way up the floors: the users' habit of asking a session for its service.
        from qiskit_modes.service import LocalService

        return LocalService(runtime=self._runtime, instance=self._record.core.instance)

    def backend(self) -> str:
        """Return the name of the backend."""
        return self._record.qpu.name

    def close(self) -> None:
        """Accept no more jobs; those that were submitted still run, then the session is closed.

        Closing again does nothing. Does not wait for jobs.
        """
        self._closed_here = True
        self._runtime.close_workload(self._record)

    def cancel(self) -> None:
        """Accept no more jobs and drop those that have not started; running ones run to their end.

        Cancelling again does nothing. Does not wait for jobs.
        """
        self._closed_here = True
        self._runtime.cancel_workload(self._record)

    def status(self) -> str:
        """Return the status in the service's words.

        Returns:
            ``"Pending"`` while it is open or inactive, ``"In progress, accepting new jobs"`` or
            ``"In progress, not accepting new jobs"`` while it is active, ``"Closed"`` in the end.
        """
        core = self._record.core
        if core.state is not WorkloadState.CLOSED:
            self._runtime.check_process()
        match core.state:
            case WorkloadState.OPEN | WorkloadState.INACTIVE:
                return "Pending"
            case WorkloadState.ACTIVE if core.accepting_jobs:
                return "In progress, accepting new jobs"
            case WorkloadState.ACTIVE:
                return "In progress, not accepting new jobs"
            case WorkloadState.CLOSED:
                return "Closed"

    def usage(self) -> float | None:
        """Return the usage in seconds so far, or None if no job has started.

        A session's usage is the time during which it was active, by the wall clock. A batch's is
        the time that its finished jobs spent on the QPU.
        """
        return self._runtime.workload_usage(self._record)

    def details(self) -> dict[str, Any]:
        """Return everything that is known of the session.

        Returns:
            A dictionary that has the service's keys ``id``, ``backend_name``,
            ``interactive_timeout``, ``max_time`` and ``active_timeout`` in seconds, ``state``
            (open, active, inactive or closed), ``accepting_jobs``, ``last_job_started``,
            ``last_job_completed``, ``started_at``, ``closed_at`` and ``activated_at`` as ISO times
            or None, ``mode`` (``"dedicated"`` or ``"batch"``), ``usage_time`` in seconds or None,
            and ``timestamps``, a list of ``{"status": ..., "timestamp": ...}``, one for every state
            it has entered.
        """
        return self._runtime.at_one_moment(self._record.qpu, self._details)

    def _details(self) -> dict[str, Any]:
        clock, core = self._runtime.clock, self._record.core

        def time(at: float | None) -> str | None:
            return None if at is None else iso(clock.utc(at))

        return {
            "id": core.id,
            "backend_name": self._record.qpu.name,
            "interactive_timeout": core.interactive_ttl_seconds,
            "max_time": core.max_ttl_seconds,
            "active_timeout": core.active_ttl_seconds(),
            "state": core.state.value,
            "accepting_jobs": core.accepting_jobs,
            "last_job_started": time(core.last_job_started),
            "last_job_completed": time(core.last_job_completed),
            "started_at": time(core.started_at),
            "closed_at": time(core.closed_at),
            "activated_at": time(core.activated_at),
            "mode": _API_MODE[core.mode],
            "usage_time": core.usage_seconds(clock.now()) if core.windows else None,
            "timestamps": [
                {"status": state.value, "timestamp": time(at)} for state, at in core.timestamps
            ],
        }

    def draw(self, *, title: str | None = None, save: str | Path | None = None) -> Any:
        """Draw what its QPU did while it lasted: lanes, the QPU lock, who waited, who else.

        Needs the extra ``visualization``. Without a store the latest 1,000 jobs are remembered,
        those whose result nobody has read, and all that somebody holds.

        Args:
            title: None for one that says what is to be seen.
            save: A file to write too: ``.html``, which can be zoomed, or ``.png``, ``.svg``,
                ``.pdf``; or ``.json``, a trace that https://ui.perfetto.dev opens.

        Returns:
            A figure of plotly.

        Raises:
            InvalidInputError: If no job of it is remembered, or the file's ending is not known.
            QiskitModesError: If plotly is not installed, or the browser that PNG files need.
        """
        from qiskit_modes.planning.draw.live_drawing import draw_workload

        return draw_workload(self._record, self._runtime, title, save)

    def check_open(self) -> None:
        """Check that this handle has not been closed; asks nobody.

        Raises:
            OtherProcessError: If the session is that of the process this one was forked from.
            IBMRuntimeError: If it was closed, cancelled, or its ``with`` block was left.
        """
        self._runtime.check_process()
        if self._closed_here:
            raise IBMRuntimeError(f"The {self._mode.value} is closed.")


_API_MODE = {Mode.SESSION: "dedicated", Mode.BATCH: "batch"}
"""The words of the service's interface."""


def current_session() -> Session | None:
    """Return the session or batch of the innermost block of this context, or None.

    New threads start without one, asyncio tasks inherit it: those are the rules of `contextvars`.
    """
    block = current_block()
    if block is None:
        return None
    session: Session = block.session
    return session
