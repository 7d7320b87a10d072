"""A session's life as its user sees it: states, words, usage, and the ways in which it ends."""

import pytest
from qiskit_ibm_runtime.exceptions import (
    IBMInputValueError,
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
)

from qiskit_modes import Batch, Instance, LocalService, Plan, SamplerV2, Session
from qiskit_modes.exceptions import ModeWarning, RefusedError
from tests.modes.staging import flipped

# What is tested here needs no job, and a block without one warns.
pytestmark = pytest.mark.filterwarnings("ignore:No job was submitted")

ACCEPTING = "In progress, accepting new jobs"
NOT_ACCEPTING = "In progress, not accepting new jobs"


def states(session):
    return [entry["status"] for entry in session.details()["timestamps"]]


def test_a_new_session(manila, timed):
    session = Session(manila)
    details = session.details()
    created = details.pop("timestamps")
    assert [entry["status"] for entry in created] == ["open"]
    assert created[0]["timestamp"].endswith("Z")
    assert details == {
        "id": session.session_id,
        "backend_name": "fake_manila",
        "interactive_timeout": 60,
        "max_time": 28800,
        "active_timeout": 28800,
        "state": "open",
        "accepting_jobs": True,
        "last_job_started": None,
        "last_job_completed": None,
        "started_at": None,
        "closed_at": None,
        "activated_at": None,
        "mode": "dedicated",
        "usage_time": None,
    }
    assert session.status() == "Pending"
    assert session.usage() is None
    assert session.backend() == "fake_manila"


def test_max_time_is_told(manila, timed):
    assert Session(manila, max_time="2h 30m 40s").details()["max_time"] == 9040


def test_words_while_it_runs_and_drains(manila, timed, stage):
    session = Session(manila)
    stage.shut()
    job = SamplerV2(mode=session).run([flipped()])
    stage.await_arrival()
    assert session.status() == ACCEPTING
    assert session.details()["state"] == "active"
    session.close()
    assert session.status() == NOT_ACCEPTING
    details = session.details()
    assert (details["state"], details["accepting_jobs"]) == ("active", False)
    stage.open()
    job.result(timeout=20)
    assert session.status() == "Closed"
    assert states(session) == ["open", "active", "closed"]


def test_closing_an_unused_session_closes_at_once(manila, timed):
    session = Session(manila)
    session.close()
    assert session.status() == "Closed"
    assert session.usage() is None
    assert states(session) == ["open", "closed"]


def test_pending_when_closed_with_jobs_that_wait_for_others(manila, timed, stage):
    stage.shut()
    SamplerV2(mode=manila).run([flipped()])
    stage.await_arrival()
    session = Session(manila)
    job = SamplerV2(mode=session).run([flipped()])
    session.close()
    assert job.status() == "QUEUED"
    assert session.status() == "Pending"
    assert session.details()["accepting_jobs"] is False
    stage.open()
    job.result(timeout=20)
    assert session.status() == "Closed"


def test_usage_is_the_wall_clock_of_its_windows(manila, timed, stage):
    session = Session(manila)
    timed.pass_time(100)  # being open costs nothing
    sampler = SamplerV2(mode=session)
    stage.shut()
    first = sampler.run([flipped()])
    stage.await_arrival()
    timed.pass_time(3)
    assert session.usage() == 3
    stage.open()
    first.result(timeout=20)
    timed.pass_time(59.5)
    assert session.status() == ACCEPTING
    timed.pass_time(0.5)  # its interactive TTL
    assert (session.status(), session.details()["state"]) == ("Pending", "inactive")
    assert session.usage() == 63
    timed.pass_time(500)  # inactive time is free
    assert session.usage() == 63
    activated = session.details()["activated_at"]
    sampler.run([flipped()]).result(timeout=20)
    assert session.details()["state"] == "active"
    assert session.details()["activated_at"] > activated
    timed.pass_time(7)
    session.close()
    details = session.details()
    assert details["usage_time"] == session.usage() == 70
    assert states(session) == ["open", "active", "inactive", "active", "closed"]
    times = [entry["timestamp"] for entry in details["timestamps"]]
    assert times == sorted(times)
    assert details["started_at"] == times[1]
    assert details["activated_at"] == times[3] == details["last_job_started"]
    assert details["closed_at"] == times[4]
    # The service charges a session once, and not its jobs on top.
    assert session.service.usage()["usage_consumed_seconds"] == 70


