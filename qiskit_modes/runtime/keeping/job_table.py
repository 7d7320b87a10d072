"""A table of jobs: all that are under way or that somebody holds, and the latest others."""

from __future__ import annotations

import threading
import weakref
from collections import Counter, OrderedDict, deque

from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord

__all__ = ["JobTable"]

_KEPT_JOBS = 1_000
"""Finished jobs that are remembered although nobody holds them."""

_KEPT_INPUTS = 100
"""Of those, the ones whose inputs are kept too: circuits are the heavy part."""


class JobTable:
    """The jobs of a runtime by their ids. May be used from any thread; does not block."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        """Guards everything below. Taken inside a QPU's mutex, never around it."""
        self._unfinished: dict[str, JobRecord] = {}
        self._per_qpu: Counter[QPU] = Counter()
        self._finished: OrderedDict[str, JobRecord] = OrderedDict()
        self._with_inputs: deque[JobRecord] = deque()
        self._held = weakref.WeakValueDictionary[str, JobRecord]()

    def add(self, job: JobRecord) -> None:
        """Take in a job that was accepted."""
        with self._mutex:
            self._unfinished[job.id] = self._held[job.id] = job
            self._per_qpu[job.qpu] += 1

    def finish(self, job: JobRecord) -> None:
        """Take note that a job has ended; older ones may be forgotten, their inputs first."""
        with self._mutex:
            del self._unfinished[job.id]
            self._per_qpu[job.qpu] -= 1
            if not self._per_qpu[job.qpu]:
                del self._per_qpu[job.qpu]
            self._finished[job.id] = job
            self._with_inputs.append(job)
            if len(self._with_inputs) > _KEPT_INPUTS:
                self._with_inputs.popleft().drop_inputs()
            if len(self._finished) > _KEPT_JOBS:
                self._finished.popitem(last=False)

    def hold(self, job: JobRecord) -> JobRecord:
        """Return the job of this id that somebody holds, which is this one from now on if none."""
        with self._mutex:
            return self._held.setdefault(job.id, job)

    def forget(self, job_id: str) -> None:
        """Drop a job that has ended; whoever holds it keeps it."""
        with self._mutex:
            self._finished.pop(job_id, None)
            self._held.pop(job_id, None)

    def get(self, job_id: str) -> JobRecord | None:
        """Return a job by its id, or None if it is not known."""
        with self._mutex:
            return self._held.get(job_id)

    def busy_qpus(self) -> int:
        """Return how many QPUs have jobs that have not ended."""
        with self._mutex:
            return len(self._per_qpu)

    def is_only_one_left(self) -> bool:
        """Return whether a single job is under way, on all QPUs together."""
        with self._mutex:
            return len(self._unfinished) == 1

    def unfinished(self) -> list[JobRecord]:
        """Return the jobs that have not ended, oldest first."""
        with self._mutex:
            return list(self._unfinished.values())

    def all(self) -> list[JobRecord]:
        """Return every job that is known, oldest first."""
        with self._mutex:
            known = dict(self._held.items())
        return sorted(known.values(), key=lambda job: job.core.submitted_at)
