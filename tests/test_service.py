"""The facade that people query: backends, jobs, usage."""
# ruff: noqa: F811 - fixtures of another folder are imported, and then asked for by name

import inspect
from datetime import UTC, datetime, timedelta

import pytest
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import QiskitRuntimeService as TheirService
from qiskit_ibm_runtime.exceptions import (
    IBMInputValueError,
    RuntimeInvalidStateError,
    RuntimeJobNotFound,
)
from qiskit_ibm_runtime.fake_provider import FakeLimaV2, FakeTorino
from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2

from qiskit_modes import (
    Batch,
    EstimatorV2,
    Instance,
    LocalService,
    QiskitRuntimeService,
    SamplerV2,
    Session,
)
from qiskit_modes.testing import Scenario
from tests.modes.staging import flipped, stage, timed  # noqa: F401


@pytest.fixture
def service(timed):
    return LocalService()


# -- backends ------------------------------------------------------------------------------------


def test_both_names_give_the_same_backend(service):
    assert service.backend("ibm_torino") is service.backend("fake_torino")
    assert isinstance(service.backend("ibm_torino"), FakeTorino)
    assert QiskitRuntimeService().backend("ibm_torino") is service.backend("fake_torino")


def test_both_names_give_the_same_qpu_as_a_new_object(service, timed):
    assert timed.qpu(service.backend("ibm_manila")) is timed.qpu(service.backend("fake_manila"))
    assert timed.qpu(service.backend("ibm_torino")) is timed.qpu(FakeTorino())


def test_an_ideal_simulator(service):
    assert service.backend("aer_simulator").name == "aer_simulator"


@pytest.mark.parametrize("name", ["nobody", "ibm_nobody", "", None])
def test_an_unknown_name(service, name):
    with pytest.raises(QiskitBackendNotFoundError, match=r"backends\(\)"):
        service.backend(name)


def test_all_backends(service):
    found = service.backends()
    assert service.backend("fake_manila") in found
    names = [backend.name for backend in found]
    assert names == sorted(names)
    assert len(names) == len(set(names)) > 20


def test_backends_by_what_they_can(service):
    assert service.backends("ibm_torino") == [service.backend("fake_torino")]
    assert {backend.num_qubits >= 127 for backend in service.backends(min_num_qubits=127)} == {True}
    five = service.backends(filters=lambda backend: backend.num_qubits == 5)
    assert {backend.num_qubits for backend in five} == {5}
    assert service.backends(simulator=False, operational=True)
    assert service.backend("fake_torino") in service.backends(dynamic_circuits=True)
    assert service.backend("fake_torino") not in service.backends(dynamic_circuits=False)


def test_no_backends(service):
    assert service.backends(min_num_qubits=10_000) == []
    assert service.backends("nobody") == []  # as the service answers


@pytest.mark.parametrize("arguments", [{"use_fractional_gates": False}, {"include_mocks": False}])
def test_arguments_of_the_service_do_not_filter(service, arguments):
    assert service.backends(min_num_qubits=127, **arguments) == service.backends(min_num_qubits=127)


def test_least_busy(service, timed, stage):
    wanted = {"operational": True, "simulator": False, "filters": lambda b: b.num_qubits == 5}
    first = service.least_busy(**wanted)
    assert first.num_qubits == 5
    stage.shut()
    SamplerV2(mode=first).run([flipped()])
    second = service.least_busy(**wanted)
    assert second is not first
    assert first not in service.backends(pending_jobs=0)
    assert service.backends(pending_jobs=1) == [first]
    stage.open()
    assert service.least_busy(min_num_qubits=127).num_qubits >= 127


def test_of_several_that_are_idle_the_first_is_least_busy(service):
    """As at the client's door: a large machine, and not the one with a single qubit."""
    assert service.least_busy(operational=True, simulator=False).name == "fake_aachen"
    assert service.least_busy(use_fractional_gates=True, filters=_not_heron) == service.backend(
        "fake_fractional", use_fractional_gates=True
    )


def _not_heron(backend):
    return "Heron" not in str(getattr(backend, "processor_type", ""))


def test_what_is_maintained_is_not_least_busy():
    with Scenario() as scenario:
        service = LocalService(runtime=scenario.runtime)
        first = service.least_busy()
        scenario.runtime.executor.maintain(scenario.runtime.qpu(first), 60)
        assert service.least_busy().name != first.name
        assert first.name in [each.name for each in service.backends(status_msg="maintenance")]


