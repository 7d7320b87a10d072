"""The rules as transcripts: events in, exactly these instructions out."""

from collections.abc import Iterator

import pytest

from qiskit_modes.scheduling import Instance, Ledger, Mode, Plan, Scheduler, WorkloadState
from qiskit_modes.scheduling.errors import IllegalTransition
from qiskit_modes.scheduling.events import (
    CalibrationDue,
    CancelRequested,
    Event,
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
    Announce,
    Compile,
    Execute,
    Finish,
    Instruction,
    LookAgain,
    PostProcess,
    Refusal,
    Refuse,
)
from qiskit_modes.scheduling.job import RAN_TOO_LONG, Cancelled, Completed, EndedBy, Failed, Fault
from qiskit_modes.scheduling.locks import Hold
from qiskit_modes.scheduling.plan import PAY_AS_YOU_GO

ALICE = Instance("alice")
BOB = Instance("bob")


class Driver:
    """Feeds a scheduler and checks every invariant after every event."""

    def __init__(self, lanes: int = 5, ledger: Ledger | None = None) -> None:
        self.scheduler = Scheduler(lanes=lanes, ledger=ledger)

    def __call__(self, event: Event, now: float) -> list[Instruction]:
        instructions = self.scheduler.handle(event, now)
        self.scheduler.validate()
        return instructions

    def submit(self, job_id: str, now: float, workload_id: str | None = None, **more: object):
        more = {"instance": ALICE, **more}
        return self(JobSubmitted(job_id, workload_id=workload_id, **more), now)

    def open(self, workload_id: str, mode: Mode, now: float = 0.0, **more: object):
        more = {"instance": ALICE, **more}
        return self(WorkloadOpened(workload_id, mode, **more), now)

    def run_through(self, job_id: str, compiled: float, executed: float, done: float) -> None:
        """Answer the three steps of a job that gets the QPU at once."""
        self(JobCompiled(job_id), compiled)
        self(JobExecuted(job_id), executed)
        self(JobPostProcessed(job_id), done)

    def state(self, workload_id: str) -> WorkloadState:
        return self.scheduler.workloads[workload_id].state

    def ending(self, job_id: str):
        return self.scheduler.jobs[job_id].ending


@pytest.fixture
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.scheduler.validate()


# -- job mode ------------------------------------------------------------------------------------


def test_a_job_locks_the_qpu_only_while_its_circuits_execute(driver):
    assert driver.submit("j", 0) == [Compile("j")]
    assert driver.scheduler.locks.qpu.idle
    assert driver(JobCompiled("j"), 10) == [Execute("j")]
    assert driver(JobExecuted("j"), 13) == [PostProcess("j")]
    assert driver.scheduler.locks.qpu.idle
    assert driver(JobPostProcessed("j"), 18) == [Finish("j", Completed())]
    job = driver.scheduler.jobs["j"]
    assert (job.running_at, job.executing_at, job.released_at, job.settled_at) == (0, 10, 13, 18)
    assert job.charged_seconds(99) == 3
    assert list(driver.scheduler.locks.qpu.history) == [Hold("j", 10, 13)]


def test_a_lane_for_each_of_the_first_five_jobs(driver):
    for n in range(5):
        assert driver.submit(f"j{n}", 0) == [Compile(f"j{n}")]
    assert driver.submit("j5", 0) == []
    assert driver(JobFailed("j2", Fault.USER, "boom"), 1) == [
        Finish("j2", Failed(Fault.USER, "boom")),
        Compile("j5"),
    ]


def test_jobs_ready_for_the_qpu_get_it_in_the_order_in_which_they_became_ready(driver):
    for name in "abc":
        driver.submit(name, 0)
    assert driver(JobCompiled("b"), 1) == [Execute("b")]
    assert driver(JobCompiled("c"), 2) == []
    assert driver(JobCompiled("a"), 3) == []
    assert driver(JobExecuted("b"), 4) == [PostProcess("b"), Execute("c")]
    assert driver(JobExecuted("c"), 5) == [PostProcess("c"), Execute("a")]


def test_cancelling_a_queued_job_costs_nothing(driver):
    for n in range(6):
        driver.submit(f"j{n}", 0)
    ending = Cancelled("it was cancelled by its user", by=EndedBy.USER)
    assert driver(CancelRequested("j5"), 1) == [Finish("j5", ending)]
    assert driver.scheduler.jobs["j5"].running_at is None
    assert driver.scheduler.jobs["j5"].charged_seconds(9) == 0


