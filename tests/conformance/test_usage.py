"""Rules of usage: what is charged, and what happens when there is no more."""

import pytest
from qiskit_ibm_runtime.fake_provider import FakeLimaV2

from qiskit_modes import Batch, LocalService, Session
from qiskit_modes.scheduling import Instance, Plan
from qiskit_modes.scheduling.plan import FLEX, OPEN, PAY_AS_YOU_GO, PLANS, PREMIUM
from tests.conformance.conftest import DAY, seconds, states


def test_s19_pauses_count(world):
    with Session(world.backend) as session:
        world.run(quantum=10)
        world.until(40)
        world.run(quantum=10)
        world.until(50)
    assert session.usage() == session.details()["usage_time"] == 50


def test_s20_the_interactive_ttl_counts(world):
    session = Session(world.backend)
    world.run(session, quantum=10)
    world.until(200)
    assert session.usage() == 70


def test_s23_whatever_became_of_the_jobs(world):
    world.scenario.worker_dies(2)
    with Session(world.backend) as session:
        world.run(compile=1, quantum=4)
        world.run(quantum=7)
        world.run(quantum=100).cancel()
        world.until(30)
    assert session.usage() == 30


def test_x7_only_active_windows_are_charged(world):
    session = Session(world.backend)
    for moment in (0, 500):
        world.until(moment)
        world.run(session, quantum=10)
    world.until(1000)
    assert session.usage() == 70 + 70


def test_p501_closed_while_it_has_nothing_to_do(world):
    with Session(world.backend) as session:
        world.run(quantum=10)
        world.until(40)
    assert session.usage() == 40


def test_p502_a_job_beyond_the_maximum_ttl(world):
    session = Session(world.backend, max_time=100)
    world.run(session, quantum=150)
    world.until(1000)
    assert session.usage() == 150


def test_p503_at_least_what_its_jobs_used(world):
    with Session(world.backend) as session:
        jobs = [world.run(compile=1, quantum=3) for _ in range(8)]
    world.until(100)
    assert session.usage() >= sum(job.usage() for job in jobs) == 24


def test_p504_usage_so_far(world):
    session = Session(world.backend)
    world.run(session, quantum=10)
    world.until(4)
    assert session.usage() == 4


def test_p505_the_systems_fault_in_a_batch(world):
    world.scenario.worker_dies(2)
    with Batch(world.backend) as batch:
        jobs = [world.run(quantum=2) for _ in range(3)]
    world.until(10)
    assert (states(jobs), batch.usage()) == ("DED", 4)


def test_p506_usage_of_an_instance(world):
    me = Instance("me", PREMIUM, allocation_seconds=100.0)
    service = LocalService(runtime=world.scenario.runtime, instance=me)
    with Batch(world.backend, instance=me):
        world.run(quantum=30)
    world.until(30)
    usage = service.usage()
    assert (usage["instance_id"], usage["usage_consumed_seconds"]) == ("me", 30)
    assert (usage["usage_allocation_seconds"], usage["usage_remaining_seconds"]) == (100, 70)
    period = usage["usage_period"]
    assert seconds(period["end_time"]) - seconds(period["start_time"]) == 28 * DAY


def test_p507_whether_the_limit_is_reached(world):
    def usage(**instance):
        me = Instance("me", **instance)
        return LocalService(runtime=world.scenario.runtime, instance=me).usage()

    world.other("me").job(quantum_time=30)
    world.until(30)
    assert "usage_limit_reached" not in usage(allocation_seconds=10.0)
    assert usage(limit_seconds=31.0)["usage_limit_reached"] is False
    assert usage(limit_seconds=30.0)["usage_limit_reached"] is True
    assert usage(limit_seconds=20.0)["usage_remaining_seconds"] == 0


def test_p508_submitting_at_the_limit(world):
    me = Instance("me", limit_seconds=10.0)
    world.other("me").job(quantum_time=10)
    world.until(10)
    batch = Batch(world.backend, instance=me)
    with pytest.warns(UserWarning, match="limit"):
        job = world.run(batch)
    world.until(100)
    assert job.status() == "QUEUED"


@pytest.mark.filterwarnings("ignore:.*limit")
def test_p509_ten_minutes_of_the_open_plan(world):
    me = world.other("me", plan=OPEN)
    me.job(quantum_time=600)
    world.until(600)
    job = me.job(at=600)
    world.until(28 * DAY)
    assert job.status() == "QUEUED"
    world.until(28 * DAY + 601)
    assert job.status() == "DONE"


def test_x3_running_at_the_limit(world):
    me = Instance("me", PAY_AS_YOU_GO, limit_seconds=10.0)
    backend = LocalService(runtime=world.scenario.runtime, instance=me).backend("fake_manila")
    first, second = (world.run(backend, quantum=quantum) for quantum in (4, 9))
    world.until(10)
    assert (first.status(), second.status(), second.usage()) == ("DONE", "ERROR", 6)
    assert "Ran too long" in second.error_message()


def test_t11_what_is_open_at_the_limit(world):
    me = Instance("me", PAY_AS_YOU_GO, limit_seconds=10.0)
    batch = Batch(world.backend, instance=me)
    jobs = [world.run(batch, quantum=9) for _ in range(8)]
    world.until(10)
    assert states(jobs).startswith("DE")
    assert states(jobs).endswith("CC")
    assert not {"R", "Q"} & set(states(jobs))
    assert batch.status() == "Closed"


@pytest.mark.filterwarnings("ignore:.*limit")
def test_p511_pay_as_you_go_has_no_window(world):
    me = Instance("me", PAY_AS_YOU_GO, limit_seconds=100.0)
    service = LocalService(runtime=world.scenario.runtime, instance=me)
    world.other("me", plan=PAY_AS_YOU_GO).job(quantum_time=30)
    world.until(100 * DAY)
    assert service.usage()["usage_consumed_seconds"] == 30


