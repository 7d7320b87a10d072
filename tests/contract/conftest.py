"""Every test of this folder runs through every door, with the same asserts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from qiskit_modes.scheduling import Instance
from qiskit_modes.testing import Scenario
from tests.contract.doors import DOORS, Door, close_servers
from tests.door_fixtures import bell, pair  # noqa: F401


@pytest.fixture(scope="session", autouse=True)
def _no_server_is_left() -> Iterator[None]:
    yield
    close_servers()


@pytest.fixture(params=DOORS)
def door_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    """Jobs that have the QPU for a second of a clock that moves when somebody waits."""
    with Scenario(quantum_time=1) as scenario:
        yield scenario
        for qpu in scenario.runtime.registry.all():
            with qpu.mutex:
                qpu.scheduler.validate()


@pytest.fixture
def open_door(door_name: str, scenario: Scenario) -> Iterator[Callable[[Instance | None], Door]]:
    """Opens the door for an instance."""
    with ExitStack() as stack:
        yield lambda instance: stack.enter_context(DOORS[door_name](scenario.runtime, instance))


@pytest.fixture
def door(open_door: Callable[[Instance | None], Door]) -> Door:
    return open_door(None)
