"""Everything that a scheduler knows: the state of its machine, and nothing of its rules."""

from __future__ import annotations

from collections import deque

from qiskit_modes.scheduling.instructions import Instruction
from qiskit_modes.scheduling.job import Job
from qiskit_modes.scheduling.ledger import Ledger
from qiskit_modes.scheduling.locks import LockManager
from qiskit_modes.scheduling.queue import Queue
from qiskit_modes.scheduling.workload import Mode, Workload

__all__ = ["SchedulerState"]


class SchedulerState:
    """Jobs, workloads, locks and the queue of one QPU.

    Args:
        lanes: How many jobs are in progress at once; five on most of the service's QPUs.
        ledger: What the instances have used; shared by the schedulers of all QPUs.
    """

    def __init__(self, *, lanes: int = 5, ledger: Ledger | None = None) -> None:
        self.ledger = Ledger() if ledger is None else ledger
        self.locks = LockManager(lanes)
        self.queue = Queue(self.ledger)
        self.jobs: dict[str, Job] = {}
        """Every job that has not been forgotten."""
        self.workloads: dict[str, Workload] = {}
        """Every session and batch that has not been forgotten."""
        self.open_workloads: dict[str, Workload] = {}
        """Those that are not closed."""
        self.draining_for: Workload | None = None
        """The session that comes next: nothing else starts until the lanes are empty."""
        self.calibrations: deque[float] = deque()
        """Durations of the calibrations that are due."""
        self.calibration_ends_at: float | None = None
        self.maintained_until = float("-inf")
        """Until when nothing gets the QPU."""
        self.unfinished: dict[str, int] = {}
        """How many jobs of each instance have not ended."""
        self._submissions: dict[str, deque[float]] = {}
        self.now = float("-inf")
        """When it was last told something."""
        self._executing: Job | None = None
        self._announced: dict[str, str] = {}
        self._instructions: list[Instruction] = []

    def _workload_of(self, job: Job) -> Workload | None:
        return None if job.workload_id is None else self.workloads[job.workload_id]

    def _is_in_session(self, job: Job) -> bool:
        workload = self._workload_of(job)
        return workload is not None and workload.mode is Mode.SESSION

    def _stops_at_limit(self, job: Job) -> bool:
        """Whether it is stopped when its instance has used all; a session ends as a whole."""
        return job.instance.plan.stops_at_limit and not self._is_in_session(job)

    def _line(self, job: Job) -> str:
        return job.workload_id or f"job mode of {job.instance.id}"
