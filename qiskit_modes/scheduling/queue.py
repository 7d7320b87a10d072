"""The ordinary queue of a QPU: fair share between instances, first in first out within one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from qiskit_modes.scheduling.job import Job
from qiskit_modes.scheduling.ledger import Ledger
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.workload import Workload, WorkloadState

__all__ = ["Entry", "Queue"]


@dataclass(frozen=True)
class Entry:
    """One thing that waits: a job of job mode, or a session or batch with jobs in it."""

    instance: Instance
    place: int
    """When its oldest job came, counted over all submissions to this QPU."""
    job_id: str
    """Its oldest job."""
    workload: Workload | None
    """None for a job of job mode."""


class Queue:
    """What waits for a lane without any priority.

    A session or batch stands in it as one entry, at the place of its oldest waiting job, as long as
    it is not active; its first job gains nothing by it.

    Args:
        ledger: What the instances have used, over all QPUs.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._places = count()
        self._job_mode: dict[str, OrderedDict[str, int]] = {}
        self._instances: dict[str, Instance] = {}

    def add(self, job: Job, workload: Workload | None) -> None:
        """Let ``job`` wait, behind all that came before it."""
        line = self._line(job, workload)
        line[job.id] = next(self._places)
        self._instances[job.instance.id] = job.instance

    def remove(self, job: Job, workload: Workload | None) -> None:
        """Take ``job`` out, because it got a lane or will not run."""
        del self._line(job, workload)[job.id]

    def holds(self, job: Job, workload: Workload | None) -> bool:
        """Return whether ``job`` waits here."""
        return job.id in self._line(job, workload)

    def entries(self, workloads: Mapping[str, Workload]) -> Iterator[Entry]:
        """Yield the oldest job of job mode of each instance, and each workload that waits."""
        for instance_id, line in self._job_mode.items():
            if line:
                job_id, place = next(iter(line.items()))
                yield Entry(self._instances[instance_id], place, job_id, None)
        for workload in workloads.values():
            if workload.queued and workload.state is not WorkloadState.ACTIVE:
                job_id, place = next(iter(workload.queued.items()))
                yield Entry(workload.instance, place, job_id, workload)

    def first(self, workloads: Mapping[str, Workload], now: float) -> Entry | None:
        """Return what is to start next.

        It is the oldest entry of the instance that has used the smallest part of its allocation;
        between instances that have used the same part, the older entry. Nothing starts of an
        instance that has reached its limit.
        """
        return min(
            (e for e in self.entries(workloads) if not self._ledger.is_limited(e.instance, now)),
            key=lambda entry: (self._ledger.share(entry.instance, now), entry.place),
            default=None,
        )

    def next_relief(self, workloads: Mapping[str, Workload], now: float) -> float | None:
        """Return when an instance that has reached its limit may have something started again."""
        reliefs = [
            self._ledger.next_relief(entry.instance)
            for entry in self.entries(workloads)
            if self._ledger.is_limited(entry.instance, now)
        ]
        return min((relief for relief in reliefs if relief is not None), default=None)

    def _line(self, job: Job, workload: Workload | None) -> OrderedDict[str, int]:
        if workload is not None:
            return workload.queued
        return self._job_mode.setdefault(job.instance.id, OrderedDict())
