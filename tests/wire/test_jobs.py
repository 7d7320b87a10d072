"""Jobs through the service's interface, without a network."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone

import pytest
from qiskit_ibm_runtime import RuntimeDecoder

from qiskit_modes import Instance, LocalService, ModeWarning, Plan, Session
from qiskit_modes.scheduling.plan import OPEN
from qiskit_modes.wire import ApiError, Platform
from qiskit_modes.wire.api_error import Code
from tests.wire.encoding import estimator_params, sampler_params


@pytest.fixture
def params(bell):
    return sampler_params(bell)


def finished(api, *args, **kwargs):
    job_id = api.submit_job(*args, **kwargs)["id"]
    assert api.wait_for_job(job_id)
    return job_id


def test_a_job_from_its_submission_to_its_result(api, params, scenario):
    answer = api.submit_job("sampler", params, backend="ibm_manila", tags=["a"])
    assert answer["backend"] == "ibm_manila"
    job = api.job(answer["id"])
    assert job["state"] == {"status": "Running"}
    assert job["program"] == {"id": "sampler"}
    assert job["tags"] == ["a"]
    assert job["created"] == "2026-01-01T00:00:00.000000Z"
    assert job["estimated_running_time_seconds"] == pytest.approx(2 + 4096 * 350e-6)
    assert "session_id" not in job
    assert "params" not in job
    assert api.wait_for_job(answer["id"], 5)
    assert api.job(answer["id"])["state"] == {"status": "Completed"}
    result = json.loads(api.job_results(answer["id"]), cls=RuntimeDecoder)
    assert result[0].data.meas.num_shots == 4096
    metrics = api.job_metrics(answer["id"])
    assert metrics["usage"] == {"qpu_charge_time_seconds": 1.0, "status": "complete"}
    assert "Executing" in api.job_logs(answer["id"])


def test_every_answer_is_json(platform, api, params):
    session = api.open_session("batch", "ibm_manila")
    job_id = finished(api, "sampler", params, session_id=session["id"])
    for answer in (
        session,
        api.session(session["id"]),
        api.job(job_id, exclude_params=False),
        api.jobs(limit=1),
        api.job_metrics(job_id),
        api.backends(),
        api.backend_configuration("ibm_manila"),
        api.backend_properties("ibm_manila"),
        api.backend_status("ibm_manila"),
        api.usage(),
        platform.instances(),
    ):
        assert json.loads(json.dumps(answer)) == answer


def test_answers_are_fresh(api, params):
    configuration = api.backend_configuration("ibm_manila")
    configuration.clear()
    assert api.backend_configuration("ibm_manila")["n_qubits"] == 5
    job_id = finished(api, "sampler", params, backend="ibm_manila", tags=["a"])
    api.job(job_id)["tags"].append("b")
    assert api.job(job_id)["tags"] == ["a"]


def test_the_parameters_come_back_as_they_were_sent(api, params):
    job_id = finished(api, "sampler", params, backend="ibm_manila")
    assert api.job(job_id, exclude_params=False)["params"] == json.loads(params)


def test_the_parameters_may_be_read_already(api, params):
    assert finished(api, "sampler", json.loads(params), backend="ibm_manila")


def test_an_estimator(api, pair):
    params = estimator_params((pair, ["IIIZZ", {"IIIXX": 0.5}]))
    job_id = finished(api, "estimator", params, backend="ibm_manila")
    result = json.loads(api.job_results(job_id), cls=RuntimeDecoder)
    assert result[0].data.evs.shape == (2,)


@pytest.mark.parametrize("shots", [None, 10])
def test_shots_of_a_pub_and_of_the_options(api, bell, shots):
    params = sampler_params((bell, None, shots), options={"default_shots": 20})
    job_id = finished(api, "sampler", params, backend="ibm_manila")
    result = json.loads(api.job_results(job_id), cls=RuntimeDecoder)
    assert result[0].data.meas.num_shots == (shots or 20)


def test_an_option_that_cannot_be_honoured_is_named(api, bell):
    params = sampler_params(
        bell, options={"simulator": {"noise_model": {"__type__": "NoiseModel"}}}
    )
    with pytest.raises(ApiError, match=r"simulator\.noise_model must be") as caught:
        api.submit_job("sampler", params, backend="ibm_manila")
    assert (caught.value.status, caught.value.code) == (400, Code.INVALID)


@pytest.mark.parametrize(
    ("sent", "level", "twirled"),
    [
        ({}, 1, False),
        ({"resilience_level": 0}, 0, False),
        ({"resilience_level": 2}, 2, True),
        ({"options": {"twirling": {"enable_gates": True}}}, 1, True),
    ],
)
def test_options_of_mitigation_act(api, pair, sent, level, twirled):
    params = estimator_params((pair, "IIIZZ"), **sent)
    job_id = finished(api, "estimator", params, backend="ibm_manila")
    metadata = json.loads(api.job_results(job_id), cls=RuntimeDecoder).metadata
    assert metadata["resilience_level"] == level
    assert metadata["twirling"]["enable_gates"] is twirled


def test_the_services_seed_is_for_jobs_without_one(scenario, pair):
    api = Platform(scenario.runtime, backends=["ibm_manila"], seed=7).api()
    seeds = []
    for options in ({}, {}, {"seed_estimator": 3}, {"simulator": {"seed_simulator": 0}}):
        params = estimator_params((pair, "IIIZZ"), options=options)
        job_id = finished(api, "estimator", params, backend="ibm_manila")
        result = json.loads(api.job_results(job_id), cls=RuntimeDecoder)
        seeds.append(result.metadata["simulation"]["seed_simulator"])
    assert seeds[2:] == [3, 0]
    assert len(set(seeds)) == 4


def test_a_job_that_is_cancelled(api, params, scenario):
    job_id = api.submit_job("sampler", params, backend="ibm_manila")["id"]
    api.cancel_job(job_id)
    assert api.job(job_id)["state"]["status"] == "Cancelled"
    assert api.job_results(job_id)
    with pytest.raises(ApiError, match="already ended") as caught:
        api.cancel_job(job_id)
    assert caught.value.status == 409


def test_a_job_that_fails_tells_its_story(api, params, scenario):
    scenario.job_fails(1, error=ValueError("boom"), code=1234)
    job_id = finished(api, "sampler", params, backend="ibm_manila")
    assert api.job(job_id)["state"] == {
        "status": "Failed",
        "reason": "ValueError: boom",
        "reason_code": 1234,
    }
    assert "ValueError: boom" in api.job_results(job_id)


def test_a_job_that_runs_too_long(api, params, scenario):
    scenario.next_job_lasts(quantum_time=9)
    job_id = finished(api, "sampler", params, backend="ibm_manila", max_execution_time=5)
    state = api.job(job_id)["state"]
    assert state == {"status": "Cancelled", "reason": "Ran too long", "reason_code": 1305}
    assert api.job(job_id)["cost"] == 5
    assert api.job_results(job_id)


def test_waiting_at_most_so_long(api, params, scenario):
    scenario.next_job_lasts(quantum_time=9)
    job_id = api.submit_job("sampler", params, backend="ibm_manila")["id"]
    assert not api.wait_for_job(job_id, 3)
    with pytest.raises(ApiError, match="no result yet") as caught:
        api.job_results(job_id)
    assert caught.value.status == 400
    with pytest.raises(ApiError, match="no logs yet"):
        api.job_logs(job_id)
    with pytest.raises(ApiError, match="cannot be deleted before it ends"):
        api.delete_job(job_id)


def test_a_private_job_hides_its_inputs_and_gives_its_result_once(api, params):
    job_id = finished(api, "sampler", params, backend="ibm_manila", private=True)
    job = api.job(job_id, exclude_params=False)
    assert job["private"] is True
    assert "params" not in job
    assert api.job_results(job_id)
    assert api.job_results(job_id) == ""
    assert api.job(job_id)["state"]["status"] == "Completed"


def test_tags_are_replaced(api, params):
    job_id = finished(api, "sampler", params, backend="ibm_manila", tags=["a"])
    api.set_job_tags(job_id, ["b", "c"])
    assert api.job(job_id)["tags"] == ["b", "c"]
    with pytest.raises(ApiError, match="list of strings"):
        api.set_job_tags(job_id, [1])


def test_a_deleted_job_is_gone(api, params):
    job_id = finished(api, "sampler", params, backend="ibm_manila")
    api.delete_job(job_id)
    with pytest.raises(ApiError, match="there is no job") as caught:
        api.job(job_id)
    assert caught.value.status == 404


class TestListing:
    @pytest.fixture
    def ids(self, api, params, scenario):
        """Five jobs a minute apart, on two machines, the third in a batch; the last goes on."""
        batch = api.open_session("batch", "ibm_manila")["id"]
        jobs = []
        for number in range(5):
            scenario.next_job_lasts(quantum_time=600 if number == 4 else 1)
            jobs.append(
                api.submit_job(
                    "sampler",
                    params,
                    backend="ibm_quito" if number == 1 else "ibm_manila",
                    session_id=batch if number == 2 else None,
                    tags=[f"t{number}", "all"],
                )["id"]
            )
            scenario.clock.advance(60)
        return [*jobs, batch]

    def listed(self, answer, ids):
        return [ids.index(job["id"]) for job in answer["jobs"]]

    def test_pages_and_their_count(self, api, ids):
        answer = api.jobs(limit=2, offset=1)
        assert self.listed(answer, ids) == [3, 2]
        assert answer["count"] == 5
        assert self.listed(api.jobs(newest_first=False), ids) == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize(
        ("which", "found"),
        [
            ({"backend": "ibm_quito"}, [1]),
            ({"backend": "fake_quito"}, [1]),
            ({"backend": "nowhere"}, []),
            ({"pending": True}, [4]),
            ({"pending": False}, [3, 2, 1, 0]),
            ({"program": "estimator"}, []),
            ({"tags": ["all", "t3"]}, [3]),
            ({"session_id": "unknown"}, []),
            ({"created_after": datetime(2026, 1, 1, 0, 3, tzinfo=UTC)}, [4, 3]),
            ({"created_before": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=60)}, [1, 0]),
            ({"created_after": datetime.min, "created_before": datetime.max}, [4, 3, 2, 1, 0]),
            ({"created_before": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))}, []),
            ({"created_after": datetime.max.replace(tzinfo=timezone(-timedelta(hours=14)))}, []),
        ],
    )
    def test_filters(self, api, ids, which, found):
        answer = api.jobs(**which)
        assert self.listed(answer, ids) == found
        assert answer["count"] == len(found)

    def test_those_of_a_session(self, api, ids):
        answer = api.jobs(session_id=ids[-1])
        assert self.listed(answer, ids) == [2]
        assert answer["jobs"][0]["session_id"] == ids[-1]


@pytest.mark.parametrize(
    ("program", "arguments", "status", "words"),
    [
        (
            "nonsense",
            {"backend": "ibm_manila"},
            404,
            "there is estimator, executor, noise-learner, s",
        ),
        ("sampler", {"backend": "ibm_nowhere"}, 400, "no backend 'ibm_nowhere' here"),
        ("sampler", {"backend": None}, 400, "no backend None here"),
        ("sampler", {"session_id": "unknown"}, 400, "no session 'unknown'"),
        ("sampler", {"backend": "ibm_manila", "tags": [1]}, 400, "list of strings"),
        ("sampler", {"backend": "ibm_manila", "max_execution_time": -1}, 400, "positive number"),
    ],
)
def test_what_cannot_be_submitted(api, params, program, arguments, status, words):
    with pytest.raises(ApiError, match=words) as caught:
        api.submit_job(program, params, **arguments)
    assert caught.value.status == status
    assert api.jobs()["count"] == 0


def test_a_job_for_another_machine_than_its_sessions_is_refused(api, params):
    session = api.open_session("dedicated", "ibm_manila")["id"]
    with pytest.raises(ApiError, match="is on the backend ibm_manila, not on ibm_quito"):
        api.submit_job("sampler", params, backend="ibm_quito", session_id=session)


def test_nobody_sees_the_jobs_and_sessions_of_another_instance(api, platform, params):
    session = api.open_session("dedicated", "ibm_manila")["id"]
    job_id = api.submit_job("sampler", params, session_id=session)["id"]
    other = platform.api("other")
    assert other.jobs()["count"] == 0
    for call in (
        other.job,
        other.job_results,
        other.job_metrics,
        other.job_logs,
        other.cancel_job,
        other.delete_job,
        other.wait_for_job,
    ):
        with pytest.raises(ApiError, match="there is no job") as caught:
            call(job_id)
        assert caught.value.status == 404
    with pytest.raises(ApiError, match="there is no job"):
        other.set_job_tags(job_id, [])
    for call in (other.session, other.close_session, other.cancel_session):
        with pytest.raises(ApiError, match="there is no session") as caught:
            call(session)
        assert caught.value.status == 404
    with pytest.raises(ApiError, match="no session"):
        other.submit_job("sampler", params, session_id=session)
    assert api.session(session)["accepting_jobs"]


def test_a_limit_of_the_plan(scenario, params):
    platform = Platform(scenario.runtime, backends=["ibm_manila"], instances=[Instance("me", OPEN)])
    api = platform.api()
    for _ in range(3):
        api.submit_job("sampler", params, backend="ibm_manila")
    with pytest.raises(ApiError, match="allows 3") as caught:
        api.submit_job("sampler", params, backend="ibm_manila")
    assert caught.value.status == 429


def test_a_request_is_not_warned_of_its_limit(scenario, params):
    # Warnings are errors here: a request that raised one would be refused for no reason.
    plan = Plan("small", limit_seconds=0.0)
    platform = Platform(scenario.runtime, backends=["ibm_manila"], instances=[Instance("me", plan)])
    assert platform.api().submit_job("sampler", params, backend="ibm_manila")


def test_a_request_does_not_stand_in_the_block_that_its_thread_stands_in(api, params, scenario):
    backend = LocalService(runtime=scenario.runtime).backend("fake_manila")
    with pytest.warns(ModeWarning, match="No job was submitted to this session"), Session(backend):
        job_id = api.submit_job("sampler", params, backend="ibm_manila")["id"]
    assert "session_id" not in api.job(job_id)


def test_a_runtime_that_was_shut_down_says_so(api, params, scenario):
    scenario.runtime.shut_down()
    with pytest.raises(ApiError, match="shut down") as caught:
        api.submit_job("sampler", params, backend="ibm_manila")
    assert caught.value.status == 409
    with pytest.raises(ApiError, match="shut down"):
        api.open_session("batch", "ibm_manila")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_the_child_of_a_fork_is_told_that_nobody_works_there(api, params):
    job_id = api.submit_job("sampler", params, backend="ibm_manila")["id"]
    calls = (
        lambda: api.submit_job("sampler", params, backend="ibm_manila"),
        lambda: api.open_session("batch", "ibm_manila"),
        lambda: api.wait_for_job(job_id),
    )
    child = os.fork()
    if child == 0:
        told = 0
        for call in calls:
            try:
                call()
            except ApiError as error:
                told += "forked" in error.message
        os._exit(told)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == len(calls)
