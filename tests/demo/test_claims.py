"""Every sentence of the report must be refuted by records that contradict it."""

import dataclasses

import pytest

from qiskit_modes.demo.claims import examine
from qiskit_modes.demo.scene import Scene
from qiskit_modes.demo.settings import Settings
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.scheduling.job import Cancelled, Finished
from qiskit_modes.scheduling.locks import Hold


@pytest.fixture(scope="module")
def played():
    """A scene that was played, once for all tests: records are what they look at."""
    with LocalRuntime() as runtime, use_runtime(runtime):
        scene = Scene(Settings(backend="fake_manila", evaluations=2, shots=100))
        moments = []
        scene.play(lambda: moments.append(scene.moment()))
        yield scene, moments


@pytest.fixture
def scene(played):
    return played[0]


def refuted(scene):
    """Return the first words of the sentences that do not hold."""
    return [claim.text.split()[0] for claim in examine(scene) if not claim.held]


def record(scene, job):
    return scene.service.runtime.job(job.job_id())


def test_what_happened_bears_out_every_sentence(scene):
    assert len(examine(scene)) == 5
    assert refuted(scene) == []


def test_a_job_that_is_submitted_at_this_moment_is_not_queued_without_a_reason(monkeypatch):
    with LocalRuntime() as runtime, use_runtime(runtime):
        scene = Scene(Settings(backend="fake_manila", evaluations=1, shots=100))
        snapshot, moments = runtime.snapshot, []

        def submitted_meanwhile(qpu):
            seen = snapshot(qpu)
            if any(search.energies for search in scene.searches):
                scene.outsider.submit()
                assert scene.outsider.decided.wait(20)
            return seen

        monkeypatch.setattr(runtime, "snapshot", submitted_meanwhile)
        scene.play(lambda: moments.append(scene.moment()))
    queued = [moment for moment in moments if moment.outsider_status == "QUEUED"]
    assert queued
    assert all("has the QPU for itself" in moment.outsider_wait for moment in queued)


def test_the_last_moment_shows_an_idle_qpu(played):
    last = played[1][-1]
    assert last.session_state == "closed"
    assert last.outsider_status == "DONE"
    assert last.outsider_wait == ""
    assert last.snapshot.on_qpu is None
    assert last.snapshot.reserved_for is None
    assert last.snapshot.in_lanes == ()


def test_a_cancelled_job_is_no_success(scene, monkeypatch):
    core = record(scene, scene.searches[0].jobs[0]).core
    monkeypatch.setattr(core, "state", Finished(Cancelled()))
    assert "4" in refuted(scene)


def test_overlapping_executions_are_found(scene, monkeypatch):
    first, second = (record(scene, search.jobs[0]) for search in scene.searches)
    monkeypatch.setattr(first, "worker_stamps", second.worker_stamps)
    assert refuted(scene) == ["They"]


def test_an_execution_that_nobody_stamped_is_found(scene, monkeypatch):
    monkeypatch.setattr(record(scene, scene.outsider.job), "worker_stamps", None)
    assert refuted(scene) == ["They"]


def test_a_stranger_on_the_qpu_is_found(scene, monkeypatch):
    history = scene.qpu.scheduler.locks.qpu.history
    stranger = Hold("stranger", scene.session.record.core.windows[0].start, history[-1].end)
    monkeypatch.setattr(scene.qpu.scheduler.locks.qpu, "history", [*history, stranger])
    assert refuted(scene) == ["For"]


def test_a_job_outside_that_did_not_wait_is_found(scene, monkeypatch):
    core = record(scene, scene.outsider.job).core
    monkeypatch.setattr(core, "running_at", core.submitted_at)
    assert refuted(scene) == ["The"]


def test_a_job_outside_that_came_too_late_is_found(scene, monkeypatch):
    core = record(scene, scene.outsider.job).core
    monkeypatch.setattr(core, "submitted_at", core.running_at)
    assert refuted(scene) == ["The"]


def test_a_wrong_charge_is_found(scene, monkeypatch):
    monkeypatch.setattr(scene, "charged_before", scene.charged_before - 1.0)
    assert refuted(scene) == ["Charged:"]


def test_a_session_that_was_active_twice_proves_nothing(scene, monkeypatch):
    core = scene.session.record.core
    monkeypatch.setattr(core, "windows", [*core.windows, dataclasses.replace(core.windows[0])])
    assert {"For", "The", "Charged:"} <= set(refuted(scene))
