"""A recording played again in its own mode, with its own times, is the recording."""

import threading

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes import Batch, SamplerV2, Session, record
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning.compare.replay import Replay, compared_jobs
from qiskit_modes.planning.compare.step_times import as_estimated, as_recorded
from qiskit_modes.planning.compare.traffic import HEAVY, NONE, Traffic, traffic_of
from qiskit_modes.scheduling import Instance, Mode, Plan
from qiskit_modes.testing import Scenario

STATES = {
    "Queued": "queued",
    "Compiling": "compiling",
    "Ready": "ready",
    "Executing": "executing",
    "PostProcessing": "post_processing",
    "Abandoning": "abandoning",
    "Finished": "finished",
}


def assert_same(recording):
    """Replay it, and compare every time, every order and every charge exactly."""
    steps = {job.number: as_recorded(job) for job in recording.jobs}
    run = Replay(recording, steps).run(until_seconds=recording.seconds)
    assert run.refusal is None
    for job in recording.jobs:
        replayed = {STATES[name]: round(at, 9) for at, name in run.jobs[job.number].story}
        assert replayed == job.times, f"job {job.number}"
        if job.outcome != "unfinished":
            charged = run.jobs[job.number].charged_seconds(recording.seconds)
            assert charged == pytest.approx(job.charged_seconds(), abs=2e-9)
    on_qpu = [job for job in recording.jobs if job.executing_at is not None]
    order = sorted(on_qpu, key=lambda job: job.executing_at)
    replayed_order = sorted(on_qpu, key=lambda job: run.jobs[job.number].executing_at)
    assert replayed_order == order
    for workload in recording.workloads:
        again = run.workloads[f"workload {workload.number}"]
        windows = tuple(
            (round(w.start, 9), None if w.end is None else round(w.end, 9)) for w in again.windows
        )
        assert windows == workload.windows
        assert again.usage_seconds(recording.seconds) == pytest.approx(
            workload.usage_seconds, abs=2e-9 * len(recording.jobs)
        )
        closed_at = None if again.closed_at is None else round(again.closed_at, 9)
        assert closed_at == workload.closed_at


def test_real_jobs_in_all_modes_and_from_two_threads(backend, circuit):
    """Real threads and real times, nothing staged."""

    def search(sampler):
        for _ in range(6):
            sampler.run([circuit], shots=200).result()

    with record() as recorder:
        with Session(backend):
            samplers = [SamplerV2(), SamplerV2()]
            threads = [threading.Thread(target=search, args=(each,)) for each in samplers]
            for thread in threads:
                thread.start()
            outside = SamplerV2(mode=Batch(backend)).run([circuit])
            for thread in threads:
                thread.join()
        outside.result()
        with Batch(backend):
            jobs = [SamplerV2().run([circuit], shots=100) for _ in range(8)]
        alone = [SamplerV2(backend).run([circuit]) for _ in range(2)]
        for job in [*jobs, *alone]:
            job.result()
    assert len(recorder.recording().jobs) == 23
    assert_same(recorder.recording())


def test_contention_calibration_and_time_limits(backend, circuit):
    with Scenario(compile_time=2.5, quantum_time=3.25, post_process_time=0.5) as scenario:
        scenario.calibration(backend, at=50, lasts=7)
        with record() as recorder:
            tenant = scenario.tenant("somebody", backend)
            others = [tenant.job(at=at, quantum_time=9.125) for at in (1, 4, 30)]
            with Session(backend, max_time=30):
                SamplerV2().run([circuit]).result()
                scenario.clock.advance(12.5)
                for _ in range(6):
                    SamplerV2().run([circuit])
            scenario.clock.advance(100)
            with Batch(backend):
                for _ in range(7):
                    SamplerV2().run([circuit])
            scenario.clock.advance(100)
            session = Session(backend)
            SamplerV2(mode=session).run([circuit]).result()
            scenario.clock.advance(100)
            SamplerV2(mode=session).run([circuit]).result()
            scenario.clock.advance(100)
    recording = recorder.recording()
    assert [job.status() for job in others] == ["DONE"] * 3
    assert recording.calibrations
    assert len(recording.workloads[2].windows) == 2
    assert recording.workloads[2].closed_at is None
    assert_same(recording)


