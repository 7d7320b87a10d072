"""Rules of usage: what is charged, and what happens when there is no more."""

import pytest

from qiskit_modes import Batch, LocalService, Session
from qiskit_modes.scheduling import Instance
from qiskit_modes.scheduling.plan import OPEN, PAY_AS_YOU_GO, PREMIUM
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
