"""The pytest plugin: three doors as fixtures, each test with a runtime of its own behind them.

Nothing happens, and no Qiskit is imported, until a test asks for one of the fixtures:

===================  ==============================================================================
``local_service``    a `LocalService`, for code that uses this package's classes
``local_runtime``    a ``QiskitRuntimeService``, for code that uses the service's client: in this
                     process every ``QiskitRuntimeService()`` is local while the test lasts
``runtime_server``   a `Server`, for code that starts other programs: the environment leads them,
                     and this process, to it over HTTP; one server for the whole run
``local_scenario``   what is behind them all: ``job_fails(2)``, ``worker_dies(1)``,
                     ``session_expires(before_job=3)``, ``runtime``; see `Scenario` and `Faults`
===================  ==============================================================================

A test says with a marker what it needs::

    @pytest.mark.qiskit_modes(plan="open", qpu="ibm_torino", clock="manual")
    def test_my_workload(local_runtime, local_scenario): ...

After each test, sessions and batches that it left open are closed, and the report names them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from qiskit_ibm_runtime import QiskitRuntimeService

    from qiskit_modes import LocalService
    from qiskit_modes.runtime.local_runtime import LocalRuntime
    from qiskit_modes.server import Server
    from qiskit_modes.testing import Faults

__all__ = ["local_runtime", "local_scenario", "local_service", "runtime_server"]

_MARKER = (
    "qiskit_modes(plan=None, qpu=None, clock='system', lanes=5, seed=None): what the fixtures "
    "local_service, local_runtime and runtime_server offer. plan: a name or a Plan. qpu: a name, a "
    "list of names, or what local_runtime takes as backends. clock: 'system' executes jobs; "
    "'manual' is a Scenario, whose jobs pass the time of a clock that the test moves; they are not "
    "simulated, and all their bits are 0."
)

_LEFT_OPEN = "qiskit_modes: left open"
"""The property under which reports of tests name what was left open."""


@dataclass(frozen=True)
class _Wanted:
    """Wishes of a test's markers; those nearer to the test count more."""

    plan: Any = None
    qpu: Any = None
    clock: str = "system"
    lanes: int = 5
    seed: int | None = None

    @property
    def backends(self) -> Any:
        return [self.qpu] if isinstance(self.qpu, str) else self.qpu


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and what names workloads that were left open."""
    config.addinivalue_line("markers", _MARKER)
    config.pluginmanager.register(_LeftOpen(), "qiskit_modes_left_open")


class _LeftOpen:
    """Names at the end of the run what tests left open; also what workers of xdist report."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of what one test left open."""
        if report.when == "teardown":
            self._found += [
                (report.nodeid, str(what))
                for name, what in report.user_properties
                if name == _LEFT_OPEN
            ]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it."""
        if self._found:
            terminalreporter.section("workloads that tests left open; they were closed")
            for test, what in self._found:
                terminalreporter.line(f"{test}: {what}")


@pytest.fixture
def _qiskit_modes_wanted(request: pytest.FixtureRequest) -> _Wanted:
    settings: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("qiskit_modes"))):
        unknown = [
            *map(repr, marker.args),
            *sorted(set(marker.kwargs) - set(_Wanted.__dataclass_fields__)),
        ]
        if unknown:
            pytest.fail(
                f"The marker qiskit_modes has no argument {', '.join(unknown)}. It is {_MARKER}",
                pytrace=False,
            )
        settings.update(marker.kwargs)
    wanted = _Wanted(**settings)
    if wanted.clock not in ("system", "manual"):
        pytest.fail(
            f"The marker qiskit_modes has clock={wanted.clock!r}; it is 'system' or 'manual'",
            pytrace=False,
        )
    return wanted


@pytest.fixture
def local_scenario(
    request: pytest.FixtureRequest, _qiskit_modes_wanted: _Wanted
) -> Iterator[Faults]:
    """Scenario behind the doors: the runtime of this test, and what goes wrong in it.

    With the marker's ``clock="manual"`` it is a `Scenario`, otherwise a `Faults`.
    """
    from qiskit_modes.runtime.shared_runtime import use_runtime
    from qiskit_modes.scheduling import Instance
    from qiskit_modes.testing import Faults, Scenario
    from qiskit_modes.wire.opening import plan_named

    wanted = _qiskit_modes_wanted
    instance = Instance(plan=plan_named(wanted.plan))
    kind: type[Faults] = Scenario if wanted.clock == "manual" else Faults
    faults = kind(lanes=wanted.lanes, instance=instance)
    try:
        with use_runtime(faults.runtime):
            yield faults
    finally:
        for left in _close(faults.runtime):
            request.node.user_properties.append((_LEFT_OPEN, left))
        faults.runtime.shut_down()


@pytest.fixture
def local_service(local_scenario: Faults) -> LocalService:
    """The service of this package, with nothing in it but what the test does.

    This package's sessions, batches and primitives run there too, whatever backend they are given.
    """
    from qiskit_modes import LocalService

    return LocalService(runtime=local_scenario.runtime)


@pytest.fixture
def local_runtime(
    local_scenario: Faults, _qiskit_modes_wanted: _Wanted
) -> Iterator[QiskitRuntimeService]:
    """The service's own client, on this machine: see `qiskit_modes.client.local_runtime`."""
    from qiskit_modes import client

    with client.local_runtime(
        backends=_qiskit_modes_wanted.backends,
        runtime=local_scenario.runtime,
        seed=_qiskit_modes_wanted.seed,
    ) as service:
        yield service


@pytest.fixture(scope="session")
def _qiskit_modes_server() -> Iterator[Server]:
    from qiskit_modes.server import serve

    with serve(backends=["fake_manila"]) as server:
        yield server


@pytest.fixture
def runtime_server(
    _qiskit_modes_server: Server,
    local_scenario: Faults,
    _qiskit_modes_wanted: _Wanted,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Server]:
    """The service over HTTP, in the environment of this process and of those that it starts."""
    from qiskit_modes.wire import Platform

    platform = Platform(
        local_scenario.runtime,
        backends=_qiskit_modes_wanted.backends,
        seed=_qiskit_modes_wanted.seed,
    )
    with ExitStack() as stack:
        stack.enter_context(_qiskit_modes_server.app_state.using(platform))
        for name, value in _qiskit_modes_server.environment.items():
            monkeypatch.setenv(name, value)
        yield _qiskit_modes_server


def _close(runtime: LocalRuntime) -> list[str]:
    """Close what is open, and return what it was."""
    from qiskit_modes.scheduling import WorkloadState

    left = []
    for record in runtime.workloads():
        core = record.core
        if core.accepting_jobs and core.state is not WorkloadState.CLOSED:
            left.append(f"{core.mode} {core.id} on {record.qpu.name}, {core.jobs_submitted} job(s)")
        runtime.cancel_workload(record)
    return left