def test_failures_cancellations_and_limits_of_jobs(backend, circuit):
    with Scenario(compile_time=1, quantum_time=5, post_process_time=1) as scenario:
        scenario.job_fails(1, step="compile")
        scenario.worker_dies(2)
        scenario.job_fails(3, step="post_process", code=9)
        with record() as recorder:
            limited = {"max_execution_time": 4}
            jobs = [SamplerV2(backend).run([circuit]) for _ in range(3)]
            jobs.append(SamplerV2(backend, options=limited).run([circuit]))
            jobs += [SamplerV2(backend).run([circuit]) for _ in range(3)]
            scenario.clock.advance(0.5)
            jobs[6].cancel()
            scenario.clock.advance(1)
            jobs[5].cancel()
            for job in jobs:
                job.wait_for_final_state()
            batch = Batch(backend)
            inside = [SamplerV2(mode=batch).run([circuit]) for _ in range(7)]
            scenario.clock.advance(2)
            batch.cancel()
            for job in inside:
                job.wait_for_final_state()
    recording = recorder.recording()
    assert {job.outcome for job in recording.jobs} == {"completed", "failed", "cancelled"}
    assert recording.job(4).code == 1305
    assert_same(recording)


def test_a_recording_that_ends_in_the_middle(backend, circuit):
    with Scenario(compile_time=1, quantum_time=5) as scenario, record() as recorder:
        session = Session(backend)
        for _ in range(3):
            SamplerV2(mode=session).run([circuit])
        scenario.clock.advance(8)
        recording = recorder.recording()
    assert {job.outcome for job in recording.jobs} == {"completed", "unfinished"}
    assert_same(recording)


@pytest.fixture
def chain(backend, circuit):
    """Three jobs, each 10 s after the result of the one before: 2 s, 3 s on the QPU, 1 s."""
    with Scenario(compile_time=2, quantum_time=3, post_process_time=1) as scenario:
        with record() as recorder:
            for _ in range(3):
                SamplerV2(backend).run([circuit]).result()
                scenario.clock.advance(10)
        return recorder.recording()


def play(recording, mode=None, **more):
    steps = as_estimated(recording, estimated_qpu=False)
    return Replay(recording, steps, mode=mode, **more).run()


def test_a_chain_keeps_its_thinking_time_in_every_mode(chain):
    for mode in Mode:
        run = play(chain, mode)
        assert [round(run.jobs[n].submitted_at, 9) for n in (1, 2, 3)] == [0, 16, 32]
    session = play(chain, Mode.SESSION).workloads["jobs on aer_simulator"]
    assert session.usage_seconds(0) == 3 * 6 + 2 * 10
    assert session.closed_at == 38
    batch = play(chain, Mode.BATCH).workloads["jobs on aer_simulator"]
    assert batch.usage_seconds(0) == 9


def test_estimated_times_take_the_place_of_recorded_ones(chain):
    steps = as_estimated(chain, compile_seconds=1, post_process_seconds=0)
    estimate = 2 + 4096 * 350e-6  # the simulator has no durations
    run = Replay(chain, steps).run()
    assert run.jobs[1].held_seconds(0) == pytest.approx(estimate)
    assert run.jobs[1].settled_at == pytest.approx(1 + estimate)
    assert run.jobs[2].submitted_at == pytest.approx(1 + estimate + 10)


def test_jobs_beside_a_session_stay_what_they_are(backend, circuit):
    with Scenario() as scenario:
        tenant = scenario.tenant("somebody", backend)
        tenant.session(at=0).job(at=0)
        with record() as recorder:
            for at in (1, 2, 3, 4, 5, 6, 7):
                tenant.job(at=at)
            with Session(backend):
                inside = [SamplerV2().run([circuit]) for _ in range(3)]
                beside = SamplerV2(mode=Batch(backend)).run([circuit])
            alone = SamplerV2(mode=backend)
            jobs = [*inside, beside, alone.run([circuit])]
            for job in jobs:
                job.result()
    recording = recorder.recording()
    assert recording.main_instance() == "local"
    assert [job.mode for job in compared_jobs(recording)] == ["session"] * 3 + ["batch"]
    run = play(recording, Mode.SESSION)
    assert sorted(run.workloads) == ["workload 1", "workload 2"]
    assert all(each.mode is Mode.SESSION for each in run.workloads.values())