def test_cancelling_on_the_qpu_keeps_the_lock_until_the_qpu_has_stopped(driver):
    driver.submit("a", 0)
    driver.submit("b", 0)
    driver(JobCompiled("a"), 1)
    driver(JobCompiled("b"), 1)
    ending = Cancelled("it was cancelled by its user", by=EndedBy.USER)
    assert driver(CancelRequested("a"), 5) == [Abandon("a"), Finish("a", ending)]
    assert "a" in driver.scheduler.locks.qpu
    assert driver(JobFailed("a", Fault.SYSTEM, "killed"), 6) == [Execute("b")]
    assert driver.ending("a") == ending
    assert driver.scheduler.jobs["a"].charged_seconds(9) == 5


def test_a_result_that_arrives_after_the_cancel_does_not_turn_it_into_a_success(driver):
    driver.submit("a", 0)
    driver(JobCompiled("a"), 1)
    driver(CancelRequested("a"), 2)
    assert driver(JobExecuted("a"), 2) == []
    assert driver.ending("a") == Cancelled("it was cancelled by its user", by=EndedBy.USER)


def test_a_job_cannot_be_cancelled_twice(driver):
    driver.submit("a", 0)
    driver(CancelRequested("a"), 1)
    (refused,) = driver(CancelRequested("a"), 1)
    assert isinstance(refused, Refuse)
    assert refused.refusal is Refusal.ALREADY_FINAL


def test_a_job_that_holds_the_qpu_too_long_is_stopped_at_its_limit(driver):
    driver.submit("a", 0, max_execution_seconds=5)
    driver(JobCompiled("a"), 10)
    assert driver.scheduler.next_deadline() == 15
    assert driver(TimePassed(), 15) == [Abandon("a"), Finish("a", RAN_TOO_LONG)]
    driver(JobFailed("a", Fault.SYSTEM, "killed"), 15)
    assert driver.scheduler.jobs["a"].charged_seconds(99) == 5


def test_no_job_may_hold_the_qpu_for_more_than_three_hours(driver):
    driver.submit("a", 0, max_execution_seconds=20_000)
    driver(JobCompiled("a"), 0)
    assert driver.scheduler.next_deadline() == 10_800


@pytest.mark.parametrize(("fault", "charged"), [(Fault.USER, 2), (Fault.SYSTEM, 0)])
def test_a_failure_is_charged_only_if_it_is_the_users(driver, fault, charged):
    driver.submit("a", 0)
    driver(JobCompiled("a"), 1)
    driver(JobFailed("a", fault, "boom", 1234), 3)
    assert driver.ending("a") == Failed(fault, "boom", 1234)
    assert driver.scheduler.jobs["a"].charged_seconds(9) == charged
    assert driver.scheduler.ledger.used(ALICE, 9) == charged


def test_a_step_that_was_never_begun_cannot_end(driver):
    driver.submit("a", 0)
    with pytest.raises(IllegalTransition, match=r"job a .*Compiling"):
        driver.scheduler.handle(JobExecuted("a"), 1)


def test_time_does_not_run_backwards(driver):
    driver.submit("a", 5)
    with pytest.raises(ValueError, match="backwards"):
        driver.scheduler.handle(TimePassed(), 4)


# -- sessions ------------------------------------------------------------------------------------


def test_a_session_reserves_the_qpu_from_the_start_of_its_first_job(driver):
    driver.open("s", Mode.SESSION)
    assert driver.scheduler.locks.reservation.idle
    assert driver.submit("mine", 1, "s") == [Compile("mine")]
    assert driver.scheduler.locks.reservation.holders == ("s",)
    assert driver.submit("yours", 2, instance=BOB) == []
    assert driver.scheduler.next_deadline() == 4  # then it has waited long enough to be told
    (announced,) = driver(TimePassed(), 4)
    assert isinstance(announced, Announce)
    assert announced.wait.blocker_id == "s"
    assert announced.wait.seconds_if_idle is None
    driver.run_through("mine", 4, 5, 5)
    assert driver.scheduler.waits_for("yours", 6).seconds_if_idle == 59
    assert driver.scheduler.next_deadline() == 65
    assert driver(TimePassed(), 65) == [Compile("yours")]
    assert driver.state("s") is WorkloadState.INACTIVE
    assert driver.scheduler.workloads["s"].usage_seconds(999) == 64


