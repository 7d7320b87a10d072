"""A server that is killed loses nothing that anybody was told, and charges nothing twice."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from qiskit_modes.store.rows import BODY_KINDS, JobQuery
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.upkeep import check as check_store
from tests.server.histories import FINAL, History, check

SCRIPT = Path(__file__).parent / "scripts" / "killed_servers.py"
KEY = "secret"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="servers are forked here")


class Killed:
    """A server that can be killed, and started again on the same store."""

    def __init__(self, script: subprocess.Popen[str], store: str) -> None:
        self._script = script
        self._arguments: dict[str, Any] = {
            "backends": ["ibm_manila"],
            "store": store,
            "token": KEY,
        }
        self.process = self.port = 0
        self.up = threading.Event()

    def start(self, **arguments: Any) -> dict[str, Any]:
        assert self._script.stdin is not None
        assert self._script.stdout is not None
        self._script.stdin.write(json.dumps({**self._arguments, **arguments}) + "\n")
        self._script.stdin.flush()
        answer = json.loads(self._script.stdout.readline())
        if "port" in answer:
            self.process, self.port = answer["process"], answer["port"]
            self.up.set()
        return answer

    def kill(self, how: int = signal.SIGKILL) -> None:
        self.up.clear()
        os.kill(self.process, how)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Send a request; raises OSError or HTTPException if nothing comes back."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method,
                f"/experimental{path}",
                None if body is None else json.dumps(body),
                {"Authorization": f"apikey {KEY}", "Content-Type": "application/json", **headers},
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def script() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.communicate()


@pytest.fixture
def server(script, tmp_path) -> Iterator[Killed]:
    killed = Killed(script, f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    killed.path = tmp_path / "jobs.sqlite"
    yield killed
    if killed.process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(killed.process, signal.SIGKILL)


GONE = (OSError, http.client.HTTPException)


@dataclass
class Client:
    """Submits jobs one after the other, with keys, and waits for each; like a stubborn user."""

    server: Killed
    body: dict[str, Any]
    history: History
    stop: threading.Event
    seed: int

    def run(self) -> None:
        chance = random.Random(self.seed)
        while not self.stop.is_set():
            key = str(uuid.UUID(int=chance.getrandbits(128)))
            params = {**self.body["params"], "pubs": self.body["params"]["pubs"]}
            shots = chance.choice([10, 100, 2_000])
            params["pubs"] = [[params["pubs"][0][0], None, shots]]
            job_id = self.submit(key, {**self.body, "params": params})
            if job_id is None:
                return
            if chance.random() < 0.1:
                self.try_to("POST", f"/jobs/{job_id}/cancel")
            self.wait(job_id)

    def try_to(self, method: str, path: str, body: Any = None, **headers: str):
        """Ask until something comes back; None when it is time to stop."""
        while True:
            if not self.server.up.wait(0.05):
                if self.stop.is_set():
                    return None
                continue
            try:
                return self.server.ask(method, path, body, **headers)
            except GONE:
                if self.stop.is_set():
                    return None

    def submit(self, key: str, body: dict[str, Any]) -> str | None:
        answer = self.try_to("POST", "/jobs", body, **{"Idempotency-Key": key})
        if answer is None:
            return None
        assert answer[0] == 200, answer
        job_id = json.loads(answer[1])["id"]
        self.history.submitted[key] = job_id
        return job_id

    def wait(self, job_id: str) -> None:
        while True:
            answer = self.try_to("GET", f"/jobs/{job_id}?exclude_params=true")
            if answer is None:
                return
            assert answer[0] == 200, answer
            state = json.loads(answer[1])["state"]["status"]
            if state in FINAL:
                break
        result = None
        if state == "Completed":
            answer = self.try_to("GET", f"/jobs/{job_id}/results")
            if answer is not None:
                assert answer[0] == 200, answer
                result = answer[1]
        self.history.told.append((job_id, state, result))


def torture(
    server: Killed,
    body: dict[str, Any],
    *,
    kills: int,
    clients: int,
    seed: int,
    resume: bool,
    longest: float,
) -> History:
    """Kill a server at random moments while clients use it; return what they were told."""
    chance = random.Random(seed)
    history, stop = History(), threading.Event()
    users = [Client(server, body, history, stop, seed * 100 + k) for k in range(clients)]
    failures: list[BaseException] = []

    def use(user: Client) -> None:
        try:
            user.run()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(user,)) for user in users]
    server.start(resume=resume)
    for thread in threads:
        thread.start()
    for _ in range(kills):
        # The moment of the kill is what is random; a server reads its first circuit after 1 or 2 s.
        time.sleep(chance.uniform(0.05, longest))
        server.kill()
        answer = server.start(resume=resume)
        assert "port" in answer, answer
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    return history


def completed(history: History, server: Killed) -> History:
    """Wait for what is under way, stop the server, and read what there is in its store."""
    store = SqlStore(f"sqlite:///{server.path}")
    while store.find_jobs(JobQuery(pending=True, limit=1))[1]:
        time.sleep(0.05)
    server.kill()
    server.start()  # a last look by a new process
    status, text = server.ask("GET", "/instances/usage")
    assert status == 200
    rows, _ = store.find_jobs(JobQuery())
    for row in rows:
        history.jobs[row.id] = {
            "ending": row.ending,
            "key": row.submission_key,
            "charged": row.facts.get("charged_seconds", 0.0),
            "mode": row.facts["mode"],
        }
        result = store.body(row.id, "result")
        if result is not None:
            history.results[row.id] = result
        for kind in BODY_KINDS:
            store.body(row.id, kind)
    history.usage = [(row.source, row.seconds) for row in store.usage(0)]
    total = sum(seconds for _, seconds in history.usage)
    assert json.loads(text)["usage_consumed_seconds"] == pytest.approx(total)
    assert check_store(store) == []
    store.close()
    return history


@pytest.mark.parametrize("resume", [False, True])
def test_a_server_that_is_killed_at_random_moments(server, sampling, resume):
    history = torture(
        server, sampling, kills=3, clients=3, seed=7 + resume, resume=resume, longest=1.0
    )
    completed(history, server)
    assert check(history) == []
    assert any(state == "Completed" for _, state, _ in history.told)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
def test_a_server_that_is_killed_often(server, sampling, seed):
    history = torture(
        server, sampling, kills=10, clients=4, seed=seed, resume=seed % 2 == 1, longest=4.0
    )
    completed(history, server)
    assert check(history) == []
    assert len(history.told) > 20


# -- the checker is shown what it must find --------------------------------------------------------


def good() -> History:
    return History(
        submitted={"k1": "j1", "k2": "j2"},
        told=[("j1", "Completed", "[1]"), ("j2", "Failed", None)],
        jobs={
            "j1": {"ending": "completed", "key": "k1", "charged": 1.5, "mode": "job"},
            "j2": {"ending": "failed", "key": "k2", "charged": 0.0, "mode": "job"},
        },
        results={"j1": "[1]"},
        usage=[("j1", 1.5)],
    )


def broken(**changes: Any) -> History:
    return replace(deepcopy(good()), **changes)


def with_job(job_id: str, **changes: Any) -> dict[str, Any]:
    jobs = good().jobs
    jobs[job_id] = {**jobs.get(job_id, jobs["j1"]), **changes}
    return jobs


@pytest.mark.parametrize(
    ("history", "finding"),
    [
        (broken(jobs={"j2": good().jobs["j2"]}, usage=[]), "job j1 was lost"),
        (broken(jobs=with_job("j3", key="k1")), "key k1 is 2 jobs"),
        (broken(jobs=with_job("j1", key="other")), "job j1 is of another key"),
        (broken(jobs=with_job("j2", ending="unfinished")), "job j2 has no end"),
        (broken(jobs=with_job("j2", ending="cancelled")), "told to be Failed, and is cancelled"),
        (broken(results={}), "job j1 has completed without a result"),
        (broken(results={"j1": "[2]"}), "another result than was told"),
        (broken(usage=[("j1", 1.5), ("j1", 1.5)]), "j1 was charged 2 times"),
        (broken(usage=[("j1", 1.0)]), "job j1 was charged 1.0, not 1.5"),
        (broken(usage=[]), "job j1 was charged None"),
        (broken(usage=[("j1", 1.5), ("j2", 0.5)]), "job j2 was charged 0.5, not 0.0"),
    ],
)
def test_the_checker_finds_broken_histories(history, finding):
    assert finding in " | ".join(check(history))


def test_the_checker_lets_a_good_one_pass():
    assert check(good()) == []


# -- single stories --------------------------------------------------------------------------------


def test_a_token_of_yesterday_still_works(server):
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(
        "POST",
        "/identity/token",
        f"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey={KEY}",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    token = json.loads(connection.getresponse().read())["access_token"]
    connection.close()
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
