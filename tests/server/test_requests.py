"""What the server answers to single requests, as they are on the wire."""

from __future__ import annotations

import json
import threading
import time

import pytest

from qiskit_modes.server.endpoints.request_models import JobBody, parse
from qiskit_modes.wire import ApiError, InstanceApi, Platform, platform
from tests.server.asking import end_of
from tests.server.conftest import Http

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/local:"
LAB, OTHER = f"{CRN}lab::", f"{CRN}other::"


def submit(http, body, **headers):
    answer = http("POST", "/jobs", body, **headers)
    assert answer.status == 200, answer.text
    return answer.json["id"]


# -- jobs ----------------------------------------------------------------------------------------


def test_a_job_from_its_submission_to_its_end(real, sampling):
    job_id = submit(real, {**sampling, "tags": ["a"], "cost": 60})
    end_of(real, job_id)
    job = real("GET", f"/jobs/{job_id}").json
    assert (job["state"], job["tags"], job["cost"]) == ({"status": "Completed"}, ["a"], 60)
    assert job["params"] == sampling["params"]
    results = real("GET", f"/jobs/{job_id}/results")
    assert results.json["__type__"] == "PrimitiveResult"
    assert results.headers["content-type"] == "text/plain; charset=utf-8"
    assert real("PUT", f"/jobs/{job_id}/tags", {"tags": ["b"]}).status == 204
    assert [each["id"] for each in real("GET", "/jobs?tags=b&limit=1").json["jobs"]] == [job_id]
    assert real("GET", f"/jobs/{job_id}/logs").text.endswith("Finished\n")
    assert real("POST", f"/jobs/{job_id}/cancel").status == 409
    assert real("DELETE", f"/jobs/{job_id}").status == 204
    assert real("GET", f"/jobs/{job_id}").status == 404


def test_the_paths_of_the_service_lead_to_the_same(http_, sampling):
    job_id = submit(http_, sampling)
    assert http_("GET", f"/jobs/{job_id}", prefix="/api/v1").json["id"] == job_id


def test_two_identical_requests_are_two_jobs(http_, sampling):
    assert submit(http_, sampling) != submit(http_, sampling)


def test_a_job_that_fails_is_no_error_of_the_server(http_, scenario, sampling):
    scenario.job_fails(1)
    job_id = submit(http_, sampling)
    end_of(http_, job_id)
    assert http_("GET", f"/jobs/{job_id}").json["state"]["status"] == "Failed"
    results = http_("GET", f"/jobs/{job_id}/results")
    assert results.status == 200
    assert "the scenario lets job 1 fail" in results.text


def test_paging(http_, sampling):
    ids = [submit(http_, sampling) for _ in range(3)]
    page = http_("GET", "/jobs?limit=2&offset=1&sort=ASC&exclude_params=true").json
    assert ([each["id"] for each in page["jobs"]], page["count"]) == (ids[1:], 3)
    assert http_("GET", "/jobs?created_after=2027-01-01T00:00:00%2B00:00").json["count"] == 0
    assert http_("GET", "/jobs?pending=false").json["count"] == 0


@pytest.mark.parametrize(
    ("version", "usage", "bss"),
    [
        ("2026-04-15", {"qpu_charge_time_seconds", "status"}, False),
        ("2026-03-15", {"qpu_charge_time_seconds", "status", "circuits_execution_time_ns"}, False),
        (
            "2025-05-01",
            {
                "qpu_charge_time_seconds",
                "status",
                "circuits_execution_time_ns",
                "quantum_seconds",
                "seconds",
            },
            True,
        ),
    ],
)
def test_metrics_in_the_words_of_each_version(http_, sampling, version, usage, bss):
    job_id = submit(http_, sampling)
    metrics = http_("GET", f"/jobs/{job_id}/metrics", IBM_API_Version=version).json
    assert set(metrics["usage"]) == usage
    assert ("bss" in metrics) is bss


