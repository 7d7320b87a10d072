"""The service's own client finds its jobs and sessions of yesterday."""
# ruff: noqa: F811 - fixtures that are shared by folders are imported, and then asked for by name

from __future__ import annotations

import pytest
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import Batch, QiskitRuntimeService, SamplerV2, Session
from qiskit_ibm_runtime.executor_estimator import Estimator as ClientSideEstimator

from qiskit_modes.client import local_runtime
from tests.door_fixtures import pair  # noqa: F401


def seen(job):
    return {
        "status": job.status(),
        "result": repr(job.result()),
        "text": job._api_client.job_results(job.job_id()),
        "metrics": job.metrics(),
        "usage": job.usage(),
        "tags": job.tags,
        "inputs": job._api_client._api.job(job.job_id(), exclude_params=False)["params"],
        "session": job.session_id,
        "created": job.creation_date,
        "logs": job.logs(),
        "backend": job.backend().name,
        "mode": job.primitive_id,
    }


@pytest.fixture(scope="module")
def yesterday(bell, pair, tmp_path_factory):
    """The store, and what the client was told of each job and session."""
    store = tmp_path_factory.mktemp("store") / "jobs.sqlite"
    with local_runtime(backends=["ibm_manila"], plan="premium", store=store) as service:
        backend = service.backend("ibm_manila")
        with Session(backend) as session:
            sampler = SamplerV2()
            sampler.options.environment.job_tags = ["a", "b"]
            jobs = [sampler.run([bell], shots=77)]
            jobs[0].result()
        with Batch(backend) as batch:
            zz = SparsePauliOp("ZZ").apply_layout(pair.layout)
            jobs.append(ClientSideEstimator().run([(pair, zz)]))
            jobs[1].result()
        facts = {job.job_id(): seen(job) for job in jobs}
        private = SamplerV2(backend)
        private.options.environment.private = True
        secret = private.run([bell], shots=7)
        secret.wait_for_final_state()
        used = service.usage()["usage_consumed_seconds"]
        details = {each.session_id: each.details() for each in (session, batch)}
    return store, facts, details, secret.job_id(), used


def test_jobs_are_there_byte_for_byte(yesterday):
    store, facts, *_ = yesterday
    with local_runtime(backends=["ibm_manila"], plan="premium", store=store) as service:
        for job_id, before in facts.items():
            assert seen(service.job(job_id)) == before
        assert len(service.jobs(limit=None)) == 3
        assert [job.job_id() for job in service.jobs(job_tags=["b"])] == [next(iter(facts))]


def test_sessions_and_usage_are_there(yesterday):
    store, _, details, _, used = yesterday
    with local_runtime(backends=["ibm_manila"], plan="premium", store=store) as service:
        for session_id, before in details.items():
            kind = Session if before["mode"] == "dedicated" else Batch
            assert kind.from_id(session_id, service=service).details() == before
            assert service.jobs(session_id=session_id)
        assert service.usage()["usage_consumed_seconds"] == pytest.approx(used)


def test_a_private_result_is_there_once(yesterday):
    store, *_, secret, _ = yesterday
    with local_runtime(backends=["ibm_manila"], store=store):
        service = QiskitRuntimeService()
        assert service.job(secret).result()[0].data.meas.num_shots == 7
        assert service.job(secret).inputs == {}
    with local_runtime(backends=["ibm_manila"], store=store) as service:
        assert service.job(secret).result() is None


def test_a_deleted_job_is_gone(yesterday):
    store, facts, *_ = yesterday
    job_id = list(facts)[1]
    with local_runtime(backends=["ibm_manila"], store=store) as service:
        service.delete_job(job_id)
        with pytest.raises(Exception, match="not found"):
            service.job(job_id)
    with local_runtime(backends=["ibm_manila"], store=store) as service:
        assert job_id not in [job.job_id() for job in service.jobs(limit=None)]
