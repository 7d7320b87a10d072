"""What was run yesterday is all there today: results, metrics, usage, tags, inputs, timelines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import QuantumProgram, RuntimeEncoder
from qiskit_ibm_runtime.exceptions import (
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobNotFound,
    RuntimeJobTimeoutError,
)
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from samplomatic.utils import find_unique_box_instructions

from qiskit_modes import (
    Batch,
    EstimatorV2,
    Executor,
    Instance,
    LocalService,
    NoiseLearner,
    NoiseLearnerV3,
    Plan,
    SamplerV2,
    Session,
)
from qiskit_modes.exceptions import InvalidInputError, QiskitModesError
from qiskit_modes.modes.backends import charge_to
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.steps import Durations, ScriptedSteps
from qiskit_modes.wire.answers.job_json import result_text
from tests import programs
from tests.primitives.test_noise_learner import boxed

LAB = Instance("lab", Plan("premium", limit_seconds=3600.0))


@dataclass
class Day:
    """A process that uses the store, or what stands for one."""

    runtime: LocalRuntime
    service: LocalService
    jobs: dict[str, Any]
    seen: dict[str, Any]


def facts_of(job) -> dict[str, Any]:
    """All that a job tells of itself, but for its objects."""
    return {
        "id": job.job_id(),
        "status": job.status(),
        "metrics": job.metrics(),
        "usage": job.usage(),
        "estimation": job.usage_estimation,
        "tags": job.tags,
        "mode": (str(job.mode), job.mode.reason),
        "session": job.session_id,
        "primitive": job.primitive_id,
        "private": job.private,
        "instance": job.instance,
        "created": job.creation_date,
        "logs": job.logs(),
        "error": job.error_message(),
    }


def text_of(job) -> str:
    """The result as the service's own JSON."""
    return json.dumps(job.result(), cls=RuntimeEncoder)


def flip(angle=None) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.sx(0)
    circuit.rz(Parameter("a") if angle is None else angle, 0)
    circuit.sx(0)
    circuit.measure_all()
    return circuit


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Yesterday, when everything was run, and today, when it is looked at."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'jobs.sqlite'}"
    runtime = LocalRuntime(store=url, instance=LAB)
    manila = charge_to(FakeManilaV2(), LAB, runtime=runtime)
    own = charge_to(AerSimulator.from_backend(FakeManilaV2()), LAB, runtime=runtime)
    chain = QuantumCircuit(2)
    chain.x(0)
    chain.cx(0, 1)
    program = QuantumProgram(50, passthrough_data={"mine": [1, np.array([2.0, 3.0])]})
    program.append_circuit_item(flip(), [[1.5], [0.5]])
    jobs = {}
    with Session(manila, max_time="1h") as session:
        sampler = SamplerV2(session, {"environment": {"job_tags": ["a", "b"], "log_level": "INFO"}})
        jobs["sampler"] = sampler.run([(flip(), [[0.1], [0.2]], 70), flip(0.3)])
        jobs["estimator"] = EstimatorV2(session).run([(chain, SparsePauliOp(["ZZ"]))])
        for job in jobs.values():
            job.result()
    with Batch(manila) as batch:
        jobs["executor"] = Executor(batch, {"execution": {"rep_delay": 0.0003}}).run(program)
        layers = find_unique_box_instructions(boxed().data)
        jobs["learner"] = NoiseLearnerV3(batch).run(layers)
        jobs["older"] = NoiseLearner(batch).run([chain])
        for job in jobs.values():
            job.result()
    jobs["mine"] = SamplerV2(own).run([flip(0.3)])
    jobs["private"] = SamplerV2(manila, {"environment": {"private": True}}).run([flip(0.3)])
    jobs["failed"] = SamplerV2(manila, {"max_execution_time": 1}).run([flip(0.3)], shots=5)
    for job in jobs.values():
        job.wait_for_final_state()
    service = LocalService(runtime=runtime, instance=LAB)
    seen = {name: facts_of(job) for name, job in jobs.items()}
    seen["results"] = {
        name: jobs[name].result()
        for name in ("sampler", "estimator", "executor", "learner", "older", "mine")
    }
    seen["inputs"] = {name: job.inputs for name, job in jobs.items()}
    seen["workloads"] = {
        each.session_id: (each.details(), each.status(), each.usage()) for each in (session, batch)
    }
    seen["used"] = service.usage()["usage_consumed_seconds"]
    ids = {name: job.job_id() for name, job in jobs.items()}
    runtime.shut_down()
    today = LocalRuntime(store=url, instance=LAB)
    yield Day(today, LocalService(runtime=today, instance=LAB), ids, seen)
    today.shut_down()


