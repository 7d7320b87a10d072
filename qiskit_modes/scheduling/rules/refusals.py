"""Refusals of requests by the rules, and their words."""

from __future__ import annotations

from qiskit_modes.scheduling.events import JobSubmitted, WorkloadOpened
from qiskit_modes.scheduling.instructions import Refusal, Refuse
from qiskit_modes.scheduling.workload import Mode, Workload

__all__ = ["refuse_job", "refuse_workload"]


def refuse_workload(event: WorkloadOpened) -> Refuse | None:
    """Return why the plan does not allow this session or batch, or None if it does."""
    plan = event.instance.plan
    if event.mode is Mode.SESSION and not plan.sessions_allowed:
        return Refuse(
            event.workload_id,
            Refusal.PLAN,
            f"instance {event.instance.id!r} is on the {plan.name} plan, which has no sessions; "
            "use a Batch or job mode, or another plan",
        )
    asked = event.max_ttl_seconds
    if asked is not None and not 0 <= asked <= plan.max_ttl_seconds:
        return Refuse(
            event.workload_id,
            Refusal.LIMIT,
            f"max_time is {asked:g} s, but the {plan.name} plan allows 1 to "
            f"{plan.max_ttl_seconds:g} s; pass a max_time in that range, or none for the longest",
        )
    return None


def refuse_job(
    event: JobSubmitted, workload: Workload | None, unfinished: int, last_minute: int
) -> Refuse | None:
    """Return why this job is not accepted, or None if it is.

    Args:
        event: The submission.
        workload: The session or batch it is meant for; None for job mode.
        unfinished: How many jobs of its instance have not ended on this QPU.
        last_minute: How many jobs its instance has submitted within the last minute.
    """
    plan = event.instance.plan
    if workload is not None and not workload.accepting_jobs:
        return Refuse(
            event.job_id,
            Refusal.NOT_ACCEPTING,
            f"{workload.mode} {workload.id} takes no more jobs: {workload.closed_because}; "
            f"open a new {workload.mode}",
        )
    limit = event.max_execution_seconds
    if workload is not None and limit is not None and limit > workload.max_ttl_seconds:
        return Refuse(
            event.job_id,
            Refusal.LIMIT,
            f"max_execution_time is {limit:g} s, longer than the {workload.max_ttl_seconds:g} s "
            f"that {workload.mode} {workload.id} may last; lower it, or raise max_time",
        )
    if plan.max_pending_jobs is not None and unfinished >= plan.max_pending_jobs:
        return Refuse(
            event.job_id,
            Refusal.BUSY,
            f"instance {event.instance.id!r} has {unfinished} unfinished jobs, and the "
            f"{plan.name} plan allows {plan.max_pending_jobs}; wait for one of them to end",
        )
    rate = plan.max_submissions_per_minute
    if rate is not None and last_minute >= rate:
        return Refuse(
            event.job_id,
            Refusal.BUSY,
            f"instance {event.instance.id!r} has submitted {last_minute} jobs within a minute, and "
            f"the {plan.name} plan allows {rate}; wait, or put more PUBs into one job",
        )
    return None
