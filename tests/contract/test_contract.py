"""What a program may rely on, whichever door it takes."""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.exceptions import (
    IBMError,
    IBMInputValueError,
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobMaxTimeoutError,
    RuntimeJobNotFound,
    RuntimeJobTimeoutError,
)
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import Instance
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling.plan import OPEN, PREMIUM
from tests.contract.doors import DOORS


class TestJobs:
    def test_from_queue_to_result(self, door, bell, scenario):
        scenario.next_job_lasts(compile_time=10, quantum_time=3, post_process_time=5)
        job = door.sampler(mode=door.backend).run([bell], shots=64)
        assert job.status() == "RUNNING"
        assert job.session_id is None
        assert job.usage() == 0
        result = job.result()
        assert job.status() == "DONE"
        assert (job.done(), job.errored(), job.cancelled(), job.in_final_state()) == (
            True,
            False,
            False,
            True,
        )
        assert result[0].data.meas.num_shots == 64
        assert result[0].data.meas.num_bits == 2
        metrics = job.metrics()
        assert metrics["usage"] == {"qpu_charge_time_seconds": 3.0, "status": "complete"}
        assert metrics["timestamps"] == {
            "created": "2026-01-01T00:00:00.000000Z",
            "running": "2026-01-01T00:00:00.000000Z",
            "finished": "2026-01-01T00:00:18.000000Z",
        }
        assert job.usage() == 3.0
        assert job.error_message() is None
        assert job.usage_estimation["quantum_seconds"] > 2
        assert job.creation_date.tzinfo is not None
        assert job.backend().num_qubits == 5

    def test_an_estimators_values(self, door, pair):
        job = door.estimator(mode=door.backend).run([(pair, ["IIIZZ", "IIIXX"])])
        assert job.result()[0].data.evs.shape == (2,)

    def test_it_is_found_by_its_id(self, door, bell):
        job = door.sampler(mode=door.backend).run([bell])
        found = door.service.job(job.job_id())
        assert found.job_id() == job.job_id()
        assert found.primitive_id == job.primitive_id
        assert found.result()[0].data.meas.num_shots == job.result()[0].data.meas.num_shots
        with pytest.raises(RuntimeJobNotFound, match="Job not found"):
            door.service.job("no such job")

    def test_the_list_is_newest_first(self, door, bell, scenario):
        jobs = []
        for number in range(3):
            sampler = door.sampler(mode=door.backend)
            sampler.options.environment.job_tags = ["all", f"t{number}"]
            jobs.append(sampler.run([bell]).job_id())
            scenario.clock.advance(5)
        listed = [job.job_id() for job in door.service.jobs()]
        assert listed == jobs[::-1]
        tagged = door.service.jobs(job_tags=["all", "t1"])
        assert [job.job_id() for job in tagged] == [jobs[1]]
        assert [job.job_id() for job in door.service.jobs(limit=1, skip=1)] == [jobs[1]]
        assert len(door.service.jobs(limit=None)) == 3
        assert door.service.jobs(pending=True) == []
        assert door.service.jobs(session_id="unknown") == []

    def test_cancelling(self, door, bell):
        job = door.sampler(mode=door.backend).run([bell])
        job.cancel()
        assert job.status() == "CANCELLED"
        with pytest.raises(RuntimeInvalidStateError, match="Job was cancelled"):
            job.result()
        with pytest.raises(RuntimeInvalidStateError, match="Job cannot be cancelled"):
            door.service.job(job.job_id()).cancel()

    def test_a_timeout_leaves_the_job_alone(self, door, bell, scenario):
        scenario.next_job_lasts(quantum_time=60)
        job = door.sampler(mode=door.backend).run([bell])
        timeout = 0.2 if door.real_timeouts else 5
        scenario.clock.autojump = not door.real_timeouts
        with pytest.raises(RuntimeJobTimeoutError, match=f"after {timeout} secs"):
            job.result(timeout=timeout)
        scenario.clock.autojump = True
        assert job.result(timeout=60) is not None

    def test_tags_are_replaced(self, door, bell):
        job = door.sampler(mode=door.backend).run([bell])
        assert set(job.update_tags(["a", "b"])) == {"a", "b"}
        assert set(door.service.job(job.job_id()).tags) == {"a", "b"}

    def test_a_deleted_job_is_gone(self, door, bell):
        job = door.sampler(mode=door.backend).run([bell])
        job.result()
        door.service.delete_job(job.job_id())
        with pytest.raises(RuntimeJobNotFound):
            door.service.job(job.job_id())

    def test_an_instruction_that_the_machine_does_not_have(self, door):
        circuit = QuantumCircuit(1)
        circuit.h(0)
        circuit.measure_all()
        kind = IBMInputValueError if door.checks_circuits_itself else IBMRuntimeError
        with pytest.raises(kind, match=r"instruction \W*h\b"):
            door.sampler(mode=door.backend).run([circuit])
        assert door.service.jobs() == []


