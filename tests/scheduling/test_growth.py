"""What waits costs no more the more of it there is; and it says once whom it waits for."""

import cProfile
import pstats
from itertools import count

import pytest

from qiskit_modes.scheduling import Instance, Mode, Scheduler
from qiskit_modes.scheduling.events import (
    JobCompiled,
    JobExecuted,
    JobPostProcessed,
    JobSubmitted,
    TimePassed,
    WorkloadOpened,
)
from qiskit_modes.scheduling.instructions import Announce, Compile, Execute, Finish, PostProcess

SUCCESS = {Compile: JobCompiled, Execute: JobExecuted, PostProcess: JobPostProcessed}


class Crowd:
    """Workloads of one job each that wait, and a QPU that works them off.

    Args:
        workloads: How many.
        instances: How many tenants have them.
        kinds: In which modes they are, in turn; None for job mode.
        more: Further fields of the instances.
    """

    def __init__(self, workloads, instances, kinds, **more):
        self.scheduler, self.now, self.steps = Scheduler(), 0.0, []
        self.announced, self.finished = [], 0
        tenants = [Instance(f"tenant {n}", **more) for n in range(instances)]
        for n in range(workloads):
            kind, tenant = kinds[n % len(kinds)], tenants[n % instances]
            workload = None if kind is None else f"{kind} {n}"
            if workload is not None:
                self.handle(WorkloadOpened(workload, kind, tenant))
            self.handle(JobSubmitted(f"job {n}", tenant, workload))

    def handle(self, event):
        for instruction in self.scheduler.handle(event, self.now):
            if type(instruction) in SUCCESS:
                self.steps.append(SUCCESS[type(instruction)](instruction.job_id))
            self.announced += [instruction] if isinstance(instruction, Announce) else []
            self.finished += isinstance(instruction, Finish)
        self.scheduler.next_deadline()

    def work_off(self):
        """Answer every step after a second on the QPU, and let time pass where nothing runs."""
        for _ in count():
            if self.steps:
                event = self.steps.pop(0)
                self.now += isinstance(event, JobExecuted)
                self.handle(event)
            elif (deadline := self.scheduler.next_deadline()) is not None:
                self.now = max(self.now, deadline)
                self.handle(TimePassed())
            else:
                return


KINDS = [
    [Mode.BATCH],
    [Mode.SESSION],
    [None],
    [Mode.BATCH, Mode.SESSION, None],
]


@pytest.mark.parametrize("kinds", KINDS, ids=str)
@pytest.mark.parametrize(
    "more", [{}, {"allocation_seconds": 100.0}, {"limit_seconds": 1e9}, {"limit_seconds": 3.0}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("alike", [True, False], ids=["few tenants", "many tenants"])
def test_a_job_costs_the_same_among_more(kinds, more, alike):
    """Counted in calls of functions, which are the same on every machine."""
    calls = []
    for workloads in (25, 125):
        crowd = Crowd(workloads, 4 if alike else workloads // 4, kinds, **more)
        with cProfile.Profile() as profile:
            crowd.work_off()
        assert crowd.finished == workloads
        calls.append(pstats.Stats(profile).total_calls / workloads)
    assert calls[1] < 1.4 * calls[0]


@pytest.mark.parametrize("kinds", KINDS, ids=str)
def test_whom_one_waits_for_is_said_once(kinds):
    crowd = Crowd(80, 8, kinds)
    crowd.work_off()
    lines = [
        (job.workload_id or job.instance.id)
        for job in (crowd.scheduler.jobs[each.wait.job_id] for each in crowd.announced)
    ]
    assert lines
    assert len(lines) == len(set(lines))
