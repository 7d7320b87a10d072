"""What one instance can see and do of another's: nothing, by whatever way it asks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from qiskit_modes import Instance, Plan
from qiskit_modes.server import serve
from qiskit_modes.server.application import make_application
from tests.server.asking import Answer, answering
from tests.server.conftest import Http

BODIES = {
    "/jobs/{job_id}/tags": {"tags": ["mine"]},
    "/sessions/{session_id}": {"accepting_jobs": False},
}


@dataclass
class Tenants:
    """A server with a store, and two instances with a token each."""

    ask: Http
    keys: dict[str, str]

    def __call__(
        self, who: str, method: str, path: str, body: object = None, **more: str
    ) -> Answer:
        return self.ask(method, path, body, Authorization=f"apikey {self.keys[who]}", **more)


@pytest.fixture(scope="module")
def tenants(tmp_path_factory) -> Iterator[Tenants]:
    place = tmp_path_factory.mktemp("tenants") / "jobs.sqlite"
    instances = [Instance(name, Plan("premium")) for name in ("lab", "thief")]
    with serve(backends=["ibm_manila"], instances=instances, store=place) as server:
        kept = server.platform.runtime.tokens
        yield Tenants(Http(server), {each.id: kept.create([each.id])[0] for each in instances})


@pytest.fixture(scope="module")
def theirs(tenants, sampling) -> dict[str, str]:
    """A job and a batch of the lab, with a key and a tag."""
    batch = tenants("lab", "POST", "/sessions", {"mode": "batch", "backend": "ibm_manila"})
    job = tenants("lab", "POST", "/jobs", {**sampling, "tags": ["secret"]}, Idempotency_Key="key")
    assert tenants.ask.server.platform.api("lab").wait_for_job(job.json["id"], 60)
    return {"job_id": job.json["id"], "session_id": batch.json["id"]}


def operations() -> list[tuple[str, str]]:
    """Every method and path of the description that names a job or a session."""
    paths = make_application(None).openapi()["paths"]
    return [
        (method.upper(), path.removeprefix("/experimental"))
        for path, methods in paths.items()
        if re.search(r"\{(job|session)_id\}", path)
        for method in methods
    ]


def test_there_are_operations_to_try():
    assert len(operations()) >= 10


@pytest.mark.parametrize(("method", "path"), operations(), ids=" ".join)
@pytest.mark.parametrize("named", ["nothing", "their instance"])
def test_what_is_somebody_elses_does_not_exist(tenants, theirs, method, path, named):
    more = {} if named == "nothing" else {"Service_CRN": "lab"}
    answer = tenants("thief", method, path.format(**theirs), BODIES.get(path), **more)
    assert answer.status == 404, answer.text
    job = tenants("lab", "GET", f"/jobs/{theirs['job_id']}").json
    assert (job["status"], job["tags"]) == ("Completed", ["secret"])
    assert tenants("lab", "GET", f"/sessions/{theirs['session_id']}").json["accepting_jobs"]


def test_no_filter_finds_what_is_somebody_elses(tenants, theirs):
    for query in ("", "?tags=secret", f"?session_id={theirs['session_id']}", "?pending=false"):
        assert tenants("thief", "GET", f"/jobs{query}").json["count"] == 0


def test_a_job_cannot_be_put_into_somebody_elses_session(tenants, theirs, sampling):
    asked = {**sampling, "session_id": theirs["session_id"]}
    assert tenants("thief", "POST", "/jobs", asked).status == 400


def test_the_same_key_of_another_instance_is_another_job(tenants, theirs, sampling):
    mine = tenants("thief", "POST", "/jobs", sampling, Idempotency_Key="key")
    assert (mine.status, mine.json["id"] != theirs["job_id"]) == (200, True)


def test_the_page_shows_a_tenant_its_own_and_the_metrics_are_for_who_may_see_all(tenants, theirs):
    assert tenants("thief", "GET", "/metrics", prefix="").status == 403
    for path in ("/ui", "/ui?instance=lab", "/ui/instances"):
        shown = tenants("thief", "GET", path, prefix="")
        assert shown.status == 200
        assert theirs["session_id"] not in shown.text
        assert theirs["job_id"] not in shown.text
    for path in (f"/ui/jobs/{theirs['job_id']}", f"/ui/workloads/{theirs['session_id']}"):
        assert tenants("thief", "GET", path, prefix="").status == 404
        assert tenants("lab", "GET", path, prefix="").status == 200
    for what, name in (("jobs", "job_id"), ("workloads", "session_id")):
        path = f"/ui/{what}/{theirs[name]}/cancel"
        assert tenants("thief", "POST", path, prefix="").status == 404
    for path in ("/ui/qpus", "/ui/workers"):
        assert tenants("thief", "GET", path, prefix="").status == 403


def test_what_is_told_of_changes_is_for_who_may_see_it(tenants, theirs):
    """The part of a page that is sent while somebody looks, as the whole page."""
    server = tenants.ask.server

    def told(who: str, of: str, identifier: str = "") -> str:
        headers = {"Authorization": f"apikey {tenants.keys[who]}"}
        address = f"/ui/live?of={of}&identifier={identifier}"
        with answering(server.port, "GET", address, headers=headers) as answer:
            assert answer.status == 200
            return answer.readline().decode()

    for of, name in (("jobs", "job_id"), ("workload", "session_id")):
        assert "secret" in told("lab", of, theirs[name]) or of == "workload"
        assert "Not found" in told("thief", of, theirs[name])
    assert theirs["session_id"] in told("lab", "")
    assert theirs["session_id"] not in told("thief", "")
    for of in ("qpus", "workers"):
        assert "Not shown" in told("thief", of)


STRANGE = (
    *("..", "../../etc/passwd", "%00", "a\x00b", "\N{SNOWMAN}", "' OR 1=1 --", "x" * 4_000),
    *("\ud800", "a/b", ";", "{{7*7}}", "<script>", "\n", "job_id", "-1", "🧨"),
)


@pytest.mark.parametrize("text", STRANGE, ids=ascii)
def test_strange_names_are_names_that_there_are_not(tenants, text, sampling, caplog):
    written = quote(text.encode("utf-8", "surrogatepass"), safe="")
    for method, path in operations():
        name = {"job_id": written, "session_id": written}
        answer = tenants("lab", method, path.format(**name), BODIES.get(path))
        assert 400 <= answer.status < 500, answer.text
    for query in ("tags", "session_id", "backend", "program", "created_after", "limit"):
        assert tenants("lab", "GET", f"/jobs?{query}={written}").status < 500
    answers = [
        tenants("lab", "POST", "/jobs", {**sampling, "tags": [text]}),
        tenants("lab", "POST", "/jobs", {**sampling, "session_id": text}),
        tenants("lab", "POST", "/jobs", {**sampling, "runtime": text}),
        tenants("lab", "POST", "/sessions", {"mode": text, "backend": text}),
    ]
    for each in answers:
        assert each.status < 500, each.text
    header = text.encode("latin-1", "ignore").decode("latin-1")
    if header.isprintable() and header:
        named = tenants("lab", "GET", "/jobs", Service_CRN=header)
        assert 400 <= named.status < 500
    assert (answers[0].status == 400) == ("\0" in text or text == "\ud800")
    assert "A request could not be answered" not in caplog.text
    listed = tenants("lab", "GET", "/jobs")
    assert listed.status == 200, "whatever was kept can be read"


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe{}",
        b'{"program_id": "\xff", "params": {}}',
        b'{"program_id": "sampler", "program_id": "x", "params": {}}',
        b'{"program_id": "sampler", "params": {"pubs": 1e999}}',
        b'{"program_id": "sampler", "params": {"pubs": NaN}}',
        b'{"program_id": "sampler", "params": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"program_id": "sampler", "params": {"a": ' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}}",
        b'{"program_id": "sampler", "params": {"a": ' + b"9" * 10_000 + b"}}",
        b"null",
        b"[]",
        b"",
        b"{" * 50_000,
    ],
    ids=range(12),
)
def test_bodies_that_are_no_requests_are_refused_in_words(tenants, body):
    for path in ("/jobs", "/sessions"):
        answer = tenants("lab", "POST", path, body)
        assert 400 <= answer.status < 500
        assert json.loads(answer.text)["errors"][0]["message"]
