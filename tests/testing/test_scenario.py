"""What users test their own code with: jobs that last what is said, other tenants, and faults."""

import threading

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.exceptions import (
    IBMRuntimeError,
    RuntimeJobFailureError,
    RuntimeJobTimeoutError,
)

from qiskit_modes import Batch, SamplerV2, Session
from qiskit_modes.exceptions import WorkerDiedError
from qiskit_modes.testing import Deadlock, Scenario


@pytest.fixture
def scenario():
    with Scenario(quantum_time="3s") as scenario:
        yield scenario


def run(mode):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return SamplerV2(mode).run([circuit])


def test_steps_last_what_is_said(scenario, manila):
    scenario.next_job_lasts(compile_time="10s", quantum_time=3, post_process_time="1m")
    first, second = run(manila), run(manila)
    first.result()
    assert scenario.clock.now() == 73
    assert (first.usage(), second.usage()) == (3, 3)
    scenario.jobs_last(quantum_time="2s")
    run(manila).result()
    assert scenario.clock.now() == 75


def test_a_wait_moves_the_time_to_its_end_and_one_without_an_end_raises(scenario, manila):
    scenario.next_job_lasts(quantum_time="1h")
    job = run(manila)
    with pytest.raises(RuntimeJobTimeoutError):
        job.result(timeout=5)
    assert (scenario.clock.now(), job.status()) == (5, "RUNNING")
    job.result()
    with pytest.raises(Deadlock, match="would never end"):
        scenario.clock.wait(threading.Event(), None)


@pytest.mark.parametrize("step", ["compile", "execute", "post_process"])
def test_a_job_fails(scenario, manila, step):
    error = ValueError("boom")
    scenario.job_fails(2, step=step, error=error, code=1234)
    first, second, third = run(manila), run(manila), run(manila)
    with pytest.raises(RuntimeJobFailureError, match="Error code 1234; ValueError: boom") as raised:
        second.result()
    assert raised.value.__cause__ is error
    assert [job.result() is not None for job in (first, third)] == [True, True]


def test_a_worker_dies(scenario, manila):
    scenario.worker_dies(1)
    job = run(manila)
    with pytest.raises(RuntimeJobFailureError) as raised:
        job.result()
    assert isinstance(raised.value.__cause__, WorkerDiedError)
    assert job.usage() == 0
    assert run(manila).result() is not None


@pytest.mark.parametrize("kind", [Session, Batch])
@pytest.mark.parametrize("jobs_before", [0, 1, 2])
@pytest.mark.parametrize("rests", [False, True], ids=["", "rested"])
def test_a_session_expires(scenario, manila, kind, jobs_before, rests):
    """Whether it is open, active or inactive by then: the job that is named is refused."""
    session = kind(manila)
    before = [run(session) for _ in range(jobs_before)]
    for job in before if rests else []:
        job.result()
    if rests:
        scenario.clock.advance("2m")
    scenario.session_expires(before_job=jobs_before + 1)
    with pytest.raises(IBMRuntimeError, match="takes no more jobs: its maximum TTL was reached"):
        run(session)
    scenario.clock.advance("1m")
    assert session.status() == "Closed"
    assert {job.status() for job in before} <= {"DONE", "ERROR"}
    assert run(kind(manila)).result() is not None


def test_other_tenants_come_at_their_times(scenario, manila):
    other = scenario.tenant("other", manila)
    job = other.job(at="1s", quantum_time="5s")
    session = other.session(at="2s")
    inside = session.job(at="3s", quantum_time="4s")
    session.close(at="5s")
    batch = other.batch(at="30s")
    last = batch.job(at="31s")
    assert job.status() is None
    scenario.clock.advance("3s")
    assert (job.status(), inside.status()) == ("RUNNING", "QUEUED")
    mine = run(manila)
    mine.result()
    # The session came first: it waits for the job, and I for the end of the session.
    assert (job.started_at, inside.started_at, scenario.clock.now()) == (1, 6, 13)
    scenario.clock.advance("1m")
    assert last.status() == "DONE"


def test_a_calibration_and_maintenance_hold_a_job_up(scenario, manila):
    scenario.calibration(manila, at="10s", lasts="20s")
    scenario.maintenance(manila, at="100s", lasts="50s")
    for comes, done in ((10, 33), (100, 153)):
        scenario.clock.advance(comes - scenario.clock.now())
        job = run(manila)
        job.result()
        assert scenario.clock.now() == done