def test_a_session_waits_until_the_lanes_are_empty_and_nothing_overtakes_it(driver):
    driver.submit("before", 0, instance=BOB)
    driver.open("s", Mode.SESSION)
    assert driver.submit("first", 1, "s") == []
    assert driver.submit("after", 2, instance=BOB) == []
    driver(JobCompiled("before"), 3)
    (announced, *_) = driver(JobExecuted("before"), 4)
    assert announced == Announce(driver.scheduler.waits_for("after", 4))
    assert announced.wait.blocker_id == "s"
    assert driver(JobPostProcessed("before"), 5) == [
        Finish("before", Completed()),
        Compile("first"),
    ]
    assert driver.state("s") is WorkloadState.ACTIVE


def test_a_drain_ends_when_the_sessions_jobs_are_cancelled(driver):
    driver.submit("before", 0, instance=BOB)
    driver.open("s", Mode.SESSION)
    driver.submit("first", 0, "s")
    driver.submit("after", 0, instance=BOB)
    assert driver(CancelRequested("first"), 1)[-1] == Compile("after")


def test_a_session_submits_again_in_time_and_keeps_the_qpu(driver):
    driver.open("s", Mode.SESSION)
    driver.submit("a", 0, "s")
    driver.run_through("a", 0, 10, 10)
    assert driver.submit("b", 40, "s") == [Compile("b")]
    driver.run_through("b", 40, 50, 50)
    driver(WorkloadClosed("s"), 50)
    assert driver.state("s") is WorkloadState.CLOSED
    assert driver.scheduler.workloads["s"].usage_seconds(999) == 50


def test_an_inactive_session_goes_through_the_queue_and_is_active_again(driver):
    driver.open("s", Mode.SESSION)
    driver.submit("a", 0, "s")
    driver.run_through("a", 0, 10, 10)
    assert driver.submit("other", 100, instance=BOB) == [Compile("other")]
    assert driver.submit("b", 101, "s") == []
    driver.run_through("other", 102, 103, 103)
    session = driver.scheduler.workloads["s"]
    assert session.state is WorkloadState.ACTIVE
    assert session.started_at == 0
    assert session.activated_at == 103
    driver.run_through("b", 103, 104, 104)
    driver(WorkloadClosed("s"), 104)
    states = [(str(state), at) for state, at in session.timestamps]
    assert states == [
        ("open", 0),
        ("active", 0),
        ("inactive", 70),
        ("active", 103),
        ("closed", 104),
    ]
    assert session.usage_seconds(999) == 71


def test_a_closed_session_finishes_what_it_has_and_ends_at_its_last_job(driver):
    driver = Driver(lanes=1)
    driver.open("s", Mode.SESSION)
    driver.submit("a", 0, "s")
    driver.submit("b", 0, "s")
    driver(WorkloadClosed("s"), 1)
    assert driver.state("s") is WorkloadState.ACTIVE
    (refused,) = driver.submit("c", 1, "s")
    assert isinstance(refused, Refuse)
    assert refused.refusal is Refusal.NOT_ACCEPTING
    driver.run_through("a", 2, 3, 4)
    driver.run_through("b", 5, 6, 7)
    assert driver.state("s") is WorkloadState.CLOSED
    assert driver.scheduler.workloads["s"].closed_at == 7


def test_an_open_session_that_is_closed_still_runs_what_waits_in_the_queue(driver):
    driver = Driver(lanes=1)
    driver.submit("before", 0, instance=BOB)
    driver.open("s", Mode.SESSION)
    driver.submit("a", 0, "s")
    driver(WorkloadClosed("s"), 1)
    assert driver.state("s") is WorkloadState.OPEN
    driver.run_through("before", 2, 3, 4)
    driver.run_through("a", 5, 6, 7)
    assert driver.ending("a") == Completed()
    assert driver.state("s") is WorkloadState.CLOSED


def test_a_cancelled_session_ends_with_its_running_jobs(driver):
    driver = Driver(lanes=1)
    driver.open("s", Mode.SESSION)
    driver.submit("a", 0, "s")
    driver.submit("b", 0, "s")
    dropped = Cancelled("its session or batch was cancelled", by=EndedBy.WORKLOAD)
    assert driver(WorkloadCancelled("s"), 1) == [Finish("b", dropped)]
    driver.run_through("a", 2, 3, 4)
    assert driver.ending("a") == Completed()
    assert driver.state("s") is WorkloadState.CLOSED


def test_the_maximum_ttl_never_pauses_and_fails_what_is_queued(driver):
    driver = Driver(lanes=1)
    driver.open("s", Mode.SESSION, max_ttl_seconds=100)
    driver.submit("a", 10, "s")
    driver.submit("b", 10, "s")
    driver(TimePassed(), 109)
    instructions = driver(TimePassed(), 200)  # however late anybody looks
    assert [type(i) for i in instructions] == [Finish]
    assert isinstance(driver.ending("b"), Failed)
    assert driver.scheduler.jobs["b"].settled_at == 110
    driver.run_through("a", 201, 202, 203)
    assert driver.ending("a") == Completed()
    assert driver.scheduler.workloads["s"].usage_seconds(999) == 193


