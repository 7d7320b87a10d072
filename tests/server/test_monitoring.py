"""The log of requests, the metrics, and whether a server is alive and ready."""

from __future__ import annotations

import json
import logging
import threading
from datetime import datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from qiskit_modes import Session
from qiskit_modes.commands.serve import _ProcessAsBefore, _write_log_to
from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.runtime.progress.notices import NOTICES
from qiskit_modes.runtime.workers.tally import OTHERS, Tally
from qiskit_modes.runtime.workers.worker_process import Work
from qiskit_modes.server import serve
from qiskit_modes.service import LocalService
from qiskit_modes.testing import Scenario
from tests.server.conftest import Http
from tests.server.test_page import run


def metrics_of(http_: Http, **headers: str) -> dict[tuple[str, ...], float]:
    answer = http_("GET", "/metrics", prefix="", **headers)
    assert answer.status == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_tell_of_requests_and_of_what_qpus_do(http_, sampling, scenario):
    before = metrics_of(http_)
    service = LocalService(runtime=scenario.runtime)
    session = Session(service.backend("ibm_quito"))
    assert http_("POST", "/jobs", sampling).status == 200
    assert http_("GET", "/jobs/none").status == 404
    assert http_("BREW", "/jobs").status == 405
    now = metrics_of(http_)
    session.close()
    assert now["qiskit_modes_jobs", "fake_manila", "running"] == 1
    assert now["qiskit_modes_workloads", "session", "fake_quito", "open"] == 1
    assert now["qiskit_modes_reserved", "fake_quito"] == 0
    assert now["qiskit_modes_usage_seconds", "lab"] == 0
    assert now["qiskit_modes_connections",] >= 1

    def counted(*labels: str) -> float:
        key = ("qiskit_modes_requests_total", *labels)
        return now.get(key, 0) - before.get(key, 0)

    assert counted("POST", "/jobs", "200") == 1
    assert counted("GET", "/jobs/{job_id}", "404") == 1
    assert (
        sum(counted(*key[1:]) for key in now if key[:2] == ("qiskit_modes_requests_total", "other"))
        == 1
    )
    assert now["qiskit_modes_request_seconds_count", "/jobs"] >= 1


def done_by_workers(http_: Http) -> dict[tuple[str, ...], float]:
    kinds = ("qiskit_modes_worker_pieces_total", "qiskit_modes_worker_busy_seconds_total")
    found = metrics_of(http_)
    return {key: value for key, value in found.items() if key[0] in kinds}


def test_metrics_tell_which_worker_did_what(http_, scenario):
    """As recordings, timelines and the progress line do; whichever worker that is."""
    assert not done_by_workers(http_)
    tally = scenario.runtime.workers.tally
    tally.note([Work("worker 1", 2.0, 2.5), Work("worker 1", 3.0, 3.5)])
    tally.note([Work("worker 1", 2.0, 4.0, "compile"), Work("worker 2", 0.0, 1.0)])
    pieces, seconds = "qiskit_modes_worker_pieces_total", "qiskit_modes_worker_busy_seconds_total"
    assert done_by_workers(http_) == {
        (pieces, "execute", "worker 1"): 2,
        (pieces, "compile", "worker 1"): 1,
        (pieces, "execute", "worker 2"): 1,
        (seconds, "execute", "worker 1"): 1,
        (seconds, "compile", "worker 1"): 2,
        (seconds, "execute", "worker 2"): 1,
    }


def test_workers_that_come_and_go_are_not_named_for_ever():
    tally = Tally(most=2)
    for number in range(5):
        tally.note([Work(f"worker {number}", 0.0, 1.0), Work("worker 0", 0.0, 2.0)])
    totals = tally.totals()
    assert totals["worker 0", "execute"] == (6, 11.0)
    assert totals[OTHERS, "execute"] == (3, 3.0)
    assert {name for name, _ in totals} == {"worker 0", "worker 4", OTHERS}


