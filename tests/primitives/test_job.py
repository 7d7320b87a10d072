"""The job that users hold: its words, its times, its errors."""
# ruff: noqa: F811 - fixtures of another folder are imported, and then asked for by name

import logging
import threading
import uuid
from datetime import UTC, datetime

import pytest
import qiskit
from qiskit.providers import JobStatus
from qiskit_ibm_runtime import RuntimeJobV2 as TheirJob
from qiskit_ibm_runtime.exceptions import (
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobMaxTimeoutError,
    RuntimeJobTimeoutError,
)
from qiskit_ibm_runtime.fake_provider import FakeLimaV2

from qiskit_modes import Batch, EstimatorV2, RuntimeJobV2, SamplerV2, Session
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.primitive import _uuid4
from qiskit_modes.primitives.sampler import plain_job
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from tests.modes.staging import (  # noqa: F401
    Gate,
    ManualClock,
    StagedExecutor,
    flipped,
    runtime,
    stage,
    timed,
    using,
)


@pytest.fixture
def submit(manila):
    def run(options=None, **kwargs):
        return SamplerV2(mode=manila, options=options).run([flipped()], **kwargs)

    return run


@pytest.fixture
def on_qpu(submit, stage):
    """Submit a job, and return when it is on the QPU and stands still there."""

    def run(options=None):
        stage.shut()
        job = submit(options)
        stage.await_arrival()
        return job

    return run


def settle(submit):
    """Return when everything that came before has left the QPU."""
    submit().result(timeout=20)


# -- what it is ----------------------------------------------------------------------------------


def test_it_has_everything_that_the_services_job_has():
    missing = [name for name in dir(TheirJob) if name[0] != "_" and not hasattr(RuntimeJobV2, name)]
    assert missing == []


def test_what_was_submitted(manila, timed, stage):
    stage.shut()
    circuit = flipped()
    options = {"default_shots": 11, "environment": {"job_tags": ["a", "b"]}}
    with Session(manila) as session:
        job = SamplerV2(options=options).run([circuit])
    assert isinstance(job.job_id(), str)
    assert job.session_id == session.session_id
    assert job.primitive_id == "sampler"
    assert job.tags == ["a", "b"]
    assert job.backend() is manila
    assert job.instance == "local"
    assert job.private is False
    assert job.image == ""
    assert job.mode == "session"
    assert job.mode.reason
    assert job.inputs["options"] == options
    (pub,) = job.inputs["pubs"]
    assert pub.circuit == circuit
    assert pub.circuit is not circuit
    assert pub.shots == 11
    assert job.job_id() in repr(job)
    assert len({SamplerV2(mode=manila).run([circuit]).job_id() for _ in range(3)}) == 3


def test_an_estimators_job(manila, timed):
    job = EstimatorV2(mode=manila).run([(flipped().remove_final_measurements(inplace=False), "Z")])
    assert job.primitive_id == "estimator"
    assert job.inputs["pubs"][0].precision == 0.015625
    assert float(job.result(timeout=20)[0].data.evs) < -0.8


def test_options_that_were_assigned_are_among_the_inputs(manila, timed):
    sampler = SamplerV2(mode=manila)
    sampler.options.simulator.seed_simulator = 7
    sampler.options.environment.job_tags = ["a"]
    job = sampler.run([flipped()])
    assert job.tags == ["a"]
    assert job.inputs["options"] == {
        "simulator": {"seed_simulator": 7},
        "environment": {"job_tags": ["a"]},
    }


def test_inputs_are_the_holders_own(submit, timed):
    job = submit()
    job.inputs.clear()
    assert job.inputs["pubs"]


def test_creation_date_is_aware(submit, timed):
    created = submit().creation_date
    assert created.tzinfo is not None
    assert created == timed.clock.utc(timed.clock.now())


def test_properties_are_the_backends(submit, timed):
    job = submit()
    # The fake tells the calibration of the machine that it stands for.
    assert job.properties().backend_name == "ibmq_manila"
    assert job.properties(refresh=True).backend_name == "ibmq_manila"


