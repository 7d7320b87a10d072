"""Real processes, real threads, one QPU: what users do, and what must never overlap."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp
from scipy.optimize import minimize

from qiskit_modes import EstimatorV2, SamplerV2, Session
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from tests.modes.staging import flipped, using

SESSIONS, JOBS_EACH, JOB_MODE_JOBS = 3, 4, 10


@pytest.fixture(scope="module")
def processes():
    """Two worker processes, started once for all of this module."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield from using(LocalRuntime(workers=WorkerPool(2)), monkeypatch)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def windows(details) -> list[tuple[float, float]]:
    """The active windows that a closed session's timestamps tell."""
    times = [(entry["status"], seconds(entry["timestamp"])) for entry in details["timestamps"]]
    return [(start, end) for (state, start), (_, end) in pairwise(times) if state == "active"]


def test_two_optimizers_in_two_threads_share_one_session(manila, processes):
    angles = ParameterVector("a", 4)
    ansatz = QuantumCircuit(2)
    for index, angle in enumerate(angles):
        ansatz.ry(angle, index % 2)
        if index == 1:
            ansatz.cx(0, 1)
    isa = transpile(ansatz, manila, optimization_level=1, seed_transpiler=1)
    energy = SparsePauliOp(["ZZ", "XI", "IX"], [1.0, -0.5, -0.5]).apply_layout(isa.layout)

    def optimize(estimator, method):
        jobs = []

        def cost(values):
            jobs.append(estimator.run([(isa, energy, values)]))
            return float(jobs[-1].result(timeout=60)[0].data.evs)

        best = minimize(cost, np.full(4, 0.4), method=method, options={"maxiter": 6})
        return best.fun, jobs

    with Session(manila) as session:
        estimators = [EstimatorV2(options={"default_shots": 400}) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(optimize, estimators, ["COBYLA", "Nelder-Mead"]))
    for lowest, jobs in both:
        assert -2.2 < lowest < 0.5
        assert len(jobs) >= 5
        assert {job.status() for job in jobs} == {"DONE"}
        assert {job.session_id for job in jobs} == {session.session_id}
        assert {str(job.mode) for job in jobs} == {"session"}
    assert session.status() == "Closed"
    assert len(windows(session.details())) == 1
    assert session.usage() >= sum(job.usage() for _, jobs in both for job in jobs)


@pytest.fixture(scope="module")
def contended(manila, processes):
    """Three sessions in three threads, and ten jobs of job mode, at once on one QPU."""

    def in_session(index):
        with Session(manila) as session:
            sampler = SamplerV2(options={"default_shots": 2000})
            jobs = [sampler.run([flipped(qubits=1 + index)]) for _ in range(JOBS_EACH - 1)]
            jobs[0].result(timeout=60)
            jobs.append(sampler.run([flipped(qubits=1 + index)]))
        for job in jobs:
            job.result(timeout=60)
        return session, jobs

    def in_job_mode(_):
        return SamplerV2(mode=manila).run([flipped(qubits=5)])

    qpu = processes.qpu(manila)
    with qpu.mutex:
        qpu.scheduler.locks.qpu.history.clear()
    with ThreadPoolExecutor(SESSIONS + JOB_MODE_JOBS) as pool:
        sessions = [pool.submit(in_session, index) for index in range(SESSIONS)]
        strangers = list(pool.map(in_job_mode, range(JOB_MODE_JOBS)))
        for job in strangers:
            job.result(timeout=60)
        return [done.result(timeout=60) for done in sessions], strangers, qpu


def all_jobs(contended):
    sessions, strangers, _ = contended
    return [*strangers, *(job for _, jobs in sessions for job in jobs)]


def test_everything_ends(contended):
    jobs = all_jobs(contended)
    assert len(jobs) == SESSIONS * JOBS_EACH + JOB_MODE_JOBS
    assert {job.status() for job in jobs} == {"DONE"}
    assert {session.status() for session, _ in contended[0]} == {"Closed"}


def test_executions_do_not_overlap(contended):
    stamps = sorted(job._record.worker_stamps for job in all_jobs(contended))
    for (start, end), (following, _) in pairwise(stamps):
        assert start <= end <= following


def test_executions_lie_inside_the_lock(contended):
    qpu = contended[2]
    holds = {hold.holder: hold for hold in qpu.scheduler.locks.qpu.history}
    for job in all_jobs(contended):
        start, end = job._record.worker_stamps
        hold = holds[job.job_id()]
        assert hold.start <= start <= end <= hold.end
        assert job.usage() == pytest.approx(hold.end - hold.start)


def test_nobody_else_executes_within_a_sessions_window(contended, processes):
    utc = processes.clock.utc
    for session, own in contended[0]:
        ids = {job.job_id() for job in own}
        its_windows = windows(session.details())
        assert its_windows
        for job in all_jobs(contended):
            start, end = (utc(at).timestamp() for at in job._record.worker_stamps)
            inside = any(start < until and end > since for since, until in its_windows)
            assert inside == (job.job_id() in ids)


def test_windows_of_sessions_do_not_overlap(contended):
    both = sorted(window for session, _ in contended[0] for window in windows(session.details()))
    for (_, end), (start, _) in pairwise(both):
        assert end <= start


def test_usage_is_what_the_windows_say(contended):
    for session, jobs in contended[0]:
        told = sum(end - start for start, end in windows(session.details()))
        assert session.usage() == pytest.approx(told, abs=1e-3)
        assert session.usage() >= sum(job.usage() for job in jobs)


def test_the_results_are_everyones_own(contended):
    for index, (_, jobs) in enumerate(contended[0]):
        for job in jobs:
            bits = job.result()[0].data.c
            assert (bits.num_bits, bits.num_shots) == (index + 1, 2000)
            assert max(bits.get_counts().items(), key=lambda pair: pair[1])[0] == "1" * (index + 1)
