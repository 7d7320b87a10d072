"""Every method of the client's objects answers, on a local runtime."""

from __future__ import annotations

import copy
import gc
from datetime import datetime, timedelta

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import (
    EstimatorV2,
    Executor,
    QiskitRuntimeService,
    QuantumProgram,
    SamplerV2,
    Session,
)
from qiskit_ibm_runtime.exceptions import (
    IBMInputValueError,
    IBMRuntimeError,
    RuntimeJobNotFound,
)
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.session import AdvancedSession

from qiskit_modes.client.upstream import RequestsApiError
from qiskit_modes.testing import Scenario


@pytest.fixture
def job(backend, bell):
    job = SamplerV2(mode=backend).run([bell], shots=32)
    job.wait_for_final_state()
    return job


class TestService:
    def test_backends_and_their_filters(self, service):
        assert [b.name for b in service.backends()] == ["ibm_manila", "ibm_quito"]
        assert [b.name for b in service.backends("ibm_quito")] == ["ibm_quito"]
        assert service.backends(min_num_qubits=6) == []
        assert len(service.backends(simulator=False, operational=True)) == 2
        assert len(service.backends(filters=lambda b: b.num_qubits == 5)) == 2
        assert service.backends(dynamic_circuits=True, min_num_qubits=100) == []

    def test_the_least_busy(self, service, backend, bell):
        assert service.least_busy().name == "ibm_manila"
        SamplerV2(mode=backend).run([bell])
        fresh = QiskitRuntimeService()
        assert fresh.least_busy().name == "ibm_quito"
        assert fresh.least_busy(filters=lambda b: b.name == "ibm_manila").name == "ibm_manila"
        with pytest.raises(QiskitBackendNotFoundError):
            fresh.least_busy(min_num_qubits=6)

    def test_instances_and_accounts(self, service):
        (instance,) = service.instances()
        assert service.active_instance() == instance["crn"]
        assert service.channel == "ibm_quantum_platform"
        assert service.active_account()["instance"] == instance["crn"]
        assert service == QiskitRuntimeService()

    def test_usage(self, service, job):
        usage = service.usage()
        assert usage["usage_consumed_seconds"] == 1.0
        assert usage["instance_id"] == service.active_instance()

    def test_jobs_in_an_interval(self, service, job):
        created = job.creation_date
        hour = timedelta(hours=1)
        assert len(service.jobs(created_after=created - hour, created_before=created + hour)) == 1
        assert service.jobs(created_after=created + hour) == []
        assert service.jobs(created_before=created - hour) == []
        assert len(service.jobs(backend_name="ibm_manila", program_id="sampler")) == 1
        assert service.jobs(backend_name="ibm_quito") == []

    def test_many_jobs_come_in_pages(self, service, backend, bell):
        sampler = SamplerV2(mode=backend)
        ids = [sampler.run([bell]).job_id() for _ in range(25)]
        assert sorted(j.job_id() for j in service.jobs(limit=None)) == sorted(ids)
        assert len(service.jobs()) == 10

    def test_a_dry_run_has_no_machine(self, backend, bell):
        with pytest.raises(QiskitBackendNotFoundError, match="Unable to use `dry_run` mode"):
            SamplerV2(mode=backend).run([bell], dry_run=True)


class TestBackend:
    def test_its_data(self, backend):
        assert backend.configuration().n_qubits == 5
        assert backend.properties().readout_error(0) > 0
        assert backend.properties(datetime=datetime(2026, 1, 1)).t1(0) > 0
        assert backend.target.num_qubits == 5
        assert backend.coupling_map.size() == 5
        assert backend.status().status_msg == "active"
        assert backend.dt == pytest.approx(0.2222e-9, rel=1e-3)
        backend.refresh()
        assert backend.num_qubits == 5

    def test_a_copy_works_too(self, backend, bell):
        assert SamplerV2(mode=copy.deepcopy(backend)).run([bell]).result()

    def test_fractional_gates_are_there_if_asked_for(self, scenario):
        from qiskit_modes.client import local_runtime

        with local_runtime(backends=["fake_fractional"], runtime=scenario.runtime) as service:
            assert "rzz" not in service.backend("fake_fractional").operation_names
            fractional = service.backend("fake_fractional", use_fractional_gates=True)
            assert "rzz" in fractional.operation_names
            circuit = QuantumCircuit(2)
            circuit.rzz(0.3, 0, 1)
            circuit.measure_all()
            isa = generate_preset_pass_manager(1, fractional).run(circuit)
            assert "rzz" in isa.count_ops()
            assert SamplerV2(mode=fractional).run([isa]).result()


