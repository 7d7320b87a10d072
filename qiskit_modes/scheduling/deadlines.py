"""What happens by itself as time passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import assert_never

from qiskit_modes.scheduling.dispatch import Dispatch
from qiskit_modes.scheduling.instructions import Announce, Wait
from qiskit_modes.scheduling.job import (
    RAN_TOO_LONG,
    Cancelled,
    Compiling,
    Executing,
    Failed,
    Fault,
    Job,
    Ready,
)
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.waiting import CALIBRATION, explain_wait
from qiskit_modes.scheduling.workload import Timer, Workload, WorkloadState

__all__ = ["Deadlines"]

_NOTICE_SECONDS = 2.0
"""A job that has waited this long for somebody else says so, once."""

_SESSION_ENDED = "its session or batch ended before the job could start"


def _do_nothing(_: float) -> None:
    """Pass a deadline at which something may start: that is looked at after every deadline."""


class Deadlines(Dispatch):
    """The part of a scheduler that knows what is due, and acts on it."""

    def _deadlines(self) -> Iterator[tuple[float, Callable[[float], None]]]:
        """Yield everything that will happen by itself: when, and what to call then."""
        if self._executing is not None and isinstance(self._executing.state, Executing):
            yield self._executing.state.deadline, self._stop_executing
        if self.maintained_until > self.now:
            yield self.maintained_until, _do_nothing
        for at, instance in self._exhaustions():
            yield at, partial(self._exhaust, instance)
        if self.calibration_ends_at is not None:
            yield self.calibration_ends_at, self._end_calibration
        for workload in self.open_workloads.values():
            timer = workload.next_timer()
            if timer is not None:
                at, which = timer
                yield at, partial(self._run_out, workload, which)
        relief = self.queue.next_relief(self.open_workloads, self.now)
        if relief is not None:
            yield relief, _do_nothing
        for entry in self.queue.entries(self.open_workloads):
            job = self.jobs[entry.job_id]
            at = max(job.submitted_at + _NOTICE_SECONDS, self.now)
            wait = explain_wait(self, job, at)
            # Not every job of a long line repeats what the first of them has said.
            if wait is not None and self._announced.get(self._line(job)) != wait.blocker_id:
                yield at, partial(self._announce, job, wait)

    def _stop_executing(self, at: float) -> None:
        assert self._executing is not None
        self._settle_early(self._executing, RAN_TOO_LONG, at)

    def _end_calibration(self, at: float) -> None:
        self.locks.qpu.release(CALIBRATION, at)
        self.calibration_ends_at = None

    def _run_out(self, workload: Workload, timer: Timer, at: float) -> None:
        match timer:
            case Timer.INTERACTIVE:
                self._leave_active(workload, WorkloadState.INACTIVE, at)
            case Timer.ACTIVE_TTL:
                workload.yielding = True
                self._rest(workload, at)
            case Timer.UNUSED | Timer.MAX_TTL:
                reason = f"{_SESSION_ENDED}: {timer.value}"
                fails = workload.instance.plan.queued_fail_at_ttl
                outcome = Failed(Fault.USER, reason) if fails else Cancelled(reason)
                self._stop_accepting(workload.id, timer.value, at, drop_queued=outcome)
            case _:
                assert_never(timer)

    def _exhaustions(self) -> Iterator[tuple[float, Instance]]:
        """Yield when an instance that is stopped at its limit will have reached it."""
        job = self._executing
        if job is not None and isinstance(job.state, Executing) and self._stops_at_limit(job):
            yield job.state.since + self._remaining(job.instance), job.instance
        for session_id in self.locks.reservation.holders:
            session = self.workloads[session_id]
            if session.instance.plan.stops_at_limit and self._can_be_ended(session):
                since = session.windows[-1].start
                yield since + self._remaining(session.instance), session.instance

    def _can_be_ended(self, session: Workload) -> bool:
        """Whether there is anything left to stop in it."""
        running = [self.jobs[job_id].state for job_id in session.running]
        stoppable = any(isinstance(state, Compiling | Ready | Executing) for state in running)
        return session.accepting_jobs or bool(session.queued) or stoppable

    def _remaining(self, instance: Instance) -> float:
        return self.ledger.remaining(instance, self.now)

    def _announce(self, job: Job, wait: Wait, _: float) -> None:
        self._announced[self._line(job)] = wait.blocker_id
        self._instructions.append(Announce(wait))
