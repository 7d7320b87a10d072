"""Which mode a job runs in, and how it is told."""

import warnings

import pytest
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import IBMBackend
from qiskit_ibm_runtime.fake_provider import FakeLimaV2, FakeManilaV2

from qiskit_modes import Batch, EstimatorV2, ModeWarning, SamplerV2, Session
from qiskit_modes.exceptions import InvalidInputError
from tests.modes.staging import flipped

# What is tested here needs no job, and a block without one warns.
pytestmark = pytest.mark.filterwarnings("ignore:No job was submitted")

JOINS = (
    "A backend was passed in as the mode but a session context manager is open so this job will "
    "run inside this session/batch instead of in job mode."
)
DIFFERENT = "The backend passed in to the primitive is different from the session backend."
PRIMITIVES = pytest.mark.parametrize("primitive", [SamplerV2, EstimatorV2])
CONTEXTS = pytest.mark.parametrize(("context", "word"), [(Session, "session"), (Batch, "batch")])


@PRIMITIVES
def test_nothing_at_all(primitive):
    with pytest.raises(ValueError, match=r"A backend or session must be specified\."):
        primitive()


@PRIMITIVES
@pytest.mark.parametrize("mode", ["fake_manila", 5, object(), FakeManilaV2])
def test_what_is_no_mode(primitive, mode):
    with pytest.raises(ValueError, match="mode must be of type Backend, Session, Batch or None"):
        primitive(mode=mode)


def test_job_mode(manila, timed):
    sampler = SamplerV2(mode=manila)
    job = sampler.run([flipped()])
    assert sampler.mode is None
    assert sampler.backend() is manila
    assert job.mode == "job"
    assert job.mode.reason == "a backend was passed, and no session or batch is open here"
    assert job.session_id is None
    assert job.backend() is manila


@CONTEXTS
def test_inside_a_block(manila, timed, context, word):
    with context(manila) as workload:
        sampler = SamplerV2()
        job = sampler.run([flipped()])
    assert sampler.mode is workload
    assert sampler.backend() is manila
    assert (job.mode, job.session_id) == (word, workload.session_id)
    assert job.mode.reason == f"it stands inside `with {context.__name__}(...)`"


@CONTEXTS
def test_passed_as_mode(manila, timed, context, word):
    workload = context(manila)
    job = SamplerV2(mode=workload).run([flipped()])
    assert (job.mode, job.session_id) == (word, workload.session_id)
    assert job.mode.reason == f"the {word} was passed as mode"


def test_one_passed_inside_another_counts(manila, timed):
    with Session(manila), warnings.catch_warnings():
        warnings.simplefilter("error")
        batch = Batch(manila)
        assert SamplerV2(mode=batch).mode is batch


@PRIMITIVES
@CONTEXTS
def test_a_backend_inside_a_block_joins_it(manila, timed, primitive, context, word):
    with context(manila) as workload:
        with pytest.warns(ModeWarning) as told:
            made = primitive(mode=manila)
        assert str(told[0].message) == JOINS
        assert made.mode is workload


def test_a_job_that_joined_says_so(manila, timed):
    with Session(manila) as session:
        with pytest.warns(ModeWarning):
            sampler = SamplerV2(mode=manila)
        job = sampler.run([flipped()])  # told once, not again for each job
    assert (job.mode, job.session_id) == ("session", session.session_id)
    assert "joins" in job.mode.reason


def test_another_object_of_the_same_fake_joins(manila, timed):
    with Session(manila) as session, pytest.warns(ModeWarning):
        assert SamplerV2(mode=FakeManilaV2()).mode is session


def test_the_noise_is_that_of_the_object_that_was_passed(manila, timed):
    same_machine = FakeManilaV2()
    with Session(manila):
        with pytest.warns(ModeWarning):
            sampler = SamplerV2(mode=same_machine)
        job = sampler.run([flipped()])
    assert sampler.backend() is same_machine
    assert job.backend() is same_machine


@pytest.mark.parametrize("other", [FakeLimaV2, AerSimulator])
def test_a_backend_other_than_the_blocks(manila, timed, other):
    with (
        Session(manila),
        pytest.warns(ModeWarning),
        pytest.raises(ValueError, match=DIFFERENT),
    ):
        SamplerV2(mode=other())


def test_two_simulators_are_two_machines(timed):
    with (
        Session(AerSimulator()),
        pytest.warns(ModeWarning),
        pytest.raises(ValueError, match=DIFFERENT),
    ):
        SamplerV2(mode=AerSimulator())


@CONTEXTS
def test_made_outside_and_run_inside(manila, timed, context, word):
    sampler = SamplerV2(mode=manila)
    with context(manila) as workload:
        with pytest.warns(ModeWarning) as told:
            job = sampler.run([flipped()])
        assert str(told[0].message) == JOINS
    assert (job.mode, job.session_id) == (word, workload.session_id)
    after = sampler.run([flipped()])
    assert (after.mode, after.session_id) == ("job", None)


def test_made_outside_for_another_backend_and_run_inside(manila, timed):
    sampler = SamplerV2(mode=FakeLimaV2())
    with Session(manila), pytest.warns(ModeWarning), pytest.raises(ValueError, match=DIFFERENT):
        sampler.run([flipped()])
    sampler.run([flipped()]).result(timeout=20)


def test_the_warning_points_to_the_users_line(manila, timed):
    outside = SamplerV2(mode=manila)
    with Session(manila):
        with pytest.warns(ModeWarning) as when_run:
            outside.run([flipped()])
        with pytest.warns(ModeWarning) as when_made:
            SamplerV2(mode=manila)
    assert when_run[0].filename == __file__
    assert when_made[0].filename == __file__


def test_the_mode_reads_like_text(manila, timed):
    import copy
    import pickle

    job = SamplerV2(mode=manila).run([flipped()])
    assert f"{job.mode}" == "job"
    assert isinstance(job.mode, str)
    for twin in (copy.deepcopy(job.mode), pickle.loads(pickle.dumps(job.mode))):
        assert (twin, twin.reason) == (job.mode, job.mode.reason)


@pytest.mark.parametrize("make", [Session, Batch, SamplerV2, EstimatorV2])
def test_a_real_machine_is_refused_with_the_line_that_makes_a_twin(make, timed):
    real = object.__new__(IBMBackend)
    real.__dict__["name"] = "ibm_torino"
    with pytest.raises(InvalidInputError, match=r"AerSimulator\.from_backend\(backend\)"):
        make(real)