def test_an_unknown_version_is_refused(http_, sampling):
    job_id = submit(http_, sampling)
    answer = http_("GET", f"/jobs/{job_id}/metrics", IBM_API_Version="newest")
    assert answer.status == 400
    assert "must be a date such as 2026-04-15, not 'newest'" in answer.message


# -- sessions, backends, instances ---------------------------------------------------------------


def test_a_session_from_its_opening_to_its_end(http_, sampling):
    opened = http_("POST", "/sessions", {"mode": "batch", "backend": "ibm_manila", "max_ttl": 60})
    session_id = opened.json["id"]
    assert http_("GET", f"/sessions/{session_id}").json["max_ttl"] == 60
    job_id = submit(http_, {**sampling, "session_id": session_id})
    assert http_("GET", f"/jobs?session_id={session_id}").json["jobs"][0]["id"] == job_id
    assert http_("PATCH", f"/sessions/{session_id}", {"accepting_jobs": True}).status == 400
    assert http_("PATCH", f"/sessions/{session_id}", {"accepting_jobs": False}).status == 204
    assert http_("POST", "/jobs", {**sampling, "session_id": session_id}).status == 409
    assert http_("DELETE", f"/sessions/{session_id}/close").status == 204
    end_of(http_, job_id)
    assert http_("GET", f"/sessions/{session_id}").json["state"] == "closed"


@pytest.mark.parametrize("mode", ["dedicated", "batch"])
def test_backend_name_stands_for_backend(http_, mode):
    opened = http_("POST", "/sessions", {"mode": mode, "backend_name": "ibm_manila"})
    assert (opened.status, opened.json["backend_name"]) == (200, "ibm_manila")
    neither = http_("POST", "/sessions", {"mode": mode})
    assert neither.status == 400
    assert "backend" in neither.text


def test_a_session_has_no_other_fields(http_):
    answer = http_("POST", "/sessions", {"backend": "ibm_manila", "interactive_ttl": 5})
    assert answer.status == 400
    assert "interactive_ttl" in answer.message


def test_backends_and_usage(http_):
    names = [each["name"] for each in http_("GET", "/backends").json["devices"]]
    assert names == ["ibm_manila", "ibm_quito"]
    everything = http_("GET", "/backends?include_mocks=true").json["devices"]
    assert {each["name"] for each in everything} > {"fake_manila", "fake_quito"}
    assert http_("GET", "/backends/ibm_manila/configuration").json["n_qubits"] == 5
    assert http_("GET", "/backends/ibm_manila/properties").json["backend_name"] == "ibm_manila"
    assert http_("GET", "/backends/ibm_manila/status").json["length_queue"] == 0
    assert http_("GET", "/instances/usage").json["usage_consumed_seconds"] == 0


def test_what_another_instance_has_is_not_there(http_, sampling):
    session = http_("POST", "/sessions", {"backend": "ibm_manila"}, Service_CRN=LAB).json["id"]
    job_id = submit(http_, {**sampling, "session_id": session}, Service_CRN=LAB)
    assert http_("GET", f"/jobs/{job_id}", Service_CRN=LAB).status == 200
    for method, path, body in [
        ("GET", f"/jobs/{job_id}", None),
        ("GET", f"/jobs/{job_id}?exclude_params=true", None),
        ("GET", f"/jobs/{job_id}/results", None),
        ("GET", f"/jobs/{job_id}/metrics", None),
        ("GET", f"/jobs/{job_id}/logs", None),
        ("POST", f"/jobs/{job_id}/cancel", None),
        ("PUT", f"/jobs/{job_id}/tags", {"tags": ["mine"]}),
        ("DELETE", f"/jobs/{job_id}", None),
        ("GET", f"/sessions/{session}", None),
        ("PATCH", f"/sessions/{session}", {"accepting_jobs": False}),
        ("DELETE", f"/sessions/{session}/close", None),
    ]:
        assert http_(method, path, body, Service_CRN=OTHER).status == 404, (method, path)
    refused = http_("POST", "/jobs", {**sampling, "session_id": session}, Service_CRN=OTHER)
    assert refused.status == 400
    assert http_("GET", "/jobs", Service_CRN=OTHER).json["count"] == 0
    assert http_("GET", "/jobs", Service_CRN="crn:v1:nobody").status == 404