class TestJob:
    def test_what_it_is(self, job, backend, service):
        assert job.backend().name == backend.name
        assert job.instance == service.active_instance()
        assert job.private is False
        assert job.properties().t1(0) == backend.properties().t1(0)
        assert "Executing" in job.logs()
        assert job.usage() == job.usage(partial=True) == 1.0
        assert service.job(job.job_id()).creation_date == job.creation_date

    def test_whoever_holds_it_keeps_it(self, service, backend, bell, monkeypatch):
        for kept in ("_KEPT_JOBS", "_KEPT_INPUTS"):
            monkeypatch.setattr(f"qiskit_modes.runtime.keeping.job_table.{kept}", 2)
        sampler = SamplerV2(mode=backend)
        jobs = [sampler.run([bell], shots=5) for _ in range(6)]
        for job in jobs:
            job.wait_for_final_state()
        first = jobs.pop(0)
        gone, _ = first.job_id(), first.result()
        assert [job.result()[0].data.meas.num_shots for job in jobs] == [5] * 5
        sampler.run([bell], shots=5).wait_for_final_state()
        del job, first
        gc.collect()
        with pytest.raises(RuntimeJobNotFound):
            service.job(gone)
        service.delete_job(jobs[0].job_id())
        jobs[0].wait_for_final_state()
        assert jobs[0].status() == "DONE"

    def test_its_inputs(self, service, backend, bell):
        angle = Parameter("a")
        circuit = QuantumCircuit(1)
        circuit.rz(angle, 0)
        circuit = generate_preset_pass_manager(1, backend).run(circuit)
        estimator = EstimatorV2(mode=backend, options={"default_precision": 0.1})
        job = estimator.run([(circuit, [["ZIIII"], ["IZIII"]], [0.1, 0.2])])
        inputs = service.job(job.job_id()).inputs
        assert inputs["options"]["default_precision"] == 0.1
        ((sent, observables, values, precision),) = inputs["pubs"]
        assert sent == circuit
        assert observables == [[{"ZIIII": 1.0}], [{"IZIII": 1.0}]]
        np.testing.assert_array_equal(values, [[0.1], [0.2]])
        assert precision is None
        assert job.result()[0].data.evs.shape == (2, 2)

    def test_the_inputs_of_a_program(self, service, backend, bell):
        program = QuantumProgram(shots=7)
        program.append_circuit_item(bell)
        job = Executor(mode=backend).run(program)
        sent = service.job(job.job_id()).inputs["quantum_program"]
        assert sent.shots == 7
        assert sent.items[0].circuit == bell

    def test_everything_that_is_set_acts_or_is_refused(self, backend, bell):
        sampler = SamplerV2(mode=backend)
        sampler.options.experimental = {"image": "some:image"}
        sampler.options.environment.log_level = "DEBUG"
        assert sampler.run([bell]).image == "some:image"
        sampler.options.simulator.seed_simulator = 1
        sampler.options.simulator.basis_gates = ["cx"]  # the service has no use for it either
        sampler.run([bell])
        sampler.options.execution.init_qubits = False
        with pytest.raises(IBMRuntimeError, match=r"init_qubits=False is not supported"):
            sampler.run([bell])


class TestWhatThereIsNot:
    def test_further_fields_of_a_session(self, backend):
        with pytest.raises(RequestsApiError, match="A session has no interactive_ttl here"):
            AdvancedSession(backend, interactive_ttl=5)


def test_everything_after_the_end_is_an_error_and_not_a_request(bell, no_network):
    from qiskit_modes.client import local_runtime

    with local_runtime(backends=["ibm_manila"]) as service:
        backend = service.backend("ibm_manila")
        session = Session(backend)
        job = Sampler(mode=session).run([bell])
        job.result()
    assert service.job(job.job_id()).status() == "DONE"
    assert job.result()[0].data.meas.num_shots == 4096
    with pytest.raises(IBMRuntimeError, match="shut down"):
        SamplerV2(mode=backend).run([bell])
    with pytest.raises(RequestsApiError, match="shut down"):
        Session(backend)
    session.close()


def test_a_scenario_and_the_client_share_the_stage(bell):
    from qiskit_modes.client import local_runtime

    with Scenario(quantum_time="3s") as scenario:
        with local_runtime(backends=["ibm_manila"], runtime=scenario.runtime) as service:
            backend = service.backend("ibm_manila")
            with pytest.raises(IBMInputValueError, match="Session not found"):
                Session.from_id("no", service)
            assert SamplerV2(mode=backend).run([bell]).result()
        assert scenario.clock.now() == 3


def test_what_a_newer_client_adds_is_refused_unless_it_is_off(service, backend, bell):
    client = backend._api_client
    with pytest.raises(RequestsApiError, match="A job has no brand_new here"):
        client.program_run("sampler", "ibm_manila", {}, brand_new=5)
    with pytest.raises(RequestsApiError, match="A list of jobs has no brand_new here"):
        client.jobs_get(brand_new="x")
    assert client.jobs_get(brand_new=None)["count"] == 0
