"""Another user of the same QPU, who does what a test says at the times that it says."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.durations import seconds_of
from qiskit_modes.exceptions import RefusedError
from qiskit_modes.runtime.clock import Timer
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobMode, JobRecord, JobStatus, WorkloadRecord
from qiskit_modes.runtime.steps import Durations, ScriptedSteps, StepFunctions
from qiskit_modes.scheduling import Instance, Mode, WorkloadState
from qiskit_modes.scheduling.events import WorkloadOpened

__all__ = ["Duration", "Tenant", "TenantJob", "TenantWorkload", "durations_of"]

Duration = float | str
"""Seconds, or text such as ``"1m 30s"``."""


def durations_of(
    compile_time: Duration = 0.0, quantum_time: Duration = 1.0, post_process_time: Duration = 0.0
) -> Durations:
    """Return how long the steps of a job last."""
    return Durations(
        seconds_of(compile_time), seconds_of(quantum_time), seconds_of(post_process_time)
    )


@dataclass
class TenantJob:
    """A tenant's job."""

    _tenant: Tenant
    record: JobRecord | None = None
    """None until it has been submitted."""

    def status(self) -> JobStatus | None:
        """Return its status, or None if it has not been submitted yet."""
        return None if self.record is None else self.record.status

    def usage(self) -> float:
        """Return the seconds that it is charged, so far."""
        return self._tenant._usage(self.record)  # noqa: SLF001 - its own

    def cancel(self, *, at: Duration) -> None:
        """Let it be cancelled at a time; nothing happens if it has ended by then."""
        tenant = self._tenant

        def cancel() -> None:
            assert self.record is not None, "it is cancelled after it was submitted"
            with suppress(RefusedError):
                tenant.runtime.cancel(self.record)

        tenant._at(at, cancel)  # noqa: SLF001 - its own

    @property
    def started_at(self) -> float | None:
        """Time when it got its lane, in seconds of the clock."""
        return None if self.record is None else self.record.core.running_at


@dataclass
class TenantWorkload:
    """A tenant's session or batch."""

    _tenant: Tenant
    record: WorkloadRecord | None = None
    """None until it has been opened."""
    jobs: list[TenantJob] = field(default_factory=list)

    def job(
        self, *, at: Duration, max_execution_time: Duration | None = None, **durations: Duration
    ) -> TenantJob:
        """Let a job be submitted to it at a time; see `Tenant.job`."""
        job = self._tenant._job(  # noqa: SLF001 - its own
            at, max_execution_time, durations, lambda: self.record
        )
        self.jobs.append(job)
        return job

    def close(self, *, at: Duration) -> None:
        """Let it be closed at a time: what it has still runs."""
        self._end(at, self._tenant.runtime.close_workload)

    def cancel(self, *, at: Duration) -> None:
        """Let it be cancelled at a time: what has not started is dropped."""
        self._end(at, self._tenant.runtime.cancel_workload)

    def status(self) -> WorkloadState | None:
        """Return its state, or None if it has not been opened yet."""
        return None if self.record is None else self.record.core.state

    def usage(self) -> float:
        """Return the seconds that it is charged, so far."""
        return self._tenant._usage(self.record)  # noqa: SLF001 - its own

    def _end(self, at: Duration, end: Callable[[WorkloadRecord], None]) -> None:
        def end_now() -> None:
            assert self.record is not None, "it ends after it was opened"
            end(self.record)

        self._tenant._at(at, end_now)  # noqa: SLF001 - its own


class Tenant:
    """Another user of a QPU. Times are those of the scenario's clock, seconds or text.

    Args:
        runtime: Of the scenario.
        timer: Of the scenario.
        name: Of the tenant's instance.
        backend: Whose QPU it uses.
        instance: Further fields of its `Instance`.
    """

    def __init__(
        self,
        runtime: LocalRuntime,
        timer: Timer,
        name: str,
        backend: BackendV2,
        instance: dict[str, Any],
    ) -> None:
        self.runtime = runtime
        self.instance = Instance(name, **instance)
        self._timer = timer
        self._backend = backend

    def job(
        self,
        *,
        at: Duration = 0.0,
        max_execution_time: Duration | None = None,
        **durations: Duration,
    ) -> TenantJob:
        """Let a job of job mode be submitted at a time.

        Args:
            at: When.
            max_execution_time: Longest time that it may have the QPU; None for the plan's.
            **durations: How long its steps last: ``compile_time`` (0 s), ``quantum_time`` (1 s)
                and ``post_process_time`` (0 s).
        """
        return self._job(at, max_execution_time, durations, lambda: None)

    def session(self, *, at: Duration = 0.0, max_time: Duration | None = None) -> TenantWorkload:
        """Let a session be opened at a time; it takes the QPU when its first job starts.

        Args:
            at: When.
            max_time: Its maximum TTL; None for the plan's.
        """
        return self._open(Mode.SESSION, at, max_time)

    def batch(self, *, at: Duration = 0.0, max_time: Duration | None = None) -> TenantWorkload:
        """Let a batch be opened at a time; see `session`."""
        return self._open(Mode.BATCH, at, max_time)

    def usage(self) -> float:
        """Return the seconds that its instance was charged within the window of its plan."""
        return self.runtime.used(self.instance)

    def _usage(self, record: JobRecord | WorkloadRecord | None) -> float:
        if record is None:
            return 0.0

        now = self.runtime.clock.now()

        def read() -> float:
            if isinstance(record, JobRecord):
                return record.core.charged_seconds(now)
            return record.core.usage_seconds(now)

        return self.runtime.at_one_moment(record.qpu, read)

    def _open(self, mode: Mode, at: Duration, max_time: Duration | None) -> TenantWorkload:
        workload = TenantWorkload(self)
        max_ttl = None if max_time is None else seconds_of(max_time)

        def open_now() -> None:
            event = WorkloadOpened(str(uuid.uuid4()), mode, self.instance, max_ttl)
            workload.record = self.runtime.open_workload(event, self._backend, listed=False)

        self._at(at, open_now)
        return workload

    def _job(
        self,
        at: Duration,
        max_execution_time: Duration | None,
        durations: dict[str, Duration],
        workload: Callable[[], WorkloadRecord | None],
    ) -> TenantJob:
        job = TenantJob(self)
        limit = None if max_execution_time is None else seconds_of(max_execution_time)
        steps = ScriptedSteps(durations_of(**durations))

        def submit() -> None:
            record = workload()
            mode = Mode.JOB if record is None else record.core.mode
            job.record = JobRecord(
                id=str(uuid.uuid4()),
                qpu=self.runtime.qpu(self._backend),
                # Nothing is compiled, and nothing is made of the samples: it is about time only.
                steps=StepFunctions(lambda _: None, lambda *_: None),
                backend=self._backend,
                instance=self.instance,
                mode=JobMode(mode, f"{self.instance.id} wants it so"),
                workload=record,
                scripted=steps,
            )
            self.runtime.submit(job.record, max_execution_seconds=limit)

        self._at(at, submit)
        return job

    def _at(self, at: Duration, do: Callable[[], None]) -> None:
        """Do something at a time, or at once if that is now."""
        when = seconds_of(at)
        if when <= self.runtime.clock.now():
            do()
        else:
            self._timer.set(uuid.uuid4(), when, do)
