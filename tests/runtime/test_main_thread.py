"""The main thread holds no mutex of this package: a handler of signals that needs it would wait for
the very thread that it has interrupted.

All ``with`` statements that the main thread runs are looked at, so it does not matter when a signal
comes.
"""

import ast
import functools
import sys
import threading
from contextlib import ExitStack, suppress
from itertools import count
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.exceptions import (
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobNotFound,
)

from qiskit_modes import (
    Batch,
    EstimatorV2,
    Executor,
    LocalService,
    NoiseLearnerV3,
    QuantumProgram,
    SamplerV2,
    Session,
)
from qiskit_modes.exceptions import StoreError
from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.scheduling import Budget, Instance, Mode
from qiskit_modes.scheduling.events import WorkloadOpened
from qiskit_modes.store.rows import JobQuery, WorkloadQuery
from qiskit_modes.wire.answers.job_json import listing_for
from tests.runtime.test_interrupts import client_door, native_door

Mutex = type(threading.Lock()) | threading.Condition

REFUSALS = (IBMRuntimeError, RuntimeInvalidStateError, RuntimeJobNotFound)
"""Of what has ended or is closed, by what was called before, and of a runtime that is shut down."""


class Held:
    """Notes where the present thread takes a mutex in a ``with`` statement of this package."""

    def __enter__(self):
        self.places = set()
        self._tracer = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_):
        sys.settrace(self._tracer)

    def _trace(self, frame, event, _):
        file = frame.f_code.co_filename
        if "qiskit_modes/" not in file:
            return None
        if event == "line":
            for entered in _entered(file).get(frame.f_lineno, ()):
                if isinstance(eval(entered, frame.f_globals, frame.f_locals), Mutex):
                    self.places.add(f"{file}:{frame.f_lineno}")
        return self._trace


@functools.cache
def _entered(file):
    """What is entered in a file by its name, by line; what a call returns is left out."""
    entered = {}
    with open(file, encoding="utf-8") as text:
        tree = ast.parse(text.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            for item in node.items:
                if isinstance(item.context_expr, ast.Name | ast.Attribute):
                    expression = compile(ast.Expression(item.context_expr), file, "eval")
                    entered.setdefault(item.context_expr.lineno, []).append(expression)
    return entered


def test_a_mutex_that_is_taken_is_noticed():
    with LocalRuntime() as runtime, Held() as held:
        runtime.budget_used(runtime.instance)
        assert not held.places, "another thread takes it"
        runtime.budgets._account("somebody")
    assert any("budgets.py" in place for place in held.places)


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "store"])
@pytest.mark.parametrize("door", [native_door, client_door])
def test_the_main_thread_takes_no_mutex_at_any_door(door, kept, tmp_path):
    budget = Budget(max_pending_jobs=1000, max_open_workloads=1000)
    if kept:
        budget = Budget(max_bytes=10**9, max_jobs=1000, max_pending_jobs=1000)
    runtime = LocalRuntime(
        instance=Instance("me", budget=budget), store=tmp_path / "jobs" if kept else None
    )
    with runtime, use_runtime(runtime), ExitStack() as stack:
        calls, handle = door(SimpleNamespace(runtime=runtime), stack)
        for name, call in [*calls.items(), ("cancel", handle)]:
            with Held() as held:
                call()
            assert not held.places, name


def test_nor_when_a_job_is_refused_or_cannot_be_kept(tmp_path, monkeypatch):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    me = Instance("me", budget=Budget(max_jobs=2))
    with LocalRuntime(instance=me, store=tmp_path / "jobs") as runtime, use_runtime(runtime):
        sampler = SamplerV2(AerSimulator())

        def away(*_, **__):
            raise StoreError("The store is away")

        with monkeypatch.context() as patch:
            patch.setattr(runtime.archive._writer, "write", away)
            with Held() as held, pytest.raises(StoreError):
                sampler.run([circuit])
        assert not held.places
        with suppress(IBMRuntimeError):
            sampler.run([circuit]).result()
            sampler.run([circuit]).result()
        with Held() as held, pytest.raises(IBMRuntimeError, match="budget"):
            sampler.run([circuit])
        assert not held.places


# -- every public name, by construction --------------------------------------------------------

LEFT_OUT = {
    "draw": "draws with what it asks `jobs` for; plotly takes seconds, and a browser",
    "shut_down": "called at the end, see there",
    "find_unique_layers": "asks no runtime: it looks at circuits",
    "finalize_options": "asks no runtime: it looks at options",
}
"""Public names that are not called, and why not."""


