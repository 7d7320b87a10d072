"""Rules of modes: where a primitive's job runs, in `with` blocks and threads."""

import asyncio
import contextvars
import warnings

import pytest
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.exceptions import IBMRuntimeError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import Batch, EstimatorV2, SamplerV2, Session
from qiskit_modes.exceptions import ModeWarning, QiskitModesWarning
from tests.threads import in_a_thread

NO_MODE = r"A backend or session must be specified\."
OTHER_BACKEND = "different from the session backend"


def fail_in(session, expected):
    """Raise in a `with` block, and return the error that comes out."""
    with pytest.raises(expected) as raised, session:
        raise ZeroDivisionError
    return raised.value


def test_c01_no_mode_in_a_block(world):
    for kind in (Session, Batch):
        with kind(world.backend) as mode:
            assert world.run().session_id == mode.session_id


def test_c02_the_sessions_backend_in_a_block(world):
    with Session(world.backend) as session:
        with pytest.warns(ModeWarning, match="run inside this session/batch instead of in job"):
            sampler = SamplerV2(world.backend)
        job = world.run_with(sampler)
    assert (job.session_id, job.mode) == (session.session_id, "session")


@pytest.mark.filterwarnings("ignore::qiskit_modes.exceptions.ModeWarning")
def test_c03_another_backend_in_a_block(world, quito):
    with Session(world.backend) as session:
        with pytest.raises(ValueError, match=OTHER_BACKEND):
            SamplerV2(quito)
        assert world.run(FakeManilaV2()).session_id == session.session_id


def test_c05_made_outside_with_a_backend(world):
    sampler = SamplerV2(world.backend)
    with Session(world.backend) as session:
        with pytest.warns(ModeWarning, match="run inside this session/batch instead of in job"):
            job = world.run_with(sampler)
        assert job.session_id == session.session_id
    assert world.run_with(sampler).session_id is None


def test_c06_another_batch_in_a_block(world):
    batch = Batch(world.backend)
    with Session(world.backend) as session:
        assert world.run(batch).session_id == batch.session_id
        assert world.run().session_id == session.session_id


def test_c07_the_outer_session_comes_back(world):
    with Session(world.backend) as outer:
        with Batch(world.backend) as inner:
            assert world.run().session_id == inner.session_id
        assert world.run().session_id == outer.session_id
        batch = Batch(world.backend)
        world.run(batch)
        fail_in(batch, ZeroDivisionError)
        assert world.run().session_id == outer.session_id


def test_c08_a_new_thread_knows_no_block(world):
    with Session(world.backend):
        world.run()
        with pytest.raises(ValueError, match=NO_MODE):
            in_a_thread(SamplerV2)


def test_c09_made_inside_and_run_by_a_thread(world):
    with Session(world.backend) as session:
        sampler = SamplerV2()
        assert in_a_thread(world.run_with, sampler).session_id == session.session_id


def test_c11_closing_fails(world):
    class Stubborn(Session):
        def close(self):
            raise IBMRuntimeError("Error closing session: no")

    session = Stubborn(world.backend)
    world.run(session)
    error = fail_in(session, IBMRuntimeError)
    assert error.message == "Error closing session: no"
    assert isinstance(error.__context__, ZeroDivisionError)
    with pytest.raises(ValueError, match=NO_MODE):
        SamplerV2()


def test_c13_a_subclass(world):
    class MySession(Session):
        pass

    session = MySession(world.backend)
    for kind in (MySession, Session):
        again = kind.from_id(session.session_id, world.service)
        assert (type(again), again.session_id) == (kind, session.session_id)


def test_p601_a_copy_of_the_context(world):
    with Session(world.backend) as session:
        context = contextvars.copy_context()
        assert in_a_thread(context.run, world.run).session_id == session.session_id


def test_p602_an_asyncio_task(world):
    async def submit():
        return world.run()

    async def main():
        with Session(world.backend) as session:
            job = await asyncio.create_task(submit())
        return session, job

    session, job = asyncio.run(main())
    assert job.session_id == session.session_id


def test_p603_no_mode_outside(world):
    with pytest.raises(ValueError, match=NO_MODE):
        SamplerV2()


@pytest.mark.parametrize("mode", ["fake_manila", 5, object()])
def test_p604_what_is_no_mode(world, mode):
    with pytest.raises(ValueError, match="mode must be of type Backend, Session, Batch or None"):
        SamplerV2(mode)


@pytest.mark.filterwarnings("ignore::qiskit_modes.exceptions.ModeWarning")
def test_p605_made_outside_with_another_backend(world, quito):
    sampler = SamplerV2(quito)
    with Session(world.backend):
        world.run()
        with pytest.raises(ValueError, match=OTHER_BACKEND):
            sampler.run([world.circuit])


def test_p606_a_backend_in_another_thread(world):
    sampler = SamplerV2(world.backend)
    with Session(world.backend), warnings.catch_warnings():
        warnings.simplefilter("error")
        world.run()
        assert in_a_thread(world.run_with, sampler).session_id is None


def test_p607_an_exception_in_the_body(world):
    session = Session(world.backend)
    job = world.run(session)
    fail_in(session, ZeroDivisionError)
    world.until(1)
    assert (job.status(), session.status()) == ("DONE", "Closed")


@pytest.mark.filterwarnings("ignore::qiskit_modes.exceptions.ModeWarning")
def test_p608_entering_a_closed_session(world):
    session = Session(world.backend)
    session.close()
    with session, pytest.raises(IBMRuntimeError, match=r"The session is closed\."):
        world.run()


def test_p609_ending_twice(world):
    with Session(world.backend) as session:
        world.run()
        session.cancel()
        before = session.details()
        session.close()
    session.cancel()
    assert session.details() == before


def test_p610_a_refused_submission(world):
    session = Session(world.backend, max_time=100)
    with pytest.raises(IBMRuntimeError, match="Failed to run program: "):
        world.run(session, max_execution_time=200)
    assert world.service.jobs() == []


@pytest.mark.parametrize("backend", ["fake_manila", None, 5])
def test_p611_a_session_on_no_backend(world, backend):
    with pytest.raises(ValueError, match="Invalid backend type"):
        Session(backend)


def test_p612_warnings_can_be_errors(world):
    assert issubclass(ModeWarning, QiskitModesWarning)
    with Session(world.backend), warnings.catch_warnings():
        world.run()
        warnings.simplefilter("error", QiskitModesWarning)
        with pytest.raises(ModeWarning):
            SamplerV2(world.backend)


def test_p613_a_blocks_own_session(world):
    with Session(world.backend) as session, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert world.run(session).session_id == session.session_id


def test_p614_a_block_without_a_job(world):
    with pytest.warns(QiskitModesWarning, match="job"), Session(world.backend):
        world.run(Batch(world.backend))


def test_p615_a_backend_outside(world):
    job = world.run(world.backend)
    assert (job.mode, job.session_id) == ("job", None)


def test_p616_the_estimator_too(world, manila):
    circuit = world.circuit.remove_final_measurements(inplace=False)
    pub = (circuit, SparsePauliOp("Z"))
    outside = EstimatorV2(world.backend)
    with Session(world.backend) as session:
        assert EstimatorV2().run([pub]).session_id == session.session_id
        with pytest.warns(ModeWarning):
            assert outside.run([pub]).session_id == session.session_id
        with pytest.raises(ValueError, match=NO_MODE):
            in_a_thread(EstimatorV2)
    assert outside.run([pub]).session_id is None
