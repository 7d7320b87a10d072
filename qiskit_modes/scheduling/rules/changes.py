"""Changes to the terms of what is there: other limits of an instance, a QPU out of service."""

from __future__ import annotations

from qiskit_modes.scheduling.plan import Instance
from qiskit_modes.scheduling.rules.deadlines import Deadlines
from qiskit_modes.scheduling.state import Tenancy

__all__ = ["Changes"]


class Changes(Deadlines):
    """The part of a scheduler that lets an instance and the QPU be others than they were."""

    def _maintain(self, seconds: float, now: float) -> None:
        """Take the QPU out of service, at once or when the active session gives it back."""
        self.maintenances.append(seconds)
        self._begin_maintenances(now)

    def _change(self, instance: Instance, now: float) -> None:
        """Let an instance have other limits, or another plan, for all that it has here."""
        self.ledger.change(instance, now)
        before = self._tenants.pop(instance.id, {})
        merged = Tenancy()
        merged.at_limit = True
        announced = any(each in self._announced for each in before)
        for each in before:
            tenancy = self.tenancies.pop(each)
            merged.unfinished += tenancy.unfinished
            merged.open_workloads.update(tenancy.open_workloads)
            # What a plan that stops nothing has done at a limit is not what this one does there.
            stops_what_did_not = instance.plan.stops_at_limit and not each.plan.stops_at_limit
            merged.at_limit &= tenancy.at_limit and not stops_what_did_not
            self._limits.discard(each)
            self._note_line(each, waits=False)
        if not before:
            return
        merged.at_limit &= self.ledger.is_limited(instance, now)
        self._tenants[instance.id] = {instance: None}
        self.tenancies[instance] = merged
        for job in self.jobs.values():
            if job.instance.id == instance.id and not job.final:
                job.instance = instance
        for workload in merged.open_workloads.values():
            workload.instance = instance
        self.queue.change(instance)
        for workload in merged.open_workloads.values():
            self._note(workload)
        self._begin_maintenances(now)
        if announced:
            self._announced.add(instance)
        self._note_line(instance, self.queue.oldest_of_job_mode(instance) is not None)
        self._look_at_limit(instance, now)
