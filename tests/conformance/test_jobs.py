"""Rules of jobs: their states, times, limits and errors."""

import logging

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import QuantumProgram
from qiskit_ibm_runtime.exceptions import (
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobMaxTimeoutError,
    RuntimeJobNotFound,
    RuntimeJobTimeoutError,
)

from qiskit_modes import Batch, EstimatorV2, Executor, LocalService, SamplerV2, Session
from qiskit_modes.exceptions import (
    InvalidInputError,
    OptionWithoutEffectWarning,
    UnsupportedOptionError,
)
from qiskit_modes.primitives.inputs.gate_limits import check_gates
from qiskit_modes.scheduling import Instance, Plan
from tests.conformance.conftest import HOUR, on_qpu, states, times


def test_j01_queued_running_done(world):
    world.fill_lanes(quantum=1)
    job = world.run(world.backend)
    seen = [job.status()]
    for moment in (1, 6):
        world.until(moment)
        seen.append(job.status())
    assert seen == ["QUEUED", "RUNNING", "DONE"]
    assert {type(status) for status in seen} == {str}


def test_j02_running_begins_before_the_qpu(world):
    job = world.run(world.backend, compile=10)
    world.until(5)
    assert (job.status(), job.on_qpu()) == ("RUNNING", False)
    assert times(job)["running"] == 0


def test_j03_only_the_time_on_the_qpu_is_charged(world):
    job = world.run(world.backend, compile=10, quantum=3, post=5)
    world.until(18)
    assert job.status() == "DONE"
    assert job.usage() == 3
    assert times(job)["finished"] - times(job)["running"] == 18


def test_j04_five_jobs_are_in_progress(world):
    jobs = [world.run(world.backend) for _ in range(6)]
    assert states(jobs) == "RRRRRQ"


def test_j05_one_job_is_on_the_qpu(world):
    first, second = (world.run(world.backend, quantum=3) for _ in range(2))
    assert (first.on_qpu(), second.on_qpu(), second.status()) == (True, False, "RUNNING")
    world.until(6)
    assert [on_qpu(first), on_qpu(second)] == [(0, 3), (3, 6)]


def test_j06_metrics(world):
    world.fill_lanes(quantum=1)
    job = world.run(world.backend, quantum=2)
    world.until(10)
    metrics = job.metrics()
    assert list(metrics["timestamps"]) == ["created", "running", "finished"]
    assert list(times(job).values()) == [0, 1, 7]
    assert all(at.endswith("Z") for at in metrics["timestamps"].values())
    assert metrics["usage"] == {"qpu_charge_time_seconds": 2, "status": "complete"}
    assert metrics["circuits_execution_time_ns"] == 2 * 10**9
    assert not {"bss", "quantum_seconds", "seconds"} & {*metrics, *metrics["usage"]}


def test_j07_pending_usage(world):
    job = world.run(world.backend, quantum=5)
    world.until(2)
    assert job.metrics()["usage"]["status"] == "pending"
    assert (job.usage(), job.usage(partial=True)) == (0, 2)


def test_j08_cancelling_a_queued_job(world):
    world.fill_lanes(quantum=10)
    job = world.run(world.backend)
    job.cancel()
    assert job.status() == "CANCELLED"
    assert "running" not in times(job)
    assert job.usage() == 0


def test_j09_cancelling_on_the_qpu(world):
    job = world.run(world.backend, quantum=10)
    world.until(4)
    job.cancel()
    world.until(20)
    assert (job.status(), job.usage()) == ("CANCELLED", 4)


def test_j11_an_ended_job_cannot_be_cancelled(world):
    job = world.run(world.backend)
    world.until(1)
    with pytest.raises(RuntimeInvalidStateError, match=r"Job cannot be cancelled: "):
        job.cancel()
    assert job.status() == "DONE"


def test_j12_the_result_of_a_cancelled_job(world):
    job = world.run(world.backend)
    job.cancel()
    with pytest.raises(RuntimeInvalidStateError) as raised:
        job.result()
    assert raised.value.message == (
        f"Unable to retrieve result for job {job.job_id()}. Job was cancelled."
    )


def test_j13_a_job_that_runs_too_long(world):
    job = world.run(world.backend, quantum=9, max_execution_time=5)
    other = world.run(world.backend)
    world.until(5)
    assert (job.status(), job.usage(), other.on_qpu()) == ("ERROR", 5, True)
    with pytest.raises(RuntimeJobMaxTimeoutError) as raised:
        job.result()
    assert raised.value.message == "Error code 1305; Ran too long"


