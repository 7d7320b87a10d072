"""Another user of the same QPU, who does what a test says at the times that it says."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.durations import seconds_of
from qiskit_modes.runtime.clock import Timer
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobMode, JobRecord, JobStatus, WorkloadRecord
from qiskit_modes.runtime.steps import Durations, SimulatedSteps, Steps
from qiskit_modes.scheduling import Instance, Mode
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

    record: JobRecord | None = None
    """None until it has been submitted."""

    def status(self) -> JobStatus | None:
        """Return its status, or None if it has not been submitted yet."""
        return None if self.record is None else self.record.status

    @property
    def started_at(self) -> float | None:
        """When it got its lane, in seconds of the clock."""
        return None if self.record is None else self.record.core.running_at


@dataclass
class TenantWorkload:
    """A tenant's session or batch."""

    _tenant: Tenant
    record: WorkloadRecord | None = None
    """None until it has been opened."""
    jobs: list[TenantJob] = field(default_factory=list)

    def job(self, *, at: Duration, **durations: Duration) -> TenantJob:
        """Let a job be submitted to it at a time; see `Tenant.job`."""
        job = self._tenant._job(at, durations, lambda: self.record)  # noqa: SLF001 - its own
        self.jobs.append(job)
        return job

    def close(self, *, at: Duration) -> None:
        """Let it be closed at a time."""
        tenant = self._tenant

        def close() -> None:
            assert self.record is not None, "it is closed after it was opened"
            tenant.runtime.executor.close_workload(self.record)

        tenant._at(at, close)  # noqa: SLF001 - its own


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

    def job(self, *, at: Duration = 0.0, **durations: Duration) -> TenantJob:
        """Let a job of job mode be submitted at a time.

        Args:
            at: When.
            **durations: How long its steps last: ``compile_time`` (0 s), ``quantum_time`` (1 s)
                and ``post_process_time`` (0 s).
        """
        return self._job(at, durations, lambda: None)

    def session(self, *, at: Duration = 0.0) -> TenantWorkload:
        """Let a session be opened at a time; it takes the QPU when its first job starts."""
        return self._open(Mode.SESSION, at)

    def batch(self, *, at: Duration = 0.0) -> TenantWorkload:
        """Let a batch be opened at a time."""
        return self._open(Mode.BATCH, at)

    def _open(self, mode: Mode, at: Duration) -> TenantWorkload:
        workload = TenantWorkload(self)

        def open_now() -> None:
            qpu = self.runtime.qpu(self._backend)
            event = WorkloadOpened(str(uuid.uuid4()), mode, self.instance)
            core = self.runtime.executor.open_workload(event, qpu)
            workload.record = WorkloadRecord(core, qpu, self._backend)

        self._at(at, open_now)
        return workload

    def _job(
        self,
        at: Duration,
        durations: dict[str, Duration],
        workload: Callable[[], WorkloadRecord | None],
    ) -> TenantJob:
        job = TenantJob()
        steps = SimulatedSteps(durations_of(**durations))

        def submit() -> None:
            record = workload()
            mode = Mode.JOB if record is None else record.core.mode
            job.record = JobRecord(
                id=str(uuid.uuid4()),
                qpu=self.runtime.qpu(self._backend),
                # Nothing is compiled, and nothing is made of the samples: it is about time only.
                steps=Steps(compile=lambda _: None, post_process=lambda *_: None),  # type: ignore[arg-type, return-value]
                backend=self._backend,
                instance=self.instance,
                mode=JobMode(mode, f"{self.instance.id} wants it so"),
                workload=record,
                simulated=steps,
            )
            self.runtime.submit(job.record)

        self._at(at, submit)
        return job

    def _at(self, at: Duration, do: Callable[[], None]) -> None:
        """Do something at a time, or at once if that is now."""
        when = seconds_of(at)
        if when <= self.runtime.clock.now():
            do()
        else:
            self._timer.set(uuid.uuid4(), when, do)
