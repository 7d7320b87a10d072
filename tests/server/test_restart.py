"""What a server that was ended has left, and what the next one makes of it; see `tests.soak`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from copy import deepcopy

import pytest

from qiskit_modes.store.sql_store import SqlStore
from tests.server.asking import Answer, ask, end_of
from tests.soak.servers import KEY, Killed, starting

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="servers are forked here")


@pytest.fixture(scope="module")
def script() -> Iterator[subprocess.Popen[str]]:
    with starting() as process:
        yield process


@pytest.fixture
def server(script, tmp_path) -> Iterator[Killed]:
    killed = Killed(script, tmp_path / "jobs.sqlite")
    yield killed
    if killed.process:
        killed.kill()


def open_session(server: Killed) -> str:
    body = {"mode": "dedicated", "backend": "ibm_manila"}
    session_id: str = server.ask("POST", "/sessions", body).json["id"]
    return session_id


def test_a_token_of_yesterday_still_works(server):
    server.start()
    form = f"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey={KEY}"
    of_forms = {"Content-Type": "application/x-www-form-urlencoded"}
    token = ask(server.port, "POST", "/identity/token", form, of_forms).json["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert server.ask("GET", "/jobs", **bearer).status == 200
    server.kill()
    server.start()
    assert server.ask("GET", "/jobs", **bearer).status == 200
    server.kill()
    server.start(token="another")  # ends the old one's
    assert server.ask("GET", "/jobs", **bearer).status == 401


def test_one_store_has_one_server(server):
    server.start()
    first = server.process
    answer = server.start()
    assert "StoreError" in answer["error"]
    assert f"process {first}" in answer["error"]
    assert server.ask("GET", "/jobs").status == 200  # the first one goes on


def test_the_same_key_is_the_same_job(server, sampling):
    server.start()
    key = {"Idempotency-Key": "mine"}
    answers: list[Answer] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(server.ask("POST", "/jobs", sampling, **key))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (said,) = {(answer.status, answer.text) for answer in answers}
    server.kill()
    server.start()
    again = server.ask("POST", "/jobs", sampling, **key)
    assert (again.status, again.text) == said
    other = server.ask("POST", "/jobs", {**sampling, "tags": ["other"]}, **key)
    assert (other.status, "was used for another request" in other.text) == (409, True)
    assert server.ask("POST", "/jobs", sampling, **{"Idempotency-Key": "a" * 256}).status == 400
    assert server.ask("GET", "/jobs").json["count"] == 1


def test_an_open_session_is_closed_and_charged_until_the_last_sign_of_life(server, sampling):
    server.start()
    session_id = open_session(server)
    body = {**sampling, "session_id": session_id}
    job_id = server.ask("POST", "/jobs", body).json["id"]
    assert end_of(server.ask, job_id) == "Completed"
    server.kill()
    server.start()
    answer = server.ask("GET", f"/sessions/{session_id}")
    session = answer.json
    assert (answer.status, session["state"], session["accepting_jobs"]) == (200, "closed", False)
    assert session["state_reason"] == "the service was restarted"
    assert session["timestamps"][-1]["status"] == "closed"
    usage = server.ask("GET", "/instances/usage").json
    assert usage["usage_consumed_seconds"] == pytest.approx(session["elapsed_time"])
    assert server.ask("POST", "/jobs", body).status == 409


def held(server, sampling) -> tuple[str, str]:
    """Submit a job that waits for a session, and one of that session; return the first's id."""
    server.start()
    session_id = open_session(server)
    mine = server.ask("POST", "/jobs", {**sampling, "session_id": session_id}).json["id"]
    assert end_of(server.ask, mine) == "Completed"
    waits = server.ask("POST", "/jobs", {**sampling, "tags": ["waits"]}).json["id"]
    assert "Queued" in server.ask("GET", f"/jobs/{waits}?exclude_params=true").text
    return waits, session_id


def test_what_had_not_finished_is_a_failure_that_says_why(server, sampling):
    waits, _ = held(server, sampling)
    server.kill()
    server.start()
    job = server.ask("GET", f"/jobs/{waits}").json
    assert job["state"]["status"] == "Failed"
    assert "the service was restarted" in job["state"]["reason"]
    assert (job["tags"], job["usage"]) == (["waits"], {"seconds": 0.0})
    assert job["params"] == sampling["params"]
    assert "restarted" in server.ask("GET", f"/jobs/{waits}/results").text


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_what_had_not_finished_runs_again_with_the_same_seed(server, sampling, how):
    waits, session_id = held(server, sampling)
    server.kill(how)
    server.start(resume=True)
    assert end_of(server.ask, waits) == "Completed"
    result = server.ask("GET", f"/jobs/{waits}/results").text
    assert server.ask("GET", f"/sessions/{session_id}").json["state"] == "closed"
    store = SqlStore(f"sqlite:///{server.path}")
    seed = store.job(waits).facts["request"]["seed"]
    store.close()
    body = deepcopy(sampling)
    body["params"]["options"] = {"simulator": {"seed_simulator": seed}}
    again = server.ask("POST", "/jobs", body).json["id"]
    assert end_of(server.ask, again) == "Completed"
    assert bits_of(server.ask("GET", f"/jobs/{again}/results").text) == bits_of(result)


def bits_of(text: str) -> str:
    """The measured bits in the text of a result."""
    return json.loads(text)["__value__"]["pub_results"][0]["__value__"]["data"]["__value__"][
        "fields"
    ]["meas"]["__value__"]["array"]["__value__"]


def test_what_cannot_run_again_says_why(server, sampling):
    waits, _ = held(server, sampling)
    server.kill()
    server.start(resume=True, backends=["ibm_quito"])
    job = server.ask("GET", f"/jobs/{waits}").json
    assert job["state"]["status"] == "Failed"
    assert "cannot run the job again: There is no backend 'ibm_manila'" in job["state"]["reason"]