class Everything:
    """All that users, and the doors, may call of one runtime."""

    def __init__(self, runtime):
        self.circuit = QuantumCircuit(1, 1)
        self.circuit.measure(0, 0)
        self.runtime, self.backend = runtime, AerSimulator()
        self.service = LocalService(runtime=runtime)
        self.session, self.batch = Session(self.backend), Batch(self.backend)
        self.sampler = SamplerV2(self.backend)
        self.done = self.sampler.run([self.circuit])
        self.done.result()
        self.spare = [self.sampler.run([self.circuit]) for _ in range(4)]
        self.spare = [job.job_id() for job in self.spare if job.result()]
        self.workload, self.qpu = self.session.record, runtime.qpu(self.backend)
        self.record = runtime.job(self.done.job_id())
        self.program = QuantumProgram(shots=10)
        self.program.append_circuit_item(self.circuit)
        self.bell = QuantumCircuit(1)
        self.listener = SimpleNamespace(job_submitted=lambda *_: None, job_seen=lambda *_: None)

    def objects(self):
        """All whose public names count."""
        return [
            self.service,
            self.done,
            self.session,
            self.batch,
            self.sampler,
            EstimatorV2(self.backend),
            Executor(self.backend),
            NoiseLearnerV3(self.backend),
            self.runtime,
        ]

    def more(self, thing, name):
        """What a call needs, if it needs anything."""
        me = self.runtime.instance
        pubs = {
            "SamplerV2": [self.circuit],
            "EstimatorV2": [(self.bell, "Z")],
            "Executor": self.program,
            "NoiseLearnerV3": [],
        }
        workload_opened = WorkloadOpened(f"w{next(_numbers)}", Mode.BATCH, me, None)
        of_runtime = {
            "submit": lambda: [self.new_record()],
            "tell_seen": lambda: [self.record],
            "listen": lambda: [self.listener],
            "stop_listening": lambda: [self.listener],
            "wait": lambda: [self.record],
            "wait_unseen": lambda: [self.record],
            "qpu": lambda: [self.backend],
            "offer": lambda: [self.find],
            "find_offered": lambda: ["none"],
            "current": lambda: [me],
            "change_instance": lambda: [me],
            "at_one_moment": lambda: [self.qpu, int],
            "snapshot": lambda: [self.qpu],
            "unfinished_jobs": lambda: [self.qpu],
            "is_maintained": lambda: [self.qpu],
            "calibrate": lambda: [self.qpu, 0.0],
            "maintain": lambda: [self.qpu, 0.0],
            "open_workload": lambda: [workload_opened, self.backend],
            "workload": lambda: [self.workload.id],
            "close_workload": lambda: [self.workload],
            "cancel_workload": lambda: [self.workload],
            "expire_workload": lambda: [self.workload],
            "workload_usage": lambda: [self.workload],
            "used": lambda: [me],
            "budget_used": lambda: [me],
            "is_limited": lambda: [me],
            "job": lambda: [self.record.id],
            "why_gone": lambda: ["none"],
            "find_jobs": lambda: [JobQuery()],
            "list_jobs": lambda: [JobQuery(), listing_for(self.runtime.clock)],
            "lists_as": lambda: [listing_for(self.runtime.clock)],
            "find_workloads": lambda: [WorkloadQuery()],
            "tags_of_workloads": lambda: [[self.workload.id]],
            "places_of": lambda: [None],
            "job_of_key": lambda: [me.id, "key"],
            "give_up": lambda: [self.record, "a test"],
            "secret": lambda: ["of a test", b"value"],
            "token_used": lambda: ["none"],
            "forget_job": lambda: [self.spare.pop()],
            "set_tags": lambda: [self.record, ["a"]],
            "cancel": lambda: [self.record],
            "facts": lambda: [self.record],
        }
        if thing is self.runtime:
            return of_runtime.get(name, list)()
        known = {
            ("LocalService", "backend"): ["fake_manila"],
            ("LocalService", "job"): [self.done.job_id()],
            ("RuntimeJobV2", "update_tags"): [["b"]],
            ("Session", "from_id"): [self.session.session_id, self.service],
            ("Batch", "from_id"): [self.batch.session_id, self.service],
        }
        if name == "delete_job":
            return [self.spare.pop()]
        if name == "run":
            return [pubs[type(thing).__name__]]
        return known.get((type(thing).__name__, name), [])

    def find(self, _):
        return None

    def new_record(self):
        """A job as the primitives make it, not submitted yet."""
        made = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(self.runtime), "submit", lambda _, job, **__: made.append(job))
            self.sampler.run([self.circuit])
        return made[0]


_numbers = count()


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "store"])
def test_no_public_name_takes_a_mutex_in_the_main_thread_nor_when_all_is_shut_down(kept, tmp_path):
    """Each is called; one that is new and needs something says so by failing here."""
    runtime = LocalRuntime(store=tmp_path / "jobs" if kept else None)
    with runtime, use_runtime(runtime):
        everything = Everything(runtime)
        for closed in (False, True):
            called = 0
            for thing in everything.objects():
                for name in [each for each in dir(thing) if each[0] != "_"]:
                    if name in LEFT_OUT:
                        continue
                    more = everything.more(thing, name)
                    with Held() as held, suppress(*REFUSALS):
                        value = getattr(thing, name)
                        if callable(value):
                            value(*more)
                    assert not held.places, (type(thing).__name__, name, closed)
                    called += 1
            assert called > 100
            with Held() as held:
                runtime.shut_down()
            assert not held.places
