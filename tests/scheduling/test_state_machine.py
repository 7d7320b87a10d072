"""Anything that can happen, in any order: every invariant holds, and the queue always drains."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from qiskit_modes.scheduling import Instance, Mode, Plan, Scheduler, WorkloadState
from qiskit_modes.scheduling.events import (
    CalibrationDue,
    CancelRequested,
    JobCompiled,
    JobExecuted,
    JobFailed,
    JobPostProcessed,
    JobSubmitted,
    MaintenanceBegan,
    TimePassed,
    WorkloadCancelled,
    WorkloadClosed,
    WorkloadOpened,
)
from qiskit_modes.scheduling.instructions import (
    Abandon,
    Compile,
    Execute,
    Finish,
    PostProcess,
    Refuse,
)
from qiskit_modes.scheduling.job import Fault

SUCCESS = {Compile: JobCompiled, Execute: JobExecuted, PostProcess: JobPostProcessed}
INSTANCES = [
    Instance("a", allocation_seconds=100),
    Instance("b", allocation_seconds=200),
    Instance("c", Plan("small", max_pending_jobs=3, active_ttl_seconds=5.0)),
    Instance("d", Plan("metered", max_submissions_per_minute=4), limit_seconds=20),
    Instance("e", Plan("paid", stops_at_limit=True, window_seconds=100.0), limit_seconds=10),
]
DURATIONS = st.sampled_from([0.0, 0.25, 1.0, 3.0, 59.0, 61.0, 1800.0, 11_000.0])


class AnyOrder(RuleBasedStateMachine):
    """Users, lanes and the QPU do what they like; only the steps asked for are answered."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.names = 0
        self.steps = {}
        """Job id to the type of the step that has been asked for and not been answered."""
        self.finished = set()
        self.workloads = {}
        self.submitted = set()

    @initialize(lanes=st.integers(1, 5))
    def start(self, lanes):
        self.scheduler = Scheduler(lanes=lanes)

    def handle(self, event):
        instructions = self.scheduler.handle(event, self.now)
        for instruction in instructions:
            match instruction:
                case Compile(job_id) | Execute(job_id) | PostProcess(job_id):
                    assert job_id not in self.steps, "a step was asked for before the last ended"
                    self.steps[job_id] = type(instruction)
                case Abandon(job_id):
                    assert job_id in self.steps, "nothing is under way that could be abandoned"
                case Finish(job_id):
                    assert job_id not in self.finished, "a job finished twice"
                    self.finished.add(job_id)
        return instructions

    def name(self, kind):
        self.names += 1
        return f"{kind}{self.names}"

    @rule(
        mode=st.sampled_from([Mode.SESSION, Mode.BATCH]),
        instance=st.sampled_from(INSTANCES),
        max_ttl=st.sampled_from([None, 1, 100, 30_000]),
    )
    def open(self, mode, instance, max_ttl):
        workload_id = self.name(mode)
        refused = self.handle(WorkloadOpened(workload_id, mode, instance, max_ttl))
        if not any(isinstance(i, Refuse) for i in refused):
            self.workloads[workload_id] = instance

    @rule(data=st.data(), limit=st.sampled_from([None, 2, 50]))
    def submit(self, data, limit):
        workload_id = data.draw(st.sampled_from([None, *self.workloads]))
        instance = self.workloads.get(workload_id) or data.draw(st.sampled_from(INSTANCES))
        job_id = self.name("job")
        answer = self.handle(JobSubmitted(job_id, instance, workload_id, limit))
        if not any(isinstance(i, Refuse) for i in answer):
            self.submitted.add(job_id)

    @precondition(lambda self: self.steps)
    @rule(data=st.data())
    def step_succeeds(self, data):
        job_id = data.draw(st.sampled_from(sorted(self.steps)))
        self.handle(SUCCESS[self.steps.pop(job_id)](job_id))

    @precondition(lambda self: self.steps)
    @rule(data=st.data(), fault=st.sampled_from(Fault))
    def step_fails(self, data, fault):
        job_id = data.draw(st.sampled_from(sorted(self.steps)))
        del self.steps[job_id]
        self.handle(JobFailed(job_id, fault, "failed"))

    @precondition(lambda self: self.submitted)
    @rule(data=st.data())
    def cancel(self, data):
        self.handle(CancelRequested(data.draw(st.sampled_from(sorted(self.submitted)))))

    @precondition(lambda self: self.workloads)
    @rule(data=st.data(), event=st.sampled_from([WorkloadClosed, WorkloadCancelled]))
    def end_workload(self, data, event):
        self.handle(event(data.draw(st.sampled_from(sorted(self.workloads)))))

    @rule(seconds=DURATIONS)
    def time_passes(self, seconds):
        self.now += seconds
        self.handle(TimePassed())

    @rule(seconds=st.sampled_from([0.0, 1.0, 600.0]))
    def calibration(self, seconds):
        self.handle(CalibrationDue(seconds))

    @rule(seconds=st.sampled_from([0.0, 1.0, 600.0]))
    def maintenance(self, seconds):
        self.handle(MaintenanceBegan(seconds))

    @rule()
    def time_jumps_to_the_next_deadline(self):
        deadline = self.scheduler.next_deadline()
        if deadline is not None:
            self.now = max(self.now, deadline)
            self.handle(TimePassed())

    @invariant()
    def holds(self):
        if hasattr(self, "scheduler"):
            self.scheduler.validate()
            deadline = self.scheduler.next_deadline()
            assert deadline is None or deadline > self.now or deadline == pytest.approx(self.now)

    def teardown(self):
        """From every reachable state, if work ends and time passes, the queue drains."""
        if not hasattr(self, "scheduler"):
            return
        for _ in range(20 * (len(self.submitted) + len(self.workloads) + 10)):
            if self.steps:
                job_id, step = self.steps.popitem()
                self.handle(SUCCESS[step](job_id))
            elif (deadline := self.scheduler.next_deadline()) is not None:
                self.now = max(self.now, deadline)
                self.handle(TimePassed())
            else:
                break
            self.scheduler.validate()
        assert self.finished == self.submitted
        assert self.scheduler.locks.lanes.idle
        assert self.scheduler.locks.qpu.idle
        assert self.scheduler.locks.reservation.idle
        states = {w.state for w in self.scheduler.workloads.values()}
        assert states <= {WorkloadState.CLOSED}


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(stateful_step_count=60, deadline=None)