ALL = ("sampler", "estimator", "executor", "learner", "older", "mine", "private", "failed")


@pytest.mark.parametrize("name", ALL)
def test_a_job_says_the_same_of_itself(days, name):
    assert facts_of(days.service.job(days.jobs[name])) == days.seen[name]


@pytest.mark.parametrize("name", ["sampler", "estimator", "older", "mine"])
def test_results_are_the_same_byte_for_byte(days, name):
    job = days.service.job(days.jobs[name])
    before = json.dumps(days.seen["results"][name], cls=RuntimeEncoder)
    assert text_of(job) == before
    assert type(job.result()) is type(days.seen["results"][name])


def test_results_of_programs_are_the_same(days):
    now = days.service.job(days.jobs["executor"]).result()
    before = days.seen["results"]["executor"]
    assert len(now) == len(before) == 1
    for name, array in before[0].items():
        np.testing.assert_array_equal(now[0][name], array)
    np.testing.assert_array_equal(now.passthrough_data["mine"][1], [2.0, 3.0])
    (span,), (expected,) = now.metadata.chunk_timing, before.metadata.chunk_timing
    assert (span.start.replace(tzinfo=expected.start.tzinfo), span.parts[0].size) == (
        expected.start,
        expected.parts[0].size,
    )


def test_learned_noise_is_the_same(days):
    now = days.service.job(days.jobs["learner"]).result()
    before = days.seen["results"]["learner"]
    assert now.to_pauli_lindblad_maps() == before.to_pauli_lindblad_maps()


@pytest.mark.parametrize("name", ["sampler", "estimator", "mine"])
def test_inputs_of_pubs_are_the_same(days, name):
    now, before = days.service.job(days.jobs[name]).inputs, days.seen["inputs"][name]
    assert json.dumps(now, cls=RuntimeEncoder) == json.dumps(before, cls=RuntimeEncoder)
    assert type(now["pubs"][0]) is type(before["pubs"][0])


def test_inputs_of_other_programs_are_the_same(days):
    inputs = days.service.job(days.jobs["executor"]).inputs
    before = days.seen["inputs"]["executor"]["quantum_program"]
    assert inputs["quantum_program"].shots == before.shots == 50
    assert inputs["quantum_program"].items[0].circuit == before.items[0].circuit
    inputs = days.service.job(days.jobs["learner"]).inputs
    before = days.seen["inputs"]["learner"]["instructions"]
    assert [each.qubits for each in inputs["instructions"]] == [each.qubits for each in before]
    assert (
        days.service.job(days.jobs["older"]).inputs["circuits"]
        == (days.seen["inputs"]["older"]["circuits"])
    )


def test_a_private_result_is_read_once_by_whoever_is_first(days):
    first, second = (days.service.job(days.jobs["private"]) for _ in range(2))
    assert first.inputs == {}
    assert first.result()[0].data.meas.num_shots == 4096
    for job in (first, second, days.service.job(days.jobs["private"])):
        with pytest.raises(RuntimeInvalidStateError, match="read once"):
            job.result()


def test_workloads_and_their_timelines_are_the_same(days):
    for (session_id, before), kind in zip(
        days.seen["workloads"].items(), (Session, Batch), strict=True
    ):
        now = kind.from_id(session_id, days.service)
        assert (now.details(), now.status(), now.usage()) == before
        assert now.backend() == "fake_manila"
        assert len(days.service.jobs(session_id=session_id)) > 1


def test_a_session_of_yesterday_takes_no_jobs(days):
    session = Session.from_id(next(iter(days.seen["workloads"])), days.service)
    with pytest.raises(Exception, match="closed"):
        SamplerV2(session).run([flip(0.3)])


def test_usage_goes_on(days):
    usage = days.service.usage()
    assert usage["usage_consumed_seconds"] == pytest.approx(days.seen["used"], rel=1e-9)
    assert usage["usage_limit_seconds"] == 3600.0