class TestFaults:
    def test_a_job_that_fails(self, door, bell, scenario):
        scenario.job_fails(1, error=ValueError("boom"), code=1234)
        job = door.sampler(mode=door.backend).run([bell])
        with pytest.raises(RuntimeJobFailureError, match="Error code 1234; ValueError: boom"):
            job.result()
        assert job.status() == "ERROR"
        assert job.errored()
        assert job.error_message().startswith(f"Job {job.job_id()} has failed:\n")
        assert "boom" in job.error_message()
        assert job.usage() == 1.0

    def test_a_machine_that_fails_costs_nothing(self, door, bell, scenario):
        scenario.worker_dies(1)
        job = door.sampler(mode=door.backend).run([bell])
        with pytest.raises(RuntimeJobFailureError, match="the worker died"):
            job.result()
        assert job.usage() == 0

    def test_a_session_that_expires(self, door, bell, scenario):
        scenario.session_expires(before_job=2)
        with door.session(door.backend) as session:
            sampler = door.sampler()
            sampler.run([bell]).result()
            with pytest.raises(IBMRuntimeError, match="Failed to run program"):
                sampler.run([bell])
        assert session.status() == "Closed"

    def test_a_program_can_go_on_in_a_new_session(self, door, bell, scenario):
        scenario.session_expires(before_job=2)
        done = []
        while len(done) < 3:
            with door.session(door.backend):
                sampler = door.sampler()
                try:
                    while len(done) < 3:
                        done.append(sampler.run([bell]).result())
                except IBMRuntimeError:
                    continue
        assert len(done) == 3


class TestLimits:
    def test_a_job_that_runs_too_long(self, door, bell, scenario):
        scenario.next_job_lasts(quantum_time=9)
        sampler = door.sampler(mode=door.backend)
        sampler.options.max_execution_time = 5
        job = sampler.run([bell])
        with pytest.raises(RuntimeJobMaxTimeoutError, match="Error code 1305; Ran too long"):
            job.result()
        assert job.status() == "ERROR"
        assert job.usage() == 5
        assert "ran longer than maximum execution time" in job.error_message()

    def test_a_session_at_the_end_of_its_time(self, door, bell, scenario):
        scenario.jobs_last(quantum_time=20)
        session = door.session(door.backend, max_time=30)
        sampler = door.sampler(mode=session)
        jobs = [sampler.run([bell]) for _ in range(7)]
        with pytest.raises(RuntimeJobFailureError):
            jobs[6].result()
        assert jobs[0].result()
        scenario.clock.advance(200)
        assert session.status() == "Closed"

    def test_the_open_plan(self, open_door, bell):
        door = open_door(Instance("me", OPEN))
        with pytest.raises(IBMError, match="has no sessions"):
            door.session(door.backend)
        with door.batch(door.backend) as batch:
            assert batch.details()["max_time"] == 600
            sampler = door.sampler()
            for _ in range(3):
                sampler.run([bell])
            with pytest.raises(IBMRuntimeError, match=r"Failed to run program: .*allows 3"):
                sampler.run([bell])

    def test_a_max_time_above_the_plans(self, open_door):
        door = open_door(Instance("me", PREMIUM))
        with pytest.raises(IBMError, match="allows 1 to 28800 s"):
            door.session(door.backend, max_time="9h")
        with pytest.raises(IBMInputValueError, match="Invalid max_time value"):
            door.session(door.backend, max_time="soon")


