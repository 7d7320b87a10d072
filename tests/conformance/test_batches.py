"""Rules of batches: one place in the queue, shared lanes, packed on the QPU."""

import pytest
from qiskit_ibm_runtime.exceptions import IBMInputValueError, IBMRuntimeError

from qiskit_modes import Batch, SamplerV2, Session
from qiskit_modes.scheduling import Instance
from qiskit_modes.scheduling.plan import OPEN, PREMIUM
from tests.conformance.conftest import on_qpu, seconds, states, times

ACCEPTING = "In progress, accepting new jobs"
NOT_ACCEPTING = "In progress, not accepting new jobs"


def test_b01_batches_on_the_open_plan(world):
    batch = Batch(world.backend, instance=Instance("me", OPEN))
    job = world.run(batch)
    world.until(1)
    assert (batch.details()["max_time"], job.status()) == (600, "DONE")


def test_b02_a_fresh_batch(world):
    details = Batch(world.backend, instance=Instance("me", PREMIUM)).details()
    assert (details["mode"], details["state"]) == ("batch", "open")
    assert (details["interactive_timeout"], details["max_time"]) == (1, 28800)


def test_b05_others_take_the_other_lanes(world):
    batch = Batch(world.backend)
    mine = [world.run(batch) for _ in range(2)]
    others = world.fill_lanes(4, quantum=1)
    assert (states(mine), states(others)) == ("RR", "RRRQ")


def test_b06_no_order_within_a_batch(world):
    batch = Batch(world.backend)
    slow, fast = world.run(batch, compile=10), world.run(batch, compile=1)
    world.until(20)
    assert times(fast)["finished"] < times(slow)["finished"]


def test_b07_packed_on_the_qpu(world):
    with Batch(world.backend) as batch:
        jobs = [world.run(compile=10, quantum=3) for _ in range(4)]
    world.until(10 + 4 * 3)
    assert (states(jobs), batch.status(), batch.usage()) == ("DDDD", "Closed", 12)


def test_b08_a_calibration_between_two_jobs(world):
    with Batch(world.backend) as batch:
        first, second = (world.run(quantum=3) for _ in range(2))
    world.calibration(at=1, lasts=60)
    world.until(66)
    assert [on_qpu(first), on_qpu(second)] == [(0, 3), (63, 66)]
    assert batch.usage() == 6


def test_b09_inactive_and_active_again(world):
    batch = Batch(world.backend)
    world.run(batch, quantum=10)
    world.until(10.9)
    assert batch.details()["state"] == "active"
    world.until(11)
    assert (batch.details()["state"], batch.status()) == ("inactive", "Pending")
    world.fill_lanes(6, quantum=1)
    job = world.run(batch)
    assert (job.status(), batch.status()) == ("QUEUED", "Pending")
    world.until(13)
    details = batch.details()
    assert (job.status(), batch.status()) == ("RUNNING", ACCEPTING)
    assert (seconds(details["started_at"]), seconds(details["activated_at"])) == (0, 13)


def test_b11_the_end_of_the_block(world):
    with Batch(world.backend) as batch:
        jobs = [world.run(quantum=2) for _ in range(3)]
    assert batch.status() == NOT_ACCEPTING
    with pytest.raises(IBMRuntimeError):
        world.run(batch)
    world.until(6)
    assert (states(jobs), batch.status()) == ("DDD", "Closed")
    assert seconds(batch.details()["closed_at"]) == 6


def test_b12_a_failure_leaves_the_others_alone(world):
    world.scenario.job_fails(2)
    with Batch(world.backend) as batch:
        jobs = [world.run(quantum=quantum) for quantum in (1, 2, 4)]
    world.until(7)
    assert states(jobs) == "DED"
    assert batch.usage() == sum(job.usage() for job in jobs) == 7


def test_b13_cancelling_a_batch(world):
    batch = Batch(world.backend)
    jobs = [world.run(batch, quantum=2) for _ in range(8)]
    batch.cancel()
    assert (states(jobs), batch.status()) == ("RRRRRCCC", NOT_ACCEPTING)
    world.until(10)
    assert (states(jobs), batch.status(), batch.usage()) == ("DDDDDCCC", "Closed", 10)


def test_b14_one_job_is_cheaper_than_several(world):
    sampler = SamplerV2(world.backend)
    one = sampler.run([world.circuit] * 4, shots=1000)
    several = [sampler.run([world.circuit], shots=1000) for _ in range(4)]
    estimates = [job.usage_estimation["quantum_seconds"] for job in (one, *several)]
    assert sum(estimates[1:]) - estimates[0] == pytest.approx(3 * 2)


def test_b15_waiting_is_not_charged(world):
    batch = Batch(world.backend)
    world.fill_lanes(2, quantum=20)
    for _ in range(7):
        world.run(batch, compile=10, quantum=1)
    world.until(39)
    assert batch.usage() == 0
    world.until(100)
    assert batch.usage() == 7


def test_p301_three_of_six_start(world):
    world.fill_lanes(2, compile=100, quantum=1)
    batch = Batch(world.backend)
    jobs = [world.run(batch, compile=10 + moment, quantum=0) for moment in range(6)]
    assert states(jobs) == "RRRQQQ"
    world.until(10)
    assert states(jobs) == "DRRRQQ"
    world.until(11)
    assert states(jobs) == "DDRRRQ"


