"""The scheduler against the naive model of its rules: the same answer to everything, always."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from qiskit_modes.scheduling import Instance, Mode, Plan, Scheduler
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
from qiskit_modes.scheduling.instructions import Announce, Finish, Refuse
from qiskit_modes.scheduling.job import Fault
from tests.scheduling.reference_model import ReferenceModel

SUCCESS = {"Compile": JobCompiled, "Execute": JobExecuted, "PostProcess": JobPostProcessed}
DAY = 24 * 3600.0
INSTANCES = [
    Instance("a", allocation_seconds=128),
    Instance("b", allocation_seconds=256),
    Instance("brief", Plan(active_ttl_seconds=8.0)),
    Instance("few", Plan(max_pending_jobs=2)),
    Instance("slow", Plan(max_submissions_per_minute=2, sessions_allowed=False)),
    Instance("poor", Plan(window_seconds=600.0), limit_seconds=4.0),
    Instance("stopped", Plan(window_seconds=600.0, stops_at_limit=True), limit_seconds=4.0),
]
# Binary fractions: sums of them are exact, so that both may add them up in any order.
SECONDS = st.sampled_from([0.0, 0.25, 1.0, 3.0, 60.0, 90.0, 600.0]) | st.sampled_from(
    [0.25, 1.0, 2.0, 1800.0, 11_000.0, 20 * DAY]
)
STATES = {
    "Queued": "queued",
    "Compiling": "compiling",
    "Ready": "ready",
    "Executing": "executing",
    "PostProcessing": "post-processing",
    "Abandoning": "abandoning",
    "Finished": "finished",
}


def outcome_of(outcome):
    """What counts of an outcome; its words are for people."""
    if outcome is None:
        return None
    return type(outcome).__name__, getattr(outcome, "fault", None), getattr(outcome, "code", None)


def plain(instruction):
    """An instruction as the model writes it."""
    match instruction:
        case Finish(job_id, outcome):
            return "Finish", job_id, outcome_of(outcome)
        case Refuse(subject_id, refusal):
            return "Refuse", subject_id, refusal.name
        case _:
            return type(instruction).__name__, instruction.job_id


class BothWays(RuleBasedStateMachine):
    """Everything happens to a scheduler and to the model at once."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.names = 0
        self.steps = {}
        """Job id to the name of the step that has been asked for and not been answered."""

    @initialize(lanes=st.sampled_from([2, 5, 1]))
    def start(self, lanes):
        self.scheduler, self.model = Scheduler(lanes=lanes), ReferenceModel(lanes)

    def handle(self, event):
        instructions = self.scheduler.handle(event, self.now)
        found = [plain(i) for i in instructions if not isinstance(i, Announce)]
        expected = [
            (*rest, outcome_of(last)) if rest[0] == "Finish" else (*rest, last)
            for *rest, last in self.model.handle(event, self.now)
        ]
        assert found == expected
        for name, job_id, *_ in found:
            if name in SUCCESS:
                assert job_id not in self.steps, "a step was asked for before the last ended"
                self.steps[job_id] = name
        self.compare()
        return instructions

    def compare(self):
        for job in self.model.jobs:
            core = self.scheduler.jobs[job.id]
            assert STATES[type(core.state).__name__] == job.state
            times = core.running_at, core.executing_at, core.released_at, core.settled_at
            assert times == (job.got_lane, job.got_qpu, job.gave_qpu, job.settled)
            assert outcome_of(core.outcome) == outcome_of(job.outcome)
        for workload in self.model.workloads:
            core = self.scheduler.workloads[workload.id]
            assert (core.state, core.accepting_jobs) == (workload.state, workload.accepts)
            assert core.timestamps == workload.story
            assert core.last_job_started == workload.started
            assert core.last_job_completed == workload.completed
            assert core.job_seconds == workload.job_seconds
        for instance in INSTANCES:
            assert self.scheduler.ledger.used(instance, self.now) == self.model.used(instance)
        assert len(self.scheduler.jobs) == len(self.model.jobs)
        assert len(self.scheduler.workloads) == len(self.model.workloads)
        assert self.scheduler.calibration_ends_at == self.model.calibration_ends
        coming, draining = self.scheduler.draining_for, self.model.draining
        assert (coming and coming.id) == (draining and draining.id)
        deadline, timer = self.scheduler.next_deadline(), self.model.next_timer()
        # The scheduler has one kind of deadline more: when it has something to announce.
        assert timer is None or (deadline is not None and deadline <= timer[0])

    def name(self, kind):
        self.names += 1
        return f"{kind}{self.names}"

    @rule(
        mode=st.sampled_from([Mode.SESSION, Mode.BATCH]),
        instance=st.sampled_from(INSTANCES),
        max_ttl=st.sampled_from([None, None, 1, 100, 28_801]),
    )
    def open(self, mode, instance, max_ttl):
        self.handle(WorkloadOpened(self.name(mode), mode, instance, max_ttl))

    @rule(
        modes=st.lists(st.sampled_from([Mode.BATCH, Mode.SESSION]), min_size=1, max_size=3)
        | st.just([Mode.BATCH, Mode.BATCH]),
        times=st.integers(1, 4),
        max_ttl=st.sampled_from([None, 100]),
        instance=st.sampled_from([INSTANCES[0], INSTANCES[2]]),
        then=st.sampled_from([None, None, WorkloadClosed, WorkloadCancelled]),
    )
    def several_arrive_with_jobs(self, modes, times, max_ttl, instance, then):
        names = [self.name(mode) for mode in modes]
        for name, mode in zip(names, modes, strict=True):
            self.handle(WorkloadOpened(name, mode, instance, max_ttl))
        for _ in range(times):
            for name in names:
                self.handle(JobSubmitted(self.name("job"), instance, name))
                self.now += 0.25
        if then is not None:
            self.handle(then(names[-1]))

    @rule(data=st.data(), limit=st.sampled_from([None, 2, 50]), times=st.integers(1, 3))
    def submit(self, data, limit, times):
        workload = data.draw(st.sampled_from([None, None, *self.model.workloads]))
        instance = data.draw(st.sampled_from(INSTANCES)) if workload is None else workload.instance
        for _ in range(times):
            workload_id = None if workload is None else workload.id
            self.handle(JobSubmitted(self.name("job"), instance, workload_id, limit))

    @precondition(lambda self: self.model.workloads)
    @rule(data=st.data(), times=st.integers(1, 3))
    def every_workload_gets_more_jobs(self, data, times):
        workloads = [w for w in self.model.workloads if w.accepts][:3]
        for workload in data.draw(st.permutations(workloads)):
            for _ in range(times):
                self.handle(JobSubmitted(self.name("job"), workload.instance, workload.id))

    @precondition(lambda self: self.steps)
    @rule(data=st.data())
    def step_succeeds(self, data):
        job_id = data.draw(st.sampled_from(sorted(self.steps)))
        self.handle(SUCCESS[self.steps.pop(job_id)](job_id))

    @precondition(lambda self: self.steps)
    @rule(seconds=st.sampled_from([0.0, 0.25, 2.0]))
    def all_steps_succeed(self, seconds):
        for job_id in list(self.steps):
            self.now += seconds
            self.handle(SUCCESS[self.steps.pop(job_id)](job_id))

    @precondition(lambda self: self.steps)
    @rule(seconds=st.sampled_from([1.0, 60.0]))
    def everything_ends_and_rests(self, seconds):
        while self.steps:
            job_id, step = self.steps.popitem()
            self.handle(SUCCESS[step](job_id))
        self._pass(seconds)

    @precondition(lambda self: self.steps)
    @rule(data=st.data(), fault=st.sampled_from(Fault))
    def step_fails(self, data, fault):
        job_id = data.draw(st.sampled_from(sorted(self.steps)))
        del self.steps[job_id]
        self.handle(JobFailed(job_id, fault, "failed", 7))

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def cancel(self, data):
        self.handle(CancelRequested(data.draw(st.sampled_from(self.model.jobs)).id))

    @precondition(lambda self: self.model.workloads)
    @rule(data=st.data(), event=st.sampled_from([WorkloadClosed, WorkloadCancelled]))
    def end_workload(self, data, event):
        self.handle(event(data.draw(st.sampled_from(self.model.workloads)).id))

    @rule(seconds=SECONDS)
    def time_passes(self, seconds):
        self._pass(seconds)

    def _pass(self, seconds):
        self.now += seconds
        self.handle(TimePassed())

    @rule(
        event=st.sampled_from([CalibrationDue, CalibrationDue, MaintenanceBegan]),
        seconds=st.sampled_from([1.0, 5.0, 600.0]),
    )
    def service_is_due(self, event, seconds):
        self.handle(event(seconds))

    @precondition(lambda self: self.scheduler.next_deadline() is not None)
    @rule()
    def time_jumps_to_the_next_deadline(self):
        deadline, timer = self.scheduler.next_deadline(), self.model.next_timer()
        self.now = max(self.now, deadline)
        instructions = self.handle(TimePassed())
        if timer is None or deadline < timer[0]:
            kinds = {type(instruction) for instruction in instructions}
            assert kinds == {Announce}, "nothing but an announcement was due"


TestBothWays = BothWays.TestCase
TestBothWays.settings = settings(stateful_step_count=60, deadline=None)