class TestSessions:
    def test_its_life(self, door, bell, scenario):
        with door.session(door.backend, max_time="1h") as session:
            assert session.status() == "Pending"
            assert session.usage() is None
            job = door.sampler().run([bell])
            job.result()
            assert job.session_id == session.session_id
            assert session.status() == "In progress, accepting new jobs"
            scenario.clock.advance(30)
            running = door.sampler().run([bell])
        assert session.status() == "In progress, not accepting new jobs"
        running.result()
        assert session.status() == "Closed"
        assert session.usage() == 32.0
        details = session.details()
        assert details["mode"] == "dedicated"
        assert details["max_time"] == 3600
        if "timestamps" in details:  # the client passes them on since 0.51
            states = [each["status"] for each in details["timestamps"]]
            assert states == ["open", "active", "closed"]
        else:
            assert door.name != "native"
        assert len(door.service.jobs(session_id=session.session_id)) == 2

    def test_nobody_else_gets_in(self, door, bell, scenario):
        with door.session(door.backend) as session:
            door.sampler().run([bell]).result()
            stranger = scenario.tenant("stranger", FakeManilaV2()).job(at=0)
            scenario.clock.advance(30)
            assert stranger.status() == "QUEUED"
            assert session.status() == "In progress, accepting new jobs"
        scenario.clock.advance(5)
        assert stranger.status() == "DONE"

    def test_idle_it_gives_the_machine_back(self, door, bell, scenario):
        session = door.session(door.backend)
        door.sampler(mode=session).run([bell]).result()
        scenario.clock.advance(61)
        assert session.status() == "Pending"
        assert session.details()["state"] == "inactive"
        assert session.usage() == 61.0
        door.sampler(mode=session).run([bell]).result()
        assert session.status() == "In progress, accepting new jobs"

    def test_closed_it_takes_nothing(self, door, bell):
        session = door.session(door.backend)
        sampler = door.sampler(mode=session)
        other = door.session.from_id(session.session_id, door.service)
        session.close()
        session.close()
        with pytest.raises(IBMRuntimeError, match="The session is closed"):
            sampler.run([bell])
        with pytest.raises(IBMRuntimeError, match="takes no more jobs: it was closed"):
            door.sampler(mode=other).run([bell])
        again = door.session.from_id(session.session_id, door.service)
        with pytest.raises(IBMRuntimeError, match="The session is closed"):
            door.sampler(mode=again).run([bell])

    def test_cancelled_it_drops_what_waits(self, door, bell):
        with door.session(door.backend) as session:
            sampler = door.sampler()
            jobs = [sampler.run([bell]) for _ in range(7)]
            session.cancel()
        assert [job.status() for job in jobs[5:]] == ["CANCELLED", "CANCELLED"]
        assert [job.result() is not None for job in jobs[:5]] == [True] * 5
        assert session.status() == "Closed"

    def test_found_by_its_id(self, door, bell):
        session = door.session(door.backend)
        same = door.session.from_id(session.session_id, door.service)
        assert same.session_id == session.session_id
        job = door.sampler(mode=same).run([bell])
        assert job.session_id == session.session_id
        with pytest.raises(IBMInputValueError, match="dedicated instead of batch"):
            door.batch.from_id(session.session_id, door.service)
        with pytest.raises(IBMInputValueError, match="Session not found"):
            door.session.from_id("unknown", door.service)

    def test_an_error_in_the_block_goes_on(self, door):
        with pytest.raises(ZeroDivisionError), door.session(door.backend) as session:
            _ = 1 / 0
        assert session.status() == "Closed"

    def test_a_job_longer_than_its_session(self, door, bell):
        session = door.session(door.backend, max_time=10)
        sampler = door.sampler(mode=session)
        sampler.options.max_execution_time = 20
        with pytest.raises(IBMRuntimeError, match="longer than the 10 s"):
            sampler.run([bell])


