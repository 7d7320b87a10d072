"""Jobs and workloads as the thread that writes a store has them: rows, as often as needed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from qiskit_modes.exceptions import StoreError
from qiskit_modes.runtime.keeping.job_rows import Calendar, charge_of, job_row, new_texts
from qiskit_modes.runtime.keeping.listing import Listing
from qiskit_modes.runtime.keeping.workload_rows import charges_of, instance_facts, workload_row
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.scheduling import Instance
from qiskit_modes.store.rows import UNFINISHED
from qiskit_modes.store.writing import Transaction

__all__ = ["RowWriter"]

logger = logging.getLogger("qiskit_modes")

_REFUSED, _NEW, _OPEN, _ENDED, _FINAL = range(-1, 4)
"""How much of a job is in the store: nothing for good, nothing, its submission, its ending, and its
charge."""


class RowWriter:
    """Writes jobs and workloads, and remembers how much of them is written.

    Used by the writing thread alone.

    Args:
        head: Id of the process in which they are.
        calendar: Of the runtime.
    """

    def __init__(self, head: str, calendar: Calendar) -> None:
        self._head = head
        self._calendar = calendar
        self._written: dict[JobRecord, int] = {}
        """How much of jobs the present transaction writes."""
        self.listing: Listing | None = None
        """What lists say of jobs, if it is known; then it is written as soon as they are final."""
        self._instances: dict[str, Instance] = {}
        """Those that are in the store as they are."""

    def job(self, job: JobRecord, changes: Transaction) -> None:
        """Write what has become of a job since it was written last."""
        level = self._written.get(job, job.kept)
        if level == _FINAL:
            return
        with job.qpu.mutex:
            row = job_row(job, self._head, self._calendar)
        reached = _OPEN if row.ending == UNFINISHED else _ENDED
        reached = _FINAL if row.is_final else reached
        if reached <= (_OPEN if level == _REFUSED else level):
            return
        self._instance(job.instance, changes)
        if level == _NEW and job.request is not None and job.request.job_id is not None:
            changes.begin_again(row)  # it is there, from its first time
            level = _OPEN
        texts = new_texts(job, row, is_new=level == _NEW)
        is_there = True
        if level == _NEW:
            changes.add_job(row, texts)
        elif level == _ENDED:
            is_there = changes.rewrite_job(row)
        else:
            is_there = changes.end_job(row, texts)
        if is_there or level == _ENDED:  # who has deleted it since then is charged all the same
            changes.charge(charge_of(row))
        if is_there and row.is_final and self.listing is not None:
            changes.keep_listed({job.id: self.listing.text_of(job)}, self.listing.form)
        if not is_there and level == _OPEN:
            logger.error(
                "Job %s has ended, but the store takes this process for dead, and the job too; "
                "was this machine asleep?",
                job.id,
            )
        self._written[job] = reached

    def without_result(
        self, job: JobRecord, error: StoreError
    ) -> Callable[[Transaction], None] | None:
        """Return what writes a job whose result the store can never keep; None if it has none."""
        if job.result_text is None:
            return None
        logger.error("The result of job %s cannot be kept: %s", job.id, error)
        job.result_lost, job.result_text = str(error.message), None
        return partial(self.job, job)

    def refuse(self, job: JobRecord) -> bool:
        """Let a job whose submission could not be written be in no store: nobody knows its id.

        Returns:
            False if it is in the store nevertheless, because its end was written before.
        """
        if job.kept > _NEW:
            return False
        job.kept = _REFUSED
        return True

    def workload(self, workload: WorkloadRecord, changes: Transaction) -> None:
        """Write a session or batch as it is now, unless it was refused."""
        if workload.is_refused:
            return
        with workload.qpu.mutex:
            row = workload_row(workload, self._head, self._calendar)
        self._instance(workload.core.instance, changes)
        changes.save_workload(row)
        changes.charge(charges_of(row))

    @staticmethod
    def refuse_workload(workload: WorkloadRecord) -> None:
        """Let a session or batch that could not be written when it was opened be in no store."""
        workload.is_refused = True

    def committed(self, is_committed: bool) -> None:
        """Take note of the end of a transaction."""
        if not is_committed:
            self._written.clear()
            self._instances.clear()
            return
        for job, level in self._written.items():
            job.kept = level
        self._written.clear()

    def _instance(self, instance: Instance, changes: Transaction) -> None:
        if self._instances.get(instance.id) is not instance:
            changes.save_instance(instance.id, instance_facts(instance))
            self._instances[instance.id] = instance
