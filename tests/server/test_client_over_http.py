"""What the service's own client really sends; rules of the conformance table by their ids."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session
from qiskit_ibm_runtime.exceptions import (
    IBMInputValueError,
    IBMRuntimeError,
    RuntimeJobNotFound,
    RuntimeJobTimeoutError,
)
from qiskit_ibm_runtime.executor_sampler import Sampler

from qiskit_modes import Instance, Plan
from qiskit_modes.testing import Scenario
from qiskit_modes.wire import Platform
from qiskit_modes.wire.programs import params


@dataclass
class Sent:
    method: str
    path: str
    body: object
    status: int


@pytest.fixture
def scenario():
    """Time stands still: jobs do not end."""
    with Scenario(autojump=False) as scenario:
        yield scenario


@pytest.fixture
def sent(monkeypatch):
    """Every request of this process, in order."""
    requests_, send = [], requests.Session.send

    def record(self, request, **settings):
        answer = send(self, request, **settings)
        is_json = "json" in request.headers.get("Content-Type", "")
        body = json.loads(request.body) if request.body and is_json else None
        path = urlsplit(request.url).path.removeprefix("/experimental")
        requests_.append(Sent(request.method, path, body, answer.status_code))
        return answer

    monkeypatch.setattr(requests.Session, "send", record)
    return requests_


@pytest.fixture
def service(server, scenario, monkeypatch):
    platform = Platform(scenario.runtime, backends=["ibm_manila"])
    with server.app_state.using(platform):
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield QiskitRuntimeService()


def test_j21_a_client_asks_every_half_second_or_tenth_of_one(service, sent, bell):
    backend = service.backend("ibm_manila")
    looks = {}
    for mode in (backend, Session(backend)):
        job = SamplerV2(mode=mode).run([bell], shots=10)
        sent.clear()
        with pytest.raises(RuntimeJobTimeoutError):
            job.result(timeout=0.8)
        looks[mode] = sum(each.path == f"/jobs/{job.job_id()}" for each in sent)
    of_job_mode, of_session = looks.values()
    assert of_job_mode == 3
    assert 3 < of_session < 12


def test_r03_what_has_ended_cannot_be_cancelled(http_, scenario, sampling):
    job_id = http_("POST", "/jobs", sampling).json["id"]
    scenario.clock.advance(5)
    answer = http_("POST", f"/jobs/{job_id}/cancel")
    assert (answer.status, answer.json["errors"][0]["code"]) == (409, 9002)


def test_r04_what_goes_wrong_after_a_job_exists_is_not_repeated(service, server, sent, bell):
    def fail(*_):
        raise ZeroDivisionError("after the job exists")

    backend = service.backend("ibm_manila")
    sent.clear()
    server.app_state.on_job = fail
    try:
        with pytest.raises(IBMRuntimeError, match="after the job exists"):
            SamplerV2(mode=backend).run([bell])
    finally:
        server.app_state.on_job = lambda *_: None
    posts = [each for each in sent if (each.method, each.path) == ("POST", "/jobs")]
    assert [each.status for each in posts] == [400]
    assert len(service.jobs()) == 1


def test_r05_the_request_that_opens_a_session(service, sent):
    backend = service.backend("ibm_manila")
    sent.clear()
    Session(backend, max_time="2m")
    (opened,) = [each for each in sent if each.method == "POST"]
    assert opened.path == "/sessions"
    assert opened.body == {
        "mode": "dedicated",
        "backend": "ibm_manila",
        "instance": service.active_instance(),
        "max_ttl": 120,
    }


def test_r06_closing_and_cancelling(service, sent):
    session = Session(service.backend("ibm_manila"))
    sent.clear()
    session.close()
    session.cancel()
    path = f"/sessions/{session.session_id}"
    assert sent == [
        Sent("PATCH", path, {"accepting_jobs": False}, 204),
        Sent("DELETE", f"{path}/close", None, 204),
    ]


def test_r07_a_session_that_takes_no_more_jobs_says_so_with_a_code(http_, sampling):
    session = http_("POST", "/sessions", {"backend": "ibm_manila"}).json["id"]
    http_("PATCH", f"/sessions/{session}", {"accepting_jobs": False})
    answer = http_("POST", "/jobs", {**sampling, "session_id": session})
    assert (answer.status, answer.json["errors"][0]["code"]) == (409, 4001)


def test_programs_of_two_instances_do_not_see_each_other(server, scenario, bell, monkeypatch):
    instances = [Instance("lab", Plan("premium")), Instance("other", Plan("premium"))]
    platform = Platform(scenario.runtime, backends=["ibm_manila"], instances=instances)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with server.app_state.using(platform):
        lab, other = QiskitRuntimeService(instance="lab"), QiskitRuntimeService(instance="other")
        with Session(lab.backend("ibm_manila")) as session:
            job = SamplerV2().run([bell])
        assert [each.job_id() for each in lab.jobs()] == [job.job_id()]
        assert other.jobs() == other.jobs(session_id=session.session_id) == []
        with pytest.raises(RuntimeJobNotFound):
            other.job(job.job_id())
        with pytest.raises(RuntimeJobNotFound):
            other.delete_job(job.job_id())
        with pytest.raises(IBMInputValueError, match="Session not found"):
            Session.from_id(session.session_id, other)
        with pytest.raises(IBMInputValueError, match="not a valid instance name"):
            QiskitRuntimeService(instance="nobody")


@pytest.mark.parametrize("sampler", [SamplerV2, Sampler])
def test_a_client_of_a_newer_qiskit_is_told_both_versions(service, bell, sampler, monkeypatch):
    backend = service.backend("ibm_manila")
    monkeypatch.setattr(params, "QPY_VERSION", 15)
    with pytest.raises(
        IBMRuntimeError, match=r"in QPY version 1\d, .* reads versions up to 15; use"
    ):
        sampler(mode=backend).run([bell.copy(name=f"of a new {sampler.__name__}")])
    assert service.jobs() == []


def test_circuits_of_a_newer_qiskit_are_refused_with_the_versions(http_, sampling):
    import base64
    import zlib

    from qiskit.qpy import QPY_VERSION

    packed = sampling["params"]["pubs"][0][0]["__value__"]
    data = bytearray(zlib.decompress(base64.b64decode(packed)))
    data[6] = 99  # after the six letters that begin every such file
    newer = json.loads(json.dumps(sampling))
    newer["params"]["pubs"][0][0]["__value__"] = base64.b64encode(zlib.compress(data)).decode()
    answer = http_("POST", "/jobs", newer)
    assert answer.status == 400
    assert f"QPY version 99, and the Qiskit of this service reads versions up to {QPY_VERSION}" in (
        answer.message
    )