def test_tags_can_be_replaced(submit, timed):
    job = submit({"environment": {"job_tags": ["old"]}})
    assert job.update_tags(["new", "other", "new"]) == ["new", "other"]
    assert job.tags == ["new", "other"]
    job.tags.append("not like this")
    assert job.tags == ["new", "other"]
    assert job.update_tags([]) == []


@pytest.mark.parametrize("tags", ["text", [1], None, 5])
def test_what_are_no_tags(submit, timed, tags):
    job = submit({"environment": {"job_tags": ["old"]}})
    with pytest.raises(InvalidInputError, match="list of strings"):
        job.update_tags(tags)
    assert job.tags == ["old"]


# -- status --------------------------------------------------------------------------------------


def test_statuses_are_strings_and_come_in_order(manila, timed, stage, monkeypatch):
    compiling, finishing = Gate(), Gate()
    monkeypatch.setattr(plain_job, "compile_circuit", compiling.before(plain_job.compile_circuit))
    monkeypatch.setattr(plain_job, "_pub_result", finishing.before(plain_job._pub_result))
    for gate in (compiling, stage, finishing):
        gate.shut()
    session = Session(manila)
    job = SamplerV2(mode=session).run([flipped()])

    compiling.await_arrival()
    assert (job.status(), job.running(), job.on_qpu()) == ("RUNNING", True, False)
    assert timed.qpu(manila).scheduler.locks.qpu.idle
    waiting = SamplerV2(mode=manila).run([flipped()])
    assert (waiting.status(), waiting.queued()) == ("QUEUED", True)
    timed.pass_time(10)

    compiling.open()
    stage.await_arrival()
    assert (job.status(), job.on_qpu()) == ("RUNNING", True)
    timed.pass_time(3)
    assert (job.usage(), job.usage(partial=True)) == (0, 3)
    assert job.metrics()["usage"] == {"qpu_charge_time_seconds": 3, "status": "pending"}

    stage.open()
    finishing.await_arrival()
    assert (job.status(), job.on_qpu(), job.in_final_state()) == ("RUNNING", False, False)
    timed.pass_time(5)

    finishing.open()
    job.result(timeout=20)
    assert (job.status(), job.done(), job.in_final_state()) == ("DONE", True, True)
    assert type(job.status()) is str
    assert job.status() != JobStatus.DONE
    assert (job.cancelled(), job.errored(), job.running(), job.queued()) == (False,) * 4
    assert job.usage() == 3
    times = {k: datetime.fromisoformat(v) for k, v in job.metrics()["timestamps"].items()}
    assert (times["finished"] - times["running"]).total_seconds() == 18
    session.close()
    waiting.result(timeout=20)


def test_five_are_in_progress_and_one_of_them_on_the_qpu(submit, timed, stage):
    stage.shut()
    jobs = [submit() for _ in range(6)]
    stage.await_arrival()
    assert [job.status() for job in jobs] == ["RUNNING"] * 5 + ["QUEUED"]
    assert sum(job.on_qpu() for job in jobs) == 1
    stage.open()
    for job in jobs:
        job.result(timeout=20)


# -- times and usage -----------------------------------------------------------------------------


def test_metrics_of_a_finished_job(submit, runtime):
    earlier = datetime.now(UTC)
    job = submit()
    job.result(timeout=20)
    metrics = job.metrics()
    assert set(metrics) >= {"timestamps", "usage", "circuits_execution_time_ns"}
    assert list(metrics["timestamps"]) == ["created", "running", "finished"]
    assert all(text.endswith("Z") for text in metrics["timestamps"].values())
    times = [datetime.fromisoformat(text) for text in metrics["timestamps"].values()]
    assert times == sorted(times)
    # Two clocks were read, so a hair's breadth may lie between them.
    assert (times[0] - earlier).total_seconds() > -0.1
    assert metrics["usage"] == {
        "qpu_charge_time_seconds": job.usage(),
        "status": "complete",
    }
    assert job.usage() == job.usage(partial=True) > 0
    assert 0 < metrics["circuits_execution_time_ns"] <= job.usage() * 1e9 + 1000


