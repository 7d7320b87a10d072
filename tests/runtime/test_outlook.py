"""The words of progress, from the rules alone: no threads, no clock."""

import pytest

from qiskit_modes.runtime.progress.outlook import End, Outlook, take_outlook
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobMode, JobRecord, WorkloadRecord
from qiskit_modes.scheduling import Instance, Ledger, Mode
from qiskit_modes.scheduling.events import (
    CalibrationDue,
    JobCompiled,
    JobExecuted,
    JobPostProcessed,
    JobSubmitted,
    MaintenanceBegan,
    WorkloadClosed,
    WorkloadOpened,
)

ME, OTHER = Instance("me"), Instance("other")
THREE_HOURS = 3 * 3600.0


@pytest.fixture
def qpu():
    return QPU("fake_x", lanes=5, ledger=Ledger())


def job(qpu, job_id, workload_id=None):
    """A record of a job that the scheduler knows."""
    workload = None
    if workload_id is not None:
        workload = WorkloadRecord(qpu.scheduler.workloads[workload_id], qpu, None)
    mode = JobMode(Mode.JOB, "")
    return JobRecord(job_id, qpu, None, None, ME, mode, workload)


def happen(qpu, *events, at):
    for event in events:
        qpu.scheduler.handle(event, at)


def outlook(qpu, record, now, ended=0):
    return take_outlook(record, now, ended=ended)


def test_a_batch_counts_its_jobs(qpu):
    happen(qpu, WorkloadOpened("b-1", Mode.BATCH, ME), at=0.0)
    happen(qpu, *(JobSubmitted(f"j{n}-1", ME, "b-1") for n in range(7)), at=1.0)
    happen(qpu, WorkloadClosed("b-1"), JobCompiled("j0-1"), at=2.0)
    seen = outlook(qpu, job(qpu, "j6-1", "b-1"), 3.6)
    assert (seen.subject, seen.done, seen.total) == ("batch b on fake_x", 0, 7)
    assert seen.holder == "job j0, 2 s"
    assert seen.next_end == End(THREE_HOURS - 1.6, "its limit")
    happen(qpu, JobExecuted("j0-1"), JobPostProcessed("j0-1"), at=4.0)
    seen = outlook(qpu, job(qpu, "j6-1", "b-1"), 4.0)
    assert (seen.done, seen.total, seen.holder) == (1, 7, "free")
    assert seen.next_end == End(8 * 3600.0 - 3.0, "the batch ends")


def test_an_open_session_with_one_job_at_a_time_has_no_total(qpu):
    happen(qpu, WorkloadOpened("s-1", Mode.SESSION, ME, 600), at=0.0)
    happen(qpu, JobSubmitted("j1-1", ME, "s-1"), JobCompiled("j1-1"), at=1.0)
    seen = outlook(qpu, job(qpu, "j1-1", "s-1"), 2.0)
    assert (seen.done, seen.total, seen.holder) == (0, None, "this job, 1 s")
    assert seen.next_end == End(599.0, "the session ends")
    happen(qpu, WorkloadClosed("s-1"), at=3.0)
    assert outlook(qpu, job(qpu, "j1-1", "s-1"), 3.0).total == 1


def test_jobs_are_counted_in_words():
    def words(done, total):
        return Outlook("", done, total, "", None).count

    assert [words(0, None), words(1, None), words(2, None)] == ["", "1 job done", "2 jobs done"]
    assert [words(0, 1), words(0, 2), words(1, 2)] == ["", "0/2 jobs done", "1/2 jobs done"]


def test_job_mode_counts_what_the_user_has_waited_for(qpu):
    happen(qpu, JobSubmitted("j1-1", ME), JobSubmitted("j2-1", ME), at=1.0)
    seen = outlook(qpu, job(qpu, "j1-1"), 2.0, ended=3)
    assert (seen.subject, seen.done, seen.total) == ("job j1 on fake_x", 3, 5)
    assert seen.next_end is None


def test_somebody_elses_session_is_named_and_when_it_gives_way(qpu):
    happen(qpu, WorkloadOpened("s-1", Mode.SESSION, OTHER, 600), at=0.0)
    happen(qpu, JobSubmitted("j1-1", OTHER, "s-1"), JobCompiled("j1-1"), at=1.0)
    happen(qpu, JobSubmitted("j2-1", ME), at=2.0)
    mine = job(qpu, "j2-1")
    seen = outlook(qpu, mine, 3.0)
    assert seen.holder == "job j1 of session s, 2 s"
    assert seen.next_end == End(598.0, "session s ends")
    happen(qpu, JobExecuted("j1-1"), JobPostProcessed("j1-1"), at=4.0)
    seen = outlook(qpu, mine, 14.0)
    assert seen.holder == "reserved for session s"
    assert seen.next_end == End(50.0, "session s, which is idle, gives way")


def test_calibration_and_maintenance_are_named(qpu):
    happen(qpu, CalibrationDue(30.0), JobSubmitted("j1-1", ME), JobCompiled("j1-1"), at=0.0)
    seen = outlook(qpu, job(qpu, "j1-1"), 10.0)
    assert (seen.holder, seen.next_end) == ("calibration, 10 s", End(20.0, "calibration ends"))
    happen(qpu, JobExecuted("j1-1"), MaintenanceBegan(100.0), JobSubmitted("j2-1", ME), at=40.0)
    happen(qpu, JobCompiled("j2-1"), at=41.0)
    seen = outlook(qpu, job(qpu, "j2-1"), 50.0)
    assert (seen.holder, seen.next_end) == ("out of service", End(90.0, "maintenance ends"))


def test_a_job_that_has_ended_can_still_be_asked_about(qpu):
    happen(qpu, JobSubmitted("j1-1", ME), JobCompiled("j1-1"), at=0.0)
    happen(qpu, JobExecuted("j1-1"), JobPostProcessed("j1-1"), at=1.0)
    record = job(qpu, "j1-1")
    qpu.scheduler.forget_job("j1-1")
    seen = outlook(qpu, record, 2.0, ended=1)
    assert (seen.done, seen.total, seen.holder, seen.next_end) == (1, None, "free", None)
