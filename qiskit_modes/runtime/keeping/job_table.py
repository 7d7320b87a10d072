"""A table of jobs: all that are under way or that somebody holds, and the latest others.

What came of a job is not forgotten before somebody has read it, unless that takes too much memory;
then it is said, once for all in the log, and for each job to who asks for it.
"""

from __future__ import annotations

import logging
import sys
import threading
import weakref
from collections import OrderedDict, deque

from qiskit_modes.memory import size_of
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord, bytes_of
from qiskit_modes.scheduling.job import Cancelled

__all__ = ["JobTable"]

logger = logging.getLogger("qiskit_modes")

_KEPT_JOBS = 1_000
"""Finished jobs that are remembered although nobody holds them."""

_UNREAD_BYTES = 256 * 2**20
"""Memory of older ones that nobody has read."""

_BYTES_OF_JOB, _MOST_UNCLEAR = 8 * 2**10, 2**20
"""What a job takes without its result, and what is taken for a result of unclear size."""

_SORTED_OUT_TO = 0.9
"""To which part of that they are brought when it is too much."""

_MOST_DROPPED = 100_000
"""Ids of jobs that were dropped unread, of which it is known later."""

_KEPT_INPUTS = 100
"""Of those, the ones whose inputs are kept too: circuits are the heavy part."""


class JobTable:
    """The jobs of a runtime by their ids. May be used from any thread; does not block.

    Args:
        keeps_unread: Whether jobs whose result nobody has read are kept beyond the latest; not
            where they are in a store.
    """

    def __init__(self, *, keeps_unread: bool = True) -> None:
        self._mutex = threading.Lock()
        """Guards everything below. Taken inside a QPU's mutex, never around it."""
        self._unfinished: dict[str, JobRecord] = {}
        self._per_qpu: dict[QPU, int] = {}
        self._finished: OrderedDict[str, JobRecord] = OrderedDict()
        self._keeps_unread = keeps_unread
        self._unread: OrderedDict[str, tuple[JobRecord, int]] = OrderedDict()
        """Older ones that nobody has read, with their bytes."""
        self._unread_bytes = 0
        self._sort_out_at = _KEPT_JOBS
        """With how many of them those are looked for that were read meanwhile."""
        self._dropped: OrderedDict[str, None] = OrderedDict()
        self._with_inputs: deque[JobRecord] = deque()
        self._held = weakref.WeakValueDictionary[str, JobRecord]()

    def add(self, job: JobRecord) -> None:
        """Take in a job that was accepted."""
        with self._mutex:
            self._unfinished[job.id] = self._held[job.id] = job
            self._per_qpu[job.qpu] = self._per_qpu.get(job.qpu, 0) + 1

    def finish(self, job: JobRecord) -> None:
        """Take note that a job has ended; older ones may be forgotten, their inputs first."""
        drops_from_now_on = False
        with self._mutex:
            del self._unfinished[job.id]
            self._per_qpu[job.qpu] -= 1
            if not self._per_qpu[job.qpu]:
                del self._per_qpu[job.qpu]
            self._finished[job.id] = job
            self._with_inputs.append(job)
            if len(self._with_inputs) > _KEPT_INPUTS:
                self._with_inputs.popleft().drop_inputs()
            while self._unread and next(iter(self._unread.values()))[0].is_read:
                self._let_go(next(iter(self._unread)))
            if len(self._finished) > _KEPT_JOBS:
                _, oldest = self._finished.popitem(last=False)
                is_cancelled = isinstance(oldest.core.ending, Cancelled)
                if self._keeps_unread and not oldest.is_read and not is_cancelled:
                    drops_from_now_on = self._keep_unread(oldest)
        if drops_from_now_on:  # told without the mutex: who reads the log may ask for jobs
            logger.warning(
                "Results that nobody has read take %s of memory: from now on the oldest of them "
                "are dropped. Read or delete them, or keep jobs in a store: QISKIT_MODES_STORE, "
                "or store=",
                size_of(_UNREAD_BYTES),
            )

    def _keep_unread(self, job: JobRecord) -> bool:
        """Keep a job, and drop others if it is too much; return whether they are the first."""
        size = _BYTES_OF_JOB
        if job.result is not None:
            result = bytes_of(job.result)
            size += _MOST_UNCLEAR if result == sys.maxsize else result
        self._unread[job.id] = job, size
        self._unread_bytes += size
        is_too_much = self._unread_bytes > _UNREAD_BYTES
        # Looked through when there are twice as many, or too much: so keeping one stays cheap.
        if len(self._unread) > self._sort_out_at or is_too_much:
            for job_id in [each for each, (job, _) in self._unread.items() if job.is_read]:
                self._let_go(job_id)
            self._sort_out_at = max(2 * len(self._unread), _KEPT_JOBS)
        if self._unread_bytes <= _UNREAD_BYTES:
            return False
        are_first = not self._dropped
        while self._unread_bytes > _SORTED_OUT_TO * _UNREAD_BYTES and self._unread:
            oldest = next(iter(self._unread))
            self._let_go(oldest)
            self._dropped[oldest] = None
        while len(self._dropped) > _MOST_DROPPED:
            self._dropped.popitem(last=False)
        return are_first

    def _let_go(self, job_id: str) -> None:
        _, size = self._unread.pop(job_id, (None, 0))
        self._unread_bytes -= size

    def why_gone(self, job_id: str) -> str | None:
        """Return why a job is not known any more that ended here, or None."""
        with self._mutex:
            if job_id not in self._dropped:
                return None
        return (
            "nobody had read its result, and it made room for others when such results took "
            f"{size_of(_UNREAD_BYTES)} of memory; read them in time, or keep jobs in a store"
        )

    def hold(self, job: JobRecord) -> JobRecord:
        """Return the job of this id that somebody holds, which is this one from now on if none."""
        with self._mutex:
            return self._held.setdefault(job.id, job)

    def forget(self, job_id: str) -> None:
        """Drop a job that has ended; whoever holds it keeps it."""
        with self._mutex:
            self._finished.pop(job_id, None)
            self._let_go(job_id)
            self._held.pop(job_id, None)

    def get(self, job_id: str) -> JobRecord | None:
        """Return a job by its id, or None if it is not known."""
        with self._mutex:
            return self._unfinished.get(job_id) or self._held.get(job_id)

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