def test_choosing_makes_no_targets(monkeypatch):
    """All of them together take seconds, and a configuration says as much."""

    def target(self):
        raise AssertionError(f"{self.name} was asked for its target")

    monkeypatch.setattr(FakeBackendV2, "target", property(target))
    service = LocalService()
    assert service.backends(min_num_qubits=100, dynamic_circuits=True, use_fractional_gates=True)
    assert service.least_busy(min_num_qubits=100, operational=True, simulator=False)
    assert service.least_busy(min_num_qubits=100, use_fractional_gates=True)


def test_least_busy_with_the_services_arguments(service):
    assert service.least_busy(min_num_qubits=127, use_fractional_gates=False).num_qubits >= 127


@pytest.mark.parametrize(
    "impossible", [{"min_num_qubits": 10_000}, {"operational": False}, {"simulator": True}]
)
def test_nobody_is_least_busy(service, impossible):
    with pytest.raises(QiskitBackendNotFoundError, match="No backend matches the criteria"):
        service.least_busy(**impossible)


# -- jobs ----------------------------------------------------------------------------------------


def ids(jobs):
    return [job.job_id() for job in jobs]


def test_a_job_by_its_id(service, manila):
    job = SamplerV2(mode=manila).run([flipped()])
    again = service.job(job.job_id())
    assert again.result(timeout=20) is job.result(timeout=20)
    assert (again.status(), again.inputs.keys()) == ("DONE", job.inputs.keys())


def test_an_unknown_job(service):
    with pytest.raises(RuntimeJobNotFound, match="nobody"):
        service.job("nobody")


def test_a_session_id_is_no_job_id(service, manila):
    with pytest.raises(RuntimeJobNotFound):
        service.job(Session(manila).session_id)


@pytest.fixture
def several(service, manila, timed):
    """Five jobs that have ended, a minute apart, each with something of its own."""
    lima, batch, session = FakeLimaV2(), Batch(manila), Session(manila)
    made = {}

    def add(name, primitive, pub):
        made[name] = primitive.run([pub])
        made[name].result(timeout=20)
        timed.pass_time(60)

    tags = {"environment": {"job_tags": ["a", "b"]}}
    add("tagged", SamplerV2(mode=manila, options=tags), flipped())
    add("lima", SamplerV2(mode=lima), flipped())
    add("batch", SamplerV2(mode=batch), flipped())
    no_bits = flipped().remove_final_measurements(inplace=False)
    add("estimator", EstimatorV2(mode=manila), (no_bits, "Z"))
    add("session", SamplerV2(mode=session), flipped())
    session.close()
    return made


def test_jobs_the_newest_first(service, several):
    assert ids(service.jobs()) == ids(reversed(several.values()))
    assert ids(service.jobs(descending=False)) == ids(several.values())


@pytest.mark.parametrize(
    ("criteria", "names"),
    [
        ({"limit": 2}, ["session", "estimator"]),
        ({"limit": 2, "skip": 1}, ["estimator", "batch"]),
        ({"limit": None, "skip": 4}, ["tagged"]),
        ({"limit": 2, "descending": False}, ["tagged", "lima"]),
        ({"backend_name": "fake_lima"}, ["lima"]),
        ({"backend_name": "ibm_lima"}, ["lima"]),
        ({"backend_name": "nobody"}, []),
        ({"pending": True}, []),
        ({"pending": False, "limit": 1}, ["session"]),
        ({"program_id": "estimator"}, ["estimator"]),
        ({"instance": "somebody"}, []),
        ({"instance": "local", "limit": 1}, ["session"]),
        ({"job_tags": ["a"]}, ["tagged"]),
        ({"job_tags": ["b", "a"]}, ["tagged"]),
        ({"job_tags": ["a", "c"]}, []),
        ({"session_id": "nobody"}, []),
        ({"include_mocks": False, "limit": 1}, ["session"]),
    ],
)
def test_jobs_by(service, several, criteria, names):
    assert ids(service.jobs(**criteria)) == ids(several[name] for name in names)


@pytest.mark.parametrize("name", ["session", "batch"])
def test_jobs_of_a_session_or_batch(service, several, name):
    job = several[name]
    assert ids(service.jobs(session_id=job.session_id)) == [job.job_id()]


