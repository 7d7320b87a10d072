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
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.exceptions import IBMRuntimeError

from qiskit_modes import SamplerV2
from qiskit_modes.exceptions import StoreError
from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.scheduling import Budget, Instance
from tests.runtime.test_interrupts import client_door, native_door

Mutex = type(threading.Lock())


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