def test_a_reservation_is_a_metric(http_, scenario):
    session = Session(LocalService(runtime=scenario.runtime).backend("ibm_quito"))
    run(session, 1)
    assert metrics_of(http_)["qiskit_modes_reserved", "fake_quito"] == 1


def test_metrics_want_a_token_and_health_does_not():
    with (
        LocalRuntime() as runtime,
        serve(backends=["ibm_manila"], runtime=runtime, token="s") as server,
    ):
        ask = Http(server)
        assert ask("GET", "/metrics", prefix="").status == 401
        assert metrics_of(ask, Authorization="apikey s")
        assert ask("GET", "/livez", prefix="").text == "alive\n"
        assert ask("GET", "/readyz", prefix="").text == "ready\n"
        runtime.shut_down()
        assert ask("GET", "/readyz", prefix="").status == 503
        assert ask("GET", "/livez", prefix="").status == 200


def test_each_request_is_a_line_without_what_is_secret(http_, caplog, sampling):
    caplog.set_level(logging.INFO, "qiskit_modes.access")
    http_("GET", "/jobs?tags=secret", Service_CRN="other", Authorization="apikey secret")
    http_("POST", "/jobs", sampling)
    http_("GET", "/livez", prefix="")  # a line is written after its answer, and before the next
    lines = [json.loads(each.getMessage()) for each in caplog.records if "access" in each.name]
    first, second = lines[:2]
    assert (first["method"], first["path"], first["status"]) == ("GET", "/experimental/jobs", 200)
    assert (first["instance"], first["route"]) == ("other", "/jobs")
    assert second["status"] == 200
    assert second["bytes"] > 10
    assert 0 < second["seconds"] < 60
    assert "secret" not in caplog.text


@pytest.mark.parametrize("count", [40])
def test_refused_requests_do_not_fill_the_log(caplog, count):
    caplog.set_level(logging.INFO, "qiskit_modes.access")
    with Scenario() as scenario, serve(runtime=scenario.runtime, token="s") as server:
        for _ in range(count):
            assert Http(server)("GET", "/jobs/here", Authorization="apikey x").status == 401
        assert Http(server)("GET", "/jobs/here", Authorization="apikey s").status == 404
    # The last line of another test may be written as late as now.
    names = [each.name for each in caplog.records if "/jobs/here" in each.getMessage()]
    assert names.count("qiskit_modes.access.refused") == 10
    assert names.count("qiskit_modes.access") == 1


@pytest.fixture
def loggers():
    """The loggers that the command changes, as they were afterwards."""
    with _ProcessAsBefore():
        yield


class Told(logging.Handler):
    """Comes after the others, and tells that they have had a record."""

    def __init__(self) -> None:
        super().__init__()
        self.came = threading.Event()

    def emit(self, _: logging.LogRecord) -> None:
        self.came.set()


@pytest.mark.usefixtures("loggers")
@pytest.mark.parametrize("where", ["a file", "nowhere"])
def test_jobs_that_wait_are_lines_of_the_servers_log(where, tmp_path, capsys):
    """Not lines on its terminal, one for each job of many clients."""
    log, told = tmp_path / "log", Told()
    _write_log_to(str(log) if where == "a file" else None)
    NOTICES.addHandler(told)
    with Scenario(autojump=False, quantum_time=5) as scenario:
        backend = LocalService(runtime=scenario.runtime).backend("ibm_quito")
        session = Session(backend)
        run(session, 1)
        scenario.clock.advance(10)
        (job,) = run(backend, 1)
        scenario.clock.advance(3)
        assert told.came.wait(30)
        session.close()
    assert "waits for" not in "".join(capsys.readouterr())
    if where == "a file":
        (notice,) = [json.loads(line) for line in log.read_text().splitlines()]
        assert (notice["notice"], notice["job"]) == ("waits", job.job_id())
        assert (notice["instance"], session.session_id in notice["message"]) == ("local", True)
        assert datetime.fromisoformat(notice["time"])
