"""What users test their own code with: jobs that last what is said, other tenants, and faults."""

import math
import threading

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.exceptions import (
    IBMRuntimeError,
    RuntimeJobFailureError,
    RuntimeJobTimeoutError,
)
from qiskit_ibm_runtime.executor_sampler import Sampler as ClientSampler
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import Batch, EstimatorV2, LocalService, SamplerV2, Session
from qiskit_modes.client import local_runtime
from qiskit_modes.exceptions import InvalidInputError, WorkerDiedError
from qiskit_modes.scheduling import Instance, WorkloadState
from qiskit_modes.scheduling.plan import OPEN, PREMIUM
from qiskit_modes.testing import Deadlock, Faults, Scenario


@pytest.fixture
def scenario():
    with Scenario(quantum_time="3s") as scenario:
        yield scenario


def measured():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return circuit


def run(mode, **options):
    return SamplerV2(mode, options=options).run([measured()])


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


def test_jobs_last_what_is_said_of_their_tag_or_primitive(scenario, manila):
    scenario.jobs_last(quantum_time="10s", primitive="sampler")
    scenario.jobs_last(quantum_time="20s", tag="slow")
    scenario.jobs_last(quantum_time="30s", tag="slow", primitive="estimator")
    scenario.jobs_last(quantum_time="40s")
    tagged = {"environment": {"job_tags": ["x", "slow"]}}
    pub = (QuantumCircuit(1), "Z")
    jobs = [
        run(manila),
        run(manila, **tagged),
        EstimatorV2(manila, options=tagged).run([pub]),
        EstimatorV2(manila).run([pub]),
    ]
    for job in jobs:
        job.result()
    assert [job.usage() for job in jobs] == [10, 20, 30, 40]
    with pytest.raises(ValueError, match=r"expected one of sampler, estimator.*found 'smapler'"):
        scenario.jobs_last(primitive="smapler")


def test_what_is_said_of_the_next_job_is_not_used_up_by_one_that_is_refused(scenario, manila):
    session = Session(manila)
    scenario.next_job_lasts(quantum_time="7s")
    scenario.next_job_lasts(quantum_time="8s")
    scenario.job_is_refused(1, reason="not today")
    with pytest.raises(IBMRuntimeError, match="not today"):
        run(session)
    session.close()
    with pytest.raises(IBMRuntimeError):
        run(session)
    jobs = [run(manila) for _ in range(3)]
    for job in jobs:
        job.result()
    assert [job.usage() for job in jobs] == [7, 8, 3]


def test_what_is_said_of_the_next_job_may_be_forgotten_with_a_block(scenario, manila):
    with pytest.raises(InvalidInputError), scenario.next_job_lasts(quantum_time="7s"):
        SamplerV2(manila).run([], shots=-1)
    with scenario.next_job_lasts(quantum_time="8s"):
        inside = run(manila)
    outside = run(manila)
    outside.result()
    assert (inside.usage(), outside.usage()) == (8, 3)


def test_the_next_job_may_be_named_so_that_threads_cannot_take_it(scenario, manila):
    scenario.next_job_lasts(quantum_time="50s", tag="mine")
    other, mine = run(manila), run(manila, environment={"job_tags": ["mine"]})
    again = run(manila, environment={"job_tags": ["mine"]})
    for job in (other, mine, again):
        job.result()
    assert [job.usage() for job in (other, mine, again)] == [3, 50, 3]


def test_a_thread_that_thinks_loses_no_time_though_others_wait(scenario, manila):
    """Staged: the onlooker waits before the thinker thinks, and would move the time."""
    session = Session(manila)
    run(session).result()
    outsider = run(manila)
    onlooker_waits = threading.Event()
    clock_wait = scenario.clock.wait

    def waits(event, timeout):
        onlooker_waits.set()
        return clock_wait(event, timeout)

    times = []

    def think_and_run():
        with scenario.thinking():
            assert onlooker_waits.wait(30)
            for _ in range(5):
                # Others get every chance to move the time.
                times.extend(scenario.clock.now() for _ in range(1000))
                run(session).result()
            session.close()

    scenario.clock.wait = waits
    thinker = threading.Thread(target=think_and_run)
    thinker.start()
    outsider.result()
    thinker.join()
    assert sorted(set(times)) == [3, 6, 9, 12, 15], "only its own jobs take time"
    assert session.usage() == 18
    assert outsider.metrics()["timestamps"]["running"].startswith("2026-01-01T00:00:18")


def test_time_goes_on_when_the_thinking_ends_or_fails(scenario, manila):
    with pytest.raises(KeyError), scenario.thinking(), scenario.thinking():
        raise KeyError
    job = run(manila)
    with scenario.thinking():
        assert scenario.clock.now() == 0
        assert job.result() is not None, "who waits does not think"
        scenario.clock.advance("1s")
    assert scenario.clock.now() == 4


def test_the_time_can_be_set_but_not_back(scenario):
    scenario.clock.advance_to("1h 1s")
    assert scenario.clock.now() == 3601
    with pytest.raises(ValueError, match="stands at 3601 s and cannot go back to 3600 s"):
        scenario.clock.advance_to("1h")


