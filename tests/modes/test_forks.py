"""In a child that was forked, what came from the parent says so: nothing hangs, nothing is lost.

Every public method of every kind of object is called there. It raises `OtherProcessError`, or
what it returns is known for good: the facts below.
"""

import faulthandler
import inspect
import os
import traceback
from contextlib import contextmanager

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes import (
    Batch,
    Executor,
    LocalService,
    QuantumProgram,
    SamplerV2,
    Session,
    record,
)
from qiskit_modes.exceptions import ModeWarning, OtherProcessError
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.runtime.shared_runtime import default_runtime, use_runtime
from qiskit_modes.store.rows import JobQuery
from qiskit_modes.testing import Scenario
from qiskit_modes.wire import ApiError, Platform
from qiskit_modes.wire.instance_api import InstanceApi

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]

FACTS = {
    RuntimeJobV2: {
        *("backend", "creation_date", "image", "inputs", "instance", "job_id", "mode", "private"),
        *("primitive_id", "properties", "session_id", "tags", "usage_estimation"),
    },
    Session: {"backend", "record", "runtime", "service", "session_id", "from_id"},
    LocalService: {"active_instance", "backend", "backends", "instances"},
    LocalRuntime: {
        *("clock", "is_of_this_process", "is_open", "store", "qpu", "qpus", "tell_seen", "facts"),
        "workers",
        "wait_unseen",  # see ARGUMENTS: it is asked of a job that has ended
    },
}
"""What a child may be told: what was settled before there was a child."""


@contextmanager
def child():
    """A block for a forked child alone; that it ends well is asserted in the parent."""
    pid = os.fork()
    if pid:
        yield False
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "see what the child has printed"
        return
    faulthandler.dump_traceback_later(30, exit=True)
    try:
        yield True
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def circuit():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return circuit


def public(kind):
    return sorted(name for name, _ in inspect.getmembers(kind) if not name.startswith("_"))


def arguments_of(method, known):
    """One for each parameter that has no default."""
    parameters = inspect.signature(method).parameters.values()
    needed = (p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD)
    return [known[parameter.name] for parameter in needed]


def call(thing, name, known):
    value = getattr(thing, name)
    return value(*arguments_of(value, known)) if callable(value) else value


@pytest.fixture
def opened():
    """A runtime with a session, a batch and jobs that have not ended, and one that has."""
    with Scenario(autojump=False, quantum_time=100) as scenario:
        backend = AerSimulator()
        ended = SamplerV2(backend).run([circuit()])
        scenario.clock.advance(200)
        with Session(backend) as session:
            pending = SamplerV2(session).run([circuit()])
            yield scenario, backend, session, Batch(backend), pending, ended


def known_to(scenario, session, job):
    record = job._record
    return {
        "job_id": job.job_id(),
        "job": record,
        "backend": session.record.backend,
        "name": "fake_manila",
        "qpu": record.qpu,
        "look": lambda: None,
        "seconds": 1.0,
        "workload": session.record,
        "workload_id": session.session_id,
        "session_id": session.session_id,
        "instance": record.instance,
        "listener": None,
        "find": lambda name: None,
        "event": None,
        "new_tags": ["a"],
        "service": session.service,
        "program_id": "sampler",
        "params": "{}",
        "mode": "batch",
        "tags": ["a"],
        "instance_id": "local",
        "instances": None,
        "ids": [],
        "token_id": "token",
        "key": "key",
        "new": b"secret",
        "reason": "a test says so",
        "query": JobQuery(),
        "listing": None,
    }


def told(thing, known, facts):
    """The names of the methods that were told, and of those that answered."""
    answered = set()
    for name in public(type(thing)):
        try:
            call(thing, name, known)
        except OtherProcessError:
            pass
        else:
            answered.add(name)
    constants = {name for name in answered if name.isupper() or name == "is_local"}
    unexpected = answered - constants - facts
    assert not unexpected, f"{type(thing).__name__} answers in a child: {unexpected}"


@pytest.mark.parametrize("kind", [RuntimeJobV2, Session, Batch, LocalService, LocalRuntime])
def test_every_call_on_what_came_from_the_parent_is_told(opened, kind):
    scenario, _, session, batch, job, _ = opened
    things = {
        RuntimeJobV2: job,
        Session: session,
        Batch: batch,
        LocalService: LocalService(),
        LocalRuntime: scenario.runtime,
    }
    known = known_to(scenario, session, job)
    if kind is Batch:
        known["session_id"] = batch.session_id
    facts = FACTS[Session if kind is Batch else kind]
    with child() as here:
        if here:
            told(things[kind], known, facts)


def test_every_call_at_the_wire_is_told(opened):
    scenario, _, session, _, job, _ = opened
    api, known = Platform(scenario.runtime).api(), known_to(scenario, session, job)
    with child() as here:
        if here:
            for name in public(InstanceApi):
                if inspect.isfunction(getattr(InstanceApi, name)):
                    with pytest.raises(ApiError, match="forked") as error:
                        call(api, name, known)
                    assert error.value.status == 409


def test_primitives_that_run_in_a_session_of_the_parent_are_told(opened):
    _, _, session, batch, _, _ = opened
    sampler, executor = SamplerV2(session), Executor(batch)
    program = QuantumProgram(10)
    program.append_circuit_item(circuit())
    with child() as here:
        if here:
            for run in (
                lambda: sampler.run([circuit()]),
                lambda: executor.run(program),
                lambda: SamplerV2(batch),
                lambda: SamplerV2(),  # inside the block, which was inherited
            ):
                with pytest.raises(OtherProcessError, match="forked"):
                    run()


def test_what_had_ended_can_be_read(opened):
    *_, ended = opened
    with child() as here:
        if here:
            assert ended.status() == "DONE"
            assert ended.result()[0].data.c.num_shots == 4096
            assert ended.metrics()["usage"]["status"] == "complete"
            assert ended.logs()


def test_a_child_has_a_runtime_of_its_own(opened):
    scenario, backend, _, _, _, _ = opened
    with child() as here:
        if here:
            assert default_runtime() is not scenario.runtime
            with LocalRuntime() as mine, use_runtime(mine):
                assert LocalService().jobs() == []
                session = Session(backend)
                job = SamplerV2(session).run([circuit()])
                assert job.result(30)[0].data.c.num_shots == 4096
                session.close()


def test_blocks_that_a_child_leaves_end_nothing(opened, tmp_path):
    """As when a program forks inside of them, and the child comes to their end."""
    scenario, backend, _, batch, job, _ = opened
    file = tmp_path / "recording.json"
    with record(file) as recorder, LocalRuntime() as other, Session(backend) as session:
        left = record(file)
        left.__enter__()
        SamplerV2(session).run([circuit()])
        with child() as here:
            if here:
                left.__exit__(None, None, None)
                other.__exit__(None)
                scenario.__exit__()
                with pytest.warns(ModeWarning, match="forked"):
                    session.__exit__(None)
                session.__exit__(SystemExit)
                assert not file.exists()
                with pytest.raises(OtherProcessError):
                    recorder.save(file)
        left.__exit__(None, None, None)
        assert session.status() == "Pending"
        assert not other.executor._closed
    assert file.exists()
    assert (batch.status(), job.status()) == ("Pending", "RUNNING")
