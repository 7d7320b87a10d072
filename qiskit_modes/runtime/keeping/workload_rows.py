"""Sessions, batches and instances as rows of a store, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from qiskit_modes.runtime.keeping.job_rows import Calendar
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import WorkloadRecord
from qiskit_modes.scheduling import Budget, Instance, Mode, Plan, WorkloadState
from qiskit_modes.scheduling.workload import ClosedBy, Window, Workload
from qiskit_modes.store.rows import UsageRow, WorkloadRow

__all__ = [
    "KeptWorkload",
    "as_closed",
    "charges_of",
    "instance_facts",
    "instance_of",
    "workload_of",
    "workload_row",
]


@dataclass
class KeptWorkload(Workload):
    """Facts of a session or batch that an earlier process has had, or another one has."""

    active_ttl: float = 0.0
    used: float = 0.0

    def active_ttl_seconds(self) -> float:
        """Return for how long it could be active at a stretch."""
        return self.active_ttl

    def usage_seconds(self, now: float) -> float:  # noqa: ARG002 - nothing of it runs
        """Return its usage."""
        return self.used


def workload_row(workload: WorkloadRecord, head: str, calendar: Calendar) -> WorkloadRow:
    """Return the row of a session or batch as it is now; nobody changes it meanwhile.

    Args:
        workload: Which one.
        head: In which process it is.
        calendar: Of its runtime.
    """
    core = workload.core
    facts = {
        "backend": workload.backend_name,
        "max_ttl_seconds": core.max_ttl_seconds,
        "interactive_ttl_seconds": core.interactive_ttl_seconds,
        "active_ttl_seconds": core.active_ttl_seconds(),
        "accepting_jobs": core.accepting_jobs,
        "timestamps": [[str(state), calendar.row_time(at)] for state, at in core.timestamps],
        "windows": [
            [
                calendar.row_time(each.start),
                None if each.end is None else calendar.row_time(each.end),
            ]
            for each in core.windows
        ],
        "window_seconds": [
            None if each.end is None else each.end - each.start for each in core.windows
        ],
        "jobs_submitted": core.jobs_submitted,
        "times": calendar.row_times(
            {
                "last_job_started": core.last_job_started,
                "last_job_completed": core.last_job_completed,
                "closing": core.closing_at,
            }
        ),
        "closed_because": core.closed_because,
        "closed_by": None if core.closed_by is None else core.closed_by.name.lower(),
        "usage_seconds": core.usage_seconds(
            core.timestamps[-1][1] if core.closed_at is None else core.closed_at
        ),
    }
    return WorkloadRow(
        id=core.id,
        head=head,
        instance=core.instance.id,
        qpu=workload.qpu.name,
        mode=str(core.mode),
        opened_at=calendar.row_time(core.opened_at),
        closed_at=None if core.closed_at is None else calendar.row_time(core.closed_at),
        facts=facts,
    )


def charges_of(row: WorkloadRow) -> list[UsageRow]:
    """Return what a session is charged so far: a row for each window that is over."""
    if row.mode != Mode.SESSION:
        return []
    return [
        UsageRow(row.id, number, row.instance, end, seconds)
        for number, ((_, end), seconds) in enumerate(
            zip(row.facts["windows"], row.facts["window_seconds"], strict=True)
        )
        if end is not None and seconds
    ]


def as_closed(row: WorkloadRow, why: str, at: int) -> WorkloadRow:
    """Return the row of a session or batch of a dead process, closed.

    Args:
        row: As its process has left it.
        why: For people.
        at: The last sign of life, in microseconds: until then it is charged.
    """
    facts = dict(row.facts)
    at = max([at, *(when for _, when in facts["timestamps"])])
    facts["windows"] = [[start, at if end is None else end] for start, end in facts["windows"]]
    facts["window_seconds"] = [
        (end - start) / 1e6 if seconds is None else seconds
        for (start, end), seconds in zip(facts["windows"], facts["window_seconds"], strict=True)
    ]
    facts["timestamps"] = [*facts["timestamps"], [str(WorkloadState.CLOSED), at]]
    facts["times"] = {"closing": at, **facts["times"]}
    facts["accepting_jobs"] = False
    facts["closed_because"] = facts["closed_because"] or why
    facts["closed_by"] = facts["closed_by"] or ClosedBy.LIMIT.name.lower()
    if row.mode == Mode.SESSION:
        facts["usage_seconds"] = sum(facts["window_seconds"])
    return replace(row, closed_at=at, facts=facts)


def workload_of(
    row: WorkloadRow, *, calendar: Calendar, instance: Instance, qpu: QPU, backend: Any
) -> WorkloadRecord:
    """Return the session or batch that a row says.

    Args:
        row: From the store.
        calendar: Of the runtime that shows it.
        instance: To whom it is charged.
        qpu: Where it is.
        backend: What it is on; None if nobody offers that now.
    """
    facts = row.facts

    def time(at: int) -> float:
        found = calendar.clock_time(at)
        assert found is not None, "a time has a time of the clock"
        return found

    core = KeptWorkload(
        id=row.id,
        mode=Mode(row.mode),
        instance=instance,
        max_ttl_seconds=facts["max_ttl_seconds"],
        interactive_ttl_seconds=facts["interactive_ttl_seconds"],
        opened_at=time(row.opened_at),
        active_ttl=facts["active_ttl_seconds"],
        used=facts["usage_seconds"],
    )
    core.timestamps = [(WorkloadState(state), time(at)) for state, at in facts["timestamps"]]
    core.state = core.timestamps[-1][0]
    core.windows = [
        Window(time(start), None if end is None else time(end)) for start, end in facts["windows"]
    ]
    core.accepting_jobs = False  # not here
    core.jobs_submitted = facts["jobs_submitted"]
    core.last_job_started = calendar.clock_time(facts["times"].get("last_job_started"))
    core.last_job_completed = calendar.clock_time(facts["times"].get("last_job_completed"))
    core.closing_at = calendar.clock_time(facts["times"].get("closing"))
    core.closed_because = facts["closed_because"]
    core.closed_by = None if facts["closed_by"] is None else ClosedBy[facts["closed_by"].upper()]
    return WorkloadRecord(core, qpu, backend, facts["backend"])


def instance_facts(instance: Instance) -> dict[str, Any]:
    """Return the limits of an instance as JSON."""
    return {
        "plan": asdict(instance.plan),
        "allocation_seconds": instance.allocation_seconds,
        "limit_seconds": instance.limit_seconds,
        "budget": asdict(instance.budget),
    }


def instance_of(name: str, facts: Mapping[str, Any] | None) -> Instance:
    """Return an instance with its limits; what they do not know is as usual.

    Args:
        name: Its id.
        facts: Of `instance_facts`, perhaps those of another version; None if there are none.
    """
    if facts is None:
        return Instance(name)
    known = {key: value for key, value in facts["plan"].items() if hasattr(Plan, key)}
    budget = {key: value for key, value in facts.get("budget", {}).items() if hasattr(Budget, key)}
    seconds = facts["allocation_seconds"], facts["limit_seconds"]
    return Instance(name, Plan(**known), *seconds, Budget(**budget))