def test_the_stand_ins_for_ibm_cloud(http_):
    token = http_("POST", "/identity/token", b"apikey=whatever", prefix="").json
    assert token["expires_in"] > 0
    found = http_("POST", "/v3/resources/search", {"query": "all"}, prefix="").json["items"]
    assert [item["name"] for item in found] == ["lab", "other"]
    plan = http_("GET", f"/{found[0]['service_plan_unique_id']}", prefix="").json
    assert plan["overview_ui"]["en"]["display_name"] == "premium"
    assert plan["metadata"]["pricing"]["type"] == "subscription"
    named = http_("GET", "/v2/resource_instances?name=other", prefix="").json
    assert [each["crn"] for each in named["resources"]] == [OTHER]


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nonsense", 404),
        ("PUT", "/jobs", 405),
        ("GET", "/jobs/unknown", 404),
        ("GET", "/jobs?limit=none", 400),
        ("GET", "/jobs?limit=0", 400),
        ("GET", "/jobs?created_after=yesterday", 400),
        ("GET", "/backends/ibm_nowhere/status", 404),
    ],
)
def test_errors_are_said_as_the_service_says_them(http_, method, path, status):
    answer = http_(method, path)
    assert answer.status == status
    assert answer.json["errors"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"program_id": "sampler", "params": 1}'],
)
def test_what_is_no_request_for_a_job(http_, body):
    answer = http_("POST", "/jobs", body)
    assert answer.status == 400
    assert "The body cannot be used" in answer.message


def test_settings_of_a_newer_client_are_refused_unless_they_are_off(http_, sampling):
    off = {"log_level": "DEBUG", "session_time": None, "new_one": None, "new_two": False}
    assert http_("POST", "/jobs", {**sampling, **off}).status == 200
    answer = http_("POST", "/jobs", {**sampling, "brand_new": 5})
    assert answer.status == 400
    assert "A job has no brand_new here" in answer.message


@pytest.mark.parametrize(
    "query",
    [
        "created_after=soon",
        "created_before=7-7",
        "limit=-1",
        "limit=x",
        "offset=-1",
        "pending=maybe",
    ],
)
def test_filters_that_cannot_be_used(http_, query):
    answer = http_("GET", f"/jobs?{query}")
    assert answer.status == 400
    assert query.partition("=")[0] in answer.message


def test_times_may_be_dates(http_, sampling):
    job_id = submit(http_, sampling)
    found = http_("GET", "/jobs?created_after=2020-01-01").json["jobs"]
    assert [each["id"] for each in found] == [job_id]
    assert http_("GET", "/jobs?created_before=2020-01-01").json["count"] == 0


def test_calibrations_have_no_ids(http_, sampling):
    answer = http_("POST", "/jobs", {**sampling, "calibration_id": "c"})
    assert answer.status == 400
    assert "No backend has a calibration 'c'" in answer.message
    for what in ("configuration", "properties"):
        assert http_("GET", f"/backends/ibm_manila/{what}").status == 200
        assert http_("GET", f"/backends/ibm_manila/{what}?calibration_id=c").status == 404


def test_a_private_result_that_was_read_is_no_content(http_, sampling):
    job_id = http_("POST", "/jobs", {**sampling, "private": True}).json["id"]
    end_of(http_, job_id)
    assert http_("GET", f"/jobs/{job_id}/results").status == 200
    again = http_("GET", f"/jobs/{job_id}/results")
    assert (again.status, again.text) == (204, "")


def test_a_body_that_is_too_long(http_):
    with_limit = b"x" * (51 * 2**20)
    answer = http_("POST", "/jobs", with_limit)
    assert answer.status == 413
    assert "longer than 52,428,800 bytes" in answer.message


def test_a_body_with_too_many_values(http_):
    answer = http_("POST", "/jobs", b'{"params": [' + b"[]," * 2_000_001 + b"[]]}")
    assert answer.status == 413