def test_a_session_whose_time_is_over_refuses_however_late_the_timer_is(driver):
    driver.open("s", Mode.SESSION, max_ttl_seconds=30)
    driver.submit("a", 0, "s")
    driver.run_through("a", 1, 2, 3)
    (refused,) = driver.submit("b", 1000, "s")
    assert "maximum TTL" in refused.message
    assert driver.scheduler.workloads["s"].closed_at == 30


def test_an_unused_session_closes_by_itself_after_half_an_hour(driver):
    driver.open("s", Mode.SESSION)
    assert driver.scheduler.next_deadline() == 1800
    driver(TimePassed(), 1800)
    assert driver.state("s") is WorkloadState.CLOSED
    assert driver.scheduler.next_deadline() is None


def test_closing_twice_does_nothing(driver):
    driver.open("s", Mode.SESSION)
    assert driver(WorkloadClosed("s"), 1) == []
    assert driver(WorkloadClosed("s"), 2) == []
    assert driver(WorkloadCancelled("s"), 3) == []
    assert driver.scheduler.workloads["s"].closed_at == 1


def test_of_two_sessions_only_one_is_active(driver):
    driver.open("s", Mode.SESSION)
    driver.open("t", Mode.SESSION, instance=BOB)
    driver.submit("a", 0, "s")
    assert driver.submit("b", 0, "t", instance=BOB) == []
    driver.run_through("a", 0, 1, 1)
    driver(WorkloadClosed("s"), 5)
    assert driver.scheduler.locks.reservation.holders == ("t",)
    assert driver.scheduler.workloads["t"].activated_at == 5


def test_a_plan_without_sessions_refuses_them_and_allows_batches(driver):
    carol = Instance("carol", Plan("open", sessions_allowed=False))
    (refused,) = driver.open("s", Mode.SESSION, instance=carol)
    assert refused.refusal is Refusal.PLAN
    assert "s" not in driver.scheduler.workloads
    assert driver.open("b", Mode.BATCH, instance=carol) == []


def test_limits_beyond_the_plan_are_refused(driver):
    (refused,) = driver.open("s", Mode.SESSION, max_ttl_seconds=28_801)
    assert refused.refusal is Refusal.LIMIT
    driver.open("t", Mode.SESSION, max_ttl_seconds=60)
    (refused,) = driver.submit("a", 0, "t", max_execution_seconds=61)
    assert refused.refusal is Refusal.LIMIT


def test_pending_jobs_are_limited_by_the_plan(driver):
    carol = Instance("carol", Plan("open", max_pending_jobs=1))
    driver.submit("a", 0, instance=carol)
    (refused,) = driver.submit("b", 0, instance=carol)
    assert refused.refusal is Refusal.BUSY
    driver.run_through("a", 1, 2, 3)
    assert driver.submit("b", 4, instance=carol) == [Compile("b")]


# -- batches -------------------------------------------------------------------------------------


def test_a_batch_fills_free_lanes_and_leaves_the_rest_to_others(driver):
    driver.open("b", Mode.BATCH)
    for n in range(2):
        driver.submit(f"b{n}", 0, "b")
    for n in range(3):
        assert driver.submit(f"j{n}", 0, instance=BOB) == [Compile(f"j{n}")]
    assert driver.submit("j3", 0, instance=BOB) == []


def test_the_jobs_of_an_active_batch_go_to_the_front_of_the_queue(driver):
    driver = Driver(lanes=1)
    driver.open("b", Mode.BATCH)
    driver.submit("b0", 0, "b")
    driver.submit("other", 1, instance=BOB)
    driver.submit("b1", 1.5, "b")
    driver(JobCompiled("b0"), 1.6)
    driver(JobExecuted("b0"), 1.7)
    assert driver(JobPostProcessed("b0"), 1.8)[-1] == Compile("b1")


def test_a_batch_packs_the_quantum_parts_back_to_back(driver):
    driver.open("b", Mode.BATCH)
    for n in range(4):
        driver.submit(f"b{n}", 0, "b")
    for n in range(4):
        driver(JobCompiled(f"b{n}"), 10)
    for n in range(4):
        driver(JobExecuted(f"b{n}"), 13 + 3 * n)
    holds = [(hold.start, hold.end) for hold in driver.scheduler.locks.qpu.history]
    assert holds == [(10, 13), (13, 16), (16, 19), (19, 22)]
    for n in range(4):
        driver(JobPostProcessed(f"b{n}"), 22)
    assert driver.scheduler.workloads["b"].usage_seconds(99) == 12


