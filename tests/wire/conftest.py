"""What the tests of the interface stand on."""
# ruff: noqa: F811 - fixtures that are shared by folders are imported, and then asked for by name

from __future__ import annotations

import pytest

from qiskit_modes import Instance, Plan
from qiskit_modes.testing import Scenario
from qiskit_modes.wire import InstanceApi, Platform
from tests.door_fixtures import bell, pair, scenario  # noqa: F401


@pytest.fixture
def platform(scenario: Scenario) -> Platform:
    return Platform(
        scenario.runtime,
        backends=["ibm_manila", "ibm_quito"],
        instances=[Instance("lab", Plan("premium")), Instance("other", Plan("premium"))],
    )


@pytest.fixture
def api(platform: Platform) -> InstanceApi:
    return platform.api("lab")
