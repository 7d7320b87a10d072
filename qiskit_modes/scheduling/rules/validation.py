"""The invariants of a scheduler, as code. Tests check them after every transition."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qiskit_modes.scheduling.errors import InvariantViolation
from qiskit_modes.scheduling.job import (
    Abandoning,
    Compiling,
    Executing,
    Finished,
    PostProcessing,
    Queued,
    Ready,
)
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.rules.waiting import CALIBRATION
from qiskit_modes.scheduling.workload import Mode, WorkloadState

if TYPE_CHECKING:
    from qiskit_modes.scheduling.state import SchedulerState

__all__ = ["validate"]

_IN_LANE = (Compiling, Ready, Executing, PostProcessing, Abandoning)


def validate(scheduler: SchedulerState) -> None:
    """Check everything that must hold between two events.

    Raises:
        InvariantViolation: Naming the first thing that does not hold.
    """
    _jobs_are_in_one_place(scheduler)
    _qpu_has_one_user(scheduler)
    _sessions_exclude(scheduler)
    _workloads_are_consistent(scheduler)
    _nobody_waits_in_vain(scheduler)
    _limits_are_kept(scheduler)
    _what_is_kept_in_order_is_so(scheduler)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise InvariantViolation(what)


def _jobs_are_in_one_place(scheduler: SchedulerState) -> None:
    for job in scheduler.jobs.values():
        workload = scheduler.workloads[job.workload_id] if job.workload_id else None
        queued = scheduler.queue.holds(job, workload)
        in_lane = job.id in scheduler.locks.lanes
        _require(queued == isinstance(job.state, Queued), f"{job.id} is {job.state}: {queued=}")
        _require(in_lane == isinstance(job.state, _IN_LANE), f"{job.id} is {job.state}: {in_lane=}")
        if workload is not None:
            running = job.id in workload.running
            _require(running == in_lane, f"{job.id} of {workload.id}: {running=}, {in_lane=}")
        decided = job.ending is not None
        _require(decided == (job.settled_at is not None), f"{job.id}: ending without a time")
        finals = sum(what == Finished.__name__ for _, what in job.story)
        _require(finals == isinstance(job.state, Finished), f"{job.id} ended {finals} times")
    ready = {job.id for job in scheduler.jobs.values() if isinstance(job.state, Ready)}
    _require(set(scheduler.locks.qpu.waiting) == ready, "the ready jobs are those waiting")
    for lane in scheduler.locks.lanes.holders:
        _require(lane in scheduler.jobs, f"{lane} holds a lane and is not known")


def _qpu_has_one_user(scheduler: SchedulerState) -> None:
    holders = scheduler.locks.qpu.holders
    _require(len(holders) <= 1, f"the QPU lock is held by {holders}")
    executing = {j.id for j in scheduler.jobs.values() if isinstance(j.state, Executing)}
    _require(executing <= set(holders), f"{executing} execute without the QPU lock")
    for holder in holders:
        if holder == CALIBRATION:
            _require(scheduler.calibration_ends_at is not None, "a calibration without an end")
            continue
        state = scheduler.jobs[holder].state
        _require(isinstance(state, Executing | Abandoning), f"{holder} holds the QPU in {state}")
    for job in scheduler.jobs.values():
        holding = job.executing_at is not None and job.released_at is None
        _require(holding == (job.id in holders), f"{job.id}: {holding=}, QPU lock of {holders}")
    ends = [hold.end for hold in scheduler.locks.qpu.history]
    starts = [hold.start for hold in scheduler.locks.qpu.history]
    overlaps = [
        i for i, (end, start) in enumerate(zip(ends, starts[1:], strict=False)) if start < end
    ]
    _require(not overlaps, f"intervals of the QPU lock overlap at {overlaps}")


def _sessions_exclude(scheduler: SchedulerState) -> None:
    active = [
        w.id
        for w in scheduler.workloads.values()
        if w.mode is Mode.SESSION and w.state is WorkloadState.ACTIVE
    ]
    holders = scheduler.locks.reservation.holders
    _require(tuple(active) == holders, f"active sessions {active}, reservation of {holders}")
    for session_id in active:
        inside = {*scheduler.locks.lanes.holders, *scheduler.locks.qpu.holders}
        _require(CALIBRATION not in inside, f"a calibration runs within {session_id}")
        strangers = [i for i in inside if scheduler.jobs[i].workload_id != session_id]
        _require(not strangers, f"{strangers} run within {session_id}")


def _workloads_are_consistent(scheduler: SchedulerState) -> None:
    for workload in scheduler.workloads.values():
        closed = workload.state is WorkloadState.CLOSED
        _require(closed != (workload.id in scheduler.open_workloads), f"{workload.id} is mislaid")
        _require(not (closed and workload.has_jobs), f"{workload.id} is closed and has jobs")
        _require(not (closed and workload.accepting_jobs), f"{workload.id} is closed and accepts")
        _require(
            workload.state is WorkloadState.ACTIVE or not workload.running,
            f"{workload.id} is {workload.state} and has jobs in lanes",
        )
        _require(
            closed or workload.accepting_jobs or workload.has_jobs,
            f"{workload.id} takes no jobs, has none, and is not closed",
        )
        held = sum(
            hold.end - hold.start
            for hold in scheduler.locks.reservation.history
            if hold.holder == workload.id
        )
        if closed and workload.mode is Mode.SESSION:
            usage = workload.usage_seconds(now=0.0)
            _require(abs(usage - held) < 1e-6, f"{workload.id}: charged {usage}, held {held}")


def _nobody_waits_in_vain(scheduler: SchedulerState) -> None:
    locks = scheduler.locks
    in_service = scheduler.now >= scheduler.maintained_until
    waiting = locks.qpu.idle and bool(locks.qpu.waiting)
    _require(not (in_service and waiting), "the QPU is free and jobs wait for it")
    if locks.lanes.free:
        if not locks.reservation.idle:
            session = scheduler.workloads[locks.reservation.holders[0]]
            idle = session.queued and not session.yielding
            _require(not idle, f"lanes are free and {session.id} has queued jobs")
        elif scheduler.draining_for is None:
            entry = scheduler.queue.first(scheduler.now)
            _require(entry is None, f"lanes are free and {entry} waits")
    if scheduler.draining_for is not None:
        coming = scheduler.draining_for
        busy = not (locks.lanes.idle and locks.qpu.idle)
        _require(busy or not in_service, f"nothing is in progress and {coming.id} does not start")
        _require(bool(coming.queued), "draining for a session without jobs")


def _limits_are_kept(scheduler: SchedulerState) -> None:
    for job in scheduler.jobs.values():
        workload = scheduler.workloads[job.workload_id] if job.workload_id else None
        in_session = workload is not None and workload.mode is Mode.SESSION
        metered = job.executing_at is not None and not job.final and not in_session
        _require((job.meter is not None) == metered, f"{job.id}: {metered=}, {job.meter}")
        stopped = scheduler.tenancies[job.instance].at_limit if not job.final else False
        goes_on = isinstance(job.state, Compiling | Ready | Executing)
        stops = job.instance.plan.stops_at_limit and stopped
        _require(not (stops and goes_on), f"{job.id} goes on beyond the limit of its instance")
    for workload in scheduler.workloads.values():
        metered = workload.mode is Mode.SESSION and workload.state is WorkloadState.ACTIVE
        _require((workload.meter is not None) == metered, f"{workload.id}: {workload.meter}")
    active = [scheduler.workloads[holder] for holder in scheduler.locks.reservation.holders]
    protected = any(not w.instance.plan.maintenance_interrupts_sessions for w in active)
    _require(protected or not scheduler.maintenances, "a maintenance waits for no session")


def _what_is_kept_in_order_is_so(scheduler: SchedulerState) -> None:
    """Check that what is kept in order is what looking through everything would find."""
    unfinished: Counter[Instance] = Counter(
        job.instance for job in scheduler.jobs.values() if not job.final
    )
    opened: dict[Instance, set[str]] = {}
    for workload in scheduler.open_workloads.values():
        opened.setdefault(workload.instance, set()).add(workload.id)
    here = set(unfinished) | set(opened)
    _require(set(scheduler.tenancies) == here, "tenancies are of instances that have something")
    for instance, tenancy in scheduler.tenancies.items():
        _require(tenancy.unfinished == unfinished[instance], f"{instance.id} is miscounted")
        _require(set(tenancy.open_workloads) == opened.get(instance, set()), instance.id)
    scheduler.check_order()
    entries = [
        entry
        for entry in scheduler.queue.entries()
        if not scheduler.ledger.is_limited(entry.instance, scheduler.now)
    ]
    expected = min(
        entries,
        key=lambda e: (scheduler.ledger.share(e.instance, scheduler.now), e.place),
        default=None,
    )
    first = scheduler.queue.first(scheduler.now)
    _require(first == expected, f"{first} is next, and it should be {expected}")
    jobs = {job.id for job in scheduler.jobs.values() if isinstance(job.state, Queued)}
    inactive = (WorkloadState.OPEN, WorkloadState.INACTIVE)
    waiting = {w.id for w in scheduler.open_workloads.values() if w.queued and w.state in inactive}
    lines = {e.workload.id for e in scheduler.queue.entries() if e.workload is not None}
    _require(lines == waiting, f"{lines} stand in the queue, and {waiting} wait")
    heads = {e.instance for e in scheduler.queue.entries() if e.workload is None}
    alone = {scheduler.jobs[i].instance for i in jobs if scheduler.jobs[i].workload_id is None}
    _require(heads == alone, "instances with jobs of job mode stand in the queue")
