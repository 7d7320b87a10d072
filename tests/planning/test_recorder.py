"""What a recording knows of a run: steps, modes, and what each submission waited for."""

import gc
import json
import threading
import weakref
from contextlib import suppress

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import Batch, EstimatorV2, SamplerV2, Session, record
from qiskit_modes.exceptions import InvalidInputError, QiskitModesWarning
from qiskit_modes.planning import Recording
from qiskit_modes.testing import Scenario


@pytest.fixture
def scenario():
    with Scenario(compile_time=2, quantum_time=3, post_process_time=1) as scenario:
        yield scenario


def test_a_job_is_recorded_with_the_times_of_its_steps(scenario, backend, circuit):
    with record() as recorder:
        scenario.clock.advance(5)
        SamplerV2(backend, options={"environment": {"job_tags": ["mine"]}}).run([circuit]).result()
    recording = recorder.recording()
    (job,) = recording.jobs
    assert job.times == {
        "queued": 5,
        "compiling": 5,
        "ready": 7,
        "executing": 7,
        "post_processing": 10,
        "finished": 11,
    }
    assert (job.submitted_at, job.running_at, job.executing_at) == (5, 5, 7)
    assert (job.released_at, job.settled_at, job.finished_at) == (10, 11, 11)
    assert (job.outcome, job.mode, job.primitive) == ("completed", "job", "sampler")
    assert job.tags == ("mine",)
    assert (job.executions, job.charged_seconds(), job.thinking_seconds) == (4096, 3, 5)
    assert recording.seconds == 11
    assert recording.qpus == {"aer_simulator": 5}
    assert recording.workloads == ()


def test_a_session_is_recorded_with_its_window_and_its_close(scenario, backend, circuit):
    with record() as recorder, Session(backend, max_time="1h") as session:
        SamplerV2().run([circuit]).result()
        scenario.clock.advance(20)
    recording = recorder.recording()
    (workload,) = recording.workloads
    assert workload.id == session.session_id
    assert workload.windows == ((0, 26),)
    assert (workload.closing_at, workload.closed_at, workload.usage_seconds) == (26, 26, 26)
    assert (workload.max_ttl_seconds, workload.interactive_ttl_seconds) == (3600, 60)
    assert not workload.cancelled
    assert recording.jobs_of(workload) == [recording.job(1)]


def test_a_loop_that_waits_depends_on_each_result(scenario, backend, circuit):
    with record() as recorder:
        for _ in range(3):
            SamplerV2(backend).run([circuit]).result()
            scenario.clock.advance(0.5)
    jobs = recorder.recording().jobs
    assert [job.after_ends for job in jobs] == [(), (1,), (2,)]
    assert [job.after_submission for job in jobs] == [None, 1, 2]
    assert [job.thinking_seconds for job in jobs] == [0, 0.5, 0.5]


def test_a_loop_that_does_not_wait_depends_on_nothing(scenario, backend, circuit):
    with record() as recorder, Batch(backend):
        jobs = []
        for _ in range(3):
            jobs.append(SamplerV2().run([circuit]))
            scenario.clock.advance(8)  # they end meanwhile, but nobody looks
    assert [job.after_ends for job in recorder.recording().jobs] == [(), (), ()]
    assert [job.thinking_seconds for job in recorder.recording().jobs] == [0, 8, 8]


@pytest.mark.parametrize("look", ["status", "done", "in_final_state", "wait_for_final_state"])
def test_whoever_has_seen_the_end_may_depend_on_it(scenario, backend, circuit, look):
    with record() as recorder:
        job = SamplerV2(backend).run([circuit])
        scenario.clock.advance(10)
        getattr(job, look)()
        SamplerV2(backend).run([circuit])
    assert recorder.recording().jobs[1].after_ends == (1,)


def test_each_thread_has_its_own_dependencies(scenario, backend, circuit):
    def search():
        for _ in range(2):
            SamplerV2(backend).run([circuit]).result()

    with record() as recorder:
        SamplerV2(backend).run([circuit]).result()
        for _ in range(2):
            thread = threading.Thread(target=search)
            thread.start()
            thread.join()
    jobs = recorder.recording().jobs
    # A new thread comes after the last end that anybody has seen.
    assert [job.after_ends for job in jobs] == [(), (1,), (2,), (3,), (4,)]
    assert [job.after_submission for job in jobs] == [None, None, 2, None, 4]


def test_how_jobs_end_is_recorded(scenario, backend, circuit):
    scenario.job_fails(1, error=ValueError("no luck"), code=7)
    scenario.worker_dies(2)
    with record() as recorder:
        jobs = [SamplerV2(backend).run([circuit]) for _ in range(4)]
        jobs[3].cancel()
        for job in jobs[:3]:
            job.wait_for_final_state()
    failed, died, good, cancelled = recorder.recording().jobs
    assert (failed.outcome, failed.fault, failed.code) == ("failed", "user", 7)
    assert "no luck" in failed.reason
    assert failed.charged_seconds() == 3
    assert (died.fault, died.charged_seconds()) == ("system", 0)
    assert good.outcome == "completed"
    assert (cancelled.outcome, cancelled.by_user) == ("cancelled", True)
    assert "executing" not in cancelled.times


