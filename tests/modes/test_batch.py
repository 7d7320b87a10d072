"""A batch: shares lanes, does not exclude others, is charged for its jobs on the QPU."""

import pytest
from qiskit_ibm_runtime.exceptions import IBMRuntimeError, RuntimeJobFailureError

from qiskit_modes import Batch, Instance, SamplerV2, Session
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from tests.modes.staging import Gate, flipped, served, using


def test_a_new_batch(manila, timed):
    batch = Batch(manila)
    details = batch.details()
    assert (details["mode"], details["interactive_timeout"]) == ("batch", 1)
    assert details["max_time"] == 28800
    assert (batch.status(), batch.usage()) == ("Pending", None)
    assert isinstance(batch, Session)


def test_jobs_know_that_they_are_in_a_batch(manila, timed):
    with Batch(manila) as batch:
        job = SamplerV2().run([flipped()])
    assert (job.mode, job.session_id) == ("batch", batch.session_id)
    assert "with Batch" in job.mode.reason


def test_usage_is_the_sum_of_its_jobs_on_the_qpu(manila, timed, stage):
    batch = Batch(manila)
    sampler = SamplerV2(mode=batch)
    stage.shut()
    jobs = [sampler.run([flipped()]) for _ in range(2)]
    stage.await_arrival()
    timed.pass_time(4)
    stage.open()
    for job in jobs:
        job.result(timeout=20)
    assert sorted(job.usage() for job in jobs) == [0, 4]
    timed.pass_time(0.5)  # idle, and free
    assert batch.usage() == 4
    batch.close()
    assert batch.details()["usage_time"] == 4
    assert batch.service.usage()["usage_consumed_seconds"] == 4


def test_it_is_inactive_after_a_second_without_jobs_and_can_come_back(manila, timed):
    batch = Batch(manila)
    sampler = SamplerV2(mode=batch)
    sampler.run([flipped()]).result(timeout=20)
    assert batch.status() == "In progress, accepting new jobs"
    timed.pass_time(1)
    assert (batch.status(), batch.details()["state"]) == ("Pending", "inactive")
    sampler.run([flipped()]).result(timeout=20)
    assert batch.details()["state"] == "active"


def test_it_fills_the_lanes_that_are_free(manila, timed, stage):
    stage.shut()
    busy = [SamplerV2(mode=manila).run([flipped()]) for _ in range(2)]
    batch = Batch(manila)
    jobs = [SamplerV2(mode=batch).run([flipped()]) for _ in range(6)]
    assert [job.status() for job in jobs] == ["RUNNING"] * 3 + ["QUEUED"] * 3
    stage.open()
    for job in [*busy, *jobs]:
        job.result(timeout=20)


def test_others_use_the_lanes_that_it_does_not_need(manila, timed, stage):
    stage.shut()
    batch = Batch(manila)
    job = SamplerV2(mode=batch).run([flipped()])
    stranger = SamplerV2(mode=manila).run([flipped()])
    assert (job.status(), stranger.status()) == ("RUNNING", "RUNNING")
    stage.open()
    stranger.result(timeout=20)


@pytest.fixture
def one_lane(stage, monkeypatch):
    workers = WorkerPool(1, stage.new_executor)
    yield from using(LocalRuntime(lanes=1, workers=workers), monkeypatch, stage)


def test_its_jobs_come_before_others_that_wait(manila, one_lane, stage):
    batch = Batch(manila)
    stage.shut()
    first = SamplerV2(mode=batch).run([flipped()])
    stranger = SamplerV2(mode=manila).run([flipped()])
    late = SamplerV2(mode=batch).run([flipped()])
    stage.open()
    stranger.result(timeout=20)
    order = served(one_lane.qpu(manila))
    assert order == [first.job_id(), late.job_id(), stranger.job_id()]


def test_one_failure_does_not_touch_the_others(manila, timed, monkeypatch):
    from qiskit_modes.primitives.sampler import plain_job

    compile_circuit = plain_job.compile_circuit

    def fail_for_two_qubits(circuit, backend, **more):
        if circuit.num_qubits == 2:
            raise ArithmeticError("two are too many")
        return compile_circuit(circuit, backend, **more)

    monkeypatch.setattr(plain_job, "compile_circuit", fail_for_two_qubits)
    with Batch(manila) as batch:
        sampler = SamplerV2()
        jobs = [sampler.run([flipped(qubits=n)]) for n in (1, 2, 3)]
    with pytest.raises(RuntimeJobFailureError, match="two are too many"):
        jobs[1].result(timeout=20)
    for job in (jobs[0], jobs[2]):
        job.result(timeout=20)
    assert batch.status() == "Closed"


def test_programs_are_prepared_side_by_side(manila, timed, stage, monkeypatch):
    from qiskit_modes.primitives.sampler import plain_job

    gate = Gate()
    gate.shut()
    monkeypatch.setattr(plain_job, "compile_circuit", gate.before(plain_job.compile_circuit))
    with Batch(manila):
        jobs = [SamplerV2().run([flipped()]) for _ in range(3)]
    for _ in jobs:
        gate.await_arrival()  # all three at once
    assert stage.nobody_came()
    gate.open()
    for job in jobs:
        job.result(timeout=20)


def test_cancel_lets_running_jobs_finish(manila, timed, stage):
    batch = Batch(manila)
    sampler = SamplerV2(mode=batch)
    stage.shut()
    jobs = [sampler.run([flipped()]) for _ in range(8)]
    batch.cancel()
    stage.open()
    for job in jobs:
        job.wait_for_final_state(timeout=20)
    assert [job.status() for job in jobs] == ["DONE"] * 5 + ["CANCELLED"] * 3
    assert batch.status() == "Closed"
    with pytest.raises(IBMRuntimeError, match="The batch is closed"):
        sampler.run([flipped()])


def test_its_instance_is_charged(manila, timed, stage):
    instance = Instance("theirs")
    batch = Batch(manila, instance=instance)
    stage.shut()
    job = SamplerV2(mode=batch).run([flipped()])
    stage.await_arrival()
    timed.pass_time(2)
    stage.open()
    job.result(timeout=20)
    assert job.instance == "theirs"
    assert batch.service.usage()["instance_id"] == "theirs"
    assert batch.service.usage()["usage_consumed_seconds"] == 2