def test_j15_three_hours_are_the_limit(world):
    job = world.run(world.backend, quantum=4 * HOUR)
    world.until(3 * HOUR - 1)
    assert job.on_qpu()
    world.until(3 * HOUR)
    assert (job.status(), job.usage()) == ("ERROR", 3 * HOUR)


def test_j16_a_longer_limit_counts_as_three_hours(world):
    job = world.run(world.backend, quantum=4 * HOUR, max_execution_time=20_000)
    world.until(3 * HOUR)
    assert (job.status(), job.usage()) == ("ERROR", 3 * HOUR)


def test_j17_the_users_fault_is_charged(world):
    world.scenario.job_fails(1)
    job = world.run(world.backend, quantum=2)
    world.until(2)
    assert (job.status(), job.usage()) == ("ERROR", 2)
    assert job.error_message().startswith(f"Job {job.job_id()} has failed:\n")


def test_j18_the_systems_fault_is_not_charged(world):
    world.scenario.worker_dies(1)
    job = world.run(world.backend, quantum=2)
    world.until(2)
    assert (job.status(), job.usage()) == ("ERROR", 0)


def test_j19_the_result_of_a_failed_job(world):
    world.scenario.job_fails(1, error=ArithmeticError("boom"))
    world.scenario.job_fails(2, error=IBMRuntimeError("boom"), code=1234)
    plain, coded = (world.run(world.backend) for _ in range(2))
    world.until(2)
    with pytest.raises(RuntimeJobFailureError, match=r"Unable to retrieve job result\. .*boom"):
        plain.result()
    with pytest.raises(RuntimeJobFailureError, match=r"result\. Error code 1234; .*boom"):
        coded.result()


def test_j20_a_result_that_comes_too_late(world):
    world.scenario.clock.autojump = True
    job = world.run(world.backend, quantum=100)
    with pytest.raises(RuntimeJobTimeoutError):
        job.result(timeout=0.2)
    assert (world.now, job.status()) == (0.2, "RUNNING")
    job.result()
    assert (world.now, job.status()) == (100, "DONE")


def test_j23_jobs_are_found_by_their_tags(world):
    both = world.run(world.backend, environment={"job_tags": ["vqe", "final"]})
    world.run(world.backend, environment={"job_tags": ["vqe"]})
    assert len(world.service.jobs(job_tags=["vqe"])) == 2
    assert [job.job_id() for job in world.service.jobs(job_tags=["final", "vqe"])] == [
        both.job_id()
    ]


def test_j24_the_quick_formula(world):
    job = world.run(world.backend, shots=8000)
    assert job.usage_estimation == {"quantum_seconds": pytest.approx(4.8)}


def test_j25_a_shorter_repetition_delay(world):
    usual = world.run(world.backend, shots=8000)
    fast = world.run(world.backend, shots=8000, execution={"rep_delay": 0.0})
    saved = usual.usage_estimation["quantum_seconds"] - fast.usage_estimation["quantum_seconds"]
    assert saved == pytest.approx(8000 * 250e-6)


def test_j26_spans_lie_within_the_time_on_the_qpu(world):
    world.run(world.backend, quantum=4)
    job = world.run(world.backend, compile=1, quantum=3, post=2)
    world.until(10)
    start, stop = on_qpu(job)
    assert 4 <= start <= stop <= 7


def test_j27_submissions_in_a_minute(world):
    plan = Plan(max_submissions_per_minute=5)
    with Batch(world.backend, instance=Instance("me", plan)):
        for _ in range(5):
            world.run()
        with pytest.raises(IBMRuntimeError, match="minute"):
            world.run()
        world.until(60)
        world.run()
    assert len([world.run(world.backend) for _ in range(20)]) == 20


def test_p101_cancelled_is_for_good(world):
    job = world.run(world.backend, compile=2, quantum=2)
    world.until(1)
    job.cancel()
    assert job.status() == "CANCELLED"
    world.until(10)
    assert (job.status(), times(job)["finished"]) == ("CANCELLED", 1)


