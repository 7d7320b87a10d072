"""The page after a restart: it shows what the store has, and to each who looks their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import Batch, Instance, Plan, SamplerV2, Session
from qiskit_modes.modes.backends import charge_to
from qiskit_modes.runtime.around import jobs_beside
from qiskit_modes.runtime.keeping import stored_archive
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.server import serve
from qiskit_modes.server.page.workloads import workload_look
from tests.server.asking import Answer, ask
from tests.server.conftest import Http

INSTANCES = [Instance(name, Plan("premium")) for name in ("lab", "thief")]


@dataclass
class Yesterday:
    """A server that was started again; nothing of what it shows is in its memory."""

    http: Http
    keys: dict[str, str]
    lab: dict[str, str]
    """Ids of what the lab has had: a ``job`` in job mode, a ``batch``, and the ``job_of_batch``."""

    def cookie(self, who: str) -> str:
        body = f"token={self.keys[who]}"
        answer = ask(self.http.server.port, "POST", "/ui/signin", body)
        assert (answer.status, answer.headers["location"]) == (303, "/ui")
        return answer.headers["set-cookie"].partition(";")[0]

    def __call__(self, who: str, path: str, method: str = "GET") -> Answer:
        return ask(self.http.server.port, method, path, headers={"Cookie": self.cookie(who)})


@pytest.fixture(scope="module")
def yesterday(tmp_path_factory, sampling) -> Iterator[Yesterday]:
    place = tmp_path_factory.mktemp("yesterday") / "jobs.sqlite"
    settings = {"backends": ["ibm_manila"], "instances": INSTANCES, "store": place}
    with serve(**settings) as server:
        kept = server.platform.runtime.tokens
        keys = {each.id: kept.create([each.id])[0] for each in INSTANCES}
        keys["operator"] = kept.create(None)[0]
        http = Http(server)

        def send(path: str, body: dict) -> str:
            return http("POST", path, body, Authorization=f"apikey {keys['lab']}").json["id"]

        job = send("/jobs", {**sampling, "tags": ["vqe"]})
        batch = send("/sessions", {"mode": "batch", "backend": "ibm_manila"})
        inside = send("/jobs", {**sampling, "session_id": batch, "tags": ["in a batch"]})
        for each in (job, inside):
            assert server.platform.api("lab").wait_for_job(each, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_archive, "_EARLIER_JOBS", 0)
        patch.setattr(stored_archive, "_EARLIER_WORKLOADS", 0)
        with serve(**settings) as again:
            assert not again.platform.runtime.jobs_at_hand()
            ids = {"job": job, "batch": batch, "job_of_batch": inside}
            yield Yesterday(Http(again), keys, ids)


def rows(answer: Answer) -> list[str]:
    """Ids in the table, as they are in the addresses."""
    return re.findall(r'<tr data-key="([^"]*)"', answer.text)


@pytest.mark.parametrize("who", ["operator", "lab"])
def test_the_table_shows_what_the_store_has(yesterday, who):
    both = [yesterday.lab["batch"], yesterday.lab["job"]]
    assert rows(yesterday(who, "/ui")) == both
    for query, shown in (
        ("?mode=job&state=done", both[1:]),
        ("?text=IN+A+batch", both[:1]),
        ("?text=vqe", both[1:]),
        ("?qpu=ibm_manila&instance=lab", both),
        ("?state=open+ones", []),
        ("?state=error", []),
        ("?state=nonsense", []),
        ("?instance=thief", []),
        ("?page=7", both),
    ):
        assert rows(yesterday(who, f"/ui{query}")) == shown, query


@pytest.mark.parametrize("who", ["operator", "lab"])
def test_a_job_and_a_batch_are_shown_whole(yesterday, who):
    job = yesterday(who, f"/ui/jobs/{yesterday.lab['job']}")
    assert job.status == 200
    for text in ("Has its result.", "On the QPU", "&#34;pubs&#34;", "vqe"):
        assert text in job.text, text
    assert "not kept" not in job.text, "its inputs are in the store"
    batch = yesterday(who, f"/ui/workloads/{yesterday.lab['batch']}")
    assert batch.status == 200
    assert rows(batch) == [yesterday.lab["job_of_batch"]]
    assert "1 submitted, 1 with a result" in batch.text


@pytest.mark.parametrize("mode", [Session, Batch])
def test_a_workload_is_shown_with_who_was_beside_it(tmp_path, mode):
    """Also when nothing of that is in memory; to a tenant without what is others'."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with LocalRuntime(store=tmp_path / "jobs.sqlite") as runtime:
        mine, theirs = (charge_to(FakeManilaV2(), each, runtime=runtime) for each in INSTANCES)
        workload = mode(mine)
        jobs = [SamplerV2(workload).run([circuit])]
        jobs[0].wait_for_final_state()
        jobs += [SamplerV2(each).run([circuit]) for each in (mine, theirs)]
        workload.close()
        for job in jobs:
            job.wait_for_final_state()
    with LocalRuntime(store=tmp_path / "jobs.sqlite") as runtime:
        record = runtime.workload(workload.session_id)
        for seen, guests in ((None, 2), (["lab"], 1), (["lab", "thief"], 2), (["nobody"], 0)):
            look = workload_look(runtime, record, seen)
            assert [job.id for job in look.jobs] == [jobs[0].job_id()]
            assert sum(row.is_guest for row in look.timeline.rows) == guests, seen
        beside = jobs_beside(record, runtime, instances=["lab", "nobody"], limit=1)
        ids = [job.id for job in beside]
        assert ids == [jobs[1].job_id()], "the latest is another's, and takes no place"
        del beside
        assert not runtime.jobs_at_hand()
        assert {job.id for job in runtime.jobs()} == {job.job_id() for job in jobs}


def test_the_metrics_count_what_the_store_has(yesterday):
    headers = {"Authorization": f"apikey {yesterday.keys['operator']}"}
    said = ask(yesterday.http.server.port, "GET", "/metrics", headers=headers).text
    assert 'qiskit_modes_jobs{qpu="fake_manila",state="done"} 2.0' in said


def test_a_tenant_sees_its_own_and_nothing_of_others(yesterday):
    """Neither in a table, nor by an address, nor as a name of an instance or a token."""
    assert rows(yesterday("thief", "/ui")) == []
    paths = ["/ui", "/ui?instance=lab", "/ui?text=vqe", "/ui/instances"]
    paths += [f"/ui/jobs/{yesterday.lab['job']}", f"/ui/workloads/{yesterday.lab['batch']}"]
    paths += ["/ui/qpus", "/ui/workers"]
    statuses = []
    for path in paths:
        answer = yesterday("thief", path)
        statuses.append(answer.status)
        without_address = answer.text.replace(yesterday.lab["job"], "").replace(
            yesterday.lab["batch"], ""
        )
        assert "vqe" not in without_address.replace('value="vqe"', "").replace("text=vqe", "")
        assert ">lab<" not in answer.text
        assert "qm_" not in answer.text
        assert "/ui/qpus" not in re.findall(r'<a href="([^"]*)"', answer.text)
    assert statuses == [200] * 4 + [404] * 2 + [403] * 2


@pytest.mark.parametrize("what", ["jobs/{job}/cancel", "workloads/{batch}/cancel"])
def test_a_tenant_ends_nothing_of_others(yesterday, what):
    path = f"/ui/{what.format(**yesterday.lab)}"
    assert yesterday("thief", path, "POST").status == 404
