"""A plain `QiskitRuntimeService()` is the local one while a local runtime is open."""

from __future__ import annotations

import threading

import pytest
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import IBMBackend, QiskitRuntimeService, SamplerV2, Session
from qiskit_ibm_runtime.exceptions import IBMInputValueError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import Instance, LocalService, Plan
from qiskit_modes.client import local_runtime
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.testing import ManualClock, Scenario

CRN = "crn:v1:bluemix:public:quantum-computing:eu-de:a/1234:5678::"

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"token": "secret"},
        {"channel": "ibm_quantum_platform"},
        {"channel": "ibm_cloud", "token": "secret"},
        {"name": "an account that nobody saved"},
        {"name": "mine", "filename": "/no/such/file.json"},
        {"instance": "auto"},
        {"token": "secret", "url": "https://example.org", "instance": CRN},
        {"token": "secret", "proxies": {"urls": {"https": "http://127.0.0.1:1"}}, "verify": False},
        {"region": "us-east", "plans_preference": ["open"]},
    ],
)
def test_every_way_to_make_a_service_gives_this_one(service, arguments):
    made = QiskitRuntimeService(**arguments)
    assert type(made) is QiskitRuntimeService
    assert [backend.name for backend in made.backends()] == ["ibm_manila", "ibm_quito"]
    assert "secret" not in str(made.active_account())


def test_the_arguments_of_the_environment_are_of_no_account(service, monkeypatch):
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "secret")
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", CRN)
    made = QiskitRuntimeService()
    assert made.active_instance() == CRN
    assert "secret" not in str(made.active_account())


def test_where_the_environment_would_send_requests_does_not_matter(service, bell, monkeypatch):
    monkeypatch.setenv("IAM_URL", "https://iam.cloud.ibm.com")
    monkeypatch.setenv("QISKIT_IBM_URL", "https://cloud.ibm.com")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:3128")
    backend = QiskitRuntimeService(token="secret").backend("ibm_manila")
    assert SamplerV2(backend).run([bell], shots=10).result()[0].data.meas.num_shots == 10


