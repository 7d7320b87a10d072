"""What came of a job is not forgotten before somebody has read it, also without a store."""

from __future__ import annotations

import gc
import json
import logging

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound

from qiskit_modes import LocalService, SamplerV2
from qiskit_modes.runtime.keeping import job_table
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.wire import ApiError, Platform

LATEST = 3


@pytest.fixture
def service(monkeypatch):
    """A service without a store that remembers few of the jobs that were read."""
    for kept in ("_KEPT_JOBS", "_KEPT_INPUTS"):
        monkeypatch.setattr(job_table, kept, LATEST)
    with LocalRuntime() as runtime:
        yield LocalService(runtime=runtime)


def run(service: LocalService, count: int) -> list[str]:
    """Run jobs, which end in this order, and return their ids; nobody holds them afterwards."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    sampler = SamplerV2(service.backend("fake_manila"))
    jobs = []
    for _ in range(count):
        jobs.append(sampler.run([circuit], shots=7))
        jobs[-1].wait_for_final_state()
    names = [job.job_id() for job in jobs]
    del jobs
    gc.collect()
    return names


def known(service: LocalService, names: list[str]) -> list[str]:
    return [name for name in names if service.runtime.job(name) is not None]


def test_what_nobody_has_read_stays(service):
    names = run(service, 4 * LATEST)
    assert known(service, names) == names
    for name in names[:LATEST]:
        assert service.job(name).result()[0].data.c.num_shots == 7
    api = Platform(service.runtime).api(service.instance.id)
    for name in names[LATEST : 2 * LATEST]:
        assert json.loads(api.job_results(name))
    gc.collect()
    run(service, 8 * LATEST)
    assert known(service, names) == names[2 * LATEST :], "what was read made room"


def test_what_takes_too_much_is_dropped_and_it_is_said(service, monkeypatch, caplog):
    caplog.set_level(logging.WARNING, "qiskit_modes")
    monkeypatch.setattr(job_table, "_UNREAD_BYTES", 4 * job_table._BYTES_OF_JOB + 2**10)
    names = run(service, 4 * LATEST)
    there = known(service, names)
    assert LATEST + 3 <= len(there) < len(names)
    assert there == names[-len(there) :], "the oldest went"
    assert caplog.text.count("Results that nobody has read take 33.0 KiB") == 1
    with pytest.raises(RuntimeJobNotFound, match="any more: nobody had read its result"):
        service.job(names[0])
    api = Platform(service.runtime).api(service.instance.id)
    with pytest.raises(ApiError, match="any more: nobody had read its result") as refused:
        api.job(names[0])
    assert refused.value.status == 404
    with pytest.raises(RuntimeJobNotFound) as unknown:
        service.job("nonsense")
    assert "any more" not in str(unknown.value)


def test_who_reads_the_log_may_ask_for_jobs(service, monkeypatch):
    seen = []

    class Asks(logging.Handler):
        def emit(self, record):
            if "Results that nobody has read" in record.getMessage():
                seen.append(len(service.runtime.jobs()))

    monkeypatch.setattr(job_table, "_UNREAD_BYTES", 2 * job_table._BYTES_OF_JOB)
    handler = Asks()
    logging.getLogger("qiskit_modes").addHandler(handler)
    try:
        run(service, 3 * LATEST)
    finally:
        logging.getLogger("qiskit_modes").removeHandler(handler)
    assert len(seen) == 1


def test_what_is_deleted_makes_room(service, monkeypatch):
    names = run(service, 2 * LATEST)
    monkeypatch.setattr(job_table, "_UNREAD_BYTES", (LATEST + 1) * (job_table._BYTES_OF_JOB + 64))
    for name in names[:LATEST]:
        service.delete_job(name)
    more = run(service, LATEST)
    assert known(service, names + more) == names[LATEST:] + more