def test_an_idle_batch_loses_its_priority_after_a_second(driver):
    driver.open("b", Mode.BATCH)
    driver.submit("b0", 0, "b")
    driver.run_through("b0", 1, 2, 3)
    assert driver.scheduler.next_deadline() == 4
    driver(TimePassed(), 4)
    assert driver.state("b") is WorkloadState.INACTIVE
    assert driver.submit("b1", 9, "b") == [Compile("b1")]
    assert driver.state("b") is WorkloadState.ACTIVE


def test_a_failed_job_of_a_batch_does_not_touch_the_others(driver):
    driver.open("b", Mode.BATCH)
    driver.submit("b0", 0, "b")
    driver.submit("b1", 0, "b")
    driver(JobFailed("b0", Fault.USER, "boom"), 1)
    driver.run_through("b1", 1, 2, 3)
    assert driver.ending("b1") == Completed()


# -- the queue and calibrations --------------------------------------------------------------------


def test_the_instance_that_used_the_smaller_part_of_its_allocation_comes_first():
    big, small = Instance("big", allocation_seconds=200), Instance("small", allocation_seconds=100)
    driver = Driver(lanes=1)
    now, turns = 0.0, []
    for n in range(30):
        driver.submit(f"big{n}", now, instance=big)
        driver.submit(f"small{n}", now, instance=small)
    for _ in range(30):
        (job_id,) = driver.scheduler.locks.lanes.holders
        turns.append(driver.scheduler.jobs[job_id].instance.id)
        driver.run_through(job_id, now, now + 10, now + 10)
        now += 10
    assert turns.count("big") == 2 * turns.count("small")


def test_nothing_starts_of_an_instance_at_its_limit_until_usage_leaves_the_window(driver):
    carol = Instance("carol", limit_seconds=3)
    driver.submit("a", 0, instance=carol)
    driver.run_through("a", 0, 3, 3)
    assert driver.submit("b", 4, instance=carol) == []
    assert driver.submit("c", 4) == [Compile("c")]
    relief = 3 + carol.plan.window_seconds
    assert driver.scheduler.next_deadline() <= relief
    driver.run_through("c", 5, 6, 7)
    assert driver(TimePassed(), relief) == [Compile("b")]


def test_what_is_active_goes_on_beyond_the_limit(driver):
    carol = Instance("carol", limit_seconds=3)
    driver.open("s", Mode.SESSION, instance=carol)
    driver.submit("a", 0, "s", instance=carol)
    driver.run_through("a", 0, 10, 10)
    assert driver.submit("b", 11, "s", instance=carol) == [Compile("b")]


def test_a_plan_may_stop_what_runs_at_the_limit(driver):
    carol = Instance("carol", PAY_AS_YOU_GO, limit_seconds=5)
    driver.submit("a", 0, instance=carol)
    driver(JobCompiled("a"), 1)
    assert driver.scheduler.next_deadline() == 6
    assert driver(TimePassed(), 6) == [Abandon("a"), Finish("a", RAN_TOO_LONG)]
    driver(JobFailed("a", Fault.SYSTEM, "killed"), 6)
    assert driver.scheduler.ledger.used(carol, 7) == 5
    assert driver.submit("b", 8, instance=carol) == []


def test_a_plan_may_end_a_session_at_the_limit(driver):
    carol = Instance("carol", PAY_AS_YOU_GO, limit_seconds=5)
    driver = Driver(lanes=1)
    driver.open("s", Mode.SESSION, instance=carol)
    driver.submit("a", 10, "s", instance=carol)
    driver.submit("b", 10, "s", instance=carol)
    finished = driver(TimePassed(), 15)
    assert finished[0] == Finish("b", Cancelled("the limit of usage was reached"))
    assert finished[1:] == [Abandon("a"), Finish("a", RAN_TOO_LONG)]
    driver(JobFailed("a", Fault.SYSTEM, "killed"), 15)
    assert driver.state("s") is WorkloadState.CLOSED


def test_nothing_gets_the_qpu_during_maintenance(driver):
    for name in "ab":
        driver.submit(name, 0)
    driver(JobCompiled("a"), 1)
    driver(JobCompiled("b"), 1)
    driver(MaintenanceBegan(100), 2)
    assert driver(JobExecuted("a"), 3) == [PostProcess("a")]
    assert driver.scheduler.waits_for("b", 4).longest_seconds == 98
    assert driver(TimePassed(), 102) == [Execute("b")]


