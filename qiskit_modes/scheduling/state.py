"""Everything that a scheduler knows: the state of its machine, and nothing of its rules."""

from __future__ import annotations

from collections import deque
from itertools import count

from qiskit_modes.scheduling.agenda import Agenda
from qiskit_modes.scheduling.errors import InvariantViolation
from qiskit_modes.scheduling.instructions import Instruction
from qiskit_modes.scheduling.job import Job
from qiskit_modes.scheduling.ledger import Ledger
from qiskit_modes.scheduling.locks import LockManager
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.queue import Queue
from qiskit_modes.scheduling.workload import Mode, Workload, WorkloadState

__all__ = ["NOTICE_SECONDS", "Line", "SchedulerState", "Tenancy"]

NOTICE_SECONDS = 2.0
"""What has waited this long for somebody else says so, once."""

Line = str | Instance
"""What waits as one: a workload, by its id, or the job mode of an instance."""


class Tenancy:
    """Everything that an instance has on a QPU, while it has anything."""

    def __init__(self) -> None:
        self.unfinished = 0
        """How many of its jobs have not ended."""
        self.open_workloads: dict[str, Workload] = {}
        self.at_limit = False
        """Whether what there was to do at its limit has been done, or was done before it came."""

    @property
    def over(self) -> bool:
        """Tell whether there is nothing left of it."""
        return not self.unfinished and not self.open_workloads