def test_p302_the_other_jobs_come_to_the_front(world):
    batch = Batch(world.backend)
    running = world.fill_lanes(4, quantum=10)
    world.run(batch, quantum=1)
    others = world.fill_lanes(2, quantum=10)
    second = world.run(batch, quantum=1)
    world.until(10)
    assert (states(running), second.status(), states(others)) == ("DRRR", "RUNNING", "QQ")


def test_p303_the_first_job_waits_its_turn(world):
    others = world.fill_lanes(7, quantum=1)
    job = world.run(Batch(world.backend))
    world.until(2)
    assert (states(others), job.status()) == ("DDRRRRR", "QUEUED")
    world.until(3)
    assert job.status() == "RUNNING"


def test_p304_then_the_next_in_line(world):
    batch = Batch(world.backend)
    mine = [world.run(batch, quantum=1) for _ in range(6)]
    others = world.fill_lanes(2, quantum=1)
    assert (states(mine), states(others)) == ("RRRRRQ", "QQ")
    world.until(1)
    assert (states(mine), states(others)) == ("DRRRRR", "QQ")
    world.until(2)
    assert (states(mine), states(others)) == ("DDRRRR", "RQ")


def test_p305_as_many_jobs_as_one_likes(world):
    with Batch(world.backend) as batch:
        jobs = [world.run(quantum=0.125) for _ in range(300)]
    world.until(0.125 * 300)
    assert states(jobs) == 300 * "D"
    assert (batch.status(), batch.usage()) == ("Closed", 0.125 * 300)


def test_p306_the_maximum_ttl(world):
    batch = Batch(world.backend, max_time=100)
    jobs = [world.run(batch, quantum=90, post=30) for _ in range(7)]
    world.until(100)
    assert (states(jobs), batch.status()) == ("RRRRREE", NOT_ACCEPTING)
    world.until(5 * 90 + 30)
    assert (states(jobs), batch.status()) == ("DDDDDEE", "Closed")


def test_p307_too_late_for_the_maximum_ttl(world):
    batch = Batch(world.backend, max_time=100)
    world.run(batch)
    world.until(90)
    world.fill_lanes(quantum=50)
    lost = world.run(batch)
    world.until(101)
    assert (lost.status(), batch.status()) == ("ERROR", "Closed")
    with pytest.raises(IBMRuntimeError, match="Failed to run program: "):
        world.run(batch)


def test_p308_max_time(world):
    assert Batch(world.backend, max_time="1m 40s").details()["max_time"] == 100
    with pytest.raises(IBMInputValueError, match="max_time"):
        Batch(world.backend, max_time="soon")


def test_p309_unused_for_half_an_hour(world):
    batch = Batch(world.backend)
    world.until(1799)
    assert batch.details()["state"] == "open"
    world.until(1800)
    assert batch.status() == "Closed"


def test_p310_a_session_while_a_batch_is_active(world):
    batch = Batch(world.backend)
    mine = [world.run(batch, quantum=2) for _ in range(5)]
    session = Session(world.backend)
    job = world.run(session, quantum=3)
    world.until(9)
    late = world.run(batch)
    assert (states(mine), job.status(), late.status()) == ("DDDDR", "QUEUED", "QUEUED")
    world.until(10)
    session.close()
    assert (states(mine), job.status(), late.status()) == ("DDDDD", "RUNNING", "QUEUED")
    world.until(13)
    assert (job.status(), late.status()) == ("DONE", "RUNNING")


def test_p311_the_batch_that_was_activated_first(world):
    first, second = Batch(world.backend), Batch(world.backend)
    running = [world.run(second, quantum=5)]
    world.until(1)
    running += [world.run(first, quantum=5) for _ in range(4)]
    later = [world.run(batch, quantum=1) for batch in (first, second, first)]
    assert (states(running), states(later)) == ("RRRRR", "QQQ")
    assert second.status() == first.status() == ACCEPTING
    world.until(5)
    assert (states(running), states(later)) == ("DRRRR", "QRQ")


def test_p312_no_priority_on_the_qpu(world):
    batch = Batch(world.backend)
    world.run(batch, quantum=10)
    other = world.other().job(compile_time=1, quantum_time=1)
    mine = world.run(batch, compile=2, quantum=1)
    world.until(11.5)
    assert (other.status(), mine.on_qpu()) == ("DONE", True)


def test_x5_the_qpu_is_not_the_batchs_own(world):
    batch = Batch(world.backend)
    first = world.run(batch, quantum=2)
    other = world.other().job(quantum_time=5)
    second = world.run(batch, quantum=2)
    world.until(9)
    assert [on_qpu(first), on_qpu(second), other.status()] == [(0, 2), (7, 9), "DONE"]


def test_x6_an_unclosed_batch_can_be_used_again(world):
    batch = Batch(world.backend)
    world.run(batch)
    world.until(3600)
    assert batch.details()["state"] == "inactive"
    job = world.run(batch)
    world.until(3601)
    assert (job.status(), batch.usage()) == ("DONE", 2)