def test_submissions_may_be_limited_by_the_minute(driver):
    carol = Instance("carol", Plan("slow", max_submissions_per_minute=5))
    for n in range(5):
        driver.submit(f"j{n}", n, instance=carol)
    (refused,) = driver.submit("j5", 59, instance=carol)
    assert refused.refusal is Refusal.BUSY
    assert driver.scheduler.handle(TimePassed(), 60) == []
    assert not any(isinstance(i, Refuse) for i in driver.submit("j6", 60, instance=carol))


def test_queued_jobs_may_end_as_cancelled_at_the_maximum_ttl():
    driver = Driver(lanes=1)
    carol = Instance("carol", Plan("mild", queued_fail_at_ttl=False))
    driver.open("s", Mode.SESSION, instance=carol, max_ttl_seconds=5)
    for name in "ab":
        driver.submit(name, 0, "s", instance=carol)
    driver(TimePassed(), 5)
    assert isinstance(driver.ending("b"), Cancelled)


def test_a_calibration_takes_the_qpu_between_jobs(driver):
    driver.submit("a", 0)
    driver.submit("b", 0)
    driver(JobCompiled("a"), 1)
    driver(JobCompiled("b"), 1)
    driver(CalibrationDue(30), 2)
    assert driver(JobExecuted("a"), 3) == [PostProcess("a")]
    assert driver.scheduler.next_deadline() == 33
    assert driver(TimePassed(), 33) == [Execute("b")]


def test_no_calibration_within_a_session(driver):
    driver.open("s", Mode.SESSION)
    driver.submit("a", 0, "s")
    driver(CalibrationDue(30), 1)
    driver.run_through("a", 2, 3, 4)
    driver(WorkloadClosed("s"), 10)
    assert driver.scheduler.locks.qpu.holders == ("calibration",)
    driver(TimePassed(), 40)
    assert list(driver.scheduler.locks.qpu.history)[-1] == Hold("calibration", 10, 40)


def test_only_the_first_of_a_line_says_whom_it_waits_for(driver):
    driver.open("s", Mode.SESSION)
    driver.submit("a", 0, "s")
    for n in range(100):
        driver.submit(f"j{n}", 0, instance=BOB)
    announced = [i for i in driver(TimePassed(), 50) if isinstance(i, Announce)]
    assert [a.wait.job_id for a in announced] == ["j0"]
    assert announced[0].wait.longest_seconds == 28_800 - 2


def test_what_has_nothing_left_to_use_does_not_come_to_the_qpu(driver):
    """The first job was stopped at its own limit, and has let the QPU go long after."""
    paid = Instance("paid", Plan("paid", stops_at_limit=True), limit_seconds=10)
    driver.submit("a", 0, instance=paid, max_execution_seconds=2)
    driver.submit("b", 0, instance=paid)
    driver.submit("c", 0, instance=BOB)
    for job_id in "abc":
        driver(JobCompiled(job_id), 0)
    assert driver(TimePassed(), 2) == [Abandon("a"), Finish("a", RAN_TOO_LONG)]
    assert driver(JobExecuted("a"), 59) == [Finish("b", RAN_TOO_LONG), Execute("c")]


# -- limits in company -----------------------------------------------------------------------------


def test_what_ends_at_its_very_limit_is_not_stopped(driver):
    driver.submit("a", 0, max_execution_seconds=5)
    driver.submit("b", 0)
    driver(JobCompiled("a"), 0)
    driver(JobCompiled("b"), 5)  # at this very moment nothing but time says that it goes on
    assert driver(JobExecuted("a"), 5) == [PostProcess("a"), Execute("b")]


def test_what_is_left_to_an_instance_may_be_used_up(driver):
    carol = Instance("carol", PAY_AS_YOU_GO, limit_seconds=5)
    driver.open("b", Mode.BATCH, instance=carol)
    for name in "xy":
        driver.submit(name, 0, "b", instance=carol)
        driver(JobCompiled(name), 0)
    assert driver(JobExecuted("x"), 5) == [PostProcess("x"), Finish("y", RAN_TOO_LONG)]
    assert driver.state("b") is WorkloadState.ACTIVE
    assert driver(JobPostProcessed("x"), 5) == [Finish("x", Completed())]
    assert driver.state("b") is WorkloadState.CLOSED