def test_metrics_tell_the_version_of_qiskit(submit, timed):
    assert submit().metrics()["qiskit_version"] == qiskit.__version__


def test_metrics_of_a_queued_job(manila, timed, stage):
    stage.shut()
    first = SamplerV2(mode=Session(manila)).run([flipped()])
    job = SamplerV2(mode=manila).run([flipped()])
    assert list(job.metrics()["timestamps"]) == ["created"]
    assert job.metrics()["usage"] == {"qpu_charge_time_seconds": 0, "status": "pending"}
    assert job.metrics()["circuits_execution_time_ns"] == 0
    assert first.status() == "RUNNING"


def test_execution_spans_lie_inside_the_lock(submit, runtime, manila):
    job = submit()
    spans = job.result(timeout=20).metadata["execution"]["execution_spans"]
    (hold,) = runtime.qpu(manila).scheduler.locks.qpu.history
    utc = runtime.clock.utc
    assert utc(hold.start) <= spans.start <= spans.stop <= utc(hold.end)


def test_the_estimate_is_the_services_quick_formula(submit, timed):
    assert submit(shots=8000).usage_estimation == {"quantum_seconds": pytest.approx(4.8)}


def test_logs_tell_its_story(submit, timed, on_qpu, stage, caplog):
    job = on_qpu()
    with caplog.at_level(logging.WARNING, "qiskit_modes"):
        job.logs()
    assert "Job logs are only available after the job finishes." in caplog.text
    stage.open()
    job.result(timeout=20)
    settle(submit)
    states = [line.split()[1] for line in job.logs().splitlines()]
    assert states == ["Queued", "Compiling", "Ready", "Executing", "PostProcessing", "Finished"]


# -- waiting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", ["result", "wait_for_final_state"])
def test_a_timeout_does_not_end_the_job(timed, on_qpu, stage, wait):
    job = on_qpu()
    with pytest.raises(RuntimeJobTimeoutError) as error:
        getattr(job, wait)(timeout=0.01)
    assert error.value.message == "Timed out waiting for job to complete after 0.01 secs."
    assert job.status() == "RUNNING"
    stage.open()
    getattr(job, wait)(timeout=20)
    assert job.status() == "DONE"


def test_many_may_wait(timed, on_qpu, stage):
    job = on_qpu()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(job.result(timeout=20))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    stage.open()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4
    assert all(result[0].data.c.num_shots == 4096 for result in found)


def test_a_short_poll_interval_warns_as_the_client_does(submit, timed):
    job = submit()
    with pytest.warns(UserWarning, match="Using 0.1 as the poll interval"):
        job.wait_for_final_state(timeout=20, poll_interval=0.01)
    job.result(timeout=20, poll_interval=0.5)


def test_a_decoder_is_refused(submit, timed):
    with pytest.raises(InvalidInputError, match="decoder"):
        submit().result(decoder=dict)


# -- cancelling ----------------------------------------------------------------------------------


def assert_cancelled(job):
    assert (job.status(), job.cancelled(), job.in_final_state()) == ("CANCELLED", True, True)
    with pytest.raises(RuntimeInvalidStateError) as error:
        job.result(timeout=20)
    assert error.value.message == (
        f"Unable to retrieve result for job {job.job_id()}. Job was cancelled."
    )
    assert job.error_message() is None
    with pytest.raises(RuntimeInvalidStateError, match="Job cannot be cancelled: "):
        job.cancel()


def test_cancel_a_queued_job(manila, timed, stage):
    stage.shut()
    SamplerV2(mode=Session(manila)).run([flipped()])
    job = SamplerV2(mode=manila).run([flipped()])
    job.cancel()
    assert_cancelled(job)
    assert "running" not in job.metrics()["timestamps"]
    assert (job.usage(), job.metrics()["usage"]["status"]) == (0, "complete")


