"""The rules that belong to the door of the service's own client alone, by their ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import qiskit_ibm_runtime
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import Batch, QiskitRuntimeService, SamplerV2, Session
from qiskit_ibm_runtime.exceptions import (
    IBMInputValueError,
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobMaxTimeoutError,
)
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import Instance
from qiskit_modes.client import local_runtime
from qiskit_modes.client.api_client import LocalClient
from qiskit_modes.client.upstream import RequestsApiError
from qiskit_modes.testing import Scenario
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.programs import translation


class ClientWorld:
    """A program that uses the service's client, and the time, which passes when a test says so."""

    def __init__(self, scenario: Scenario, service: QiskitRuntimeService) -> None:
        self.scenario = scenario
        self.service = service
        self.backend = service.backend("ibm_manila")
        self.circuit = QuantumCircuit(1, 1)
        self.circuit.measure(0, 0)

    @property
    def client(self) -> LocalClient:
        return self.service._active_api_client

    def run(self, mode: Any = None, **options: Any) -> Any:
        return SamplerV2(mode or self.backend, options).run([self.circuit])


@pytest.fixture
def world() -> Iterator[ClientWorld]:
    with Scenario() as scenario:
        backends = {"ibm_manila": "ibm_manila", "aer": AerSimulator()}
        with local_runtime(backends=backends, runtime=scenario.runtime) as service:
            yield ClientWorld(scenario, service)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the client asks about sessions, as it does."""
    requests: list[tuple[str, Any]] = []

    def spy(name: str) -> None:
        method = getattr(LocalClient, name)

        def ask(self: LocalClient, *args: Any, **kwargs: Any) -> Any:
            requests.append((name, args))
            return method(self, *args, **kwargs)

        monkeypatch.setattr(LocalClient, name, ask)

    for name in ("create_session", "close_session", "cancel_session", "program_run", "job_get"):
        spy(name)
    return requests


def names(requests: list[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in requests]


def test_j21_polling_and_waiting(world, monkeypatch, sent):
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.scenario.clock.advance(seconds)

    monkeypatch.setattr("time.sleep", sleep)
    polling = qiskit_ibm_runtime.RuntimeJobV2.wait_for_final_state
    polling(world.run())
    assert set(slept) == {0.5}
    slept.clear()
    with Session(world.backend) as session:
        polling(world.run(session))
    assert set(slept) == {0.1}
    slept.clear()
    job = world.run()
    sent.clear()
    job.wait_for_final_state()
    assert slept == []
    assert names(sent) == ["job_get"] * 2, "before and after it has waited"


def test_r01_codes_need_a_reason(world, monkeypatch):
    world.scenario.next_job_lasts(quantum_time=9)
    job = world.run(max_execution_time=5)
    with pytest.raises(RuntimeJobMaxTimeoutError):
        job.result()
    state = world.client.job_get(job.job_id())["state"]
    assert state == {"status": "Cancelled", "reason": "Ran too long", "reason_code": 1305}
    for changed, status in (
        ({"status": "Cancelled", "reason_code": 1305}, "CANCELLED"),
        ({"status": "Dreaming"}, "DREAMING"),
    ):
        monkeypatch.setattr(LocalClient, "job_get", lambda *_, **__: {"state": changed})  # noqa: B023
        other = world.run()
        assert other.status() == status
        assert other.in_final_state() is (status == "CANCELLED")


def test_r02_private_jobs(world):
    job = world.run(environment={"private": True})
    assert job.private
    assert job.inputs == {}
    assert job.result() is not None
    assert job.result() is None


def test_r03_errors_of_cancelling(world, monkeypatch):
    job = world.run()
    job.result()
    with pytest.raises(RuntimeInvalidStateError, match=r"Job cannot be cancelled: .*409"):
        job.cancel()

    def refuse(*_: Any) -> None:
        raise RequestsApiError("no", 400)

    monkeypatch.setattr(LocalClient, "job_cancel", refuse)
    with pytest.raises(IBMRuntimeError, match="Failed to cancel job: 'no'"):
        job.cancel()


@pytest.mark.parametrize("error", [RuntimeError("x"), MemoryError(), KeyError(1), OSError(5, "x")])
def test_r04_no_error_of_the_server(world, monkeypatch, error):
    def fail(_: Any) -> None:
        raise error

    monkeypatch.setitem(translation.PROGRAMS, "sampler", fail)
    with pytest.raises(IBMRuntimeError) as caught:
        world.run()
    refused = caught.value.__context__
    assert isinstance(refused, RequestsApiError)
    assert 400 <= refused.status_code < 500
    assert isinstance(refused.__cause__, ApiError)
    monkeypatch.undo()
    world.scenario.job_fails(2, error=error)
    job = world.run()
    job.wait_for_final_state()
    for answer in (job.status, job.metrics, job.error_message, job.logs, job.usage):
        answer()


def test_r05_opening_a_session(world, sent):
    crn = world.service.active_instance()
    with Session(world.backend, max_time="10m") as session:
        world.run(session)
    with Batch(world.backend) as batch:
        world.run(batch)
    opened = [args for name, args in sent if name == "create_session"]
    assert opened == [
        ("ibm_manila", crn, 600, "dedicated"),
        ("ibm_manila", crn, None, "batch"),
    ]


def test_r06_closing_and_cancelling_what_there_is_not(world):
    session = Session(world.backend)
    session._session_id = "unknown"
    session.close()
    with pytest.raises(RequestsApiError, match="404") as caught:
        session.cancel()
    assert caught.value.status_code == 404


def test_r07_a_session_that_takes_no_more_jobs(world):
    session = Session(world.backend)
    other = Session.from_id(session.session_id, world.service)
    session.close()
    with pytest.raises(IBMRuntimeError, match=r'Failed to run program: .*409 .*"code": 4001'):
        world.run(other)


def test_r08_a_session_on_a_simulator(world, sent):
    aer = world.service.backend("aer")
    assert not aer.configuration().simulator
    assert Session(aer).session_id is not None
    sent.clear()
    aer.configuration().simulator = True
    assert Session(aer).session_id is None
    assert sent == []


def test_r09_a_session_without_a_backend(world, monkeypatch):
    session_id = Session(world.backend).session_id
    monkeypatch.setattr(LocalClient, "session_details", lambda *_: {"mode": "dedicated"})
    with pytest.raises(IBMRuntimeError, match="backend of this session is unknown"):
        Session.from_id(session_id, world.service)


def test_r10_another_instance_is_asked():
    with Scenario() as scenario:
        instances = [Instance("one"), Instance("two")]
        with local_runtime(
            backends=["ibm_manila"], runtime=scenario.runtime, instances=instances
        ) as service:
            one = QiskitRuntimeService(instance="one")
            world = ClientWorld(scenario, one)
            session = Session(world.backend)
            job = world.run(session)
            for find in (
                lambda: service.job(job.job_id()).session_id,
                lambda: Session.from_id(session.session_id, service).session_id,
            ):
                service.jobs(instance=service.instances()[1]["crn"])
                assert service.active_instance() != one.active_instance()
                assert find() == session.session_id
                assert service.active_instance() == one.active_instance()


def test_c04_an_older_primitive_made_outside(world, caplog):
    outside = SamplerV2(mode=world.backend)
    with Session(world.backend):
        assert outside.run([world.circuit]).session_id is None
        assert "this job will run in job mode" in caplog.text
        assert Sampler(mode=world.backend).run([world.circuit]).session_id is not None


def test_c12_cancelled_inside_its_block(world, sent):
    with Session(world.backend) as session:
        world.run(session)
        session.cancel()
    assert names(sent)[-2:] == ["cancel_session", "close_session"]
    assert names(sent).count("close_session") == 1


def test_r11_what_upstream_does_otherwise(world):
    class MySession(Session):
        pass

    with Session(world.backend) as session:
        with pytest.raises(ValueError, match="different from the session backend"):
            SamplerV2(mode=world.service.backend("ibm_manila"))
        with Batch(world.backend) as batch:
            world.run(batch)
        with pytest.raises(ValueError, match="A backend or session must be specified"):
            SamplerV2()
        with pytest.raises(IBMInputValueError, match="dedicated instead of mysession"):
            MySession.from_id(session.session_id, world.service)


def test_r14_a_backend_that_is_not_active(world):
    world.scenario.maintenance(FakeManilaV2(), at=10, lasts=60)
    world.run().result()
    world.scenario.clock.advance(20)
    with pytest.warns(UserWarning, match="currently has a status of maintenance"):
        job = world.run()
    assert job.result() is not None


def test_r12_the_text_of_an_error(world):
    with pytest.raises(RequestsApiError) as caught:
        world.client.job_get("unknown")
    text, _, body = caught.value.message.partition(". {")
    assert text == "404 Client Error: Not Found for url: http://qiskit-modes.invalid/jobs/unknown"
    (error,) = json.loads("{" + body)["errors"]
    assert error["message"] == "Job not found: there is no job 'unknown'"


def test_r13_every_backend_is_a_machine(world):
    world.scenario.next_job_lasts(compile_time=60, quantum_time=4)
    sampler = SamplerV2(world.service.backend("aer"), {"max_execution_time": 5})
    job = sampler.run([world.circuit])
    assert job.result() is not None
    assert job.usage() == 4