def test_jobs_are_found(days):
    found = [job.job_id() for job in days.service.jobs(limit=None, descending=False)]
    assert found == [days.jobs[name] for name in ALL]
    assert [job.job_id() for job in days.service.jobs(job_tags=["b"])] == [days.jobs["sampler"]]
    assert days.service.jobs(pending=True) == []
    learners = days.service.jobs(program_id="noise-learner")
    assert {job.job_id() for job in learners} == {days.jobs["learner"], days.jobs["older"]}


def test_backends_of_fakes_are_made_again_and_others_are_named(days):
    assert days.service.job(days.jobs["sampler"]).backend().name == "fake_manila"
    job = days.service.job(days.jobs["mine"])
    with pytest.raises(QiskitModesError, match="ran on a backend 'aer_simulator_from"):
        job.backend()


def test_tags_can_be_replaced(days):
    days.service.job(days.jobs["older"]).update_tags(["new"])
    assert days.service.job(days.jobs["older"]).tags == ["new"]
    assert [job.job_id() for job in days.service.jobs(job_tags=["new"])] == [days.jobs["older"]]


def test_a_drawing_of_yesterdays_session(days):
    session = Session.from_id(next(iter(days.seen["workloads"])), days.service)
    figure = session.draw()
    assert "session" in figure.layout.title.text


def test_what_is_deleted_is_gone_and_its_usage_stays(days):
    used = days.service.usage()["usage_consumed_seconds"]
    days.service.delete_job(days.jobs["failed"])
    with pytest.raises(RuntimeJobNotFound):
        days.service.job(days.jobs["failed"])
    assert days.service.usage()["usage_consumed_seconds"] == used


# -- where a store is named ------------------------------------------------------------------------


def test_services_of_one_store_share_a_runtime(tmp_path):
    one = LocalService(store=tmp_path / "jobs.sqlite")
    other = LocalService(store=f"sqlite:///{tmp_path}/jobs.sqlite")
    assert one.runtime is other.runtime
    assert one.runtime.store == f"sqlite:///{tmp_path}/jobs.sqlite"
    assert LocalService().runtime is not one.runtime
    job = SamplerV2(one.backend("fake_manila")).run([flip(0.3)])
    job.result()
    assert other.job(job.job_id()).job_id() == job.job_id()
    with pytest.raises(RuntimeJobNotFound):
        LocalService().job(job.job_id())
    one.runtime.shut_down()
    again = LocalService(store=tmp_path / "jobs.sqlite")
    assert again.runtime is not one.runtime
    assert again.job(job.job_id()).done()
    again.runtime.shut_down()


def test_a_runtime_has_its_own_store(tmp_path):
    with LocalRuntime() as runtime, pytest.raises(InvalidInputError, match="its own store"):
        LocalService(runtime=runtime, store=tmp_path / "jobs.sqlite")


PROGRAM = """
import sys
from qiskit import QuantumCircuit
from qiskit_modes import LocalService, SamplerV2
service = LocalService()
assert "sqlalchemy" not in sys.modules or service.runtime.store
circuit = QuantumCircuit(1)
circuit.measure_all()
job = SamplerV2(service.backend("fake_manila")).run([circuit], shots=10)
if sys.argv[1] == "waits":
    job.result()
print(job.job_id())
"""


def run_program(argument, **environment):
    done = programs.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, argument],
        env={**os.environ, **environment},
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_program_keeps_its_jobs_where_the_environment_says(tmp_path):
    path = tmp_path / "jobs.sqlite"
    job_id = run_program("waits", QISKIT_MODES_STORE=str(path))
    service = LocalService(store=path)
    assert service.job(job_id).result()[0].data.meas.num_shots == 10
    service.runtime.shut_down()


def test_a_program_that_ends_before_its_jobs_says_so_in_the_store(tmp_path):
    path = tmp_path / "jobs.sqlite"
    job_id = run_program("ends", QISKIT_MODES_STORE=str(path))
    service = LocalService(store=path)
    job = service.job(job_id)
    assert job.in_final_state()  # by its own process, whatever it came to
    assert "restarted" not in (job.error_message() or "")
    service.runtime.shut_down()


