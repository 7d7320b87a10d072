"""Session or batch? What `compare_modes` says is what a calculation by hand says."""

import io
import json

import pytest
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from rich.console import Console

from qiskit_modes import Batch, SamplerV2, Session, compare_modes, record
from qiskit_modes.demo.run import run_demo
from qiskit_modes.demo.settings import Settings
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning import Recording, Traffic
from qiskit_modes.planning.compare.outcomes import Figures, ModeOutcome, Spread
from qiskit_modes.planning.compare.recommendation import Pattern, recommend
from qiskit_modes.scheduling import Instance, Mode, Plan
from qiskit_modes.testing import Scenario

BUSY = Traffic("busy", 540, warm_up_seconds=900)
"""As heavy traffic, with a shorter past."""


def recorded(body, *, c=10, q=3, p=2):
    """Record ``body(scenario, backend)``; jobs compile for c, execute for q, post-process for p."""
    backend = AerSimulator()
    with Scenario(compile_time=c, quantum_time=q, post_process_time=p) as scenario:
        with record() as recorder:
            body(scenario, backend)
        return recorder.recording()


@pytest.fixture
def independent(circuit):
    """Ten jobs in a batch, all submitted at once."""

    def body(scenario, backend):
        with Batch(backend):
            jobs = [SamplerV2().run([circuit]) for _ in range(10)]
        for job in jobs:
            job.wait_for_final_state()

    return recorded(body)


@pytest.fixture
def chain(circuit):
    """Ten jobs in a session, each 20 s after the result of the one before."""

    def body(scenario, backend):
        with Session(backend):
            for number in range(10):
                SamplerV2().run([circuit]).result()
                if number < 9:
                    scenario.clock.advance(20)

    return recorded(body)


def medians(outcome):
    spreads = (outcome.makespan, outcome.waiting, outcome.on_qpu, outcome.charged)
    return [round(each.median, 6) for each in spreads]


def test_a_chain_by_hand(chain):
    comparison = compare_modes(chain, times="recorded")
    ends = 10 * (10 + 3 + 2) + 9 * 20
    assert medians(comparison.outcome("job")) == [ends, 0, 30, 30]
    assert medians(comparison.outcome("batch")) == [ends, 0, 30, 30]
    assert medians(comparison.outcome("session")) == [ends, 0, 30, ends]
    assert (comparison.jobs, comparison.dependent, comparison.replays) == (10, 9, 1)
    assert comparison.recommendation == (
        "Use job mode: nothing else is faster for the same charge, and a session would be charged "
        "5.5 min instead of 30 s for no gain in time."
    )


def test_what_is_not_compared_is_said(circuit):
    """A batch that begins after the result of a job of job mode, beside one of another user."""

    def body(scenario, backend):
        scenario.tenant("bob", backend).job(at="0s")
        SamplerV2(backend).run([circuit]).result()
        with Batch(backend):
            jobs = [SamplerV2().run([circuit]) for _ in range(3)]
        for job in jobs:
            job.wait_for_final_state()

    comparison = compare_modes(recorded(body), times="recorded")
    assert (comparison.jobs, comparison.dependent) == (3, 0)
    assert comparison.assumptions[-1].startswith("Not compared: 2 of the 5 recorded jobs are in")


def test_nothing_is_said_where_all_is_compared(chain):
    assert not any("Not compared" in each for each in compare_modes(chain).assumptions)


def test_independent_jobs_by_hand(independent):
    comparison = compare_modes(independent, times="recorded")
    # Five lanes: the first five execute from 10 to 25; each of them frees its lane 2 s after its
    # execution, so the next five compile from 15, 18, 21, 24 and 27 on: the last ends at 42.
    assert medians(comparison.outcome("batch")) == [42, 0, 30, 30]
    assert medians(comparison.outcome("job")) == [42, 0, 30, 30]
    assert medians(comparison.outcome("session")) == [42, 0, 30, 42]
    assert comparison.recommendation == (
        "Use a batch: batch and job mode are the same here, since nobody else uses the QPU; where "
        "the jobs of others come between, only a batch's first job waits in the queue, and a "
        "session would be charged 42 s instead of 30 s."
    )
    assert "Submitted: 10 jobs all at once, none of them after" in str(comparison)


def test_independent_jobs_in_a_long_queue_are_a_batch(independent):
    """All are in the queue before others come: nothing tells batch and job mode apart."""
    comparison = compare_modes(independent, times="recorded", traffic=BUSY, seeds=3)
    assert medians(comparison.outcome("job")) == medians(comparison.outcome("batch"))
    assert comparison.recommendation.startswith(
        "Use a batch: batch and job mode are the same here, since all jobs are submitted at once, "
    )
    assert "Queue: first come, first served" in str(comparison)
    metered = Plan("metered", allocation_seconds=10)
    shared = compare_modes(independent, times="recorded", traffic=BUSY, seeds=1, plan=metered)
    assert "Plan: metered. Queue: fair share: who has used the smallest part" in str(shared)