def test_a_session_that_nobody_uses_is_closed_after_half_an_hour(manila, timed):
    session = Session(manila)
    timed.pass_time(1799)
    assert session.details()["state"] == "open"
    timed.pass_time(1)
    assert session.status() == "Closed"
    with pytest.raises(IBMRuntimeError, match=r"Failed to run program: .*open a new session"):
        SamplerV2(mode=session).run([flipped()])


def test_at_its_maximum_time_running_jobs_finish_and_queued_ones_fail(manila, timed, stage):
    session = Session(manila, max_time=60)
    sampler = SamplerV2(mode=session)
    stage.shut()
    jobs = [sampler.run([flipped()]) for _ in range(6)]
    stage.await_arrival()
    assert [job.status() for job in jobs] == ["RUNNING"] * 5 + ["QUEUED"]
    timed.pass_time(60)
    assert jobs[5].status() == "ERROR"
    with pytest.raises(RuntimeJobFailureError, match="maximum TTL"):
        jobs[5].result(timeout=20)
    assert session.status() == NOT_ACCEPTING
    stage.open()
    for job in jobs[:5]:
        job.result(timeout=20)
    assert session.status() == "Closed"
    assert "running" not in jobs[5].metrics()["timestamps"]


def test_cancel_drops_what_has_not_started(manila, timed, stage):
    session = Session(manila)
    sampler = SamplerV2(mode=session)
    stage.shut()
    jobs = [sampler.run([flipped()]) for _ in range(6)]
    stage.await_arrival()
    session.cancel()
    assert jobs[5].status() == "CANCELLED"
    with pytest.raises(RuntimeInvalidStateError, match=r"Job was cancelled\."):
        jobs[5].result(timeout=20)
    assert session.status() == NOT_ACCEPTING
    stage.open()
    for job in jobs[:5]:
        job.result(timeout=20)
    assert session.status() == "Closed"
    session.cancel()
    session.close()
    assert states(session) == ["open", "active", "closed"]


@pytest.mark.parametrize("end", ["close", "cancel", "__exit__"])
def test_an_ended_session_refuses_here_and_now(manila, timed, end):
    session = Session(manila)
    sampler = SamplerV2(mode=session)
    getattr(session, end)(*([None] * 3 if end == "__exit__" else []))
    with pytest.raises(IBMRuntimeError) as refusal:
        sampler.run([flipped()])
    assert refusal.value.message == "The session is closed."
    # The QPU is there for others.
    SamplerV2(mode=manila).run([flipped()]).result(timeout=20)


def test_leaving_the_block_closes_and_jobs_still_run(manila, timed, stage):
    stage.shut()
    with Session(manila) as session:
        job = SamplerV2().run([flipped()])
        stage.await_arrival()
    assert session.status() == NOT_ACCEPTING
    stage.open()
    assert job.result(timeout=20)[0].data.c.num_shots == 4096


def test_an_error_in_the_block_comes_out_and_closes(manila, timed):
    class OopsError(Exception):
        pass

    with pytest.raises(OopsError), Session(manila) as session:
        raise OopsError
    assert session.status() == "Closed"


def test_cancel_inside_the_block(manila, timed):
    with Session(manila) as session:
        session.cancel()
    assert session.status() == "Closed"


def test_a_plan_without_sessions(manila, timed):
    free = Instance("mine", Plan(name="open", sessions_allowed=False))
    with pytest.raises(RefusedError, match=r"'mine' is on the open plan.* Batch or job mode"):
        Session(manila, instance=free)
    assert Batch(manila, instance=free).status() == "Pending"


def test_more_time_than_the_plan_allows(manila, timed):
    with pytest.raises(IBMRuntimeError, match="28801"):
        Session(manila, max_time=28801)


def test_a_job_that_may_take_longer_than_its_session(manila, timed):
    session = Session(manila, max_time=60)
    sampler = SamplerV2(mode=session, options={"max_execution_time": 61})
    with pytest.raises(IBMRuntimeError, match=r"Failed to run program: max_execution_time is 61"):
        sampler.run([flipped()])
    assert session.details()["state"] == "open"


def test_create_new_false_says_what_to_do(manila, timed):
    with pytest.raises(IBMInputValueError, match=r"Session\.from_id"):
        Session(manila, create_new=False)


