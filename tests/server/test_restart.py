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
from tests.server.asking import ask
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


def test_a_token_of_yesterday_still_works(server):
    server.start()
    form = f"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey={KEY}"
    of_forms = {"Content-Type": "application/x-www-form-urlencoded"}
    token = ask(server.port, "POST", "/identity/token", form, of_forms).json["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert server.ask("GET", "/jobs", **bearer)[0] == 200
    server.kill()
    server.start()
    assert server.ask("GET", "/jobs", **bearer)[0] == 200
    server.kill()
    server.start(token="another")  # ends the old one's
    assert server.ask("GET", "/jobs", **bearer)[0] == 401


def test_one_store_has_one_server(server):
    server.start()
    first = server.process
    answer = server.start()
    assert "StoreError" in answer["error"]
    assert f"process {first}" in answer["error"]
    assert server.ask("GET", "/jobs")[0] == 200  # the first one goes on


def test_the_same_key_is_the_same_job(server, sampling):
    server.start()
    key = {"Idempotency-Key": "mine"}
    answers: list[tuple[int, str]] = []
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
    assert len({text for _, text in answers}) == 1
    server.kill()
    server.start()
    assert server.ask("POST", "/jobs", sampling, **key) == answers[0]
    other = server.ask("POST", "/jobs", {**sampling, "tags": ["other"]}, **key)
    assert (other[0], "was used for another request" in other[1]) == (409, True)
    assert server.ask("POST", "/jobs", sampling, **{"Idempotency-Key": "a" * 256})[0] == 400
    assert json.loads(server.ask("GET", "/jobs")[1])["count"] == 1


def test_an_open_session_is_closed_and_charged_until_the_last_sign_of_life(server, sampling):
    server.start()
    status, text = server.ask("POST", "/sessions", {"mode": "dedicated", "backend": "ibm_manila"})
    session_id = json.loads(text)["id"]
    body = {**sampling, "session_id": session_id}
    _, text = server.ask("POST", "/jobs", body)
    job_id = json.loads(text)["id"]
    while "Completed" not in server.ask("GET", f"/jobs/{job_id}")[1]:
        pass
    server.kill()
    server.start()
    status, text = server.ask("GET", f"/sessions/{session_id}")
    session = json.loads(text)
    assert (status, session["state"], session["accepting_jobs"]) == (200, "closed", False)
    assert session["state_reason"] == "the service was restarted"
    assert session["timestamps"][-1]["status"] == "closed"
    usage = json.loads(server.ask("GET", "/instances/usage")[1])
    assert usage["usage_consumed_seconds"] == pytest.approx(session["elapsed_time"])
    assert server.ask("POST", "/jobs", body)[0] == 409


def held(server, sampling) -> tuple[str, str]:
    """Submit a job that waits for a session, and one of that session; return the first's id."""
    server.start()
    _, text = server.ask("POST", "/sessions", {"mode": "dedicated", "backend": "ibm_manila"})
    session_id = json.loads(text)["id"]
    _, text = server.ask("POST", "/jobs", {**sampling, "session_id": session_id})
    mine = json.loads(text)["id"]
    while "Completed" not in server.ask("GET", f"/jobs/{mine}")[1]:
        pass
    _, text = server.ask("POST", "/jobs", {**sampling, "tags": ["waits"]})
    waits = json.loads(text)["id"]
    assert "Queued" in server.ask("GET", f"/jobs/{waits}?exclude_params=true")[1]
    return waits, session_id


def test_what_had_not_finished_is_a_failure_that_says_why(server, sampling):
    waits, _ = held(server, sampling)
    server.kill()
    server.start()
    job = json.loads(server.ask("GET", f"/jobs/{waits}")[1])
    assert job["state"]["status"] == "Failed"
    assert "the service was restarted" in job["state"]["reason"]
    assert (job["tags"], job["usage"]) == (["waits"], {"seconds": 0.0})
    assert job["params"] == sampling["params"]
    assert "restarted" in server.ask("GET", f"/jobs/{waits}/results")[1]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_had_not_finished_runs_again_with_the_same_seed(server, sampling, how):
    waits, session_id = held(server, sampling)
    server.kill(how)
    server.start(resume=True)
    while "Completed" not in server.ask("GET", f"/jobs/{waits}?exclude_params=true")[1]:
        pass
    result = server.ask("GET", f"/jobs/{waits}/results")[1]
    assert json.loads(server.ask("GET", f"/sessions/{session_id}")[1])["state"] == "closed"
    store = SqlStore(f"sqlite:///{server.path}")
    seed = store.job(waits).facts["request"]["seed"]
    store.close()
    body = deepcopy(sampling)
    body["params"]["options"] = {"simulator": {"seed_simulator": seed}}
    again = json.loads(server.ask("POST", "/jobs", body)[1])["id"]
    while "Completed" not in server.ask("GET", f"/jobs/{again}?exclude_params=true")[1]:
        pass
    assert bits_of(server.ask("GET", f"/jobs/{again}/results")[1]) == bits_of(result)


def bits_of(text: str) -> str:
    """The measured bits in the text of a result."""
    return json.loads(text)["__value__"]["pub_results"][0]["__value__"]["data"]["__value__"][
        "fields"
    ]["meas"]["__value__"]["array"]["__value__"]


def test_what_cannot_run_again_says_why(server, sampling):
    waits, _ = held(server, sampling)
    server.kill()
    server.start(resume=True, backends=["ibm_quito"])
    job = json.loads(server.ask("GET", f"/jobs/{waits}")[1])
    assert job["state"]["status"] == "Failed"
    assert "cannot run the job again: There is no backend 'ibm_manila'" in job["state"]["reason"]