def test_cancel_a_job_that_is_compiled(submit, timed, stage, monkeypatch):
    compiling = Gate()
    compiling.shut()
    original = plain_job.compile_circuit
    monkeypatch.setattr(plain_job, "compile_circuit", compiling.before(original))
    job = submit()
    compiling.await_arrival()
    job.cancel()
    assert_cancelled(job)
    compiling.open()
    settle(submit)
    assert job.status() == "CANCELLED"
    assert job.usage() == 0


def test_cancel_a_job_on_the_qpu(submit, timed, on_qpu, stage):
    job = on_qpu()
    timed.pass_time(4)
    job.cancel()
    assert_cancelled(job)
    assert job.metrics()["usage"]["status"] == "pending"
    stage.open()
    settle(submit)
    assert_cancelled(job)
    assert job.usage() == 4
    assert job.metrics()["usage"]["status"] == "complete"


def test_a_finished_job_cannot_be_cancelled(submit, timed):
    job = submit()
    job.result(timeout=20)
    with pytest.raises(RuntimeInvalidStateError, match=r"Job cannot be cancelled: .*ended"):
        job.cancel()
    assert job.status() == "DONE"
    job.result(timeout=20)


def test_cancel_while_the_job_is_just_ending(submit, timed, on_qpu, stage, manila):
    """The race: it has not ended when one looks, and has when one gets the QPU's mutex."""
    job = on_qpu()
    qpu = timed.qpu(manila)
    mutex = qpu.mutex
    looked = iter([True])

    class EndsFirst:
        def __enter__(self):
            if next(looked, False):
                stage.open()
                assert job._record.finished.wait(20)
            return mutex.__enter__()

        def __exit__(self, *exc_info):
            return mutex.__exit__(*exc_info)

    qpu.mutex = EndsFirst()
    try:
        with pytest.raises(RuntimeInvalidStateError, match=r"Job cannot be cancelled: .*ended"):
            job.cancel()
    finally:
        qpu.mutex = mutex
    assert job.status() == "DONE"


# -- failing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["compile_circuit", "_pub_result"])
def test_a_step_that_fails(submit, timed, monkeypatch, step):
    def fail(*_, **__):
        raise ArithmeticError("the bits fell over")

    with monkeypatch.context() as patched:
        patched.setattr(plain_job, step, fail)
        job = submit()
        with pytest.raises(RuntimeJobFailureError) as error:
            job.result(timeout=20)
    assert error.value.message == (
        "Unable to retrieve job result. ArithmeticError: the bits fell over"
    )
    assert isinstance(error.value.__cause__, ArithmeticError)
    assert (job.status(), job.errored(), job.in_final_state()) == ("ERROR", True, True)
    assert job.error_message() == (
        f"Job {job.job_id()} has failed:\nArithmeticError: the bits fell over"
    )
    with pytest.raises(RuntimeInvalidStateError, match="Job cannot be cancelled"):
        job.cancel()
    settle(submit)


def test_what_fails_in_the_worker(submit, timed, monkeypatch):
    from qiskit_modes.simulation.run import execution

    def fail(*_):
        raise ZeroDivisionError("in there")

    with monkeypatch.context() as patched:
        patched.setattr(execution, "execute", fail)
        job = submit()
        with pytest.raises(RuntimeJobFailureError, match="ZeroDivisionError: in there") as error:
            job.result(timeout=20)
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    settle(submit)


def test_a_job_that_holds_the_qpu_for_too_long(submit, timed, on_qpu, stage):
    job = on_qpu({"max_execution_time": 5})
    timed.pass_time(4.5)
    assert job.status() == "RUNNING"
    timed.pass_time(0.5)
    assert (job.status(), job.cancelled(), job.errored()) == ("ERROR", False, True)
    with pytest.raises(RuntimeJobMaxTimeoutError) as error:
        job.result(timeout=20)
    assert error.value.message == "Error code 1305; Ran too long"
    message = f"Job {job.job_id()} ran longer than maximum execution time. Job was cancelled:\n"
    assert job.error_message().startswith(message)
    with pytest.raises(RuntimeInvalidStateError, match="Job cannot be cancelled"):
        job.cancel()
    stage.open()
    settle(submit)
    assert job.usage() == 5