def test_p102_classical_steps_overlap(world):
    jobs = [world.run(world.backend, compile=10, quantum=3, post=10) for _ in range(4)]
    world.until(10 + 4 * 3 + 10)
    assert states(jobs) == "DDDD"
    assert [on_qpu(job) for job in jobs] == [(10, 13), (13, 16), (16, 19), (19, 22)]


def test_p103_timestamps_appear_when_they_happen(world):
    world.fill_lanes(quantum=1)
    job = world.run(world.backend)
    assert set(times(job)) == {"created"}
    world.until(1)
    assert set(times(job)) == {"created", "running"}


def test_p104_waiting_has_a_timeout(world):
    world.scenario.clock.autojump = True
    job = world.run(world.backend, quantum=100)
    with pytest.raises(RuntimeJobTimeoutError) as raised:
        job.wait_for_final_state(timeout=5)
    assert raised.value.message == "Timed out waiting for job to complete after 5 secs."


def test_p105_polling_too_often_warns(world):
    job = world.run(world.backend)
    world.until(1)
    with pytest.warns(UserWarning, match="poll interval"):
        job.wait_for_final_state(poll_interval=0.01)


def test_p106_error_messages(world):
    done = world.run(world.backend, quantum=1)
    late = world.run(world.backend, quantum=9, max_execution_time=5)
    assert late.error_message() is None
    world.until(10)
    assert done.error_message() is None
    assert late.error_message().startswith(
        f"Job {late.job_id()} ran longer than maximum execution time. Job was cancelled:\n"
    )


def test_p107_logs_before_the_end(world, caplog):
    job = world.run(world.backend)
    with caplog.at_level(logging.WARNING):
        job.logs()
    assert "only available after the job finishes" in caplog.text


def test_p108_the_text_of_an_error(world):
    job = world.run(world.backend)
    job.cancel()
    with pytest.raises(RuntimeInvalidStateError) as raised:
        job.result()
    assert str(raised.value) == repr(raised.value.message)


def test_p109_the_newest_jobs_come_first(world):
    jobs = []
    for moment in range(12):
        world.until(moment)
        jobs.append(world.run(world.backend).job_id())
    found = [job.job_id() for job in world.service.jobs()]
    assert found == jobs[:1:-1]
    pending = [job.job_id() for job in world.service.jobs(pending=True)]
    assert pending == jobs[-1:]


def test_p110_job_mode_has_no_session_id(world):
    assert world.run(world.backend).session_id is None


def test_p111_ten_million_executions(world):
    world.run(world.backend, shots=10_000_000)
    with pytest.raises((IBMRuntimeError, ValueError), match=r"10,?000,?000"):
        world.run(world.backend, shots=10_000_001)
    assert len(world.service.jobs()) == 1


@pytest.mark.parametrize("gate", ["rz", "sx", "cx"])
def test_p120_gates_of_a_circuit(world, gate):
    plan = Plan()
    limits = (plan.max_two_qubit_gates, plan.max_rz_gates, plan.max_sx_gates)
    assert limits == (5_000_000, 30_000_000, 20_000_000)
    few = Plan("small", max_two_qubit_gates=3, max_rz_gates=3, max_sx_gates=3)
    sampler = SamplerV2(Session(world.backend, instance=Instance("me", few)))
    circuit = QuantumCircuit(2, 2)
    for count in range(1, 5):
        circuit.cx(0, 1) if gate == "cx" else getattr(circuit, gate)(*[0.1] * (gate == "rz"), 0)
        circuit.measure(1, 1)
        if count == 4:
            with pytest.raises(InvalidInputError, match=r"PUB 0 has 4 .* allows 3"):
                sampler.run([circuit])
        else:
            sampler.run([circuit])
    assert len(world.service.jobs()) == 3


def limited_to(world, primitive=SamplerV2, options=None, **limits):
    """A primitive of an instance with a plan of its own."""
    me = Instance("me", Plan("small", **limits))
    service = LocalService(runtime=world.scenario.runtime, instance=me)
    return primitive(service.backend("fake_manila"), options=options)


