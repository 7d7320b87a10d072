"""Budgets of instances: what would go beyond is refused in words, and nothing is dropped."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.exceptions import RuntimeJobFailureError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import Batch, Budget, Instance, LocalService, Plan, SamplerV2
from qiskit_modes.exceptions import InvalidInputError, RefusedError, StoreError
from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.server import serve
from qiskit_modes.store.rows import JobQuery
from qiskit_modes.wire import Platform
from tests.server.conftest import Http
from tests.server.test_monitoring import metrics_of

BATCH = {"mode": "batch", "backend": "ibm_manila"}


def instances(**limits: int) -> list[Instance]:
    return [Instance("lab", Plan("premium"), budget=Budget(**limits)), Instance("other")]


@pytest.fixture
def limited(server, scenario):
    """Requests to instances with budgets, whose jobs go on when a test says so."""

    def ask(**limits: int) -> Http:
        platform = Platform(
            scenario.runtime, backends=["ibm_manila"], instances=instances(**limits)
        )
        scenes.enter_context(server.app_state.using(platform))
        return Http(server)

    with ExitStack() as scenes:
        yield ask


@pytest.fixture
def kept(tmp_path):
    """The same with a store, and jobs that are executed."""
    with ExitStack() as scenes:

        def ask(**limits: int) -> Http:
            served = serve(
                backends=["ibm_manila"],
                instances=instances(**limits),
                store=tmp_path / "jobs.sqlite",
            )
            return Http(scenes.enter_context(served))

        yield ask


def test_jobs_that_have_not_ended(limited, sampling, scenario):
    ask = limited(max_pending_jobs=2)
    first = [ask("POST", "/jobs", sampling).json["id"] for _ in range(2)]
    refused = ask("POST", "/jobs", sampling)
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) > 0
    assert "2 of 2 jobs that have not ended" in refused.message
    assert ask("POST", "/jobs", sampling, Service_CRN="other").status == 200
    now = metrics_of(ask)
    assert now["qiskit_modes_budget_used", "lab", "pending_jobs"] == 2
    assert now["qiskit_modes_budget_limit", "lab", "pending_jobs"] == 2
    assert ("qiskit_modes_budget_limit", "other", "pending_jobs") not in now
    assert "2 of 2" in ask("GET", "/ui/instances", prefix="").text
    ask("POST", f"/jobs/{first[0]}/cancel")
    assert ask("POST", "/jobs", sampling).status == 200


def test_sessions_and_batches_that_are_open(limited):
    ask = limited(max_open_workloads=2)
    opened = [ask("POST", "/sessions", BATCH).json["id"] for _ in range(2)]
    refused = ask("POST", "/sessions", BATCH)
    assert (refused.status, "2 of 2 sessions and batches" in refused.message) == (429, True)
    assert int(refused.headers["retry-after"]) > 0
    assert ask("POST", "/sessions", BATCH, Service_CRN="other").status == 200
    ask("DELETE", f"/sessions/{opened[0]}/close")
    assert ask("POST", "/sessions", BATCH).status == 200


@pytest.mark.parametrize("limits", [{"max_jobs": 2}, {"max_bytes": 1_500}], ids=str)
def test_what_is_kept(kept, sampling, limits):
    """Nothing is dropped for it, whether it was read or not; what is deleted makes room at once."""
    ask = kept(**limits)
    done: list[str] = []
    while (answer := ask("POST", "/jobs", sampling)).status == 200:
        done.append(answer.json["id"])
        api = ask.server.platform.api("lab")
        assert api.wait_for_job(done[-1], 30)
    assert 1 <= len(done) <= 3, answer.text
    assert answer.status == 403
    assert "retry-after" not in answer.headers, "waiting does not help"
    assert "delete" in answer.message
    assert f"of {next(iter(limits.values())):,}" in answer.message
    assert all(ask("GET", f"/jobs/{each}/results").status == 200 for each in done)
    assert ask("POST", "/jobs", sampling, Service_CRN="other").status == 200
    for each in done:
        assert ask("DELETE", f"/jobs/{each}").status == 204
    assert ask("POST", "/jobs", sampling).status == 200
    used = ask.server.platform.runtime.budget_used(ask.server.platform.api("lab").instance)
    assert used.jobs <= len(done) + 1


def test_many_at_once_are_as_many_as_may_be(limited, sampling):
    ask = limited(max_pending_jobs=5)
    statuses: list[int] = []

    def submit() -> None:
        statuses.append(ask("POST", "/jobs", sampling).status)

    threads = [threading.Thread(target=submit) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(statuses) == {200: 5, 429: 7}


def test_what_is_counted_is_what_is_kept_and_what_is_on_its_way(tmp_path):
    """Submissions of many threads, counted by the store again and again meanwhile."""
    from qiskit_modes.runtime.keeping import budgets

    me = Instance("lab", budget=Budget(max_jobs=40))
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with (
        pytest.MonkeyPatch.context() as patch,
        LocalRuntime(store=tmp_path / "jobs.sqlite", instance=me) as runtime,
    ):
        patch.setattr(budgets, "_COUNTED_AT_LEAST_SECONDS", 0.0)
        patch.setattr(budgets, "_COUNTED_FOR", 1.0)
        sampler = SamplerV2(LocalService(runtime=runtime).backend("fake_manila"))
        refused: list[Exception] = []

        def submit() -> None:
            for _ in range(12):
                try:
                    sampler.run([circuit])
                except Exception as error:
                    refused.append(error)

        threads = [threading.Thread(target=submit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 8
        assert runtime.budget_used(me).jobs == 40


def test_what_was_deleted_before_it_was_counted_leaves_nothing(tmp_path, monkeypatch):
    from qiskit_modes.runtime.keeping import budgets

    monkeypatch.setattr(budgets, "_COUNTED_AT_LEAST_SECONDS", float("inf"))  # only when it is full
    me = Instance("lab", budget=Budget(max_jobs=2))
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with LocalRuntime(store=tmp_path / "jobs.sqlite", instance=me) as runtime:
        service = LocalService(runtime=runtime)
        sampler = SamplerV2(service.backend("fake_manila"))
        for _ in range(5):
            job = sampler.run([circuit])
            job.result()
            service.delete_job(job.job_id())
        runtime.budgets._account("lab").counted_at = float("-inf")
        used = runtime.budget_used(me)
    assert (used.jobs, used.bytes) == (0, 0)


def filled(sampler, circuit):
    """Submit jobs, four at once, until a result does not fit any more; return those that ended."""
    jobs = []
    while all(job.status() == "DONE" for job in jobs):
        four = [sampler.run([circuit], shots=20_000) for _ in range(4)]
        for job in four:
            job.wait_for_final_state()
        jobs += four
    return jobs


def test_results_of_jobs_that_run_at_once_stay_within_it(tmp_path):
    """Whoever comes too late ends as an error with the figures; what is deleted makes room."""
    most = 100_000
    me = Instance("lab", budget=Budget(max_bytes=most))
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with LocalRuntime(store=tmp_path / "jobs.sqlite", instance=me) as runtime:
        service = LocalService(runtime=runtime)
        sampler = SamplerV2(service.backend("fake_manila"))
        jobs = filled(sampler, circuit)
        done = [job for job in jobs if job.status() == "DONE"]
        failed = [job for job in jobs if job.status() == "ERROR"]
        assert done
        assert failed
        assert runtime.budget_used(me).bytes <= most
        assert runtime.archive.count_of("lab", [])[1] <= most
        for job in failed:
            with pytest.raises(RuntimeJobFailureError, match=r"of 100,000 bytes .* delete"):
                job.result()
            assert job.usage() > 0  # the QPU's time was used
        for job in jobs:
            service.delete_job(job.job_id())
        again = sampler.run([circuit], shots=20_000)
        assert again.result()[0].data.c.num_shots == 20_000
        again.wait_for_final_state()
        runtime.archive.find(JobQuery(limit=1))  # all is written
        runtime.budgets._account("lab").counted_at = float("-inf")
        assert runtime.budget_used(me).bytes == runtime.archive.count_of("lab", [])[1]
        assert not runtime.budgets._account("lab").results


def test_a_result_that_cannot_be_counted_is_not_lost(tmp_path, monkeypatch):
    """The database is away for a moment, and the job has been executed."""
    me = Instance("lab", budget=Budget(max_bytes=100_000))
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with LocalRuntime(store=tmp_path / "jobs.sqlite", instance=me) as runtime:
        budgets, let_in_result = runtime.budgets, runtime.budgets.let_in_result

        def cannot(*_):
            raise StoreError("the store cannot be read")

        def while_it_is_away(instance, job):
            budgets._account("lab").counted_at = float("-inf")
            with monkeypatch.context() as patch:
                patch.setattr(budgets, "_count", cannot)
                let_in_result(instance, job)
            tried.append(len(job.result_text))

        tried: list[int] = []
        monkeypatch.setattr(budgets, "let_in_result", while_it_is_away)
        job = SamplerV2(LocalService(runtime=runtime).backend("fake_manila")).run([circuit])
        assert job.result()[0].data.c.num_shots == 4096
        assert tried
        assert runtime.budget_used(me).bytes == runtime.archive.count_of("lab", [])[1] > tried[0]


def test_natively_they_hold_too():
    me = Instance("me", budget=Budget(max_open_workloads=1, max_pending_jobs=1))
    with LocalRuntime(instance=me) as runtime:
        backend = LocalService(runtime=runtime).backend("fake_manila")
        first = Batch(backend)
        with pytest.raises(RefusedError, match="1 of 1 sessions and batches open"):
            Batch(backend)
        first.close()
        Batch(backend).close()


def test_what_is_kept_nowhere_cannot_be_limited():
    me = Instance("me", budget=Budget(max_bytes=10))
    with pytest.raises(InvalidInputError, match="without a store"), LocalRuntime(instance=me):
        pass
    with (
        LocalRuntime() as runtime,
        pytest.raises(InvalidInputError, match="without a store"),
    ):
        Platform(runtime, backends=[FakeManilaV2()], instances=[me])
