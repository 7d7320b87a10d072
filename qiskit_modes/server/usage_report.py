"""A report of a server's workloads: jobs, time on the QPU, time of sessions, usage."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling import Mode
from qiskit_modes.scheduling.job import Completed, Job
from qiskit_modes.scheduling.workload import Workload
from qiskit_modes.wire import InstanceApi

__all__ = ["Row", "UsageReport"]

_MOST_ROWS = 20
"""Sessions and batches that get a row of their own; the others share one."""


@dataclass
class Row:
    """A workload; or all jobs of job mode, or many workloads, as one."""

    mode: str
    id: str
    jobs: int = 0
    done: int = 0
    """How many of its jobs have a result."""
    qpu_seconds: float = 0.0
    """For how long its jobs held the QPU."""
    session_seconds: float | None = None
    """For how long it had the QPU reserved; None for what reserves nothing."""
    usage_seconds: float = 0.0
    """What it is charged."""

    def add(self, other: Row) -> None:
        """Count another row in."""
        self.jobs += other.jobs
        self.done += other.done
        self.qpu_seconds += other.qpu_seconds
        self.usage_seconds += other.usage_seconds
        if other.session_seconds is not None:
            self.session_seconds = (self.session_seconds or 0.0) + other.session_seconds


@dataclass
class UsageReport:
    """Remembers all jobs of a server; of each only what the scheduler knows, which is small.

    Its method `job` is what `serve` wants for ``on_job``. May be used from any thread.
    """

    _jobs: list[tuple[Job, Workload | None]] = field(default_factory=list)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def job(self, api: InstanceApi, job_id: str) -> None:
        """Take note of a job."""
        record = api.runtime.job(job_id)
        if record is not None:
            workload = None if record.workload is None else record.workload.core
            with self._mutex:
                self._jobs.append((record.core, workload))

    def rows(self, runtime: LocalRuntime) -> list[Row]:
        """Return a row for job mode, one for each session and batch, and one for all of them."""
        now = runtime.clock.now()
        with self._mutex:
            jobs = list(self._jobs)
        workloads = {record.id: record.core for record in runtime.workloads()}
        workloads.update({core.id: core for _, core in jobs if core is not None})
        alone = Row(str(Mode.JOB), f"{sum(core is None for _, core in jobs)} jobs")
        rows = {core.id: _row_of(core, now) for core in workloads.values()}
        for job, core in jobs:
            row = alone if core is None else rows[core.id]
            row.jobs += 1
            row.done += isinstance(job.ending, Completed)
            row.qpu_seconds += job.held_seconds(now)
            if core is None:
                row.usage_seconds += job.charged_seconds(now)
        return _shortened([alone] if alone.jobs else [], list(rows.values()))


def _row_of(core: Workload, now: float) -> Row:
    reserved = core.active_seconds(now) if core.mode is Mode.SESSION else None
    return Row(str(core.mode), core.id, 0, 0, 0.0, reserved, core.usage_seconds(now))


def _shortened(first: list[Row], rows: list[Row]) -> list[Row]:
    shown, rest = rows[:_MOST_ROWS], rows[_MOST_ROWS:]
    if rest:
        kinds = Counter(row.mode for row in rest)
        other = Row("others", ", ".join(f"{n} of mode {mode}" for mode, n in kinds.items()))
        for row in rest:
            other.add(row)
        shown.append(other)
    every = [*first, *shown]
    if len(every) > 1:
        total = Row("all", "")
        for row in every:
            total.add(row)
        every.append(total)
    return every
