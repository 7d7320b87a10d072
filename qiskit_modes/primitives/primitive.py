"""The base of all primitives: it finds their mode, and hands jobs in."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from qiskit.providers import BackendV2
from qiskit_ibm_runtime.exceptions import IBMRuntimeError

# What a first job needs, so that it does not wait for imports.
import qiskit_modes.simulation.run.division
import qiskit_modes.simulation.run.execution  # noqa: F401
from qiskit_modes.exceptions import (
    QiskitModesWarning,
    RefusedError,
    UnsupportedOptionError,
)
from qiskit_modes.modes import Resolution, Session, resolve_mode
from qiskit_modes.modes.backends import belonging
from qiskit_modes.primitives.encoding.job_texts import JOB_TEXTS
from qiskit_modes.primitives.inputs.job_limits import check_size
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.job_log import JobLog, logged
from qiskit_modes.primitives.options.read import options_as_dict
from qiskit_modes.primitives.prepared_job import PreparedJob
from qiskit_modes.primitives.quick_estimate import quick_estimate
from qiskit_modes.runtime.records import JobRecord, JobRequest
from qiskit_modes.scheduling import Instance, WorkloadState
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.warn import unsupported_options, warn

__all__ = ["Primitive"]


class Primitive:
    """A primitive with a mode and options.

    A copy, also a deep one, has options of its own and the same mode. One whose mode is a backend
    can be pickled for another process.

    Args:
        mode: A backend, a `Session`, a `Batch`, or None for the innermost ``with`` block.
        options: The options, as a model or a dictionary.

    Raises:
        InvalidInputError: If there is no such mode, or an option does not exist.
    """

    options: Any
    request: JobRequest | None = None
    """The request to the service's interface that its jobs come from; set by doors, not by users.
    Who sends one has been told of limits by other means, and is not warned here."""

    version: ClassVar[int] = 2
    """Of the interface of primitives; libraries ask for it."""

    def __init__(self, mode: Any = None, options: Any = None) -> None:
        self._mode_argument = mode
        self._resolution: Resolution | None = resolve_mode(mode)
        self.options = options

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return one with options of its own, and the same mode."""
        another = type(self).__new__(type(self))
        memo[id(self)] = another
        for name, value in vars(self).items():
            kept = name in ("_mode_argument", "_resolution", "request")
            vars(another)[name] = value if kept else copy.deepcopy(value, memo)
        return another

    def __getstate__(self) -> dict[str, Any]:
        # Where it runs is found out in the process where it is used.
        mode = self._mode_argument or self._where.session
        return {**vars(self), "_mode_argument": mode, "_resolution": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; options are checked and may be a dictionary."""
        if name == "options":
            value = self._coerce_options(value)
        super().__setattr__(name, value)

    @staticmethod
    def _coerce_options(options: Any) -> Any:
        """Return options as upstream's model for this primitive."""
        raise NotImplementedError

    def backend(self) -> BackendV2:
        """Return the backend that jobs run on."""
        return self._where.backend

    @property
    def mode(self) -> Session | None:
        """The session or batch of its jobs; None for job mode."""
        return self._where.session

    @property
    def _backend(self) -> BackendV2:
        """The same as `backend`: libraries read it under the name of the service's client."""
        return self._where.backend

    @property
    def _where(self) -> Resolution:
        """Place where it runs, as found when it was made, or first used in this process."""
        if self._resolution is None:
            self._resolution = resolve_mode(self._mode_argument)
        return self._resolution

    def _resolve(self, *, dry_run: bool) -> Resolution:
        """Return where a job that is submitted now runs.

        Raises:
            IBMRuntimeError: If its session or batch was closed.
            UnsupportedOptionError: If a dry run is asked for.
        """
        if dry_run:
            raise UnsupportedOptionError(
                "dry_run=True asks the service for mock data; here jobs cost nothing, so run the "
                "job, or leave dry_run out"
            )
        # A session is kept; a backend is looked at again, for where it is run now.
        resolution = self._where
        if resolution.session is None:
            resolution = resolve_mode(self._mode_argument)
        if resolution.session is not None:
            resolution.session.check_open()
        unsupported_options(describe(resolution.backend).refusals())
        return resolution

    def _submit(self, resolution: Resolution, prepared: PreparedJob) -> RuntimeJobV2:
        """Hand a job in and return it.

        Args:
            resolution: Where it runs.
            prepared: The job.

        Raises:
            InvalidInputError: If it is larger than the plan allows.
            SimulationTooLargeError: If it is seen at a glance to be too wide to be simulated.
            IBMRuntimeError: If the rules refuse it, with the reason.

        Warns:
            QiskitModesWarning: If its instance has reached its limit, so that it will wait.
        """
        instance = resolution.runtime.current(resolution.instance)
        options, executions = prepared.options, prepared.executions
        check_size(
            prepared.primitive, prepared.circuits, executions, instance, folded=prepared.folded
        )
        prepared.check_simulation()
        if self.request is None:
            self._tell(prepared.remarks, resolution, instance)
        given = prepared.inputs.get("options")
        if given is None:
            given = options_as_dict(self.options)
        log = JobLog(options.log_level)
        qpu = resolution.runtime.qpu(resolution.backend)
        record = JobRecord(
            id=self._new_id(),
            qpu=qpu,
            steps=logged(prepared.steps, log),
            backend=resolution.backend,
            instance=instance,
            mode=resolution.mode,
            workload=resolution.workload,
            primitive_id=prepared.primitive,
            inputs={**prepared.inputs, "options": given},
            tags=list(options.job_tags),
            private=(self.request.private if self.request is not None else options.private),
            log=log,
            request=self.request,
            usage_estimation_seconds=quick_estimate(options.rep_delay, executions),
            executions=executions,
            backend_name=belonging(resolution.backend).name or qpu.name,
            encoding=JOB_TEXTS,
        )
        try:
            resolution.runtime.submit(
                record, max_execution_seconds=options.max_execution_time_seconds
            )
        except RefusedError as error:
            raise IBMRuntimeError(f"Failed to run program: {error.message}") from error
        return RuntimeJobV2(record, resolution.runtime)

    def _new_id(self) -> str:
        """Return the id of the next job: a new one, unless its request says which."""
        asked = None if self.request is None else self.request.job_id
        return _uuid4() if asked is None else asked

    def _tell(self, remarks: Sequence[str], resolution: Resolution, instance: Instance) -> None:
        """Warn of what the user of a job should know."""
        if instance.limit is not None and self._is_limited(resolution):
            limited = (
                f"Instance {resolution.instance.id!r} has reached its limit of usage. The job is "
                "accepted, but does not start before usage leaves the window of the plan, or the "
                "limit is raised."
            )
            remarks = [*remarks, limited]
        for remark in remarks:
            warn(remark, QiskitModesWarning)

    @staticmethod
    def _is_limited(resolution: Resolution) -> bool:
        workload = resolution.workload
        if workload is not None and workload.core.state is WorkloadState.ACTIVE:
            return False  # what is active goes on
        return resolution.runtime.is_limited(resolution.instance)


def _uuid4() -> str:
    """Return what ``str(uuid.uuid4())`` does, without the object, in a third of the time."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