class TestBatches:
    def test_its_jobs_are_packed(self, door, bell, scenario):
        scenario.jobs_last(compile_time=10, quantum_time=3)
        with door.batch(door.backend) as batch:
            sampler = door.sampler()
            jobs = [sampler.run([bell]) for _ in range(4)]
        for job in jobs:
            job.result()
        assert scenario.clock.now() == 10 + 4 * 3
        assert batch.usage() == 12
        assert batch.status() == "Closed"
        assert batch.details()["mode"] == "batch"

    def test_lanes_that_it_does_not_need_are_free(self, door, bell, scenario):
        scenario.jobs_last(quantum_time=10)
        with door.batch(door.backend):
            sampler = door.sampler()
            jobs = [sampler.run([bell]) for _ in range(2)]
            stranger = scenario.tenant("stranger", FakeManilaV2()).job(at=0)
            assert [job.status() for job in jobs] == ["RUNNING", "RUNNING"]
            assert stranger.status() == "RUNNING"

    def test_one_that_fails_leaves_the_others(self, door, bell, scenario):
        scenario.job_fails(2)
        with door.batch(door.backend) as batch:
            sampler = door.sampler()
            jobs = [sampler.run([bell]) for _ in range(3)]
        for job in jobs:
            job.wait_for_final_state()
        assert [job.status() for job in jobs] == ["DONE", "ERROR", "DONE"]
        assert batch.usage() == 3


class TestThreads:
    def test_workers_run_in_the_session_they_are_given(self, door, bell):
        with door.session(door.backend) as session, ThreadPoolExecutor(4) as pool:
            samplers = [door.sampler() for _ in range(4)]
            jobs = list(pool.map(lambda sampler: sampler.run([bell]), samplers))
        assert {job.session_id for job in jobs} == {session.session_id}
        for job in jobs:
            job.wait_for_final_state()
            assert job.status() == "DONE"

    def test_a_thread_does_not_know_the_block_around_it(self, door, bell):
        raised = []

        def make() -> None:
            try:
                door.sampler()
            except ValueError as error:
                raised.append(str(error))

        with door.batch(door.backend) as batch:
            thread = threading.Thread(target=make)
            thread.start()
            thread.join()
            contextvars.copy_context().run(make)
            assert door.sampler().run([bell]).session_id == batch.session_id
        assert len(raised) == 1
        assert "A backend or session must be specified" in raised[0]

    def test_many_wait_for_one(self, door, bell):
        job = door.sampler(mode=door.backend).run([bell])
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: job.result(), range(4)))
        assert [result[0].data.meas.num_shots for result in results] == [4096] * 4


def test_the_same_seed_gives_the_same_counts(door_name, bell):
    with LocalRuntime() as runtime:
        with DOORS["native"](runtime, None) as native:
            sampler = native.sampler(mode=native.backend, options={"default_shots": 500})
            sampler.options.simulator.seed_simulator = 0
            expected = sampler.run([bell]).result()[0].data.meas.get_counts()
        with DOORS[door_name](runtime, None) as door:
            options = {"default_shots": 500, "simulator": {"seed_simulator": 0}}
            job = door.sampler(mode=door.backend, options=options).run([bell])
            assert job.result()[0].data.meas.get_counts() == expected
