"""Warnings point at the user's line, through whatever door and around whatever corner."""
# ruff: noqa: F811 - fixtures that are shared by folders are imported, and then asked for by name

import functools
import threading
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import SamplerV2 as ClientSampler
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

import qiskit_modes
from qiskit_modes import (
    EstimatorV2,
    Executor,
    NoiseLearner,
    NoiseLearnerV3,
    QuantumProgram,
    SamplerV2,
    Session,
    estimate_usage,
    record,
)
from qiskit_modes.client import local_runtime
from qiskit_modes.warn import warn_at_users_line
from tests.door_fixtures import bell, pair, scenario  # noqa: F401

ROOT = Path(qiskit_modes.__file__).parent
MANILA = FakeManilaV2()
IDLE = {"twirling": {"num_randomizations": 5}}
IGNORED = {"experimental": {"key": 1}}


def sampler_runs(bell, pair):
    SamplerV2(MANILA, options=IDLE).run([bell])


def estimator_runs(bell, pair):
    options = {"dynamical_decoupling": {"sequence_type": "XY4"}}
    EstimatorV2(MANILA, options=options).run([(pair, observable(pair))])


def estimator_makes_its_options_final(bell, pair):
    options = {"resilience": {"pec_mitigation": True}, "twirling": {"enable_gates": False}}
    EstimatorV2(MANILA, options=options).finalize_options()


def sampler_ignores_an_option(bell, pair):
    SamplerV2(MANILA, options=IGNORED).run([bell])


def executor_ignores_an_option(bell, pair):
    program = QuantumProgram(shots=10)
    program.append_circuit_item(bell)
    Executor(MANILA, options=IGNORED).run(program)


def learner_ignores_an_option(bell, pair):
    layers = EstimatorV2(MANILA).find_unique_layers([(pair, observable(pair))])
    NoiseLearnerV3(MANILA, options=IGNORED).run(layers)


def older_learner_ignores_an_option(bell, pair):
    NoiseLearner(MANILA, options=IGNORED).run([pair])


def usage_is_estimated(bell, pair):
    estimate_usage([bell], MANILA, options=IDLE)


def a_primitive_is_made_inside_a_block(bell, pair):
    with Session(MANILA):
        SamplerV2(MANILA).run([bell])


def a_block_is_left_without_a_job(bell, pair):
    with Session(MANILA):
        pass


def a_stack_of_blocks_is_left(bell, pair):
    with ExitStack() as stack:
        stack.enter_context(Session(MANILA))


def a_poll_interval_is_too_short(bell, pair):
    SamplerV2(MANILA).run([bell]).wait_for_final_state(timeout=60, poll_interval=0.01)


def a_recording_is_empty(bell, pair):
    with record("never.json"):
        pass


def the_client_polls_too_often(bell, pair):
    with local_runtime(backends=["ibm_manila"]) as service:
        job = ClientSampler(service.backend("ibm_manila")).run([bell])
        job.wait_for_final_state(timeout=60, poll_interval=0.01)


DOORS = [
    sampler_runs,
    estimator_runs,
    estimator_makes_its_options_final,
    sampler_ignores_an_option,
    executor_ignores_an_option,
    learner_ignores_an_option,
    older_learner_ignores_an_option,
    usage_is_estimated,
    a_primitive_is_made_inside_a_block,
    a_block_is_left_without_a_job,
    a_stack_of_blocks_is_left,
    a_poll_interval_is_too_short,
    a_recording_is_empty,
    the_client_polls_too_often,
]


def observable(circuit):
    return SparsePauliOp("ZZ").apply_layout(circuit.layout)


def lines_warned_of(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [(each.filename, str(each.message)) for each in caught]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_warning_points_at_the_users_line(door, bell, pair, scenario, monkeypatch):
    monkeypatch.setenv("QISKIT_MODES_UNSUPPORTED_OPTIONS", "warn")
    said = lines_warned_of(lambda: door(bell, pair))
    assert said
    assert {filename for filename, _ in said} == {__file__}, said


def test_it_is_the_innermost_line_of_the_user(bell, pair, scenario):
    with pytest.warns(match="has no effect") as caught:
        sampler_runs(bell, pair)
    assert caught[0].lineno == sampler_runs.__code__.co_firstlineno + 1


def test_what_users_wrap_a_call_in_is_not_their_line():
    @contextmanager
    def block():
        yield
        warn_at_users_line("left", UserWarning)

    @functools.singledispatch
    def dispatched(value):
        warn_at_users_line("called", UserWarning)

    def use():
        with block():
            dispatched(1)

    assert {filename for filename, _ in lines_warned_of(use)} == {__file__}


def test_code_without_a_name_is_warned_too():
    code = compile("warn('here', UserWarning)", "<theirs>", "exec")
    said = lines_warned_of(lambda: exec(code, {"warn": warn_at_users_line}))
    assert said == [("<theirs>", "here")]


def test_a_warning_in_a_thread_of_ours_points_somewhere():
    thread = threading.Thread(target=warn_at_users_line, args=("here", UserWarning))
    said = lines_warned_of(lambda: (thread.start(), thread.join()))
    assert [message for _, message in said] == ["here"]


def test_a_line_is_told_once_under_the_default_filter():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            warn_at_users_line("again", UserWarning)
    assert len(caught) == 1


def test_nobody_counts_frames():
    """A level that each caller hands on is wrong as soon as somebody calls from elsewhere."""
    counting = [path.name for path in ROOT.rglob("*.py") if "stacklevel" in path.read_text()]
    assert counting == []


def test_warnings_are_said_in_one_place():
    told = {path.name for path in ROOT.rglob("*.py") if "warnings.warn" in path.read_text()}
    assert told <= {"warn.py"}