def test_a_limit_is_reached_by_what_runs_on_two_qpus():
    ledger = Ledger()
    one, other = Driver(ledger=ledger), Driver(ledger=ledger)
    carol = Instance("carol", PAY_AS_YOU_GO, limit_seconds=10)
    one.submit("a", 0, instance=carol)
    other.open("idle", Mode.BATCH, instance=carol)
    other.submit("b", 0, instance=carol)
    assert one(JobCompiled("a"), 0) == [Execute("a"), LookAgain("carol")]
    assert other(UsageChanged("carol"), 0) == []
    assert one.scheduler.next_deadline() == other.scheduler.next_deadline() == 10
    assert other(JobCompiled("b"), 4) == [Execute("b"), LookAgain("carol")]
    one(UsageChanged("carol"), 4)
    assert one.scheduler.next_deadline() == other.scheduler.next_deadline() == 7
    assert other(TimePassed(), 7) == [Abandon("b"), Finish("b", RAN_TOO_LONG)]
    assert other.state("idle") is WorkloadState.CLOSED
    assert one(TimePassed(), 7) == [Abandon("a"), Finish("a", RAN_TOO_LONG)]
    assert one.scheduler.jobs["a"].settled_at == 7


def test_what_is_charged_elsewhere_is_never_acted_on_in_the_past():
    ledger = Ledger()
    one, other = Driver(ledger=ledger), Driver(ledger=ledger)
    carol = Instance("carol", Plan(stops_at_limit=True, running_usage_counts=False), None, 10)
    one.submit("a", 0, instance=carol)
    one(JobCompiled("a"), 0)
    other.submit("b", 0, instance=carol)
    other(JobCompiled("b"), 0)
    other(JobExecuted("b"), 50)
    other(JobPostProcessed("b"), 50)
    assert one(UsageChanged("carol"), 50) == []
    assert one.scheduler.next_deadline() == 50
    assert one(TimePassed(), 50) == [Abandon("a"), Finish("a", RAN_TOO_LONG)]
    assert one.scheduler.jobs["a"].settled_at == 50


def test_what_another_qpu_sees_leave_the_window_lets_things_start_here_too():
    ledger = Ledger()
    one, other = Driver(ledger=ledger), Driver(ledger=ledger)
    carol = Instance("carol", Plan(window_seconds=600), limit_seconds=5)
    one.submit("a", 0, instance=carol)
    one(JobCompiled("a"), 0)
    one(JobExecuted("a"), 10)
    one(JobPostProcessed("a"), 10)
    assert one.submit("b", 20, instance=carol) == other.submit("c", 20, instance=carol) == []
    for driver in one, other:
        driver(TimePassed(), 30)
        assert driver.scheduler.next_deadline() == 610
    assert one(TimePassed(), 610) == [Compile("b")]
    # The ledger has moved on, and this QPU was not told: it still has to be, and at once.
    assert other.scheduler.next_deadline() == 610
    assert other(TimePassed(), 620) == [Compile("c")]
    assert other.scheduler.jobs["c"].running_at == 610, "from when it could, and not before"
    assert one.scheduler.next_deadline() is other.scheduler.next_deadline() is None


def test_a_limit_is_met_also_by_what_starts_when_usage_has_left_a_window(driver):
    carol = Instance("carol", PAY_AS_YOU_GO, limit_seconds=2)
    driver.submit("short", 0, instance=Instance("dan", Plan(window_seconds=600)))
    driver(JobCompiled("short"), 0)
    driver(JobExecuted("short"), 10)
    driver(JobPostProcessed("short"), 10)
    driver(MaintenanceBegan(700), 10)
    driver.open("s", Mode.SESSION, 20, instance=carol)
    driver.submit("a", 20, "s", instance=carol)
    assert Finish("a", RAN_TOO_LONG) in driver(TimePassed(), 5000)
    assert driver.scheduler.jobs["a"].running_at == 710
    assert driver.scheduler.jobs["a"].settled_at == 712


def test_a_session_whose_limit_is_reached_while_it_drains_lets_others_go_on(driver):
    carol = Instance("carol", limit_seconds=10)
    driver = Driver(lanes=2)
    driver.submit("long", 0, instance=carol)
    driver(JobCompiled("long"), 0)
    driver.open("s", Mode.SESSION, instance=carol)
    driver.submit("mine", 1, "s", instance=carol)
    assert driver.submit("theirs", 2) == []
    driver(TimePassed(), 9)
    assert driver.scheduler.next_deadline() == 10
    assert driver(TimePassed(), 10) == [Compile("theirs")]
    driver(JobExecuted("long"), 20)
    driver(JobPostProcessed("long"), 20)
    driver(JobCompiled("theirs"), 20)
    driver(JobExecuted("theirs"), 21)
    driver(JobPostProcessed("theirs"), 21)
    assert driver.state("s") is WorkloadState.OPEN
    assert driver(InstanceChanged(Instance("carol", limit_seconds=100)), 30) == [Compile("mine")]


