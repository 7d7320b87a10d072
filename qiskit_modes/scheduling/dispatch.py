"""What may start: which job gets a lane, which one the QPU, and when a session has it alone."""

from __future__ import annotations

from qiskit_modes.scheduling.endings import Endings
from qiskit_modes.scheduling.instructions import Compile, Execute
from qiskit_modes.scheduling.job import Compiling, Executing, Job
from qiskit_modes.scheduling.waiting import CALIBRATION
from qiskit_modes.scheduling.workload import Mode, Workload, WorkloadState

__all__ = ["Dispatch"]


class Dispatch(Endings):
    """The part of a scheduler that starts what can be started.

    In this order: the jobs of an active session, and nothing else; while the lanes are emptied for
    a session, nothing; the jobs of active batches; then the ordinary queue.
    """

    def _pump(self, now: float) -> None:
        self._drop_exhausted(now)
        self._fill_lanes(now)
        self._feed_qpu(now)

    def _drop_exhausted(self, now: float) -> None:
        """Stop an instance whose job would come to the QPU with nothing left to use.

        Its limit may have been reached by a job that had been stopped, but not yet let the QPU go.
        """
        while self.locks.qpu.idle and self.locks.qpu.waiting and now >= self.maintained_until:
            job = self.jobs[self.locks.qpu.waiting[0]]
            if not self._stops_at_limit(job) or not self.ledger.is_limited(job.instance, now):
                return
            self._exhaust(job.instance, now)

    def _fill_lanes(self, now: float) -> None:
        locks = self.locks
        if not locks.reservation.idle:
            self._start_queued(self.workloads[locks.reservation.holders[0]], now)
            return  # also if it starts nothing more: it has the QPU until its last job has ended
        while locks.lanes.free:
            if self.draining_for is not None and not self.draining_for.queued:
                self.draining_for = None  # its jobs were cancelled meanwhile
            if self.draining_for is None:
                self._start_active_batches(now)
                entry = self.queue.first(self.open_workloads, now) if locks.lanes.free else None
                if entry is None:
                    return
                if entry.workload is None:
                    self._start(self.jobs[entry.job_id], now)
                    continue
                if entry.workload.mode is Mode.BATCH:
                    self._activate(entry.workload, now)
                    continue
                self.draining_for = entry.workload
            if locks.lanes.idle and locks.qpu.idle:
                session, self.draining_for = self.draining_for, None
                self._activate(session, now)
                self._start_queued(session, now)
            return

    def _start_active_batches(self, now: float) -> None:
        """Let the jobs of active batches into free lanes, the longest active batch first."""
        batches = [
            workload
            for workload in self.open_workloads.values()
            if workload.state is WorkloadState.ACTIVE and workload.queued and not workload.yielding
        ]
        for batch in sorted(batches, key=lambda batch: batch.windows[-1].start):
            self._start_queued(batch, now)

    def _start_queued(self, workload: Workload, now: float) -> None:
        while workload.queued and self.locks.lanes.free and not workload.yielding:
            self._start(self.jobs[next(iter(workload.queued))], now)

    def _start(self, job: Job, now: float) -> None:
        workload = self._workload_of(job)
        self.queue.remove(job, workload)
        granted = self.locks.lanes.acquire_nowait(job.id, now)
        assert granted, "a job was started without a free lane"
        job.move(Compiling(), now)
        job.running_at = now
        if workload is not None:
            workload.running.add(job.id)
            workload.last_job_started = now
        self._announced.pop(self._line(job), None)
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
            self._instructions.append(Execute(job.id))

    def _activate(self, workload: Workload, now: float) -> None:
        workload.move(WorkloadState.ACTIVE, now)
        if workload.mode is Mode.SESSION:
            granted = self.locks.reservation.acquire_nowait(workload.id, now)
            assert granted, "a session was activated while another one is active"
