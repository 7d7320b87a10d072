"""Anything that can happen, in any order: every invariant holds, and the queue always drains."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from qiskit_modes.scheduling import Instance, Ledger, Mode, Plan, Scheduler, WorkloadState
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
from qiskit_modes.scheduling.instructions import (
    Abandon,
    Compile,
    Execute,
    Finish,
    LookAgain,
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
    Instance("e", Plan("paid", stops_at_limit=True, window_seconds=70.0), limit_seconds=20),
    Instance("f", Plan("late", window_seconds=50.0, running_usage_counts=False), limit_seconds=3),
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
        self.home = {}
        """The QPU of each job and workload, by its number."""

    @initialize(lanes=st.integers(1, 5), qpus=st.integers(1, 2))
    def start(self, lanes, qpus):
        ledger = Ledger()
        self.schedulers = [Scheduler(lanes=lanes, ledger=ledger) for _ in range(qpus)]

    def handle(self, event, qpu=0):
        """Tell the QPU that an event is about; another one that this one has look again, too."""
        about = getattr(event, "job_id", None) or getattr(event, "workload_id", None)
        qpu = qpu % len(self.schedulers)
        if about is not None:
            qpu = self.home.setdefault(about, qpu)
        instructions = self.schedulers[qpu].handle(event, self.now)
        self.schedulers[qpu].validate()
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
                case LookAgain(instance_id):
                    self.handle(UsageChanged(instance_id), qpu + 1)
        return instructions

    def tell_time(self):
        for qpu in range(len(self.schedulers)):
            self.handle(TimePassed(), qpu)

    def next_deadline(self):
        deadlines = [each.next_deadline() for each in self.schedulers]
        return min((at for at in deadlines if at is not None), default=None)

    def name(self, kind):
        self.names += 1
        return f"{kind}{self.names}"

    @rule(
        mode=st.sampled_from([Mode.SESSION, Mode.BATCH]),
        instance=st.sampled_from(INSTANCES),
        max_ttl=st.sampled_from([None, 1, 100, 30_000]),
        qpu=st.integers(0, 1),
    )
    def open(self, mode, instance, max_ttl, qpu):
        workload_id = self.name(mode)
        refused = self.handle(WorkloadOpened(workload_id, mode, instance, max_ttl), qpu)
        if not any(isinstance(i, Refuse) for i in refused):
            self.workloads[workload_id] = instance

    @rule(data=st.data(), limit=st.sampled_from([None, 2, 50]), qpu=st.integers(0, 1))
    def submit(self, data, limit, qpu):
        workload_id = data.draw(st.sampled_from([None, *self.workloads]))
        instance = self.workloads.get(workload_id) or data.draw(st.sampled_from(INSTANCES))
        job_id = self.name("job")
        qpu = self.home.get(workload_id, qpu)
        answer = self.handle(JobSubmitted(job_id, instance, workload_id, limit), qpu)
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
    @rule(
        data=st.data(),
        event=st.sampled_from([WorkloadClosed, WorkloadCancelled, WorkloadExpired]),
    )
    def end_workload(self, data, event):
        self.handle(event(data.draw(st.sampled_from(sorted(self.workloads)))))

    @rule(seconds=DURATIONS)
    def time_passes(self, seconds):
        self.now += seconds
        self.tell_time()

    @rule(
        event=st.sampled_from([CalibrationDue, MaintenanceBegan]),
        seconds=st.sampled_from([0.0, 1.0, 600.0]),
        qpu=st.integers(0, 1),
    )
    def service_is_due(self, event, seconds, qpu):
        self.handle(event(seconds), qpu)

    @rule(
        name=st.sampled_from("def"),
        plan=st.sampled_from([instance.plan for instance in INSTANCES[3:]]),
        limit=st.sampled_from([2.0, 40.0, None]),
    )
    def an_instance_gets_other_limits(self, name, plan, limit):
        for qpu in range(len(self.schedulers)):
            self.handle(InstanceChanged(Instance(name, plan, limit_seconds=limit)), qpu)

    @rule()
    def time_jumps_to_the_next_deadline(self):
        deadline = self.next_deadline()
        if deadline is not None:
            self.now = max(self.now, deadline)
            self.tell_time()

    @invariant()
    def holds(self):
        for scheduler in getattr(self, "schedulers", []):
            deadline = scheduler.next_deadline()
            told = scheduler.now == self.now
            assert deadline is None or not told or deadline >= self.now

    def teardown(self):
        """From every reachable state, if work ends and time passes, the queue drains."""
        if not hasattr(self, "schedulers"):
            return
        for _ in range(20 * (len(self.submitted) + len(self.workloads) + 10)):
            if self.steps:
                job_id, step = self.steps.popitem()
                self.handle(SUCCESS[step](job_id))
            elif (deadline := self.next_deadline()) is not None:
                self.now = max(self.now, deadline)
                self.tell_time()
            else:
                break
        assert self.finished == self.submitted
        for scheduler in self.schedulers:
            assert scheduler.locks.lanes.idle
            assert scheduler.locks.qpu.idle
            assert scheduler.locks.reservation.idle
            assert not scheduler.tenancies
            states = {w.state for w in scheduler.workloads.values()}
            assert states <= {WorkloadState.CLOSED}


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(stateful_step_count=60, deadline=None)