def with_gates(count, measured=True):
    circuit = QuantumCircuit(2, 2 if measured else 0)
    for _ in range(count):
        circuit.cx(0, 1)
    if measured:
        circuit.measure([0, 1], [0, 1])
    return circuit


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"resilience_level": 0}, 60),
        ({"resilience_level": 2}, 6),  # noise factors 1, 3, 5
        ({"resilience_level": 2, "resilience": {"zne": {"noise_factors": [1, 1.5, 2]}}}, 13),
        ({"resilience": {"zne_mitigation": True, "zne": {"noise_factors": [1, 3]}}}, 15),
    ],
)
def test_p121_pubs_and_noise_factors(world, options, allowed):
    estimator = limited_to(world, EstimatorV2, options, max_two_qubit_gates=60)
    first, second = allowed // 2, allowed - allowed // 2
    pubs = [(with_gates(count, measured=False), "ZZ") for count in (first, second)]
    estimator.run(pubs)
    pubs[1] = with_gates(second + 1, measured=False), "ZZ"
    with pytest.raises(InvalidInputError, match=r"the job up to the circuit of PUB 1 has .* 60 in"):
        estimator.run(pubs)
    sampler = limited_to(world, max_two_qubit_gates=60)
    sampler.run([with_gates(30), with_gates(30)])
    with pytest.raises(InvalidInputError, match="has 61 gates on two qubits"):
        sampler.run([with_gates(30), with_gates(31)])
    program = QuantumProgram(shots=1)
    for _ in range(2):
        program.append_circuit_item(with_gates(31))
    with pytest.raises(InvalidInputError, match="the circuit of item 1 has 62 gates"):
        limited_to(world, Executor, max_two_qubit_gates=60).run(program)


def test_p122_gates_within_control_flow(world):
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((0, True)) as otherwise:
        circuit.cx(0, 1)
        with circuit.for_loop(range(5)):
            circuit.cx(0, 1)
    with otherwise:
        circuit.cx(1, 0)
    with circuit.while_loop((circuit.clbits[0], True)):
        circuit.cx(0, 1)
        circuit.measure(0, 0)
    with circuit.switch(circuit.clbits[0]) as case, case(0):
        circuit.cx(0, 1)
    circuit.measure(1, 1)
    backend = AerSimulator()
    exactly = Plan("exactly", max_two_qubit_gates=9, max_control_instructions=85)
    sampler = SamplerV2(Batch(backend, instance=Instance("me", exactly)))
    sampler.run([circuit])
    for less in ({"max_two_qubit_gates": 8}, {"max_control_instructions": 64}):
        with pytest.raises(InvalidInputError, match=r"has (9 gates on two|65 instr)"):
            SamplerV2(Batch(backend, instance=Instance("me", Plan("less", **less)))).run([circuit])


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda c: c.rz(0.1, 0), 1),
        (lambda c: c.delay(100, 0), 1),
        (lambda c: c.sx(0), 2),
        (lambda c: c.x(0), 2),
        (lambda c: c.cx(0, 1), 5),
        (lambda c: c.cz(0, 1), 5),
        (lambda c: c.ecr(0, 1), 5),
        (lambda c: c.measure(0, 0), 10),
        (lambda c: c.reset(0), 17),
        (lambda c: c.initialize(1, 0), 50),
        (lambda c: c.barrier(), 0),
    ],
)
def test_p123_instructions_of_the_control_system(world, build, count):
    circuit = QuantumCircuit(2, 1)
    for _ in range(3):
        build(circuit)
    check_gates([("it", circuit)], Plan(max_control_instructions=3 * count), (1.0,))
    if count:
        with pytest.raises(
            InvalidInputError, match=f"it has {3 * count} instr.*{3 * count - 1} in"
        ):
            check_gates([("it", circuit)], Plan(max_control_instructions=3 * count - 1), (1.0,))
    assert Plan().max_control_instructions == 26_800_000
    folded = QuantumCircuit(2)
    folded.sx(0), folded.cx(0, 1)
    needed = 3 * 2 + (1 + 3 + 5) * 5
    check_gates([("it", folded)], Plan(max_control_instructions=needed), (1.0, 3.0, 5.0))
    with pytest.raises(InvalidInputError, match=f"has {needed} instr"):
        check_gates([("it", folded)], Plan(max_control_instructions=needed - 1), (1.0, 3.0, 5.0))


def test_p124_what_is_not_in_the_table(world):
    circuit = QuantumCircuit(2)
    circuit.rx(0.1, 0), circuit.rzz(0.1, 0, 1)
    check_gates([("it", circuit)], Plan(max_control_instructions=7), (1.0,))
    with pytest.raises(InvalidInputError, match="has 7 instr"):
        check_gates([("it", circuit)], Plan(max_control_instructions=6), (1.0,))