def test_p512_the_instance_of_a_service(world):
    me = Instance("me", OPEN)
    service = LocalService(runtime=world.scenario.runtime, instance=me)
    backend = service.backend("fake_manila")
    job = world.run(backend)
    world.until(1)
    assert (job.instance, service.usage()["usage_consumed_seconds"]) == ("me", 1)
    assert Batch(backend).details()["max_time"] == 600


@pytest.mark.filterwarnings("ignore:.*limit")
@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("kind", ["session", "batch", "job"])
def test_p513_what_runs_counts(world, quito, counts, kind):
    me = world.other("me", plan=Plan(running_usage_counts=counts), limit_seconds=10.0)
    if kind == "job":
        me.job(quantum_time=20)
    else:
        getattr(me, kind)().job(at=0, quantum_time=20)
    service = LocalService(runtime=world.scenario.runtime, instance=me.instance)
    world.until(12)
    assert service.usage()["usage_consumed_seconds"] == (12 if counts else 0)
    assert service.usage()["usage_limit_reached"] is counts
    elsewhere = world.run(LocalService(instance=me.instance).backend("fake_quito"))
    world.until(15)
    assert elsewhere.status() == ("QUEUED" if counts else "DONE")
    world.until(1000)
    assert service.usage()["usage_consumed_seconds"] >= 20


@pytest.mark.parametrize("kind", ["session", "batch", "job"])
def test_p514_a_limit_on_two_qpus(world, quito, kind):
    """Each uses 50 s, so that the limit is reached at 50 s; an end in the past would be at 0 s."""
    plan = {"plan": PAY_AS_YOU_GO, "limit_seconds": 100.0}
    world.other("me", **plan).job(quantum_time=50)
    me = world.scenario.tenant("me", quito, **plan)
    if kind == "job":
        workload, job = None, me.job(quantum_time=200)
    else:
        workload = getattr(me, kind)()
        job = workload.job(at=0, quantum_time=200)
    idle = world.scenario.tenant("me", FakeLimaV2(), **plan).batch()
    world.until(49)
    assert job.status() == "RUNNING"
    world.until(50)
    assert job.status() == "ERROR"
    assert (job.record.core.settled_at, job.record.core.released_at) == (50, 50)
    for each in (idle, workload):
        if each is not None:
            assert (each.record.core.state, each.record.core.closed_at) == ("closed", 50)
    service = LocalService(runtime=world.scenario.runtime, instance=me.instance)
    world.until(500)
    assert service.usage()["usage_consumed_seconds"] == 100


@pytest.mark.parametrize("seconds", [0.1, 0.7, 5.0])
def test_p515_exactly_what_is_left(world, seconds):
    """Also where sums of the times differ by rounding."""
    me = Instance("me", PAY_AS_YOU_GO, limit_seconds=3 * seconds)
    backend = LocalService(runtime=world.scenario.runtime, instance=me).backend("fake_manila")
    jobs = []
    for _ in range(3):
        jobs.append(world.run(backend, compile=0.3, quantum=seconds))
        world.until(world.now + 10)
    assert states(jobs) == "DDD"
    with pytest.warns(UserWarning, match="limit"):
        late = world.run(backend)
    world.until(1000)
    assert late.status() == "QUEUED"


@pytest.mark.filterwarnings("ignore:.*limit")
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_p516_a_limit_is_raised(world, plan):
    me = Instance("me", plan, limit_seconds=10.0)
    backend = LocalService(runtime=world.scenario.runtime, instance=me).backend("fake_manila")
    world.run(backend, quantum=10)
    world.until(11)
    jobs = [world.run(backend), world.run(Batch(backend))]
    world.until(100)
    assert states(jobs) == "QQ"
    world.scenario.change_instance("me", plan=plan, limit_seconds=12.0)
    world.until(103)
    assert states(jobs) == "DD"
    jobs.append(world.run(backend))
    world.until(110)
    assert states(jobs) == "DDQ"
    world.scenario.change_instance("me", plan=PREMIUM)  # the same object asks, and has no limit
    jobs.append(world.run(Session(backend)))
    world.until(200)
    assert states(jobs) == "DDDD"


@pytest.mark.filterwarnings("ignore:.*limit")
@pytest.mark.parametrize("plan", [FLEX, PAY_AS_YOU_GO], ids=str)
def test_p517_two_limits_of_one_id(world, plan):
    services = [
        LocalService(runtime=world.scenario.runtime, instance=Instance("me", plan, limit_seconds=s))
        for s in (10.0, 1000.0)
    ]
    low, high = (service.backend("fake_manila") for service in services)
    world.run(low, quantum=10)
    world.until(11)
    waits = [world.run(mode) for mode in (low, Batch(low))]
    goes = [world.run(mode) for mode in (high, Batch(high))]
    world.until(100)
    assert (states(waits), states(goes)) == ("QQ", "DD")
    assert {service.usage()["usage_consumed_seconds"] for service in services} == {12}


@pytest.mark.parametrize(("kind", "usual"), [(Session, 60), (Batch, 1)])
def test_p518_the_interactive_ttl_is_no_longer_than_the_maximum(world, kind, usual):
    for longest, may_exceed, expected in ((30, False, min(usual, 30)), (30, True, usual)):
        plan = Plan(interactive_ttl_may_exceed_max_ttl=may_exceed)
        opened = kind(world.backend, longest, instance=Instance("me", plan))
        assert opened.details()["interactive_timeout"] == expected
    assert kind(world.backend, 300).details()["interactive_timeout"] == usual
