"""Lists of jobs: whole, however many there are, in pages and by filters that the store applies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_modes import Instance, LocalService
from qiskit_modes.runtime.keeping import stored_archive
from qiskit_modes.server import serve
from qiskit_modes.store.rows import JobRow, microseconds
from qiskit_modes.store.sql_store import SqlStore
from tests.store.dump import FACTS

COUNT = 1_250
"""More than a server has at hand of earlier ones when it begins."""
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A store with a job each minute, of two instances by turns."""
    path = tmp_path_factory.mktemp("paging") / "jobs.sqlite"
    store = SqlStore(f"sqlite:///{path}")
    limits = {"plan": {}, "allocation_seconds": None, "limit_seconds": None}
    with store.writing() as changes:
        for name in ("lab", "other"):
            changes.save_instance(name, limits)
        for number in range(COUNT):
            at = microseconds(FIRST + timedelta(minutes=number))
            row = JobRow(
                f"job-{number}",
                "head",
                ("lab", "other")[number % 2],
                "fake_manila",
                "sampler",
                at,
                ending="completed",
                is_final=True,
                ended_at=at,
                tags=("tenth",) if number % 10 == 0 else (),
                facts=FACTS,
            )
            changes.add_job(row, {"params": "{}", "result": "{}"})
    store.close()
    return path


def numbers(jobs) -> list[int]:
    return [int(job.job_id().partition("-")[2]) for job in jobs]


def test_the_store_has_more_than_is_at_hand():
    assert stored_archive._EARLIER_JOBS < COUNT


def test_natively_they_are_all_there(place):
    service = LocalService(store=place)
    assert numbers(service.jobs(limit=None)) == list(range(COUNT))[::-1]
    assert numbers(service.jobs(limit=3, skip=COUNT - 2, descending=True)) == [1, 0]
    assert numbers(service.jobs(limit=2, skip=1_100, descending=False)) == [1_100, 1_101]
    assert numbers(service.jobs(limit=None, job_tags=["tenth"], instance="other")) == []
    assert len(service.jobs(limit=None, job_tags=["tenth"], instance="lab")) == COUNT // 10
    assert len(service.jobs(limit=10**30)) == COUNT
    assert service.jobs(limit=None, skip=10**30) == []
    early = service.jobs(limit=None, created_before=FIRST + timedelta(minutes=4))
    assert numbers(early) == [4, 3, 2, 1, 0]
    late = service.jobs(limit=None, created_after=FIRST + timedelta(minutes=COUNT - 2))
    assert numbers(late) == [COUNT - 1, COUNT - 2]


@pytest.mark.slow
def test_over_http_they_are_all_there(place, monkeypatch):
    """The service's client asks for page after page."""
    instances = [Instance("lab"), Instance("other")]
    with serve(backends=["ibm_manila"], instances=instances, store=place) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        service = QiskitRuntimeService()
        mine = list(range(0, COUNT, 2))[::-1]
        assert numbers(service.jobs(limit=COUNT)) == mine
        assert numbers(service.jobs(limit=5, skip=len(mine) - 5)) == [8, 6, 4, 2, 0]
        assert numbers(service.jobs(limit=500, job_tags=["tenth"])) == mine[mine.index(1240) :: 5]
        early = service.jobs(limit=500, created_before=FIRST + timedelta(minutes=4))
        assert numbers(early) == [4, 2, 0]


def test_one_answer_has_a_page_at_most(place):
    from tests.server.conftest import Http

    with serve(backends=["ibm_manila"], instances=[Instance("lab")], store=place) as server:
        for query in ("", "?limit=100000"):
            page = Http(server)("GET", f"/jobs{query}").json
            assert (len(page["jobs"]), page["count"]) == (200, COUNT // 2)
        beyond = Http(server)("GET", f"/jobs?offset={10**30}")
        assert (beyond.status, beyond.json["jobs"]) == (200, [])