@pytest.mark.parametrize("backend", ["fake_manila", None, 5])
def test_what_is_no_backend(backend, timed):
    with pytest.raises(ValueError, match="Invalid backend type"):
        Session(backend)


# -- other handles -----------------------------------------------------------------------------


def test_a_second_handle_is_the_same_session(manila, timed):
    first = Session(manila)
    second = Session.from_id(first.session_id, LocalService())
    assert second.details() == first.details()
    job = SamplerV2(mode=second).run([flipped()])
    job.result(timeout=20)
    assert job.session_id == first.session_id
    assert job.backend() is manila
    assert first.status() == second.status() == ACCEPTING
    first.close()
    assert second.status() == "Closed"
    # This handle was not closed, so it is the rules that refuse.
    with pytest.raises(IBMRuntimeError, match=r"Failed to run program: .*it was closed"):
        SamplerV2(mode=second).run([flipped()])


def test_a_handle_to_a_closed_session_refuses_by_itself(manila, timed):
    with Session(manila) as session:
        pass
    again = Session.from_id(session.session_id, session.service)
    with pytest.raises(IBMRuntimeError) as refusal:
        SamplerV2(mode=again).run([flipped()])
    assert refusal.value.message == "The session is closed."


def test_from_id_of_an_unknown_session(timed):
    with pytest.raises(IBMInputValueError, match="Session not found"):
        Session.from_id("nobody", LocalService())


def test_from_id_of_the_other_mode(manila, timed):
    session, batch = Session(manila), Batch(manila)
    with pytest.raises(IBMInputValueError) as refusal:
        Batch.from_id(session.session_id, LocalService())
    assert refusal.value.message == (
        f"Input ID {session.session_id} has execution mode dedicated instead of batch."
    )
    with pytest.raises(IBMInputValueError, match="batch instead of dedicated"):
        Session.from_id(batch.session_id, LocalService())


@pytest.mark.parametrize("service", [None, "ibm_quantum_platform", object()])
def test_from_id_with_what_is_no_local_service(manila, timed, service):
    session = Session(manila)
    with pytest.raises(IBMInputValueError, match="LocalService"):
        Session.from_id(session.session_id, service)


def test_a_subclass_finds_itself(manila, timed):
    class MySession(Session):
        pass

    session = MySession(manila)
    assert type(MySession.from_id(session.session_id, LocalService())) is MySession


# -- among others --------------------------------------------------------------------------------


def test_its_service_lists_exactly_its_jobs_newest_first(manila, timed):
    session, other = Session(manila), Session(manila)
    jobs = []
    for _ in range(3):
        jobs.append(SamplerV2(mode=session).run([flipped()]))
        jobs[-1].result(timeout=20)
        timed.pass_time(1)
    SamplerV2(mode=other).run([flipped()])
    found = session.service.jobs(session_id=session.session_id)
    assert [job.job_id() for job in found] == [job.job_id() for job in reversed(jobs)]
    assert {job.session_id for job in found} == {session.session_id}


def test_a_second_session_waits_for_the_first(manila, timed):
    first, second = Session(manila), Session(manila)
    SamplerV2(mode=first).run([flipped()]).result(timeout=20)
    job = SamplerV2(mode=second).run([flipped()])
    assert job.status() == "QUEUED"
    assert second.status() == "Pending"
    first.close()
    job.result(timeout=20)
    assert second.status() == ACCEPTING


def test_repr_tells_what_it_is(manila, timed):
    session = Session(manila)
    assert repr(session) == f"<Session {session.session_id} on fake_manila: Pending>"


@pytest.mark.filterwarnings("error:No job was submitted")
def test_a_block_without_a_job_warns(manila, timed):
    with pytest.warns(ModeWarning, match="No job was submitted to this session"), Session(manila):
        pass


def test_no_warning_on_top_of_an_error(manila, timed, recwarn):
    with pytest.raises(ZeroDivisionError), Session(manila):
        raise ZeroDivisionError
    assert not [w for w in recwarn if w.category is ModeWarning]


def test_strict_turns_warnings_into_errors(manila, timed, monkeypatch):
    monkeypatch.setenv("QISKIT_MODES_STRICT", "1")
    with pytest.raises(ModeWarning, match="No job was submitted"), Session(manila):
        pass