def test_a_failed_job_says_why(tmp_path):
    def fail(_):
        return ScriptedSteps(Durations(0, 0, 0), fails_in="compile", error=ValueError("no, é"))

    with LocalRuntime(store=tmp_path / "jobs.sqlite", simulate=fail) as runtime:
        job = SamplerV2(charge_to(FakeManilaV2(), LAB, runtime=runtime)).run([flip(0.3)])
        with pytest.raises(RuntimeJobFailureError, match="no, é") as now:
            job.result()
        message = job.error_message()
    with LocalRuntime(store=tmp_path / "jobs.sqlite") as runtime:
        again = LocalService(runtime=runtime).job(job.job_id())
        assert (again.status(), again.error_message()) == ("ERROR", message)
        with pytest.raises(RuntimeJobFailureError) as later:
            again.result()
        assert later.value.message == now.value.message
        assert "ValueError: no, é" in result_text(runtime.job(job.job_id()))  # with its traceback


def test_a_server_has_the_latest_jobs_of_earlier_ones_at_hand(tmp_path):
    store = tmp_path / "jobs.sqlite"
    with LocalRuntime(store=store, serves=True) as runtime:
        manila = charge_to(FakeManilaV2(), LAB, runtime=runtime)
        with Session(manila) as session:
            job = SamplerV2(session).run([flip(0.3)])
            job.result()
    with LocalRuntime(store=store, serves=True) as runtime:
        assert [each.id for each in runtime.jobs_at_hand()] == [job.job_id()]
        assert [each.id for each in runtime.workloads()] == [session.session_id]
        LocalService(runtime=runtime).delete_job(job.job_id())
        assert runtime.jobs_at_hand() == runtime.jobs() == []


def test_a_server_that_is_closed_leaves_what_it_had_not_finished(tmp_path):
    def last(_):
        return ScriptedSteps(Durations(compile=3600.0))

    store = tmp_path / "jobs.sqlite"
    with LocalRuntime(store=store, serves=True, simulate=last) as runtime:
        job = SamplerV2(charge_to(FakeManilaV2(), LAB, runtime=runtime)).run([flip(0.3)])
    with LocalRuntime(store=store, simulate=last) as runtime:
        again = LocalService(runtime=runtime).job(job.job_id())
        assert again.status() == "ERROR"
        assert "the service was restarted" in again.error_message()
        assert again.usage() == 0.0
        mine = SamplerV2(charge_to(FakeManilaV2(), LAB, runtime=runtime)).run([flip(0.3)])
    with LocalRuntime(store=store) as runtime:  # where nobody is served, they are cancelled
        assert LocalService(runtime=runtime).job(mine.job_id()).cancelled()


WAITS_ELSEWHERE = """
import sys
from qiskit import QuantumCircuit
from qiskit_modes import LocalService, SamplerV2, Session
service = LocalService()
circuit = QuantumCircuit(1)
circuit.measure_all()
backend = service.backend("fake_manila")
session = Session(backend)
SamplerV2(session).run([circuit], shots=10).result()
job = SamplerV2(backend).run([circuit], shots=10)
print(job.job_id(), flush=True)
sys.stdin.readline()
session.close()
job.result()
"""


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_job_of_another_process_is_waited_for(tmp_path, is_killed):
    path = tmp_path / "jobs.sqlite"
    with programs.Popen(
        [sys.executable, "-W", "ignore", "-c", WAITS_ELSEWHERE],
        env={**os.environ, "QISKIT_MODES_STORE": str(path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        job_id = process.stdout.readline().strip()
        service = LocalService(store=path)
        job, same = service.job(job_id), service.job(job_id)
        assert job.status() == "QUEUED"
        with pytest.raises(RuntimeJobTimeoutError):
            job.result(timeout=0.01)
        if is_killed:
            process.kill()
            process.wait()
            with pytest.raises(RuntimeJobFailureError, match="restarted"):
                job.result(timeout=60)
        else:
            process.stdin.write("\n")
            process.stdin.flush()
            assert job.result(timeout=60)[0].data.meas.num_shots == 10
    assert same.in_final_state()
    assert same.status() == job.status() == service.job(job_id).status()
    service.runtime.shut_down()
