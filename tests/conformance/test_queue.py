"""Rules of the queue: whose turn it is, and when the QPU is calibrated."""

import pytest

from qiskit_modes import Batch, Session
from qiskit_modes.scheduling import Instance, Plan
from qiskit_modes.scheduling.plan import FLEX, PAY_AS_YOU_GO, PREMIUM
from tests.conformance.conftest import DAY, on_qpu, states, times


def test_q01_first_in_first_out(world):
    world.fill_lanes(quantum=1)
    jobs = [world.run(world.backend) for _ in range(3)]
    seen = []
    for moment in range(4):
        world.until(moment)
        seen.append(states(jobs))
    assert seen == ["QQQ", "RQQ", "RRQ", "RRR"]


def test_q03_twice_the_allocation_gets_twice_the_time(world):
    large = world.other("large", allocation_seconds=200.0)
    small = world.other("small", allocation_seconds=100.0)
    jobs = {who: [who.job(quantum_time=1) for _ in range(400)] for who in (large, small)}
    world.until(300)
    done = {who: states(jobs[who]).count("D") for who in jobs}
    assert done[large] + done[small] >= 299
    assert 1.9 < done[large] / done[small] < 2.1


def starts_first(world, plan):
    """Who starts first: one with usage of 29 days ago, or one that used a little now."""
    past, present = (
        world.other(f"{name} {plan.name}", plan=plan, allocation_seconds=100.0)
        for name in ("past", "present")
    )
    past.job(at=world.now, quantum_time=50)
    world.until(world.now + 29 * DAY)
    present.job(at=world.now, quantum_time=1)
    world.until(world.now + 1)
    world.fill_lanes(quantum=1)
    later, sooner = present.job(at=world.now), past.job(at=world.now)
    world.until(world.now + 20)
    return "past" if sooner.started_at < later.started_at else "present"


def test_q04_the_window_of_usage(world):
    assert starts_first(world, PREMIUM) == "past"
    assert starts_first(world, FLEX) == "present"


def test_q06_over_its_allocation(world):
    over, within = (world.other(name, allocation_seconds=10.0) for name in ("over", "within"))
    over.job(quantum_time=20)
    world.until(20)
    world.fill_lanes(quantum=1)
    first, second = over.job(at=20), within.job(at=20)
    world.until(40)
    assert states([first, second]) == "DD"
    assert second.started_at < first.started_at


def test_q07_a_calibration_comes_between_two_jobs(world):
    first, second = (world.run(world.backend, quantum=3) for _ in range(2))
    world.calibration(at=1, lasts=60)
    world.until(30)
    assert (second.status(), second.on_qpu()) == ("RUNNING", False)
    world.until(66)
    assert [on_qpu(first), on_qpu(second)] == [(0, 3), (63, 66)]


def test_q08_a_calibration_waits_for_the_end_of_a_session(world):
    session = Session(world.backend)
    world.run(session, quantum=3)
    world.calibration(at=1, lasts=100)
    other = world.other().job(at=62)
    world.until(62)
    job = world.run(session, quantum=1)
    world.until(63)
    assert job.status() == "DONE"
    world.until(63 + 60 + 100)
    assert (other.started_at, other.status()) == (123, "RUNNING")
    world.until(225)
    assert other.status() == "DONE"


def test_l31_the_least_busy_backend(world, quito):
    def least_busy():
        names = (world.backend.name, quito.name)
        return world.service.least_busy(filters=lambda backend: backend.name in names).name

    world.run(world.backend, quantum=10)
    assert least_busy() == quito.name
    for _ in range(2):
        world.run(quito, quantum=100)
    assert least_busy() == world.backend.name


def test_p401_another_users_job_follows_at_once(world):
    mine = world.run(world.backend, compile=2, quantum=3, post=50)
    yours = world.other().job(compile_time=2, quantum_time=3)
    world.until(8)
    assert (mine.status(), mine.usage(partial=True), yours.status()) == ("RUNNING", 3, "DONE")


def test_p402_the_smallest_part_comes_first(world):
    used, fresh = (world.other(name, allocation_seconds=100.0) for name in ("used", "fresh"))
    used.job(quantum_time=10)
    world.until(10)
    world.fill_lanes(quantum=1)
    earlier, later = used.job(at=10), fresh.job(at=10)
    world.until(20)
    assert later.started_at < earlier.started_at


def test_p403_usage_of_every_qpu_counts(world, quito):
    elsewhere = world.scenario.tenant("used", quito, allocation_seconds=100.0)
    used, fresh = (world.other(name, allocation_seconds=100.0) for name in ("used", "fresh"))
    elsewhere.job(quantum_time=10)
    world.until(10)
    world.fill_lanes(quantum=1)
    earlier, later = used.job(at=10), fresh.job(at=10)
    world.until(20)
    assert later.started_at < earlier.started_at


def test_p404_a_limited_instance_waits(world):
    limited = world.other("limited", limit_seconds=10.0)
    limited.job(quantum_time=10)
    pending = [limited.job(quantum_time=1) for _ in range(5)]
    world.until(11)
    new = limited.job(at=11)
    world.until(1000)
    assert pending[-1].status() == new.status() == "QUEUED"
    assert "C" not in states(pending)


def test_p405_a_limited_instances_session_goes_on(world):
    with Session(world.backend, instance=Instance("me", limit_seconds=10.0)) as session:
        first = world.run(quantum=20)
        world.until(30)
        second = world.run(quantum=5)
        world.until(35)
    assert states([first, second]) == "DD"
    assert session.usage() == 35