def test_web_pages_of_others_are_not_answered(http_):
    assert http_("GET", "/backends", Origin="https://example.org").status == 403
    refused = http_("GET", "/backends", Host="rebound.example.org")
    assert refused.status == 403
    assert "not to rebound.example.org" in refused.message
    assert http_("GET", "/backends", Host="quantum.cloud.ibm.com").status == 200
    assert http_("GET", "/backends", Host="[").status == 403


def test_it_can_be_asked_as_a_proxy(http_):
    assert (
        http_("GET", "/backends", prefix="http://qiskit-modes.invalid/experimental").status == 200
    )
    assert http_("GET", "/backends", prefix="http://example.org/experimental").status == 403


def test_what_nobody_foresaw_is_no_5xx_and_is_logged(http_, monkeypatch, caplog):
    def fail(self):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(InstanceApi, "usage", fail)
    answer = http_("GET", "/instances/usage")
    assert answer.status == 400
    assert "ZeroDivisionError: by nothing" in answer.message
    assert "A request could not be answered" in caplog.text


# -- waiting -------------------------------------------------------------------------------------


def test_a_new_job_is_waited_for(real, sampling):
    job_id = submit(real, sampling)
    end_of(real, job_id)  # whatever is slow the first time
    job_id = submit(real, sampling)
    began = time.monotonic()
    state = real("GET", f"/jobs/{job_id}?exclude_params=true").json["state"]
    assert state == {"status": "Completed"}, f"looked for {time.monotonic() - began} s"


def test_on_a_clock_of_a_test_time_passes_for_who_waits(http_, scenario, sampling):
    scenario.jobs_last(quantum_time="1h")
    job_id = submit(http_, sampling)
    assert http_("GET", f"/jobs/{job_id}?exclude_params=true").json["state"] != "Completed"
    assert scenario.clock.now() == 0
    end_of(http_, job_id)
    assert scenario.clock.now() == 3600


def test_nobody_waits_for_the_work_of_others(http_, monkeypatch):
    entered, go_on = threading.Event(), threading.Event()

    def slowly(self):
        entered.set()
        assert go_on.wait(20)
        return {}

    monkeypatch.setattr(InstanceApi, "usage", slowly)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(http_("GET", "/instances/usage")))
    thread.start()
    assert entered.wait(20)
    assert http_("GET", "/backends").status == 200
    assert not answers
    go_on.set()
    thread.join()
    assert answers[0].json == {}


def test_the_description_names_all_endpoints(http_):
    paths = http_("GET", "/openapi.json", prefix="").json["paths"]
    assert "/experimental/jobs/{job_id}/results" in paths
    body = paths["/experimental/jobs"]["post"]["requestBody"]["content"]["application/json"]
    assert json.dumps(body["schema"]).count("program_id") >= 2


def test_who_names_instances_without_end_is_stopped(server, scenario, monkeypatch):
    monkeypatch.setattr(platform, "_MOST_INSTANCES", 3)
    everybody = Platform(scenario.runtime, backends=["ibm_manila"])
    with server.app_state.using(everybody):
        statuses = [
            Http(server)("GET", "/backends", Service_CRN=f"crn:v1:{number}").status
            for number in range(5)
        ]
    assert statuses == [200, 200, 400, 400, 400]


@pytest.mark.parametrize("text", ["", "\\", '"', '\\"', '"\\'])
def test_values_are_counted_and_not_what_stands_in_texts(text):
    """A samplex is a text with JSON in it, as long as the program is."""
    inner = json.dumps({"nodes": [{"a": 1}] * 100_000, "text": text})
    body = {"program_id": "executor", "params": {"samplex": [inner + text, text]}}
    assert parse(JobBody, json.dumps(body).encode()).params == body["params"]
    body["params"]["many"] = [text, *[1] * 250_000]
    with pytest.raises(ApiError, match="more than 250,000 values") as refused:
        parse(JobBody, json.dumps(body).encode())
    assert refused.value.status == 413
