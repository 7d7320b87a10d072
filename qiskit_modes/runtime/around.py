"""Jobs that were on a QPU while a session or batch lasted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import chain

from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.store.rows import JobQuery, microseconds

__all__ = ["jobs_beside"]

_BEFORE_SECONDS = 24 * 3600.0
"""For how long before a session or batch jobs are looked for that it may have waited for."""


def jobs_beside(
    workload: WorkloadRecord,
    runtime: LocalRuntime,
    *,
    instances: Collection[str] | None = None,
    limit: int | None = None,
) -> list[JobRecord]:
    """Return the other jobs on the QPU of a session or batch, while it lasted or shortly before.

    Of one that is open those that are in memory, as are all that are under way; of a closed one all
    that the store has, if there is one.

    Args:
        workload: Which one.
        runtime: Where it is.
        instances: Only those of these; None for all.
        limit: How many at most, the latest.

    Raises:
        StoreError: If the store cannot be read.
    """
    core, clock = workload.core, runtime.clock
    if runtime.store is None or core.closed_at is None:
        found = [
            job
            for job in runtime.jobs_at_hand()
            if job.qpu is workload.qpu
            and (job.workload is None or job.workload.id != workload.id)
            and (instances is None or job.instance.id in instances)
        ]
    else:
        query = JobQuery(
            qpu=workload.qpu.name,
            beside=workload.id,
            created_from=microseconds(clock.utc(core.opened_at - _BEFORE_SECONDS)),
            created_to=microseconds(clock.utc(core.closed_at)),
            newest_first=True,
            limit=limit,
        )
        # Each on its own: jobs that are not to be seen must not take the places of those that are.
        names = [None] if instances is None else sorted(instances)
        pages = [runtime.find_jobs(replace(query, instance=name))[0] for name in names]
        found = sorted(chain(*pages), key=lambda job: job.core.submitted_at)
    return found if limit is None else found[-limit:]
