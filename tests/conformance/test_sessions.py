"""Rules of sessions: their states, timers, and what is reserved for them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from qiskit_ibm_runtime.exceptions import IBMError, IBMInputValueError, IBMRuntimeError

from qiskit_modes import Batch, SamplerV2, Session
from qiskit_modes.scheduling import Instance, Plan
from qiskit_modes.scheduling.plan import OPEN, PREMIUM
from tests.conformance.conftest import HOUR, on_qpu, seconds, states, times

ACCEPTING = "In progress, accepting new jobs"
NOT_ACCEPTING = "In progress, not accepting new jobs"


def test_s01_a_fresh_session(world):
    session = Session(world.backend, instance=Instance("me", PREMIUM))
    details = session.details()
    assert (session.status(), session.usage()) == ("Pending", None)
    assert (details["state"], details["accepting_jobs"], details["mode"]) == (
        "open",
        True,
        "dedicated",
    )
    assert (details["interactive_timeout"], details["max_time"]) == (60, 28800)
    assert details["started_at"] is details["activated_at"] is details["closed_at"] is None


def test_s02_no_sessions_on_the_open_plan(world):
    with pytest.raises(IBMError, match="open plan"):
        Session(world.backend, instance=Instance("me", OPEN))
    assert world.service.workloads() == []


def test_s03_the_first_job_waits_its_turn(world):
    session = Session(world.backend)
    others = world.fill_lanes(7, quantum=1)
    job = world.run(session)
    world.until(6)
    assert (job.status(), states(others)) == ("QUEUED", "DDDDDDR")
    world.until(7)
    assert times(job)["running"] == 7


def test_s04_active_from_its_first_job_on(world):
    session = Session(world.backend)
    world.until(5)
    world.run(session, compile=3)
    details = session.details()
    assert (details["state"], session.status()) == ("active", ACCEPTING)
    assert seconds(details["started_at"]) == seconds(details["activated_at"]) == 5


def test_s05_others_wait_for_the_whole_window(world):
    session = Session(world.backend)
    world.run(session, quantum=10)
    other = world.other().job(at=1)
    for moment in (5, 30, 69.9):
        world.until(moment)
        assert other.status() == "QUEUED"


def test_s06_a_job_of_an_active_session_starts_at_once(world):
    session = Session(world.backend)
    world.run(session, quantum=10)
    world.other().job(at=1)
    world.until(40)
    job = world.run(session, quantum=1)
    world.until(41)
    assert (on_qpu(job), times(job)["running"]) == ((40, 41), 40)


def test_s07_idle_for_the_interactive_ttl(world):
    session = Session(world.backend)
    world.run(session, quantum=10)
    other = world.other().job(at=20)
    world.until(69.9)
    assert (session.details()["state"], other.started_at) == ("active", None)
    world.until(70)
    assert (session.details()["state"], session.status()) == ("inactive", "Pending")
    assert other.started_at == 70


def test_s08_activated_again_through_the_queue(world):
    session = Session(world.backend)
    world.run(session, quantum=10)
    world.until(100)
    world.fill_lanes(6, quantum=1)
    job = world.run(session, quantum=1)
    assert (job.status(), session.status()) == ("QUEUED", "Pending")
    world.until(106)
    assert (job.status(), session.status()) == ("RUNNING", ACCEPTING)
    details = session.details()
    assert (seconds(details["started_at"]), seconds(details["activated_at"])) == (0, 106)


def expired(world, **plan):
    """A session with five jobs running and two queued when its maximum TTL is over, at 100 s."""
    session = Session(world.backend, max_time=100, instance=Instance("me", Plan(**plan)))
    jobs = [world.run(session, quantum=90, post=30) for _ in range(7)]
    world.until(100)
    return session, jobs


def test_s10_the_maximum_ttl(world):
    session, jobs = expired(world)
    assert (states(jobs), session.status()) == ("RRRRREE", NOT_ACCEPTING)
    world.until(5 * 90 + 30)
    assert (states(jobs), session.status()) == ("DDDDDEE", "Closed")


def test_s11_refused_after_the_maximum_ttl(world):
    session, _ = expired(world)
    for moment in (101, 1000):
        world.until(moment)
        with pytest.raises(IBMRuntimeError):
            world.run(Session.from_id(session.session_id, world.service))


def test_s12_closing_drains(world):
    session = Session(world.backend)
    jobs = [world.run(session, quantum=2) for _ in range(7)]
    other = world.other().job(at=0)
    session.close()
    assert session.status() == NOT_ACCEPTING
    world.until(13.9)
    assert (other.status(), session.status()) == ("QUEUED", NOT_ACCEPTING)
    world.until(14)
    assert (states(jobs), session.status(), other.started_at) == ("DDDDDDD", "Closed", 14)
    assert seconds(session.details()["closed_at"]) == 14


def test_s14_closing_without_jobs(world):
    session = Session(world.backend)
    session.close()
    assert (session.status(), session.details()["state"]) == ("Closed", "closed")


def test_s15_closing_with_the_first_job_queued(world):
    world.fill_lanes(quantum=1)
    session = Session(world.backend)
    job = world.run(session, quantum=1)
    session.close()
    assert (session.status(), session.details()["accepting_jobs"]) == ("Pending", False)
    world.until(5)
    assert (job.status(), session.status()) == ("RUNNING", NOT_ACCEPTING)
    world.until(6)
    assert (job.status(), session.status()) == ("DONE", "Closed")


@pytest.mark.parametrize("end", [Session.close, Session.cancel, lambda s: s.__exit__(None)])
def test_s17_an_ended_session_runs_nothing(world, end):
    session = Session(world.backend).__enter__()
    world.run(session)
    end(session)
    with pytest.raises(IBMRuntimeError) as raised:
        world.run(session)
    assert raised.value.message == "The session is closed."
    session.__exit__(None)


def test_s18_unused_for_half_an_hour(world):
    session = Session(world.backend)
    world.until(1799)
    assert session.details()["state"] == "open"
    world.until(1800)
    assert session.status() == "Closed"


def test_s24_five_at_once_within_a_session(world):
    session = Session(world.backend)
    jobs = [world.run(session, compile=10, quantum=2) for _ in range(6)]
    assert states(jobs) == "RRRRRQ"
    world.until(30)
    assert [on_qpu(job) for job in jobs[:5]] == [(10 + 2 * i, 12 + 2 * i) for i in range(5)]
    assert times(jobs[5])["running"] == 12


def test_s25_draining_for_a_session(world):
    world.fill_lanes(2, quantum=10)
    job = world.run(Session(world.backend))
    late = world.other("late").job(at=1)
    world.until(19.9)
    assert states([job, late]) == "QQ"
    world.until(20)
    assert states([job, late]) == "RQ"


def test_s26_one_session_after_the_other(world):
    first, second = Session(world.backend), Session(world.backend)
    world.run(first, quantum=10)
    job = world.run(second)
    world.until(69)
    assert (job.status(), second.status()) == ("QUEUED", "Pending")
    world.until(70)
    assert (job.status(), first.status(), second.status()) == ("RUNNING", "Pending", ACCEPTING)


def test_s27_max_time(world):
    assert Session(world.backend, max_time="2h 30m 40s").details()["max_time"] == 9040
    assert Session(world.backend, max_time=600).details()["max_time"] == 600
    for nonsense in ("abc", "10", ""):
        with pytest.raises(IBMInputValueError, match="Invalid max_time value"):
            Session(world.backend, max_time=nonsense)


def test_s28_max_time_above_the_maximum(world):
    Session(world.backend, max_time="8h")
    with pytest.raises(IBMError, match="28800"):
        Session(world.backend, max_time=28801)


def test_s29_a_job_longer_than_its_session(world):
    session = Session(world.backend, max_time=100)
    world.run(session, max_execution_time=100)
    with pytest.raises(IBMRuntimeError, match="max_execution_time"):
        world.run(session, max_execution_time=101)


def test_s30_the_wrong_mode(world):
    session = Session(world.backend)
    with pytest.raises(IBMInputValueError) as raised:
        Batch.from_id(session.session_id, world.service)
    assert raised.value.message == (
        f"Input ID {session.session_id} has execution mode dedicated instead of batch."
    )


def test_s31_a_handle_to_a_closed_session(world):
    session = Session(world.backend)
    session.close()
    again = Session.from_id(session.session_id, world.service)
    with pytest.raises(IBMRuntimeError) as raised:
        world.run(again)
    assert raised.value.message == "The session is closed."


def test_s32_an_unknown_id(world):
    with pytest.raises(IBMInputValueError, match="Session not found: "):
        Session.from_id("no-such-id", world.service)


def test_s33_status(world):
    session = Session(world.backend)
    seen = [session.status()]
    world.run(session)
    seen.append(session.status())
    world.until(61)
    seen.append(session.status())
    world.run(session)
    session.close()
    seen.append(session.status())
    world.until(62)
    seen.append(session.status())
    assert seen == ["Pending", ACCEPTING, "Pending", NOT_ACCEPTING, "Closed"]


def test_s34_timestamps(world):
    world.until(1)
    session = Session(world.backend)
    for moment in (5, 100):
        world.until(moment)
        world.run(session)
    world.until(110)
    session.close()
    stamps = session.details()["timestamps"]
    assert [(stamp["status"], seconds(stamp["timestamp"])) for stamp in stamps] == [
        ("open", 1),
        ("active", 5),
        ("inactive", 66),
        ("active", 100),
        ("closed", 110),
    ]


def test_s35_a_sessions_jobs(world):
    session = Session(world.backend)
    jobs = []
    for moment in range(3):
        world.until(moment)
        jobs.append(world.run(session))
    world.run(world.backend)
    assert {job.session_id for job in jobs} == {session.session_id}
    found = world.service.jobs(session_id=session.session_id)
    assert [job.job_id() for job in found] == [job.job_id() for job in reversed(jobs)]
    assert world.service.jobs(session_id="no-such-id") == []


def test_t2_the_maximum_ttl_counts_from_the_first_job(world):
    session = Session(world.backend, max_time=100)
    world.until(500)
    world.run(session, quantum=1)
    world.until(599)
    assert session.details()["accepting_jobs"]
    world.until(600)
    assert session.status() == "Closed"


def test_t7_cancelling_a_session(world):
    session = Session(world.backend)
    jobs = [world.run(session, quantum=2) for _ in range(7)]
    session.cancel()
    assert (states(jobs), session.status()) == ("RRRRRCC", NOT_ACCEPTING)
    world.until(10)
    assert (states(jobs), session.status()) == ("DDDDDCC", "Closed")


def test_t12_closed_for_good(world):
    session = Session(world.backend)
    session.close()
    again = Session.from_id(session.session_id, world.service)
    for end in (again.close, again.cancel):
        end()
        assert again.status() == "Closed"
    with pytest.raises(IBMRuntimeError):
        world.run(again)
    assert len(session.details()["timestamps"]) == 2


def test_x2_cancelled_instead_of_failed(world):
    _, jobs = expired(world, queued_fail_at_ttl=False)
    assert states(jobs) == "RRRRRCC"


def test_x8_active_timeout_does_not_count_down(world):
    session = Session(world.backend, max_time=1000)
    world.run(session, quantum=200)
    world.until(100)
    details = session.details()
    assert details["active_timeout"] == details["max_time"] == 1000


def test_t10_the_active_ttl(world):
    world.scenario.runtime.instance = Instance("brief", Plan(active_ttl_seconds=100))
    session = Session(world.backend)
    assert session.details()["active_timeout"] == 100
    mine = [world.run(session, quantum=30) for _ in range(6)]
    other = world.other().job(at=50, quantum_time=10)
    world.until(100)
    late = world.run(session, quantum=20)
    world.until(179)
    assert (session.status(), late.status(), other.status()) == (ACCEPTING, "QUEUED", "QUEUED")
    world.until(180)
    assert session.details()["state"] == "inactive"
    world.until(400)
    assert {job.status() for job in mine} == {"DONE"}
    assert (other.started_at, times(late)["running"]) == (180, 190)
    entered = [(e["status"], seconds(e["timestamp"])) for e in session.details()["timestamps"]]
    assert entered == [
        ("open", 0),
        ("active", 0),
        ("inactive", 180),
        ("active", 190),
        ("inactive", 270),
    ]


def test_x18_idle_only_when_nothing_runs(world):
    session = Session(world.backend)
    world.run(session, quantum=1)
    world.run(session, quantum=100)
    world.until(160.9)
    assert session.details()["state"] == "active"
    world.until(161)
    assert session.details()["state"] == "inactive"


def test_p201_pieces_in_any_order(world):
    assert Session(world.backend, max_time="40s 1h").details()["max_time"] == 3640


def test_p202_meaningless_pieces(world):
    with pytest.raises(IBMInputValueError, match="5x"):
        Session(world.backend, max_time="5x 3m")


def test_p203_zero_is_the_maximum(world):
    assert Session(world.backend, max_time=0).details()["max_time"] == 28800


@pytest.mark.parametrize("max_time", [-5, 1.5])
def test_p204_negative_or_fractional(world, max_time):
    with pytest.raises(IBMInputValueError, match="max_time"):
        Session(world.backend, max_time=max_time)


def test_p205_the_maximum_ttl_does_not_pause(world):
    session = Session(world.backend, max_time=1000)
    world.run(session)
    world.until(900)
    assert session.details()["state"] == "inactive"
    job = world.run(session, quantum=500)
    world.until(1000)
    assert (job.status(), session.status()) == ("RUNNING", NOT_ACCEPTING)


def test_p206_closing_an_idle_session(world):
    session = Session(world.backend)
    world.run(session)
    other = world.other().job(at=5)
    world.until(30)
    session.close()
    world.until(30)
    assert (session.status(), other.started_at) == ("Closed", 30)


def test_p207_the_interactive_ttl_starts_afresh(world):
    session = Session(world.backend)
    world.run(session, quantum=1)
    world.until(50)
    world.run(session, quantum=10)
    world.until(119)
    assert session.details()["state"] == "active"
    world.until(120)
    assert session.details()["state"] == "inactive"


def test_p208_a_queued_job_is_use(world):
    world.fill_lanes(1, quantum=HOUR)
    session = Session(world.backend)
    job = world.run(session)
    world.until(HOUR - 1)
    assert session.details()["state"] == "open"
    world.until(HOUR + 1)
    assert job.status() == "DONE"


def test_p209_after_a_failure_or_cancellation(world):
    session = Session(world.backend)
    world.scenario.job_fails(1)
    world.run(session, quantum=1)
    world.until(40)
    world.run(session, quantum=100).cancel()
    world.until(99)
    assert session.details()["state"] == "active"
    world.until(100)
    assert session.details()["state"] == "inactive"


def test_p210_others_wait_for_the_last_job(world):
    session = Session(world.backend, max_time=100)
    world.run(session, quantum=150)
    other = world.other().job(at=1)
    world.until(149)
    assert (session.status(), other.status()) == (NOT_ACCEPTING, "QUEUED")
    world.until(150)
    assert (session.status(), other.started_at) == ("Closed", 150)


def test_p211_details(world):
    session = Session(world.backend)
    world.run(session, quantum=2)
    world.until(10)
    world.run(session, quantum=3)
    world.until(20)
    details = session.details()
    assert set(details) == {
        "id",
        "backend_name",
        "interactive_timeout",
        "max_time",
        "active_timeout",
        "state",
        "accepting_jobs",
        "last_job_started",
        "last_job_completed",
        "started_at",
        "closed_at",
        "activated_at",
        "mode",
        "usage_time",
        "timestamps",
    }
    assert (details["id"], details["backend_name"]) == (session.session_id, world.backend.name)
    assert seconds(details["last_job_started"]) == 10
    assert seconds(details["last_job_completed"]) == 13


def test_p212_a_handle_to_a_draining_session(world):
    session = Session(world.backend)
    world.run(session)
    session.close()
    again = Session.from_id(session.session_id, world.service)
    with pytest.raises(IBMRuntimeError, match="Failed to run program: "):
        world.run(again)


def test_p213_another_handle(world):
    session = Session(world.backend, max_time=500)
    again = Session.from_id(session.session_id, world.service)
    job = world.run(again)
    assert again.details() == session.details()
    assert job.session_id == session.session_id
    assert len(world.service.workloads()) == 1


def test_p214_the_maximum_ttl_of_an_inactive_session(world):
    session = Session(world.backend, max_time=100)
    world.run(session)
    world.until(80)
    world.fill_lanes(quantum=100)
    job = world.run(session)
    world.until(100)
    assert (job.status(), session.status()) == ("ERROR", "Closed")


def test_p215_cancelled_before_its_first_job_started(world):
    world.fill_lanes(quantum=1)
    session = Session(world.backend)
    job = world.run(session)
    session.cancel()
    assert (job.status(), session.status(), session.usage()) == ("CANCELLED", "Closed", None)


def test_p216_four_states(world):
    session = Session(world.backend, max_time=200)
    seen = set()
    for moment in range(0, 230, 5):
        world.until(moment)
        if moment in (10, 120):
            world.run(session, quantum=30)
        seen.add(session.details()["state"])
    assert seen == {"open", "active", "inactive", "closed"}
    stamps = {stamp["status"] for stamp in session.details()["timestamps"]}
    assert stamps <= {"open", "active", "inactive", "closed"}


def test_p217_open_and_not_accepting(world):
    world.fill_lanes(quantum=1)
    session = Session(world.backend)
    world.run(session)
    session.close()
    again = Session.from_id(session.session_id, world.service)
    with pytest.raises(IBMRuntimeError, match="closed"):
        world.run(again)


def test_p218_why_a_job_was_dropped(world):
    _, jobs = expired(world)
    assert "session" in jobs[-1].error_message()
    assert "maximum TTL" in jobs[-1].error_message()


def test_p219_threads_may_share_a_session(world):
    session = Session(world.backend)
    sampler = SamplerV2(session)
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: sampler.run([world.circuit]), range(40)))
    world.until(40)
    assert states(jobs) == 40 * "D"
    assert {job.session_id for job in jobs} == {session.session_id}


def test_p220_times_are_the_plans(world):
    plan = Plan(
        max_ttl_seconds=1000,
        session_interactive_ttl_seconds=10,
        batch_interactive_ttl_seconds=20,
        unused_ttl_seconds=50,
    )
    for kind, ttl in ((Session, 10), (Batch, 20)):
        details = kind(world.backend, instance=Instance("me", plan)).details()
        assert (details["max_time"], details["interactive_timeout"]) == (1000, ttl)
    unused = Session(world.backend, instance=Instance("me", plan))
    world.until(50)
    assert unused.status() == "Closed"


def test_p221_the_maximum_ttl_after_closing(world):
    session = Session(world.backend, max_time=100)
    jobs = [world.run(session, quantum=90, post=30) for _ in range(7)]
    session.close()
    world.until(99)
    assert states(jobs) == "RRRRRQQ"
    world.until(100)
    assert states(jobs) == "RRRRREE"