def test_a_plan_may_refuse(chain):
    run = play(chain, Mode.SESSION, instance=Instance("me", Plan("open", sessions_allowed=False)))
    assert "which has no sessions" in run.refusal
    assert run.jobs == {}


def test_others_make_it_wait_and_a_session_keeps_them_out(chain):
    waits = {}
    for mode in Mode:
        run = play(chain, mode, traffic=HEAVY, seed=2)
        waits[mode] = [job.executing_at - job.submitted_at - 2 for job in run.jobs.values()]
        assert run.began_at == 3600
    assert waits[Mode.JOB][0] > 0
    assert waits[Mode.JOB][2] > 20
    assert waits[Mode.SESSION][0] > 0
    assert waits[Mode.SESSION][1:] == pytest.approx([0, 0])


def test_the_same_seed_is_the_same_traffic(chain):
    def submitted(seed):
        run = play(chain, traffic=Traffic("busy", 540, warm_up_seconds=900), seed=seed)
        return [job.settled_at for job in run.jobs.values()]

    assert submitted(1) == submitted(1)
    assert submitted(1) != submitted(2)


def test_traffic_is_a_name_a_rate_or_itself():
    assert traffic_of("none") is NONE
    assert traffic_of(HEAVY) is HEAVY
    assert traffic_of("90").jobs_per_hour == 90
    assert traffic_of(0) is NONE
    assert "nobody else" in NONE.describe()
    assert "540 jobs an hour of 6 s each, 90% of the QPU's time" in HEAVY.describe()


@pytest.mark.parametrize("traffic", ["busy", 600, -1])
def test_traffic_that_cannot_be_is_refused(traffic):
    with pytest.raises(InvalidInputError, match=r"traffic must be|the queue would grow"):
        traffic_of(traffic)


def test_what_would_never_end_is_given_up(chain):
    steps = {job.number: as_recorded(job) for job in chain.jobs}
    blocked = Traffic("blocking", 1e-6, mean_qpu_seconds=1e9)
    with pytest.raises(InvalidInputError, match="does not end within 60 days"):
        Replay(
            chain,
            {**steps, 1: as_recorded(chain.job(1)).__class__(compile=None)},
            traffic=blocked,
        ).run()


SECONDS = st.floats(0.001, 30, allow_nan=False).map(lambda each: round(each, 7))

ACTIONS = st.tuples(
    st.sampled_from(["job", "batch", "session", "tenant"]),
    SECONDS,
    st.tuples(SECONDS, SECONDS, SECONDS),
    st.sampled_from(["wait", "go on", "close", "cancel"]),
)


@settings(phases=[Phase.generate])  # each example is a program: shrinking takes minutes
@given(st.lists(ACTIONS, min_size=1, max_size=14), st.integers(1, 3))
def test_whatever_is_recorded_is_met_again(actions, lanes):
    """Random programs with random steps, other tenants, closed sessions and cancelled jobs."""
    backend = AerSimulator()
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    kinds = {"batch": Batch, "session": Session}
    opened = {}
    with Scenario(lanes=lanes) as scenario, record() as recorder:
        tenant = scenario.tenant("somebody", backend)
        for kind, pause, (c, q, p), then in actions:
            scenario.clock.advance(pause)
            if kind == "tenant":
                tenant.job(
                    at=scenario.clock.now(), compile_time=c, quantum_time=q, post_process_time=p
                )
                continue
            scenario.next_job_lasts(compile_time=c, quantum_time=q, post_process_time=p)
            if kind in kinds and kind not in opened:
                opened[kind] = kinds[kind](backend)
            job = SamplerV2(mode=opened.get(kind, backend)).run([circuit], shots=1)
            if then == "wait":
                job.wait_for_final_state()
            elif then == "cancel":
                job.cancel()
            elif then == "close" and kind in opened:
                scenario.clock.advance(0.000123)
                opened.pop(kind).close()
        # Two things that somebody does at the very same moment may happen in another order.
        for workload in opened.values():
            scenario.clock.advance(0.000123)
            workload.close()
        scenario.clock.advance("1h")
    if recorder.recording().jobs:
        assert_same(recorder.recording())