def test_two_instances_of_one_id_are_each_judged_by_their_own_limit(driver):
    low, high = (Instance("carol", PAY_AS_YOU_GO, limit_seconds=limit) for limit in (5, 50))
    driver.submit("a", 0, instance=low)
    driver.run_through("a", 0, 5, 5)
    driver.submit("waits", 6, instance=low)
    assert driver.submit("goes", 7, instance=high) == [Compile("goes")]
    driver.run_through("goes", 7, 50, 50)
    assert driver.ending("waits") is None
    assert driver.scheduler.ledger.used(low, 51) == driver.scheduler.ledger.used(high, 51) == 48


def test_a_plan_that_stops_at_a_limit_stops_what_went_on_beyond_it_under_another_plan():
    """Also if something was done at the limit then, or all had come after an earlier one."""
    stops = Instance("carol", PAY_AS_YOU_GO, limit_seconds=5)
    drained, relieved, other = (Driver(lanes=2) for _ in range(3))

    goes_on = Instance("carol", limit_seconds=5)
    drained.submit("a", 0, instance=goes_on)
    drained(JobCompiled("a"), 0)
    drained.open("s", Mode.SESSION, instance=goes_on)
    drained.submit("b", 1, "s", instance=goes_on)
    drained(TimePassed(), 5)  # the lanes are no longer emptied for the session
    drained(InstanceChanged(stops), 7)
    assert Finish("a", RAN_TOO_LONG) in drained(TimePassed(), 7)

    within = Instance("carol", Plan(window_seconds=600), limit_seconds=5)
    relieved.submit("a", 0, instance=within)
    relieved.run_through("a", 0, 10, 10)
    assert relieved.submit("b", 20, instance=within) == []
    assert relieved(TimePassed(), 610) == [Compile("b")]
    relieved(JobCompiled("b"), 610)
    assert relieved(TimePassed(), 620) == []
    relieved(InstanceChanged(stops), 620)
    assert relieved(TimePassed(), 620) == [Abandon("b"), Finish("b", RAN_TOO_LONG)]

    other.submit("a", 0, instance=stops)
    other.run_through("a", 0, 5, 5)
    other.submit("waits", 6, instance=stops)
    other.submit("b", 7, instance=Instance("carol", PAY_AS_YOU_GO, limit_seconds=50))
    other(JobCompiled("b"), 7)
    other(InstanceChanged(stops), 8)
    assert other(TimePassed(), 8) == [Abandon("b"), Finish("b", RAN_TOO_LONG)]
    assert other.ending("waits") is None


def test_a_maintenance_waits_for_an_active_session(driver):
    driver.open("s", Mode.SESSION)
    driver.submit("a", 0, "s")
    driver(MaintenanceBegan(100), 1)
    driver.run_through("a", 2, 3, 4)
    assert driver.submit("b", 5, "s") == [Compile("b")]
    assert driver(JobCompiled("b"), 5) == [Execute("b")]
    driver(JobExecuted("b"), 6)
    driver(JobPostProcessed("b"), 6)
    driver.submit("c", 7, instance=BOB)
    driver(WorkloadClosed("s"), 10)
    driver(JobCompiled("c"), 10)
    assert driver.scheduler.waits_for("c", 10).longest_seconds == 100
    assert driver(TimePassed(), 110) == [Execute("c")]


def test_a_maintenance_waits_no_longer_when_another_plan_lets_it_interrupt(driver):
    carol = Instance("carol", Plan("kept"))
    driver.open("s", Mode.SESSION, instance=carol)
    driver.submit("a", 0, "s", instance=carol)
    driver(MaintenanceBegan(100), 1)
    other = Instance("carol", Plan("interrupted", maintenance_interrupts_sessions=True))
    driver(InstanceChanged(other), 2)
    assert driver(JobCompiled("a"), 3) == []
    assert driver(TimePassed(), 102) == [Execute("a")]


def test_a_session_may_be_over_before_its_time(driver):
    driver = Driver(lanes=1)
    driver.open("s", Mode.SESSION)
    for name in "ab":
        driver.submit(name, 0, "s")
    driver(WorkloadExpired("s"), 1)
    assert isinstance(driver.ending("b"), Failed)
    (refused,) = driver.submit("c", 2, "s")
    assert "its maximum TTL was reached" in refused.message
    assert driver(WorkloadExpired("s"), 3) == []
