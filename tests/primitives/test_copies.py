"""Copies and pickles of everything that users hold; what libraries read and do of it."""

import copy
import inspect
import pickle
import sys

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

import qiskit_modes
from qiskit_modes import (
    Batch,
    Budget,
    EstimatorV2,
    Executor,
    Instance,
    LocalService,
    NoiseLearner,
    NoiseLearnerV3,
    Plan,
    QiskitRuntimeService,
    RuntimeJobV2,
    SamplerV2,
    Session,
)
from qiskit_modes.exceptions import OtherProcessError
from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.testing import Scenario
from tests import programs

PRIMITIVES = [SamplerV2, EstimatorV2, Executor, NoiseLearner, NoiseLearnerV3]
HANDLES = [Session, Batch, RuntimeJobV2]
SERVICES = [LocalService, QiskitRuntimeService]
PLAIN = [Budget, Instance, Plan]


def circuit():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


@pytest.fixture
def held():
    """One of each that users hold."""
    with Scenario() as scenario:
        backend = FakeManilaV2()
        session = Session(backend)
        yield {
            **{kind: kind(backend) for kind in PRIMITIVES},
            **{kind: kind() for kind in SERVICES},
            **{kind: kind("me") for kind in PLAIN},
            Session: session,
            Batch: Batch(backend),
            RuntimeJobV2: SamplerV2(session).run([circuit()]),
            LocalRuntime: scenario.runtime,
        }


def test_every_public_class_is_looked_at():
    public = {getattr(qiskit_modes, name) for name in qiskit_modes.__all__}
    ours = {
        kind
        for kind in public
        if inspect.isclass(kind)
        and kind.__module__.startswith("qiskit_modes.")
        and not issubclass(kind, BaseException)
    }
    assert ours == {*PRIMITIVES, *HANDLES, *SERVICES, *PLAIN}


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy], ids=lambda how: how.__name__)
@pytest.mark.parametrize("kind", PRIMITIVES)
def test_a_copy_of_a_primitive_has_options_of_its_own_and_the_same_mode(held, kind, how):
    for mode in (held[kind].backend(), held[Session]):
        primitive = kind(mode)
        primitive.options.environment.job_tags = ["mine"]
        another = how(primitive)
        another.options.environment.job_tags = ["yours"]
        assert primitive.options.environment.job_tags == ["mine"]
        assert type(another) is kind
        assert another.mode is primitive.mode
        assert another.backend() is primitive.backend()


@pytest.mark.parametrize("kind", [*HANDLES, *SERVICES, LocalRuntime])
def test_a_copy_of_a_handle_is_the_same(held, kind):
    thing = held[kind]
    together = {"list": [thing, thing]}
    for another in (copy.copy(thing), copy.deepcopy(together)["list"][0]):
        assert another is thing


def test_a_primitive_that_was_made_in_a_block_is_copied_with_its_session(held):
    with Session(FakeManilaV2()) as session:
        sampler = SamplerV2()
        sampler.run([circuit()])
    for another in (copy.deepcopy(sampler), pickle.loads(pickle.dumps(sampler))):
        assert another.mode.session_id == session.session_id


@pytest.mark.parametrize("kind", HANDLES)
def test_a_handle_is_found_again_in_its_process(held, kind):
    again = pickle.loads(pickle.dumps(held[kind]))
    assert type(again) is kind
    assert again._record is held[kind]._record
    assert repr(again) == repr(held[kind])
    assert again.status() == held[kind].status()


@pytest.mark.parametrize("kind", [*PRIMITIVES, *SERVICES, *PLAIN])
def test_what_needs_no_process_pickles(held, kind):
    again = pickle.loads(pickle.dumps(held[kind]))
    assert type(again) is kind
    if kind in PRIMITIVES:
        assert again.options == held[kind].options
        assert again.backend().name == held[kind].backend().name
    elif kind is QiskitRuntimeService:
        assert again.active_account() == held[kind].active_account()
    elif kind in PLAIN:
        assert again == held[kind]


def test_a_runtime_says_why_it_does_not_pickle(held):
    for thing in (held[LocalRuntime], LocalService(runtime=held[LocalRuntime])):
        with pytest.raises(TypeError, match="stays in its process"):
            pickle.dumps(thing)


ELSEWHERE = """
    import pickle, sys
    from qiskit_modes.exceptions import OtherProcessError
    from tests.primitives.test_copies import circuit

    primitive, session, job = pickle.load(sys.stdin.buffer)
    counts = primitive.run([circuit()], shots=100).result()[0].data.c.get_counts()
    assert counts == {"1": 100}, counts
    for lost in (session, job):
        assert "another process" in repr(lost), repr(lost)
        assert not hasattr(lost, "_repr_html_")
        for call in (lost.status, lost.usage, lambda: pickle.loads(pickle.dumps(lost)).status()):
            try:
                call()
            except OtherProcessError as error:
                assert "process" in error.message
            else:
                raise AssertionError(lost)
    print("done")
"""


def test_a_primitive_works_in_another_process_and_a_session_says_why_not(held):
    import textwrap

    sampler = SamplerV2(AerSimulator(), options={"default_shots": 5})
    sent = pickle.dumps((sampler, held[Session], held[RuntimeJobV2]))
    done = programs.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(ELSEWHERE)],
        input=sent,
        timeout=60,
    )
    assert done.stdout == b"done\n", done.stderr.decode()


def test_a_handle_to_nothing_says_so(held):
    job = held[RuntimeJobV2]
    sent = pickle.dumps(job)
    job.result()
    LocalService().delete_job(job.job_id())
    lost = pickle.loads(sent)
    with pytest.raises(OtherProcessError, match=job.job_id()):
        lost.result()
    assert copy.deepcopy(lost) is lost


# -- libraries -------------------------------------------------------------------------------------


def test_what_libraries_read(held):
    for kind in (SamplerV2, EstimatorV2):
        assert held[kind].version == 2
        assert held[kind]._backend is held[kind].backend()
        held[kind].options.update(default_shots=7, environment={"job_tags": ["a"]})
        assert held[kind].options.default_shots == 7
        assert held[kind].options.environment.job_tags == ["a"]
    assert held[SamplerV2].default_shots == 7
    assert SamplerV2(FakeManilaV2()).default_shots == 4096
    assert held[EstimatorV2].default_precision == pytest.approx(1 / np.sqrt(7))
    assert EstimatorV2(FakeManilaV2()).default_precision == 0.015625


def test_scikit_learn_clones_what_has_a_primitive_among_its_parameters(held):
    from sklearn.base import BaseEstimator, clone

    class Model(BaseEstimator):
        def __init__(self, sampler):
            self.sampler = sampler

    cloned = clone(Model(held[SamplerV2]))
    assert cloned.sampler is not held[SamplerV2]
    assert cloned.sampler.backend() is held[SamplerV2].backend()


def test_an_experiment_of_qiskit_experiments_runs_as_it_is():
    from qiskit_experiments.library import StateTomography

    ideal = AerSimulator()
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    data = StateTomography(bell).run(sampler=SamplerV2(ideal), shots=2000, seed_simulator=1)
    assert data.block_for_results(60).status().name == "DONE", data.errors()
    fidelity = data.analysis_results("state_fidelity", dataframe=True).iloc[0].value
    assert fidelity > 0.95
