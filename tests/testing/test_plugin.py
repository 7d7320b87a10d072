"""The pytest plugin, as the tests of a user's project meet it."""

from __future__ import annotations

import pytest

pytest_plugins = "pytester"

BELL = """
import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.exceptions import RuntimeJobFailureError

pytestmark = pytest.mark.filterwarnings("ignore:The .* class is deprecated")

def bell():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run tests of a user in this process, where Qiskit is imported already."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(code, *arguments, in_process=True):
        pytester.makepyfile(test_theirs=code)
        call = pytester.runpytest_inprocess if in_process else pytester.runpytest_subprocess
        return call("-p", "qiskit_modes.testing.plugin", "--strict-markers", *arguments)

    return run


def test_it_does_nothing_unless_it_is_used(run):
    code = """
    import sys

    def test_nothing_heavy_is_there():
        assert not {"qiskit", "numpy", "fastapi", "qiskit_ibm_runtime"} & set(sys.modules)
    """
    result = run(code, in_process=False)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*left open*")


def test_the_marker_is_described(run):
    run("", "--markers").stdout.fnmatch_lines("@pytest.mark.qiskit_modes(plan=None*")


def test_three_doors_to_jobs_that_are_executed_and_fail_on_demand(run):
    code = (
        BELL
        + """
import os, subprocess, sys
from qiskit_modes import LocalService, SamplerV2, Session
import qiskit_ibm_runtime
from qiskit_ibm_runtime import QiskitRuntimeService

def test_native(local_service, local_scenario):
    local_scenario.job_fails(2, code=1234)
    with Session(local_service.backend("fake_manila")):
        first, second = (SamplerV2().run([bell()], shots=50) for _ in range(2))
    assert sum(first.result()[0].data.c.get_counts().values()) == 50
    with pytest.raises(RuntimeJobFailureError, match="1234"):
        second.result()
    assert len(LocalService().jobs()) == 2

@pytest.mark.qiskit_modes(qpu="ibm_manila", plan="open", seed=7)
def test_client(local_runtime, local_scenario):
    local_scenario.job_fails(2)
    backend = QiskitRuntimeService(token="x").backends()[0]
    sampler = qiskit_ibm_runtime.SamplerV2(mode=backend)
    assert sampler.run([bell()], shots=50).result()[0].data.c.num_shots == 50
    with pytest.raises(RuntimeJobFailureError, match="lets job 2 fail"):
        sampler.run([bell()]).result()
    with pytest.raises(Exception, match="has no sessions"):
        qiskit_ibm_runtime.Session(backend)

@pytest.mark.qiskit_modes(qpu=["ibm_manila"])
def test_http(runtime_server, local_scenario):
    local_scenario.job_fails(2)
    service = QiskitRuntimeService()
    sampler = qiskit_ibm_runtime.SamplerV2(mode=service.backend("ibm_manila"))
    assert sampler.run([bell()], shots=50).result()[0].data.c.num_shots == 50
    with pytest.raises(RuntimeJobFailureError, match="lets job 2 fail"):
        sampler.run([bell()]).result()
    assert os.environ["IAM_URL"] == runtime_server.url
    assert len(service.jobs()) == 2

def test_the_server_is_cleared_between_tests(runtime_server):
    assert QiskitRuntimeService().jobs() == []
    assert len(QiskitRuntimeService().backends(name="ibm_torino")) == 1
"""
    )
    run(code, "-q").assert_outcomes(passed=4)


def test_time_that_a_test_moves(run):
    code = (
        BELL
        + """
import qiskit_ibm_runtime

@pytest.mark.qiskit_modes(qpu="ibm_manila", clock="manual")
class TestTime:
    def test_client(self, local_runtime, local_scenario):
        session = qiskit_ibm_runtime.Session(local_runtime.backend("ibm_manila"), max_time="1h")
        qiskit_ibm_runtime.SamplerV2(mode=session).run([bell()]).result()
        local_scenario.clock.advance("2h")
        assert session.status() == "Closed"
        assert session.usage() == 61

    @pytest.mark.qiskit_modes(plan="premium")
    def test_http(self, runtime_server, local_scenario):
        service = qiskit_ibm_runtime.QiskitRuntimeService()
        assert service.instances()[0]["plan"] == "premium"
        session = qiskit_ibm_runtime.Session(service.backend("ibm_manila"))
        local_scenario.clock.advance("31m")
        assert session.status() == "Closed"
"""
    )
    run(code, "-q").assert_outcomes(passed=2)


def test_what_a_test_leaves_open_is_closed_and_named(run):
    code = """
    import threading
    from qiskit_modes import Batch, Session

    kept, before = [], threading.active_count()

    def test_forgets(local_service):
        kept.append(Session(local_service.backend("fake_manila")))
        with Batch(local_service.backend("fake_quito")) as batch:
            kept.append(batch)

    def test_finds_it_closed():
        assert kept[0].status() == "Closed"
        assert threading.active_count() == before
    """
    result = run(code, "-W", "ignore")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*workloads that tests left open; they were closed*",
            "*test_theirs.py::test_forgets: session * on fake_manila, 0 job(s)",
        ]
    )
    result.stdout.no_fnmatch_line("*batch*fake_quito*")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'open'", "no argument 'open'"),
        ("plans='open'", "no argument plans. It is"),
        ("clock='sundial'", "clock='sundial'; it is"),
    ],
)
def test_a_marker_that_says_nothing_sensible(run, arguments, message):
    code = f"""
    import pytest

    @pytest.mark.qiskit_modes({arguments})
    def test_never_runs(local_service):
        pass
    """
    result = run(code)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"The marker qiskit_modes has*{message}*"])
    result.stdout.no_fnmatch_line("*plugin.py*")