def test_p406_a_limited_instance_runs_again(world):
    limited = world.other("limited", plan=PREMIUM, limit_seconds=10.0)
    limited.job(quantum_time=10)
    world.until(11)
    job = limited.job(at=11)
    world.until(28 * DAY)
    assert job.status() == "QUEUED"
    world.until(28 * DAY + 11)
    assert job.status() == "DONE"


def test_p407_of_equals_the_older_comes_first(world):
    world.fill_lanes(quantum=1)
    jobs = [
        world.other(name, allocation_seconds=100.0).job(at=world.now) for name in ("a", "b", "c")
    ]
    world.until(20)
    starts = [job.started_at for job in jobs]
    assert starts == sorted(starts)
    assert len(set(starts)) == 3


def test_p408_a_calibration_does_not_interrupt(world):
    job = world.run(world.backend, quantum=10)
    world.calibration(at=5, lasts=60)
    world.until(10)
    assert on_qpu(job) == (0, 10)


def test_p409_in_maintenance_the_queue_stands_still(world):
    running = world.run(world.backend, quantum=10)
    world.scenario.maintenance(world.backend, at=5, lasts=100)
    world.until(6)
    job = world.run(world.backend, quantum=1)
    world.until(105)
    assert (running.status(), job.usage(partial=True)) == ("DONE", 0)
    world.until(106)
    assert job.status() == "DONE"


@pytest.mark.parametrize("interrupts", [False, True])
def test_p414_maintenance_waits_for_a_session(world, interrupts):
    plan = Plan("mine", maintenance_interrupts_sessions=interrupts)
    session = Session(world.backend, instance=Instance("me", plan))
    world.run(session, quantum=2)
    world.scenario.maintenance(world.backend, at=5, lasts=100)
    world.until(6)
    second = world.run(session, quantum=2)
    world.until(50)
    assert second.status() == ("RUNNING" if interrupts else "DONE")
    world.until(110)
    session.close()
    assert second.status() == "DONE"
    assert session.usage() == (110 if interrupts else 68)
    theirs = world.run(world.backend, quantum=1)
    world.until(167)  # 100 s from the moment at which the session gave the QPU back
    assert theirs.status() == ("DONE" if interrupts else "RUNNING")
    world.until(169)
    assert theirs.status() == "DONE"


def test_p415_no_session_while_the_qpu_is_out_of_service(world):
    world.scenario.maintenance(world.backend, at=1, lasts=100)
    world.until(2)
    session = Session(world.backend)
    job = world.run(session, quantum=2)
    world.until(100)
    assert (job.status(), session.status()) == ("QUEUED", "Pending")
    world.until(103)
    assert (job.status(), session.usage()) == ("DONE", 2)


@pytest.mark.parametrize("plan", [PREMIUM, PAY_AS_YOU_GO], ids=str)
def test_p416_the_limit_while_the_lanes_are_emptied(world, plan):
    me = world.other("me", plan=plan, limit_seconds=100.0)
    world.other("longer").job(quantum_time=300, compile_time=150)
    me.job(quantum_time=100)
    session = me.session()
    session.job(at=1, quantum_time=50)
    others = world.other().job(at=2, quantum_time=1)
    world.until(99)
    assert others.status() == "QUEUED"
    world.until(102)
    assert others.status() == "DONE"
    world.until(1000)
    kept = "QUEUED" if plan is PREMIUM else "CANCELLED"
    assert [job.status() for job in session.jobs] == [kept]
    assert session.record.core.started_at is None


def test_p410_what_the_system_failed_does_not_count(world):
    me = Instance("me", allocation_seconds=100.0)
    world.scenario.worker_dies(1)
    batch = Batch(world.backend, instance=me)
    world.run(batch, quantum=50)
    other = world.other(allocation_seconds=100.0)
    other.job(at=50, quantum_time=1)
    world.until(52)
    world.fill_lanes(quantum=1)
    yours, mine = other.job(at=52), world.run(batch)
    world.until(100)
    assert times(mine)["running"] < yours.started_at


def test_p411_a_session_counts_with_its_window(world):
    me = Instance("me", allocation_seconds=100.0)
    with Session(world.backend, instance=me):
        world.run(quantum=1)
        world.until(50)
    other = world.other(allocation_seconds=100.0)
    other.job(at=50, quantum_time=10)
    world.until(60)
    world.fill_lanes(quantum=1)
    batch = Batch(world.backend, instance=me)
    mine, yours = world.run(batch), other.job(at=60)
    world.until(100)
    assert yours.started_at < times(mine)["running"]


def test_p412_no_calibration_while_a_session_is_next(world):
    world.fill_lanes(2, quantum=10)
    with Session(world.backend):
        job = world.run(quantum=1)
        world.calibration(at=5, lasts=100)
        world.until(21)
        assert on_qpu(job) == (20, 21)
    after = world.run(world.backend, quantum=1)
    world.until(122)
    assert on_qpu(after) == (121, 122)


def test_p413_without_an_allocation(world):
    free, counted = world.other("free"), world.other("counted", allocation_seconds=100.0)
    free.job(quantum_time=50)
    counted.job(quantum_time=1)
    world.until(60)
    world.fill_lanes(quantum=1)
    earlier, later = counted.job(at=60), free.job(at=60)
    world.until(80)
    assert later.started_at < earlier.started_at