def test_jobs_by_their_dates(service, several):
    created = several["batch"].creation_date
    naive = created.replace(tzinfo=None)
    for moment in (created, created.astimezone(UTC), naive):
        after, before = service.jobs(created_after=moment), service.jobs(created_before=moment)
        assert ids(after) == ids(several[n] for n in ("session", "estimator", "batch"))
        assert ids(before) == ids(several[n] for n in ("batch", "lima", "tagged"))
    later = created + timedelta(seconds=1)
    assert len(service.jobs(created_after=created, created_before=later)) == 1


@pytest.mark.parametrize("tags", ["text", [1]])
def test_jobs_by_what_are_no_tags(service, tags):
    with pytest.raises(IBMInputValueError, match="tags"):
        service.jobs(job_tags=tags)


def test_pending_jobs(service, manila, stage):
    stage.shut()
    job = SamplerV2(mode=manila).run([flipped()])
    assert ids(service.jobs(pending=True)) == [job.job_id()]
    assert service.jobs(pending=False) == []
    stage.open()
    job.result(timeout=20)
    assert service.jobs(pending=True) == []


def test_a_job_can_be_forgotten_when_it_has_ended(service, manila, stage):
    stage.shut()
    job = SamplerV2(mode=manila).run([flipped()])
    with pytest.raises(RuntimeInvalidStateError, match="cancel it first"):
        service.delete_job(job.job_id())
    stage.open()
    job.result(timeout=20)
    service.delete_job(job.job_id())
    assert service.jobs() == []
    with pytest.raises(RuntimeJobNotFound):
        service.job(job.job_id())
    with pytest.raises(RuntimeJobNotFound):
        service.delete_job(job.job_id())
    assert job.result()[0].data.c.num_shots == 4096


# -- usage ---------------------------------------------------------------------------------------


def test_usage(service, manila, timed, stage):
    stage.shut()
    job = SamplerV2(mode=manila).run([flipped()])
    stage.await_arrival()
    timed.pass_time(3)
    stage.open()
    job.result(timeout=20)
    usage = service.usage()
    assert (usage["instance_id"], usage["usage_consumed_seconds"]) == ("local", 3)
    period = {k: datetime.fromisoformat(v) for k, v in usage["usage_period"].items()}
    assert period["end_time"] - period["start_time"] == timedelta(days=28)
    assert "usage_remaining_seconds" not in usage
    timed.pass_time(28 * 24 * 3600)
    assert service.usage()["usage_consumed_seconds"] == 0


def test_usage_of_an_instance_with_an_allocation(manila, timed, stage):
    instance = Instance("mine", allocation_seconds=10)
    stage.shut()
    job = SamplerV2(mode=Batch(manila, instance=instance)).run([flipped()])
    stage.await_arrival()
    timed.pass_time(4)
    stage.open()
    job.result(timeout=20)
    usage = LocalService(instance=instance).usage()
    assert usage["usage_consumed_seconds"] == 4
    assert usage["usage_allocation_seconds"] == 10
    assert usage["usage_remaining_seconds"] == 6
    assert LocalService().usage()["usage_consumed_seconds"] == 0


# -- in the place of the service's client --------------------------------------------------------


def test_it_takes_and_ignores_what_says_how_to_reach_the_service(timed, monkeypatch):
    import socket

    def never(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", never)
    service = QiskitRuntimeService(
        channel="ibm_quantum_platform", token="secret", instance="crn:v1:...", url="https://x"
    )
    assert service.usage()["usage_consumed_seconds"] == 0
    assert service.jobs() == []
    assert "secret" not in repr(vars(service))
    assert isinstance(service, LocalService)
    assert QiskitRuntimeService("ibm_cloud", "secret").active_instance() == "local"


@pytest.mark.parametrize(
    "method", ["__init__", "backend", "backends", "least_busy", "job", "jobs", "usage"]
)
def test_its_methods_take_what_the_services_take(method):
    theirs = inspect.signature(getattr(TheirService, method)).parameters
    ours = inspect.signature(getattr(QiskitRuntimeService, method)).parameters
    assert [name for name in theirs if name not in ours] == []
    positional = [
        name for name in theirs if theirs[name].kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    assert [name for name in ours if name in positional] == positional


def test_it_has_what_the_services_client_has():
    missing = [n for n in dir(TheirService) if n[0] != "_" and not hasattr(QiskitRuntimeService, n)]
    assert missing == []


def test_the_instance_must_be_one(timed):
    with pytest.raises(IBMInputValueError, match="instance"):
        QiskitRuntimeService(instance=5)