def test_tenants_cancel_have_limits_and_tell_what_they_used(scenario, manila):
    other = scenario.tenant("other", manila)
    first = other.job(at=0, quantum_time="10s")
    second = other.job(at=0, quantum_time="10s")
    first.cancel(at="4s")
    second.cancel(at="1h")
    limited = other.job(at="20s", quantum_time="10s", max_execution_time="6s")
    session = other.session(at="30s", max_time="20s")
    session.job(at="30s", quantum_time="5s")
    batch = other.batch(at="2m", max_time="1h")
    dropped = [batch.job(at="2m", quantum_time="1m") for _ in range(7)]
    batch.cancel(at="2m 10s")
    assert (session.status(), session.usage(), first.usage()) == (None, 0, 0)
    scenario.clock.advance_to("1h 1m")
    assert [job.status() for job in (first, second, limited)] == ["CANCELLED", "DONE", "ERROR"]
    assert [job.usage() for job in (first, second, limited)] == [4, 10, 6]
    assert (session.status(), session.usage()) == (WorkloadState.CLOSED, 20)
    assert [job.status() for job in session.jobs] == ["DONE"]
    # Five were in lanes.
    assert [job.status() for job in dropped] == ["DONE"] * 5 + ["CANCELLED"] * 2
    assert (batch.status(), batch.usage()) == (WorkloadState.CLOSED, 300)
    assert other.usage() == 4 + 10 + 6 + 20 + 300


def test_the_history_of_the_locks_can_be_read(scenario, manila):
    session = Session(manila)
    job = run(session)
    job.result()
    now = scenario.lock_history(manila)
    assert [(hold.holder, hold.start, hold.end) for hold in now.qpu] == [(job.job_id(), 0, 3)]
    assert [(hold.start, hold.end) for hold in now.lanes] == [(0, 3)]
    assert [(h.holder, h.start, h.end) for h in now.reservation] == [
        (session.session_id, 0, math.inf)
    ]
    scenario.clock.advance("1m 1s")
    assert [hold.end for hold in scenario.lock_history(manila).reservation] == [63]
    assert str(now).splitlines() == [
        f"{'lock':11}  from  to  holder",
        f"{'lane':11}     0   3  {job.job_id()}",
        f"{'QPU lock':11}     0   3  {job.job_id()}",
        f"{'reservation':11}     0      {session.session_id}",
    ]


@pytest.mark.filterwarnings("ignore:The backend .* status of maintenance")
@pytest.mark.parametrize("name", ["ibm_manila", "fake_manila"])
def test_others_share_the_qpu_of_the_clients_backend(name):
    """Whatever the client's backend is called: its jobs wait for theirs."""
    with (
        Scenario(autojump=False) as scenario,
        local_runtime(backends=["ibm_manila"], runtime=scenario.runtime) as service,
    ):
        backend = service.backend("ibm_manila") if name == "ibm_manila" else FakeManilaV2()
        theirs = scenario.tenant("other", backend).session().job(at=0, quantum_time=100)
        scenario.calibration(backend, at=200, lasts=100)
        scenario.maintenance(backend, at=400, lasts=100)
        sampler = ClientSampler(service.backend("ibm_manila"))
        moments = []
        for start in (0, 210, 410):
            scenario.clock.advance(start - scenario.clock.now())
            job = sampler.run([measured()])
            scenario.clock.advance(185)
            moments.append(job.metrics()["timestamps"]["finished"][14:19])
        assert theirs.status() == "DONE"
        # After the session's interactive TTL, the calibration, and the maintenance, each.
        assert moments == ["02:41", "05:01", "08:21"]
        assert len(scenario.runtime.registry.all()) == 1
        holders = [hold.holder for hold in scenario.lock_history(backend).qpu]
        assert "calibration" in holders


def test_a_backend_whose_jobs_run_elsewhere_is_refused(manila):
    with Faults().runtime as elsewhere, Scenario() as scenario:
        native = LocalService(runtime=elsewhere).backend("fake_manila")
        with local_runtime(backends=["ibm_quito"], runtime=elsewhere) as service:
            for theirs, why in (
                (native, "another runtime"),
                (service.backend("ibm_quito"), "no service on this scenario's runtime"),
                ("fake_manila", "Invalid backend type"),
            ):
                for use in (
                    lambda backend: scenario.tenant("other", backend),
                    lambda backend: scenario.calibration(backend, at=1, lasts=1),
                    lambda backend: scenario.maintenance(backend, at=1, lasts=1),
                    scenario.lock_history,
                ):
                    with pytest.raises(InvalidInputError, match=why):
                        use(theirs)
        scenario.tenant("other", LocalService(runtime=scenario.runtime).backend("fake_manila"))
        assert scenario.runtime.registry.all() == []


@pytest.mark.parametrize("kind", [Scenario, Faults])
def test_an_instance_gets_other_limits(kind):
    faults = kind(instance=Instance("me", PREMIUM, limit_seconds=5.0))
    with faults.runtime as runtime:
        service = LocalService(runtime=runtime)
        assert service.usage()["usage_limit_seconds"] == 5
        assert faults.change_instance(limit_seconds=50.0) == Instance("me", PREMIUM, None, 50.0)
        assert service.usage()["usage_limit_seconds"] == 50
        faults.change_instance(plan=OPEN)
        with pytest.raises(IBMRuntimeError, match="open plan"):
            Session(service.backend("fake_manila"))
        assert faults.change_instance("another", allocation_seconds=1.0).plan == PREMIUM