class SchedulerState:
    """Jobs, workloads, locks and the queue of one QPU.

    What is found often is kept in order beside the facts it follows from, so that nothing is looked
    through that grows with what waits; `_note` keeps it so for a workload.

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
        self.moved: dict[str, Workload] | None = None
        """Those of which something has changed since somebody emptied it; None if nobody does."""
        self._numbers = count()
        """Of workloads, in the order of their opening."""
        self.tenancies: dict[Instance, Tenancy] = {}
        """What each instance has here that has anything unfinished or open."""
        self._tenants: dict[str, dict[Instance, None]] = {}
        """The same instances by their ids."""
        self.draining_for: Workload | None = None
        """The session that comes next: nothing else starts until the lanes are empty."""
        self.calibrations: deque[float] = deque()
        """Durations of the calibrations that are due."""
        self.calibration_ends_at: float | None = None
        self.maintenances: list[float] = []
        """Durations of those that begin when the active session gives the QPU back."""
        self.maintained_until = float("-inf")
        """Until when nothing gets the QPU."""
        self.unfinished: dict[str, int] = {}
        """How many jobs of each instance have not ended, by its id."""
        self._submissions: dict[str, deque[float]] = {}
        self.now = float("-inf")
        """When it was last told something."""
        self._executing: Job | None = None
        self._instructions: list[Instruction] = []
        self._moved: dict[str, None] = {}
        """Ids of instances with limits whose usage this scheduler has changed."""
        self._watch = self.ledger.watch()
        self._nothing_due_before = float("-inf")
        """When something is due next, if nothing has happened since that was found out."""
        self._ttls: Agenda[str] = Agenda()
        """When the next TTL of each open workload runs out, by its id."""
        self._eager_batches: Agenda[str] = Agenda()
        """Active batches with queued jobs, the longest active first."""
        self._limits: Agenda[Instance] = Agenda()
        """When instances reach their limits for which something happens then."""
        self._notices: Agenda[Line] = Agenda()
        """When a line will have waited so long that it says whom it waits for."""
        self._due_notices: dict[Line, None] = {}
        """Lines that have waited so long, and for nobody else so far."""
        self._announced: set[Line] = set()
        """Lines that have said whom they wait for, and still wait."""

    def _note(self, workload: Workload) -> None:
        """Put a workload of which something has changed where it belongs."""
        if self.moved is not None:
            self.moved[workload.id] = workload
        self.queue.put(workload)
        ttl = workload.next_ttl()
        if ttl is None:
            self._ttls.discard(workload.id)
        else:
            self._ttls.set(workload.id, (ttl[0], workload.number))
        active = workload.state is WorkloadState.ACTIVE
        if active and workload.mode is Mode.BATCH and workload.queued and not workload.yielding:
            since = workload.windows[-1].start
            self._eager_batches.set(workload.id, (since, workload.number))
        else:
            self._eager_batches.discard(workload.id)
        self._note_line(workload.id, bool(workload.queued) and not active)

    def _note_line(self, line: Line, waits: bool) -> None:
        """Take note that a line waits, which it says in time and once, or that it does not."""
        if not waits:
            self._notices.discard(line)
            self._due_notices.pop(line, None)
            self._announced.discard(line)
        elif not (line in self._notices or line in self._due_notices or line in self._announced):
            self._notices.set(line, self._oldest(line).submitted_at + NOTICE_SECONDS)

    def _oldest(self, line: Line) -> Job:
        """Return the oldest job of a line that waits."""
        if isinstance(line, Instance):
            job_id = self.queue.oldest_of_job_mode(line)
            assert job_id is not None, "a line without jobs does not wait"
            return self.jobs[job_id]
        return self.jobs[next(iter(self.workloads[line].queued))]

    def _workload_of(self, job: Job) -> Workload | None:
        return None if job.workload_id is None else self.workloads[job.workload_id]

    def _is_in_session(self, job: Job) -> bool:
        workload = self._workload_of(job)
        return workload is not None and workload.mode is Mode.SESSION

    def check_order(self) -> None:
        """Check that what is kept in order follows from the facts.

        Raises:
            InvariantViolation: If it does not.
        """
        ttls, eager, waiting = {}, set(), set()
        for workload in self.open_workloads.values():
            ttl = workload.next_ttl()
            if ttl is not None:
                ttls[workload.id] = ttl[0], workload.number
            active = workload.state is WorkloadState.ACTIVE
            if active and workload.queued and workload.mode is Mode.BATCH and not workload.yielding:
                eager.add(workload.id)
            if workload.queued and not active:
                waiting.add(workload.id)
        lines: set[Line] = {*self._notices, *self._due_notices, *self._announced}
        speaking = {line for line in lines if isinstance(line, str)}
        set_ttls = {key: self._ttls.rank(key) for key in self._ttls}
        for what, found, expected in (
            ("ttls", set_ttls, ttls),
            ("batches with priority", set(self._eager_batches), eager),
            ("workloads that may say whom they wait for", speaking, waiting),
        ):
            if found != expected:
                raise InvariantViolation(f"{what}: {found}, and they should be {expected}")

    def _tenancy(self, instance: Instance) -> Tenancy:
        """Return what an instance has here, for something more that it gets."""
        tenancy = self.tenancies.get(instance)
        if tenancy is None:
            tenancy = self.tenancies[instance] = Tenancy()
            self._tenants.setdefault(instance.id, {})[instance] = None
            # What comes later than the limit is accepted, and waits.
            tenancy.at_limit = self.ledger.is_limited(instance, self.now)
            self._look_at_limit(instance, self.now)
        return tenancy

    def _leave(self, instance: Instance) -> None:
        """Take note that there is less of an instance here."""
        tenancy = self.tenancies.get(instance)
        if tenancy is not None and tenancy.over:
            del self.tenancies[instance]
            del self._tenants[instance.id][instance]
            if not self._tenants[instance.id]:
                del self._tenants[instance.id]
            self._limits.discard(instance)

    def _look_at_limit(self, instance: Instance, now: float) -> None:
        """Have something happen when an instance reaches its limit, if there is anything to do."""
        comes_next = self.draining_for is not None and self.draining_for.instance == instance
        reached_at = None
        if instance.plan.stops_at_limit or comes_next:
            tenancy = self.tenancies.get(instance)
            if tenancy is not None:
                reached_at = self.ledger.reaches_limit_at(instance)
                if tenancy.at_limit and not self.ledger.is_limited(instance, now):
                    tenancy.at_limit = False
                if tenancy.at_limit:
                    reached_at = None
        if reached_at is not None:
            self._limits.set(instance, reached_at)
        elif self._limits.ranks:
            self._limits.discard(instance)

    def _take_changes(self, now: float) -> bool:
        """Take note of what has changed in the ledger, anywhere; return whether anything has."""
        # In this order: the ledger tells what has left a window before it says what leaves next.
        if now < self.ledger.next_leaving and not self._watch.changed:
            return False
        changed = self.ledger.take_changes(self._watch, now)
        if not changed:
            return False
        if self.queue.waiting:
            self.queue.usage_changed(changed)
        for instance_id in changed:
            for instance in self._tenants.get(instance_id, ()):
                self._look_at_limit(instance, now)
        return True

    def _usage_moved(self, instance: Instance) -> None:
        if instance.limit is not None:
            self._moved[instance.id] = None