def test_saving_an_account_touches_no_file_of_the_user(service, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "accounts.json"
    for filename in (None, str(file)):
        QiskitRuntimeService.save_account(
            token="secret", instance="lab", name="mine", filename=filename, overwrite=True
        )
        saved = QiskitRuntimeService.saved_accounts(filename=filename)
        assert saved["mine"]["instance"] == "lab"
        assert "secret" not in str(saved)
        made = QiskitRuntimeService(name="mine", filename=filename)
        assert made.active_instance().endswith(":lab::")
        assert QiskitRuntimeService.delete_account(name="mine", filename=filename)
        assert QiskitRuntimeService.saved_accounts(filename=filename) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_thread_and_a_subclass_get_it_too(service):
    class Mine(QiskitRuntimeService):
        pass

    made = []
    thread = threading.Thread(target=lambda: made.append(Mine(token="secret")))
    thread.start()
    thread.join()
    assert made[0].backend("ibm_manila").name == "ibm_manila"


def test_backends_are_upstreams_and_have_two_names(service):
    backend = service.backend("ibm_manila")
    other = service.backend("fake_manila")
    assert type(backend) is IBMBackend
    assert other.target.operation_names == backend.target.operation_names
    assert service.backend("ibm_manila", use_fractional_gates=None).num_qubits == 5
    assert backend.properties().t1(0) == FakeManilaV2().properties().t1(0)
    with pytest.raises(QiskitBackendNotFoundError):
        service.backend("ibm_nowhere")


@pytest.mark.slow
def test_every_fake_is_there_unless_somebody_chooses():
    with local_runtime() as service:
        assert service.backend("ibm_torino").num_qubits == 133
        assert service.least_busy(min_num_qubits=100).num_qubits >= 100


def test_backend_objects_can_be_offered_under_names():
    noisy = AerSimulator.from_backend(FakeManilaV2())
    with local_runtime(backends={"mine": noisy, "ideal": AerSimulator()}) as service:
        assert service.backend("mine").coupling_map.size() == 5
        assert "h" in service.backend("ideal").operation_names
        with Session(service.backend("ideal")) as session:
            assert session.details()["backend_name"] == "ideal"


def test_two_backends_of_one_name_are_refused():
    with (
        pytest.raises(InvalidInputError, match="Two backends have the name 'aer_simulator'"),
        local_runtime(backends=[AerSimulator(), AerSimulator()]),
    ):
        pass


def test_what_is_no_backend_is_refused():
    with (
        pytest.raises(InvalidInputError, match="Invalid backend type"),
        local_runtime(backends=[1]),
    ):
        pass


def test_an_instance_that_is_not_there_is_said():
    lab = Instance("lab", Plan("premium"))
    with local_runtime(backends=["ibm_manila"], instances=[lab, Instance("other")]) as service:
        assert {each["name"] for each in service.instances()} == {"lab", "other"}
        assert QiskitRuntimeService(instance="lab").active_instance().endswith(":lab::")
        with pytest.raises(IBMInputValueError, match="not a valid instance name"):
            QiskitRuntimeService(instance="nobody")
        with pytest.raises(IBMInputValueError, match="does not have access"):
            QiskitRuntimeService(token="secret", instance=CRN)
        assert service.backends(instance=CRN) == []


def test_instances_do_not_see_each_other(bell):
    with (
        Scenario() as scenario,
        local_runtime(
            backends=["ibm_manila"],
            runtime=scenario.runtime,
            instances=[Instance("one"), Instance("two")],
        ),
    ):
        one, two = QiskitRuntimeService(instance="one"), QiskitRuntimeService(instance="two")
        backend = one.backend("ibm_manila")
        with Session(backend) as session:
            job = SamplerV2().run([bell])
        job.result()
        assert [each.job_id() for each in one.jobs()] == [job.job_id()]
        assert two.jobs() == []
        with pytest.raises(Exception, match="Job not found"):
            two.job(job.job_id())
        with pytest.raises(IBMInputValueError, match="Session not found"):
            Session.from_id(session.session_id, two)
        assert one.usage()["usage_consumed_seconds"] > 0
        assert two.usage()["usage_consumed_seconds"] == 0


@pytest.mark.parametrize("plan", ["open", "premium", "flex", "pay-as-you-go", Plan("mine")])
def test_a_plan_by_its_name(plan):
    with local_runtime(backends=["ibm_manila"], plan=plan) as service:
        assert service.instances()[0]["plan"] == getattr(plan, "name", plan)


@pytest.mark.parametrize(
    "arguments",
    [
        {"plan": "golden"},
        {"plan": "open", "instances": [Instance("a")]},
        {"instances": []},
        {"instances": [Instance("a"), Instance("a")]},
    ],
)
def test_arguments_that_do_not_go_together(arguments):
    with pytest.raises(InvalidInputError), local_runtime(backends=["ibm_manila"], **arguments):
        pass


def test_a_runtime_has_its_own_clock(scenario):
    with (
        pytest.raises(InvalidInputError, match="its own lanes, clock and plan"),
        local_runtime(runtime=scenario.runtime, clock=ManualClock()),
    ):
        pass


def test_a_clock_of_the_test(bell):
    clock = ManualClock()
    with local_runtime(backends=["ibm_manila"], clock=clock) as service:
        session = Session(service.backend("ibm_manila"), max_time="1h")
        assert session.status() == "Pending"
        clock.advance("31m")
        assert session.status() == "Closed"


def test_a_seed_makes_jobs_repeatable(bell):
    def counts() -> list[dict[str, int]]:
        with local_runtime(backends=["ibm_manila"], seed=7) as service:
            sampler = SamplerV2(mode=service.backend("ibm_manila"))
            jobs = [sampler.run([bell], shots=200) for _ in range(2)]
            return [job.result()[0].data.meas.get_counts() for job in jobs]

    first, second = counts(), counts()
    assert first == second
    assert first[0] != first[1]


def test_local_runtimes_can_be_nested(bell):
    with local_runtime(backends=["ibm_manila"]) as outer:
        with local_runtime(backends=["ibm_quito"]) as inner:
            assert [backend.name for backend in QiskitRuntimeService().backends()] == ["ibm_quito"]
            assert outer.backend("ibm_manila").name == "ibm_manila"
            assert outer.backends(instance=CRN)[0].name == "ibm_manila"
        assert [backend.name for backend in QiskitRuntimeService().backends()] == ["ibm_manila"]
        assert inner.backends()[0].name == "ibm_quito"


def test_the_native_door_sees_the_same_jobs(service, backend, bell):
    job = SamplerV2(mode=backend).run([bell])
    job.result()
    assert LocalService().job(job.job_id()).status() == "DONE"