def outcome(mode, makespan, charged):
    """What is to be expected in a mode, as far as a recommendation looks at it."""
    return ModeOutcome.of(mode, [Figures(makespan, 0.0, 0.0, charged, 0)], None)


@pytest.mark.parametrize(
    ("batch_seconds", "charged", "pattern", "expected"),
    [
        (99, 30, Pattern(10, 0, 8), "a batch: batch and job mode are about the same here, since s"),
        (100, 30, Pattern(10, 9, 8), "job mode: nothing else is faster for the same charge"),
        (98, 30, Pattern(10, 9, 8), "job mode: nothing else is more than 5 % faster for about"),
        (100, 30, Pattern(1, 0, 0), "job mode: it is one job"),
    ],
)
def test_who_wins_a_tie(batch_seconds, charged, pattern, expected):
    modes = [outcome(Mode.JOB, 100, 30), outcome(Mode.BATCH, batch_seconds, charged)]
    assert recommend(modes, pattern).startswith(f"Use {expected}")


@pytest.mark.parametrize(
    ("charged", "expected"),
    [
        (24.56, "for the same charge."),
        (25.22, "for about the same charge: it is charged 25.2 s instead of 24.6 s."),
        (34, "and is charged 34 s instead of 24.6 s."),
    ],
)
def test_the_same_charge_is_the_same(charged, expected):
    modes = [outcome(Mode.JOB, 100, 24.56), outcome(Mode.SESSION, 50, charged)]
    assert recommend(modes, Pattern(10, 9, 8)).endswith(f"after 50 s instead of 100 s, {expected}")


def test_estimated_times_and_prices(circuit):
    backend = FakeManilaV2()
    with record() as recorder, Session(backend):
        SamplerV2().run([circuit], shots=1000).result()
    recording = recorder.recording()
    estimate = recording.job(1).estimated_seconds
    steps = {"compile_time": "4s", "post_process_time": 1}
    comparison = compare_modes(recording, **steps, price_per_minute=60)
    job, session = comparison.outcome("job"), comparison.outcome("session")
    assert job.charged.median == pytest.approx(estimate)
    assert job.price.median == pytest.approx(estimate)
    assert job.makespan.median == pytest.approx(5 + estimate)
    assert session.price.median >= 5 + estimate
    assert "it is one job" in comparison.recommendation


def test_a_session_pays_where_others_queue(chain):
    comparison = compare_modes(chain, times="recorded", traffic=BUSY, seeds=3)
    job, session = comparison.outcome("job"), comparison.outcome("session")
    assert job.makespan.median > 1.2 * session.makespan.median
    assert job.waiting.low > 0
    assert session.charged.median == pytest.approx(330, rel=1e-3)
    assert job.makespan.low <= job.makespan.median <= job.makespan.high
    assert comparison.replays == 3
    assert "others submit 540 jobs an hour" in str(comparison)


def test_an_expensive_session_is_not_recommended(chain):
    text = compare_modes(chain, times="recorded", traffic="light", seeds=3).recommendation
    assert not text.startswith("Use a session")


def test_impatient_chains_get_a_session(circuit):
    def body(scenario, backend):
        for _ in range(20):
            SamplerV2(backend).run([circuit]).result()

    recording = recorded(body, c=1, q=2, p=0)
    comparison = compare_modes(recording, times="recorded", traffic=BUSY, seeds=3)
    assert comparison.recommendation.startswith(
        "Use a session: 19 of the 20 jobs wait for a result before them, and in a session none of "
        "them queues again, so that it ends after "
    )
    assert "and is charged" in comparison.recommendation


def test_many_independent_jobs_in_a_queue_get_a_batch(circuit):
    def body(scenario, backend):
        jobs = [SamplerV2(backend).run([circuit]) for _ in range(20)]
        for job in jobs:
            job.wait_for_final_state()

    recording = recorded(body, c=1, q=2, p=0)
    comparison = compare_modes(
        recording,
        times="recorded",
        traffic=BUSY,
        seeds=3,
        plan=Plan("metered", allocation_seconds=10),
    )
    assert comparison.recommendation.startswith("Use a batch: it ends after")
    assert "because only its first job waits in the queue" in comparison.recommendation


def test_what_a_plan_does_not_allow_is_said(chain, independent):
    comparison = compare_modes(chain, times="recorded", plan="open")
    assert "which has no sessions" in comparison.outcome("session").refusal
    assert comparison.outcome("session").charged is None
    assert comparison.outcome("job").refusal is None
    assert "not possible" in str(comparison)
    nothing = compare_modes(independent, times="recorded", plan="open")
    assert nothing.recommendation.startswith("None of the modes is possible")
    assert "the open plan allows 3" in nothing.recommendation


