"""Starts: which job gets a lane, which one the QPU, and when a session has it alone."""

from __future__ import annotations

from qiskit_modes.scheduling.instructions import Announce, Compile, Execute
from qiskit_modes.scheduling.job import COMPILING, Executing, Job
from qiskit_modes.scheduling.rules.endings import Endings
from qiskit_modes.scheduling.rules.waiting import CALIBRATION, explain_wait
from qiskit_modes.scheduling.workload import Mode, Workload, WorkloadState

__all__ = ["Dispatch"]


class Dispatch(Endings):
    """The part of a scheduler that starts what can be started.

    In this order: the jobs of an active session, and nothing else; while the lanes are emptied for
    a session, nothing; the jobs of active batches; then the ordinary queue.
    """

    def _pump(self, now: float) -> None:
        self._take_changes(now)
        if self.locks.qpu.line:
            self._drop_exhausted(now)
        self._fill_lanes(now)
        if self.locks.qpu.line or self.calibrations:
            self._feed_qpu(now)
        if self._due_notices:
            self._say_who_waits(now)
        if self.queue.waiting:
            self.queue.looked_through()

    def _drop_exhausted(self, now: float) -> None:
        """Stop an instance whose job would come to the QPU with nothing left to use."""
        qpu = self.locks.qpu
        while not qpu.held and (first := qpu.first_waiting) is not None:
            if now < self.maintained_until:
                return
            job = self.jobs[first]
            stops = job.instance.plan.stops_at_limit and not self._is_in_session(job)
            if not stops or not self.ledger.is_limited(job.instance, now):
                return
            self._exhaust(job.instance, now)

    def _fill_lanes(self, now: float) -> None:
        locks = self.locks
        if locks.reservation.held:
            self._start_queued(self.workloads[locks.reservation.holders[0]], now)
            return  # also if it starts nothing more: it has the QPU until its last job has ended
        if not (self.queue.waiting or self._eager_batches.ranks or self.draining_for is not None):
            return
        while locks.lanes.free:
            if self.draining_for is not None and not self._may_come_next(self.draining_for, now):
                self._drain_for(None, now)
            if self.draining_for is None:
                self._start_active_batches(now)
                entry = self.queue.first(now) if locks.lanes.free else None
                if entry is None:
                    return
                if entry.workload is None:
                    self._start(self.jobs[entry.job_id], now)
                    continue
                if entry.workload.mode is Mode.BATCH:
                    self._activate(entry.workload, now)
                    continue
                self._drain_for(entry.workload, now)
            # A session would be charged for the time in which it cannot have the QPU.
            in_service = now >= self.maintained_until
            if locks.lanes.idle and locks.qpu.idle and in_service:
                session = self.draining_for
                assert session is not None, "one was set, or was there"
                self._drain_for(None, now)
                self._activate(session, now)
                self._start_queued(session, now)
            return

    def _starts_at_once(self, job: Job, now: float) -> bool:
        """Tell whether a job of job mode has a lane, because nothing waits or has a right to it."""
        locks = self.locks
        return (
            not self.queue.waiting
            and locks.lanes.free > 0
            and not locks.reservation.held
            and self.draining_for is None
            and not self.ledger.is_limited(job.instance, now)
        )

    def _may_come_next(self, session: Workload, now: float) -> bool:
        """Tell whether the lanes are still to be emptied for a session: its jobs may be cancelled
        meanwhile, and its instance may reach its limit.
        """
        return bool(session.queued) and not self.ledger.is_limited(session.instance, now)

    def _drain_for(self, session: Workload | None, now: float) -> None:
        before, self.draining_for = self.draining_for, session
        for each in (before, session):
            if each is not None:
                self._look_at_limit(each.instance, now)

    def _start_active_batches(self, now: float) -> None:
        """Let the jobs of active batches into free lanes, the longest active batch first."""
        while self.locks.lanes.free and (first := self._eager_batches.first()) is not None:
            self._start_queued(self.workloads[first[1]], now)

    def _start_queued(self, workload: Workload, now: float) -> None:
        while workload.queued and self.locks.lanes.free and not workload.yielding:
            self._start(self.jobs[next(iter(workload.queued))], now)

    def _start(self, job: Job, now: float) -> None:
        workload = self._workload_of(job)
        self._unqueue(job, workload)
        self._enter_lane(job, now)
        if workload is not None:
            workload.running.add(job.id)
            workload.last_job_started = now
            self._note(workload)

    def _enter_lane(self, job: Job, now: float) -> None:
        granted = self.locks.lanes.acquire_nowait(job.id, now)
        assert granted, "a job was started without a free lane"
        job.move(COMPILING, now)
        job.running_at = now
        self._instructions.append(Compile(job.id))

    def _feed_qpu(self, now: float) -> None:
        locks = self.locks
        free_for_calibration = locks.reservation.idle and self.draining_for is None
        free_for_calibration = free_for_calibration and now >= self.maintained_until
        if self.calibrations and locks.qpu.idle and free_for_calibration:
            locks.qpu.acquire_nowait(CALIBRATION, now, ahead=True)
            self.calibration_ends_at = now + self.calibrations.popleft()
        job_id = locks.qpu.grant(now) if now >= self.maintained_until else None
        if job_id is not None:
            job = self.jobs[job_id]
            job.move(Executing(now, now + job.max_execution_seconds), now)
            job.executing_at = now
            self._executing = job
            if not self._is_in_session(job):
                job.meter = self.ledger.begin(job.instance, now)
                self._usage_moved(job.instance)
            self._instructions.append(Execute(job.id))

    def _activate(self, workload: Workload, now: float) -> None:
        workload.move(WorkloadState.ACTIVE, now)
        if workload.mode is Mode.SESSION:
            granted = self.locks.reservation.acquire_nowait(workload.id, now)
            assert granted, "a session was activated while another one is active"
            workload.meter = self.ledger.begin(workload.instance, now)
            self._usage_moved(workload.instance)
        self._note(workload)

    def _say_who_waits(self, now: float) -> None:
        """Announce whom those wait for that have waited long enough, each line once."""
        locks = self.locks
        kept_out = not locks.lanes.free or not locks.reservation.idle
        if not kept_out and self.draining_for is None and CALIBRATION not in locks.qpu:
            return  # whoever waits now waits for its limit: all of them need not be looked at
        for line in list(self._due_notices):
            wait = explain_wait(self, self._oldest(line), now)
            if wait is not None:
                del self._due_notices[line]
                self._announced.add(line)
                self._instructions.append(Announce(wait))