@pytest.mark.parametrize("compile", [0, 0.1, 0.7])
def test_p125_exactly_its_limit(world, compile):
    jobs = [
        world.run(world.backend, compile=compile, quantum=quantum, max_execution_time=5)
        for quantum in (5, 5.001, 4.999)
    ]
    world.until(20)
    assert [job.status() for job in jobs] == ["DONE", "ERROR", "DONE"]
    assert jobs[0].usage() == pytest.approx(5)
    assert jobs[1].usage() == pytest.approx(5)


def test_p112_the_limit_counts_time_on_the_qpu(world):
    world.fill_lanes(1, quantum=100)
    job = world.run(world.backend, compile=50, quantum=4, post=50, max_execution_time=5)
    world.until(200)
    assert (job.status(), job.usage()) == ("DONE", 4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_p113_the_limit_at_the_top_wins(world):
    job = world.run(
        world.backend, quantum=9, max_execution_time=3, environment={"max_execution_time": 7}
    )
    world.until(20)
    assert job.usage() == 3


def test_p114_cancelled_before_the_qpu(world):
    job = world.run(world.backend, compile=200)
    world.until(120)
    job.cancel()
    world.until(300)
    assert (job.status(), job.usage()) == ("CANCELLED", 0)


def test_p115_the_first_that_is_ready_is_the_first_on_the_qpu(world):
    world.run(world.backend, quantum=10)
    slow = world.run(world.backend, compile=5, quantum=1)
    fast = world.run(world.backend, compile=2, quantum=1)
    world.until(20)
    assert [on_qpu(fast), on_qpu(slow)] == [(10, 11), (11, 12)]


def test_p116_a_lane_is_held_to_the_end(world):
    jobs = [world.run(world.backend, quantum=0, post=10) for _ in range(5)]
    waiting = world.run(world.backend)
    world.until(9)
    assert (states(jobs), waiting.status()) == ("RRRRR", "QUEUED")
    world.until(10)
    assert waiting.status() == "RUNNING"


def test_p117_usage_is_final_with_the_job(world):
    job = world.run(world.backend, quantum=2, post=3)
    world.until(4)
    assert job.metrics()["usage"]["status"] == "pending"
    world.until(5)
    assert job.metrics()["usage"] == {"qpu_charge_time_seconds": 2, "status": "complete"}


def test_p118_no_position_in_a_queue(world):
    world.fill_lanes(quantum=10)
    metrics = world.run(world.backend).metrics()
    assert set(metrics) == {
        "timestamps",
        "usage",
        "circuits_execution_time_ns",
        "qiskit_version",
        "workers",  # ours alone: a cluster has many
        "compile_workers",
    }


def test_p119_cancelled_after_the_qpu(world):
    job = world.run(world.backend, quantum=3, post=10)
    world.until(5)
    job.cancel()
    world.until(20)
    assert (job.status(), job.usage()) == ("CANCELLED", 3)


def test_x12_only_an_ended_job_can_be_deleted(world):
    job = world.run(world.backend)
    with pytest.raises(RuntimeInvalidStateError):
        world.service.delete_job(job.job_id())
    world.until(1)
    world.service.delete_job(job.job_id())
    with pytest.raises(RuntimeJobNotFound):
        world.service.job(job.job_id())


def test_l23_the_cause_of_a_failure(world):
    boom = ArithmeticError("boom")
    world.scenario.job_fails(1, error=boom)
    job = world.run(world.backend)
    world.until(1)
    with pytest.raises(RuntimeJobFailureError) as raised:
        job.result()
    assert raised.value.__cause__ is boom


def test_l25_the_result_of_a_private_job_can_be_read_once(world):
    job = world.run(world.backend, environment={"private": True})
    world.until(1)
    assert job.private
    assert job.inputs == {}
    assert len(job.result()) == 1
    with pytest.raises(RuntimeInvalidStateError, match="read once"):
        job.result()


def test_l26_options_without_effect_are_named_in_a_warning(world):
    with pytest.warns(OptionWithoutEffectWarning, match="dynamical_decoupling"):
        world.run(world.backend, dynamical_decoupling={"sequence_type": "XY4"})


def test_l27_dry_runs_are_refused_by_name(world):
    with Session(world.backend):
        world.run()
        with pytest.raises(UnsupportedOptionError, match="dry_run"):
            SamplerV2().run([world.circuit], dry_run=True)