def test_waiting_does_not_count_against_the_limit(submit, timed, on_qpu, stage):
    first = on_qpu()
    job = submit({"max_execution_time": 5})
    timed.pass_time(60)
    stage.open()
    first.result(timeout=20)
    job.result(timeout=20)
    assert job.usage() == 0


def test_no_job_holds_the_qpu_for_more_than_three_hours(timed, on_qpu, stage):
    job = on_qpu({"max_execution_time": 20_000})
    timed.pass_time(10_799)
    assert job.status() == "RUNNING"
    timed.pass_time(1)
    with pytest.raises(RuntimeJobMaxTimeoutError):
        job.result(timeout=20)


def test_the_start_of_a_worker_is_no_time_on_the_qpu(manila, monkeypatch):
    """The first job of a program waits for a process and its imports, not for circuits."""
    for _ in using(LocalRuntime(workers=WorkerPool(1)), monkeypatch):
        job = SamplerV2(mode=manila).run([flipped()])
        job.result(timeout=60)
        executed = job.metrics()["circuits_execution_time_ns"] / 1e9
        assert job.usage() < executed + 0.5


def test_nor_is_the_start_of_a_second_worker(manila, stage, monkeypatch):
    """The same for a job that finds the first worker busy with the job of another QPU."""
    starting = Gate()

    def new_executor():
        return StagedExecutor(stage, initializer=starting.enter)

    clock = ManualClock()
    two = LocalRuntime(clock=clock, workers=WorkerPool(2, new_executor))
    for _ in using(two, monkeypatch, stage):
        stage.shut()
        first = SamplerV2(mode=manila).run([flipped()])
        starting.await_arrival()
        stage.await_arrival()
        starting.shut()
        second = SamplerV2(mode=FakeLimaV2(), options={"max_execution_time": 4}).run([flipped()])
        starting.await_arrival()
        clock.advance(5)
        starting.open()
        stage.open()
        first.result(timeout=20)
        second.result(timeout=20)
        assert (first.usage(), second.usage()) == (5, 0)


# -- waiting for others --------------------------------------------------------------------------


def test_whoever_waits_for_two_seconds_is_told_once_for_whom(manila, timed):
    session = Session(manila)
    SamplerV2(mode=session).run([flipped()]).result(timeout=20)
    told, came = [], threading.Event()

    class Listener(logging.Handler):
        def emit(self, record):
            told.append(record.getMessage())
            came.set()

    listener = Listener()
    logger = logging.getLogger("qiskit_modes")
    logger.addHandler(listener)
    try:
        jobs = [SamplerV2(mode=manila).run([flipped()]) for _ in range(2)]
        timed.pass_time(1.5)
        assert not told
        timed.pass_time(0.5)
        assert came.wait(20)
        timed.pass_time(10)
        session.close()
        for job in jobs:
            job.result(timeout=20)
    finally:
        logger.removeHandler(listener)
    (notice,) = told
    assert jobs[0].job_id() in notice
    assert f"session {session.session_id}" in notice
    assert "58 s" in notice
    assert "close it" in notice


def test_a_batch_job_knows_its_batch(manila, timed):
    with Batch(manila) as batch:
        job = SamplerV2().run([flipped()])
    assert job.session_id == batch.session_id
    job.result(timeout=20)


def test_ids_are_written_as_uuids():
    ids = [_uuid4() for _ in range(200)]
    assert len(set(ids)) == 200
    for each in ids:
        read = uuid.UUID(each)
        assert str(read) == each
        assert (read.version, read.variant) == (4, uuid.RFC_4122)
