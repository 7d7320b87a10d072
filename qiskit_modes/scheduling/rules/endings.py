"""Endings of jobs, in every way that there is, and of sessions and batches with them."""

from __future__ import annotations

from typing import assert_never

from qiskit_modes.scheduling.instructions import Abandon, Finish
from qiskit_modes.scheduling.job import (
    RAN_TOO_LONG,
    Abandoning,
    Cancelled,
    Compiling,
    Ending,
    Executing,
    Finished,
    Job,
    PostProcessing,
    Queued,
    Ready,
)
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.state import SchedulerState
from qiskit_modes.scheduling.workload import ClosedBy, Workload, WorkloadState

__all__ = ["Endings"]


class Endings(SchedulerState):
    """The part of a scheduler that takes jobs out, and closes what has no more of them."""

    def _settle_early(self, job: Job, ending: Ending, now: float) -> None:
        """End a job from outside, whatever it is doing."""
        match job.state:
            case Queued() | Ready():
                self._finish(job, ending, now)
            case Compiling() | Executing() | PostProcessing():
                job.move(Abandoning(ending), now)
                job.settled_at = now
                self._instructions += [Abandon(job.id), Finish(job.id, ending)]
            case Abandoning() | Finished():
                pass
            case _:
                assert_never(job.state)

    def _finish(self, job: Job, ending: Ending, now: float) -> None:
        """Take a job out of everything it is in; the one way in which jobs end."""
        workload = self._workload_of(job)
        if isinstance(job.state, Queued):
            self._unqueue(job, workload)
        if isinstance(job.state, Abandoning):
            job.move(Finished(job.state.ending), now)
        else:
            job.move(Finished(ending), now)
            job.settled_at = now
            self._instructions.append(Finish(job.id, ending))
        if job.id in self.locks.qpu.held:
            self._release_qpu(job, now)
        self.locks.release_all(job.id, now)
        self.unfinished[job.instance.id] -= 1
        self.tenancies[job.instance].unfinished -= 1
        charged = job.charged_seconds(now)
        if job.meter is not None:
            self.ledger.settle(job.meter, charged, now)
            job.meter = None
            self._usage_moved(job.instance)
        if workload is not None:
            workload.job_seconds += charged
            if job.id in workload.running:
                workload.running.remove(job.id)
                workload.last_job_completed = now
            self._rest(workload, now)
        self._leave(job.instance)

    def _unqueue(self, job: Job, workload: Workload | None) -> None:
        self.queue.remove(job, workload)
        if workload is not None:
            self._note(workload)
        else:
            waits = self.queue.oldest_of_job_mode(job.instance) is not None
            self._note_line(job.instance, waits)

    def _release_qpu(self, job: Job, now: float) -> None:
        self.locks.qpu.release(job.id, now)
        job.released_at = now
        self._executing = None
        if job.meter is not None:
            self.ledger.stop(job.meter, now)
            self._usage_moved(job.instance)

    def _stop_accepting(
        self,
        workload_id: str,
        why: str,
        now: float,
        *,
        by: ClosedBy = ClosedBy.LIMIT,
        drop_queued: Ending | None = None,
    ) -> None:
        """Close a workload to submissions, and for good as soon as it has no job left."""
        workload = self.open_workloads.get(workload_id)
        if workload is None:  # closed before, and perhaps forgotten
            return
        if workload.accepting_jobs:
            workload.closing_at = now
        workload.accepting_jobs = False
        workload.closed_because = workload.closed_because or why
        workload.closed_by = workload.closed_by or by
        if drop_queued is not None:
            for job_id in list(workload.queued):
                self._finish(self.jobs[job_id], drop_queued, now)
        self._rest(workload, now)

    def _rest(self, workload: Workload, now: float) -> None:
        """See whether a workload has nothing to do: it begins to idle, gives way, or is closed."""
        if workload.state is WorkloadState.CLOSED:
            return
        if not workload.has_jobs:
            workload.idle_since = now
        if workload.has_jobs or workload.accepting_jobs:
            if workload.yielding and not workload.running:
                self._leave_active(workload, WorkloadState.INACTIVE, now)
            else:
                self._note(workload)
            return
        del self.open_workloads[workload.id]
        del self.tenancies[workload.instance].open_workloads[workload.id]
        self._leave_active(workload, WorkloadState.CLOSED, now)
        self._leave(workload.instance)

    def _leave_active(self, workload: Workload, state: WorkloadState, now: float) -> None:
        """Move to a state without priority; a session that was active is charged its window."""
        workload.move(state, now)
        if workload.meter is not None:
            hold = self.locks.reservation.release(workload.id, now)
            self.ledger.settle(workload.meter, hold.end - hold.start, now)
            workload.meter = None
            self._usage_moved(workload.instance)
            self._begin_maintenances(now)
        self._note(workload)

    def _begin_maintenances(self, now: float) -> None:
        """Take the QPU out of service for what is due, unless an active session keeps it."""
        sessions = [self.workloads[holder] for holder in self.locks.reservation.holders]
        if all(each.instance.plan.maintenance_interrupts_sessions for each in sessions):
            for seconds in self.maintenances:
                self.maintained_until = max(self.maintained_until, now + seconds)
            self.maintenances.clear()

    def _exhaust(self, instance: Instance, at: float) -> None:
        """End everything of an instance that has used all that it may."""
        tenancy = self.tenancies[instance]
        tenancy.at_limit = True
        self._limits.discard(instance)
        if not instance.plan.stops_at_limit:
            return
        for workload_id in list(tenancy.open_workloads):
            dropped = Cancelled("the limit of usage was reached")
            self._stop_accepting(workload_id, dropped.reason, at, drop_queued=dropped)
        for job_id in self.locks.lanes.holders:
            job = self.jobs[job_id]
            if job.instance == instance and not isinstance(job.state, PostProcessing):
                self._settle_early(job, RAN_TOO_LONG, at)
