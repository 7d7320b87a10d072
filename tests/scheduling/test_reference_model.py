"""The scheduler against the naive model of its rules: the same answer to everything, always."""

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from qiskit_modes.scheduling import Instance, Ledger, Mode, Plan, Scheduler
from qiskit_modes.scheduling.events import (
    CalibrationDue,
    CancelRequested,
    InstanceChanged,
    JobCompiled,
    JobExecuted,
    JobFailed,
    JobPostProcessed,
    JobSubmitted,
    MaintenanceBegan,
    TimePassed,
    UsageChanged,
    WorkloadCancelled,
    WorkloadClosed,
    WorkloadExpired,
    WorkloadOpened,
)
from qiskit_modes.scheduling.instructions import Announce, Finish, LookAgain, Refuse
from qiskit_modes.scheduling.job import Fault
from tests.examples import examples
from tests.scheduling.reference_model import Books, ReferenceModel

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
    Instance(
        "late",
        Plan(
            window_seconds=None,
            stops_at_limit=True,
            running_usage_counts=False,
            maintenance_interrupts_sessions=True,
            interactive_ttl_may_exceed_max_ttl=True,
        ),
        limit_seconds=4.0,
    ),
]
LIMITED = INSTANCES[-3:]
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
    """Everything happens to a scheduler and to the model at once; or to two QPUs of each.

    One QPU may be told late of the time. Of two each is told in time, as the shell does it.
    """

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.names = 0
        self.steps = {}
        """Job id to the name of the step that has been asked for and not been answered."""
        self.home = {}
        """The QPU of each job and workload, by its number."""

    @initialize(lanes=st.sampled_from([2, 5, 1]), qpus=st.sampled_from([1, 1, 2]))
    def start(self, lanes, qpus):
        ledger, books = Ledger(), Books()
        self.schedulers = [Scheduler(lanes=lanes, ledger=ledger) for _ in range(qpus)]
        self.models = [ReferenceModel(lanes, books) for _ in range(qpus)]

    def handle(self, event, qpu=None):
        """Tell the QPU that an event is about, or another one that begins there."""
        if len(self.schedulers) > 1:
            self.pass_in_time()
        about = getattr(event, "job_id", None) or getattr(event, "workload_id", None)
        qpu = self.home.setdefault(about, 0 if qpu is None else qpu) if about else qpu or 0
        return self.tell(event, qpu)

    def pass_in_time(self):
        for turn in count():
            assert turn < 10_000, "a deadline does not pass"
            deadlines = [(s.next_deadline(), n) for n, s in enumerate(self.schedulers)]
            due = [each for each in deadlines if each[0] is not None and each[0] <= self.now]
            if not due:
                return
            # What is due may follow from what another was told later: nobody is told of the past.
            told = max(scheduler.now for scheduler in self.schedulers)
            now, self.now = self.now, max(min(due)[0], told)
            self.tell(TimePassed(), min(due)[1])
            self.now = now

    def tell(self, event, qpu):
        instructions = self.schedulers[qpu].handle(event, self.now)
        look_again = [i.instance_id for i in instructions if isinstance(i, LookAgain)]
        found = [plain(i) for i in instructions if not isinstance(i, Announce | LookAgain)]
        expected = [
            (*rest, outcome_of(last)) if rest[0] == "Finish" else (*rest, last)
            for *rest, last in self.models[qpu].handle(event, self.now)
        ]
        assert found == expected
        for name, job_id, *_ in found:
            if name in SUCCESS:
                assert job_id not in self.steps, "a step was asked for before the last ended"
                self.steps[job_id] = name
        for other in range(len(self.schedulers)):
            for instance_id in look_again:
                if other != qpu and self.schedulers[other].concerns(instance_id):
                    self.tell(UsageChanged(instance_id), other)
        if not isinstance(event, UsageChanged):
            for n, (scheduler, model) in enumerate(zip(self.schedulers, self.models, strict=True)):
                self.compare(scheduler, model)
                if n == qpu:  # another may not have been told yet of what has changed here
                    scheduler.validate()
                    self.compare_deadlines(scheduler, model)
        return instructions

    def compare(self, scheduler, model):
        for job in model.jobs:
            core = scheduler.jobs[job.id]
            assert STATES[type(core.state).__name__] == job.state
            times = core.running_at, core.executing_at, core.released_at, core.settled_at
            expected = job.got_lane, job.got_qpu, job.gave_qpu, job.settled
            assert times == expected, job.id
            assert outcome_of(core.ending) == outcome_of(job.outcome)
        for workload in model.workloads:
            core = scheduler.workloads[workload.id]
            assert (core.state, core.accepting_jobs) == (workload.state, workload.accepts)
            assert core.timestamps == workload.story
            assert core.last_job_started == workload.started
            assert core.last_job_completed == workload.completed
            assert core.job_seconds == workload.job_seconds
        if model.now == self.now:
            for instance in INSTANCES:
                assert scheduler.ledger.used(instance, self.now) == model.used(instance)
        assert len(scheduler.jobs) == len(model.jobs)
        assert len(scheduler.workloads) == len(model.workloads)
        assert scheduler.calibration_ends_at == model.calibration_ends
        coming, draining = scheduler.draining_for, model.draining
        assert (coming and coming.id) == (draining and draining.id)

    def compare_deadlines(self, scheduler, model):
        deadline, timer = scheduler.next_deadline(), model.next_timer()
        # The scheduler has one kind of deadline more: when it has something to announce.
        assert timer is None or (deadline is not None and deadline <= timer[0])

    @property
    def jobs(self):
        return [job for model in self.models for job in model.jobs]

    @property
    def workloads(self):
        return [workload for model in self.models for workload in model.workloads]

    def a_qpu(self, data):
        return data.draw(st.sampled_from(range(len(self.models))))

    def name(self, kind):
        self.names += 1
        return f"{kind}{self.names}"

    @rule(
        data=st.data(),
        mode=st.sampled_from([Mode.SESSION, Mode.BATCH]),
        instance=st.sampled_from(INSTANCES),
        max_ttl=st.sampled_from([None, None, 1, 100, 28_801]),
    )
    def open(self, data, mode, instance, max_ttl):
        event = WorkloadOpened(self.name(mode), mode, instance, max_ttl)
        self.handle(event, self.a_qpu(data))

    @rule(
        modes=st.lists(st.sampled_from([Mode.BATCH, Mode.SESSION]), min_size=1, max_size=3)
        | st.just([Mode.BATCH, Mode.BATCH]),
        data=st.data(),
        times=st.integers(1, 4),
        max_ttl=st.sampled_from([None, 100]),
        instance=st.sampled_from([INSTANCES[0], INSTANCES[2], *LIMITED]),
        then=st.sampled_from([None, None, WorkloadClosed, WorkloadCancelled, WorkloadExpired]),
    )
    def several_arrive_with_jobs(self, data, modes, times, max_ttl, instance, then):
        names = [self.name(mode) for mode in modes]
        qpu = self.a_qpu(data)
        for name, mode in zip(names, modes, strict=True):
            self.handle(WorkloadOpened(name, mode, instance, max_ttl), qpu)
        for _ in range(times):
            for name in names:
                self.handle(JobSubmitted(self.name("job"), instance, name), qpu)
                self.now += 0.25
        if then is not None:
            self.handle(then(names[-1]))

    @rule(data=st.data(), limit=st.sampled_from([None, 2, 50]), times=st.integers(1, 3))
    def submit(self, data, limit, times):
        workload = data.draw(st.sampled_from([None, None, *self.workloads]))
        instance = data.draw(st.sampled_from(INSTANCES)) if workload is None else workload.instance
        qpu = self.a_qpu(data) if workload is None else self.home[workload.id]
        for _ in range(times):
            workload_id = None if workload is None else workload.id
            self.handle(JobSubmitted(self.name("job"), instance, workload_id, limit), qpu)

    @precondition(lambda self: self.workloads)
    @rule(data=st.data(), times=st.integers(1, 3))
    def every_workload_gets_more_jobs(self, data, times):
        workloads = [w for w in self.workloads if w.accepts][:3]
        for workload in data.draw(st.permutations(workloads)):
            for _ in range(times):
                event = JobSubmitted(self.name("job"), workload.instance, workload.id)
                self.handle(event, self.home[workload.id])

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

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data):
        self.handle(CancelRequested(data.draw(st.sampled_from(self.jobs)).id))

    @precondition(lambda self: self.workloads)
    @rule(
        data=st.data(), event=st.sampled_from([WorkloadClosed, WorkloadCancelled, WorkloadExpired])
    )
    def end_workload(self, data, event):
        self.handle(event(data.draw(st.sampled_from(self.workloads)).id))

    @rule(seconds=SECONDS)
    def time_passes(self, seconds):
        self._pass(seconds)

    def _pass(self, seconds):
        self.now += seconds
        for qpu in range(len(self.schedulers)):
            self.handle(TimePassed(), qpu)

    @rule(
        data=st.data(),
        event=st.sampled_from([CalibrationDue, CalibrationDue, MaintenanceBegan]),
        seconds=st.sampled_from([1.0, 5.0, 600.0]),
    )
    def service_is_due(self, data, event, seconds):
        self.handle(event(seconds), self.a_qpu(data))

    @rule(
        instance=st.sampled_from(LIMITED),
        plan=st.sampled_from([None, LIMITED[0].plan, LIMITED[1].plan]),
        limit=st.sampled_from([2.0, 8.0, None]),
    )
    def an_instance_gets_other_limits(self, instance, plan, limit):
        changed = Instance(instance.id, plan or instance.plan, limit_seconds=limit)
        for qpu in range(len(self.schedulers)):
            self.handle(InstanceChanged(changed), qpu)

    @rule(qpu=st.integers(0, 1))
    def time_jumps_to_the_next_deadline(self, qpu):
        scheduler, model = self.schedulers[-qpu], self.models[-qpu]
        deadline, timer = scheduler.next_deadline(), model.next_timer()
        if deadline is None:
            return
        self.now = max(self.now, deadline)
        if len(self.schedulers) > 1:
            self.pass_in_time()
            return
        instructions = self.handle(TimePassed())
        if timer is None or deadline < timer[0]:
            kinds = {type(instruction) for instruction in instructions}
            assert kinds <= {Announce}, "nothing but an announcement was due"


TestBothWays = BothWays.TestCase
TestBothWays.settings = settings(
    max_examples=examples(daily=8), stateful_step_count=60, deadline=None
)