def test_an_instance_may_have_a_limit(independent):
    limited = Instance("me", Plan("small", stops_at_limit=True), limit_seconds=10)
    outcome = compare_modes(independent, times="recorded", plan=limited).outcome("batch")
    assert 10 <= outcome.charged.median < 13  # what is post-processed is charged when it has ended
    assert outcome.unsuccessful.median > 0
    assert "not completed" in compare_modes(independent, times="recorded", plan=limited).rows()[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"plan": "gold"}, "plan must be one of open, pay-as-you-go, flex, premium"),
        ({"traffic": "some"}, "traffic must be"),
        ({"times": "guessed"}, "times must be"),
        ({"seeds": 0}, "seeds must be"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(chain, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        compare_modes(chain, **arguments)


def test_an_empty_recording_is_refused():
    with record() as recorder:
        pass
    with pytest.raises(InvalidInputError, match="has no jobs"):
        compare_modes(recorder.recording())


def test_as_text_as_a_table_and_as_data(chain):
    comparison = compare_modes(chain, times="recorded", price_per_minute=90)
    lines = str(comparison).splitlines()
    assert " ".join(lines[0].split()) == "mode ends after waiting on the QPU charged price"
    assert " ".join(lines[3].split()) == "session 5.5 min 0 s 30 s 5.5 min 495.00"
    assert lines[5] == comparison.recommendation
    assert "- waiting: the part of it in which jobs waited for a lane or the QPU" in lines[7]
    out = io.StringIO()
    Console(file=out, width=120).print(comparison)
    assert "495.00" in out.getvalue()
    assert comparison.recommendation in " ".join(out.getvalue().split())
    data = json.loads(json.dumps(comparison.to_dict()))
    assert data["modes"][2]["charged_seconds"] == {"median": 330, "low": 330, "high": 330}
    assert data["recommendation"] == comparison.recommendation


def test_spreads_interpolate():
    assert Spread.of([3.0]) == Spread(3, 3, 3)
    assert Spread.of([5.0, 1.0, 3.0]) == Spread(3, 1.4, 4.6)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "run.json"
    settings = Settings("fake_manila", seed=1, evaluations=4, shots=2000)
    assert run_demo(
        settings, Console(file=io.StringIO()), plain=True, quiet=True, recording=str(path)
    )
    return Recording.load(path)


def by_hand(jobs, steps):
    """Return when each job is submitted and ends: lanes abound, the QPU takes one at a time.

    A calculation that has nothing in common with the scheduler: of all jobs whose users have got
    what they waited for, the one that is compiled first gets the QPU first.
    """
    free, begins, ends = 0.0, {}, {}
    while len(ends) < len(jobs):
        for job in jobs:
            if job.number in begins or not set(job.after_ends) <= set(ends):
                continue
            if job.after_submission is None or job.after_submission in begins:
                before = [ends[number] for number in job.after_ends]
                before += [begins[number] for number in [job.after_submission] if number]
                begins[job.number] = max(before, default=0.0) + job.thinking_seconds
        ready = {n: begins[n] + steps[n][0] for n in begins if n not in ends}
        number = min(ready, key=ready.get)
        free = max(ready[number], free) + steps[number][1]
        ends[number] = free + steps[number][2]
    return begins, ends


def test_the_table_of_the_demonstration_by_hand(demo):
    """What the demonstration would take and cost on hardware, added up by hand."""
    comparison = compare_modes(demo)
    inside = [job for job in demo.jobs if job.mode == "session"]
    numbers = [job.number for job in inside]
    assert comparison.jobs == len(inside) == 8
    assert len(demo.jobs) == 9
    assert comparison.dependent >= 6
    assert {job.executions for job in inside} == {2 * 2000}
    steps = {
        job.number: (
            job.seconds("compiling"),
            2 + job.executions * (250e-6 + _reset_and_circuit(job)),
            job.seconds("post_processing"),
        )
        for job in demo.jobs
    }
    quantum = pytest.approx(sum(steps[number][1] for number in numbers), abs=1e-6)
    # In job mode and in a batch the Bell job comes between; a session keeps it out.
    for mode, jobs in {"job": demo.jobs, "batch": demo.jobs, "session": inside}.items():
        outcome = comparison.outcome(mode)
        begins, ends = by_hand(jobs, steps)
        makespan = max(ends[n] for n in numbers) - min(begins[n] for n in numbers)
        assert outcome.makespan.median == pytest.approx(makespan, abs=1e-6)
        assert outcome.on_qpu.median == quantum
    assert comparison.outcome("job").charged.median == quantum
    assert comparison.outcome("batch").charged.median == quantum
    lingering = demo.workload(1).closing_at - max(job.settled_at for job in inside)
    session = comparison.outcome("session").charged.median
    assert session == pytest.approx(makespan + lingering, abs=1e-6)


def _reset_and_circuit(job):
    return (job.estimated_seconds - 2) / job.executions - 250e-6
