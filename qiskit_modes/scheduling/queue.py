"""The ordinary queue of a QPU: fair share between instances, first in first out within one."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from qiskit_modes.scheduling.agenda import Agenda
from qiskit_modes.scheduling.job import Job
from qiskit_modes.scheduling.ledger import Ledger
from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.workload import Workload, WorkloadState

__all__ = ["Entry", "Queue"]


@dataclass(frozen=True)
class Entry:
    """One thing that waits: a job of job mode, or a session or batch with jobs in it."""

    instance: Instance
    place: int
    """When its oldest job came, counted over all submissions to this QPU."""
    job_id: str
    """Its oldest job."""
    workload: Workload | None
    """None for a job of job mode."""


@dataclass(eq=False)
class _Group:
    """Everything that waits of one instance."""

    jobs: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """Its jobs of job mode, each with its place."""
    workloads: dict[str, Workload] = field(default_factory=dict)
    entries: Agenda[str | None] = field(default_factory=Agenda)
    """Its workloads by their ids, and None for its job mode; each at the place of its oldest."""


class Queue:
    """Workloads and jobs that wait for a lane without any priority.

    A session or batch stands in it as one entry, at the place of its oldest waiting job, as long as
    it is not active; its first job gains nothing by it. What is next is found in O(log n), however
    many instances and workloads wait: an instance is ranked again when something of it has changed,
    here or in the ledger, and when its limit is reached or relieved.

    Args:
        ledger: What the instances have used, over all QPUs.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._places = count()
        self.waiting: dict[Instance, _Group] = {}
        """What waits of each instance; what has just left may still be there. To look at."""
        self._by_id: dict[str, dict[Instance, None]] = {}
        self._eligible: Agenda[Instance] = Agenda()
        """By the part of its allocation that was used, and then by its oldest entry."""
        self._limited: Agenda[Instance] = Agenda()
        """By when the oldest of its usage leaves the window."""
        self._reaching: Agenda[Instance] = Agenda()
        """Eligible ones that will reach their limits by what runs: when."""
        self._unranked: dict[Instance, None] = {}
        self._held: set[Instance] = set()
        """Those that had reached their limits when they were ranked."""
        self._relieved_at = math.inf
        """Since when one of them is below its limit again, and nobody has looked what may start."""

    # -- what comes and goes ---------------------------------------------------------------------

    def add(self, job: Job, workload: Workload | None) -> None:
        """Let ``job`` wait, behind all that came before it."""
        place = next(self._places)
        if workload is not None:
            workload.queued[job.id] = place
            self.put(workload)
        else:
            group = self._group(job.instance)
            group.jobs[job.id] = place
            self._rank_job_mode(job.instance, group)

    def remove(self, job: Job, workload: Workload | None) -> None:
        """Take ``job`` out, because it got a lane or will not run."""
        if workload is not None:
            del workload.queued[job.id]
            self.put(workload)
        else:
            group = self.waiting[job.instance]
            del group.jobs[job.id]
            self._rank_job_mode(job.instance, group)

    def put(self, workload: Workload) -> None:
        """Let a workload stand where it belongs: nowhere, if it is active or nothing of it waits.

        To be called whenever one of these has changed.
        """
        if not workload.queued or workload.state is WorkloadState.ACTIVE:
            group = self.waiting.get(workload.instance)
            if group is not None and group.workloads.pop(workload.id, None) is not None:
                group.entries.discard(workload.id)
                self._unranked[workload.instance] = None
            return
        group = self._group(workload.instance)
        place = next(iter(workload.queued.values()))
        if group.entries.rank(workload.id) != place:
            group.workloads[workload.id] = workload
            group.entries.set(workload.id, place)
            self._unranked[workload.instance] = None

    def holds(self, job: Job, workload: Workload | None) -> bool:
        """Return whether ``job`` waits here."""
        if workload is not None:
            return job.id in workload.queued
        group = self.waiting.get(job.instance)
        return group is not None and job.id in group.jobs

    def oldest_of_job_mode(self, instance: Instance) -> str | None:
        """Return the oldest job of an instance's job mode that waits, or None if none does."""
        group = self.waiting.get(instance)
        return None if group is None else next(iter(group.jobs), None)

    def change(self, instance: Instance) -> None:
        """Let ``instance`` take the place of all others of its id, with all that waits of them."""
        groups = [self._drop(each) for each in list(self._by_id.get(instance.id, ()))]
        if not groups:
            return
        mine = self._group(instance)
        lines = [line for group in groups for line in group.jobs.items()]
        mine.jobs.update(sorted(lines, key=lambda line: line[1]))
        self._rank_job_mode(instance, mine)
        for group in groups:
            for workload in group.workloads.values():
                self.put(workload)

    # -- who is next -----------------------------------------------------------------------------

    def entries(self) -> Iterator[Entry]:
        """Yield the oldest job of job mode of each instance, and each workload that waits."""
        for instance, group in self.waiting.items():
            if group.jobs:
                yield self._entry(instance, group, None)
            for workload_id in group.workloads:
                yield self._entry(instance, group, workload_id)

    def first(self, now: float) -> Entry | None:
        """Return what is to start next.

        It is the oldest entry of the instance that has used the smallest part of its allocation;
        between instances that have used the same part, the older entry. Nothing starts of an
        instance that has reached its limit.
        """
        self._rank_again(now)
        best = self._eligible.first()
        if best is None:
            return None
        _, instance = best
        group = self.waiting[instance]
        oldest = group.entries.first()
        assert oldest is not None, "an instance of which nothing waits is not ranked"
        return self._entry(instance, group, oldest[1])

    def next_relief(self, now: float) -> float | None:
        """Return when an instance that has reached its limit may have something started again.

        It may have been already: usage is that of all QPUs, and another one may have been told
        before this one that it has left the window.
        """
        self._rank_again(now)
        first = self._limited.first()
        relief = min(self._relieved_at, math.inf if first is None else first[0])
        return None if math.isinf(relief) else relief

    def looked_through(self) -> None:
        """Take note that all has started that may start."""
        self._relieved_at = math.inf

    def usage_changed(self, instance_ids: Iterable[str]) -> None:
        """Take note that the usage of some instances has changed."""
        for instance_id in instance_ids:
            self._unranked.update(self._by_id.get(instance_id, {}))

    # -- inside ----------------------------------------------------------------------------------

    def _group(self, instance: Instance) -> _Group:
        group = self.waiting.get(instance)
        if group is None:
            group = self.waiting[instance] = _Group()
            self._by_id.setdefault(instance.id, {})[instance] = None
            self._unranked[instance] = None
        return group

    def _drop(self, instance: Instance) -> _Group:
        of_this_id = self._by_id[instance.id]
        del of_this_id[instance]
        if not of_this_id:
            del self._by_id[instance.id]
        for agenda in (self._eligible, self._limited, self._reaching):
            agenda.discard(instance)
        self._unranked.pop(instance, None)
        self._held.discard(instance)
        return self.waiting.pop(instance)

    def _rank_job_mode(self, instance: Instance, group: _Group) -> None:
        if group.jobs:
            place = next(iter(group.jobs.values()))
            if group.entries.rank(None) == place:
                return
            group.entries.set(None, place)
        else:
            group.entries.discard(None)
        self._unranked[instance] = None

    def _entry(self, instance: Instance, group: _Group, workload_id: str | None) -> Entry:
        workload = None if workload_id is None else group.workloads[workload_id]
        line = group.jobs if workload is None else workload.queued
        job_id, place = next(iter(line.items()))
        return Entry(instance, place, job_id, workload)

    def _rank_again(self, now: float) -> None:
        """Give those their ranks of which something has changed by now."""
        for agenda in (self._limited, self._reaching):
            while (first := agenda.first()) is not None and first[0] <= now:
                agenda.discard(first[1])
                self._unranked[first[1]] = None
        while self._unranked:
            instance, _ = self._unranked.popitem()
            if instance in self.waiting:
                self._rank(instance, now)

    def _rank(self, instance: Instance, now: float) -> None:
        oldest = self.waiting[instance].entries.first()
        if oldest is None:
            self._drop(instance)
            return
        self._reaching.discard(instance)
        if self._ledger.is_limited(instance, now):
            relief = self._ledger.next_relief(instance)
            self._eligible.discard(instance)
            self._limited.set(instance, math.inf if relief is None else relief)
            self._held.add(instance)
            return
        if instance in self._held:
            self._held.remove(instance)
            since = max(self._ledger.changed_at(instance), now)
            self._relieved_at = min(self._relieved_at, since)
        self._limited.discard(instance)
        self._eligible.set(instance, (self._ledger.share(instance, now), oldest[0]))
        reached_at = self._ledger.reaches_limit_at(instance)
        if reached_at is not None:
            self._reaching.set(instance, max(reached_at, math.nextafter(now, math.inf)))