def test_what_has_not_ended_is_unfinished(scenario, backend, circuit):
    with record() as recorder:
        job = SamplerV2(backend).run([circuit])
        scenario.clock.advance(4)
    (unfinished,) = recorder.recording().jobs
    assert unfinished.outcome == "unfinished"
    assert (unfinished.finished_at, unfinished.charged_seconds()) == (None, 0)
    job.result()


def test_two_qpus_of_one_name_are_two(scenario, circuit):
    with record() as recorder:
        for backend in [AerSimulator(), AerSimulator()]:
            SamplerV2(backend).run([circuit]).result()
    assert [job.qpu for job in recorder.recording().jobs] == ["aer_simulator", "aer_simulator (2)"]


def test_after_the_block_nothing_is_recorded(scenario, backend, circuit):
    with record() as recorder:
        SamplerV2(backend).run([circuit]).result()
    SamplerV2(backend).run([circuit]).result()
    assert len(recorder.recording().jobs) == 1
    assert not list(scenario.runtime._listeners)


def test_a_file_has_everything_and_is_written_also_after_an_error(
    scenario, backend, circuit, tmp_path
):
    path = tmp_path / "run.json"
    with suppress(ZeroDivisionError), record(path) as recorder, Session(backend):
        SamplerV2().run([circuit]).result()
    recording = Recording.load(path)
    assert recording.jobs == recorder.recording().jobs
    assert recording.workloads == recorder.recording().workloads
    assert recording.instances == recorder.recording().instances
    data = json.loads(path.read_text())
    assert (data["format"], data["version"]) == ("qiskit_modes recording", 1)
    assert Recording.from_dict(data) == recording


def test_files_are_small(scenario, backend, circuit, tmp_path):
    with record(tmp_path / "run.json"), Session(backend):
        for _ in range(50):
            SamplerV2().run([circuit]).result()
    assert (tmp_path / "run.json").stat().st_size < 50 * 600


def test_estimates_know_the_circuits(scenario):
    backend = FakeManilaV2()
    circuit = QuantumCircuit(1)
    circuit.rz(Parameter("a"), 0)
    with record() as recorder:
        estimator = EstimatorV2(backend, options={"resilience_level": 0})
        job = estimator.run([(circuit, ["Z", "X"], [[0.1], [0.2]])])
        job.result()
    (recorded,) = recorder.recording().jobs
    assert recorded.executions == 2 * 4096
    assert recorded.quick_seconds == job.usage_estimation["quantum_seconds"]
    assert recorded.estimated_seconds == pytest.approx(2 + 8192 * 261e-6, rel=0.02)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "not a recording"),
        ("{", "is not JSON"),
        ('{"format": "qiskit_modes recording", "version": 2}', "reads version 1"),
        ('{"format": "qiskit_modes recording", "version": 1}', "cannot be read: KeyError"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, text, message):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        Recording.load(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=r"nowhere\.json"):
        Recording.load(tmp_path / "nowhere.json")


def test_submitted_circuits_are_not_kept(scenario, backend, circuit):
    """A recording of many jobs holds none of their circuits."""
    with record() as recorder:
        job = SamplerV2(backend).run([circuit])
        job.result()
        kept = scenario.runtime.job(job.job_id())
        copied = weakref.ref(kept.inputs["pubs"][0].circuit)
        kept.inputs = None
        del job, kept
        gc.collect()
        assert copied() is None
    assert recorder.recording().jobs


def test_what_cannot_be_estimated_is_recorded_all_the_same(scenario, backend, circuit, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("qiskit_modes.planning.estimate.estimate.estimate_steps", fail)
    with record() as recorder:
        SamplerV2(backend).run([circuit]).result()
    (job,) = recorder.recording().jobs
    assert job.estimated_seconds is None
    assert job.quick_seconds is not None


def test_without_jobs_nothing_is_written_and_it_is_said(scenario, tmp_path):
    path = tmp_path / "run.json"
    expected = "no job was submitted; .*`qiskit-modes run"
    with pytest.warns(QiskitModesWarning, match=expected) as told, record(path):
        pass
    assert told[0].filename == __file__
    assert not path.exists()


def test_where_there_is_no_directory_is_said_at_the_beginning(tmp_path):
    path = tmp_path / "nowhere" / "run.json"
    with pytest.raises(InvalidInputError, match="there is no directory for"), record(path):
        raise AssertionError("the block has begun")
