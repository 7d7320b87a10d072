"""What the tests of the client's door stand on."""
# ruff: noqa: F811 - fixtures that are shared by folders are imported, and then asked for by name

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qiskit.providers import BackendV2
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_modes.client import local_runtime
from qiskit_modes.testing import Scenario
from tests.door_fixtures import bell, no_network, scenario  # noqa: F401

collect_ignore = ["scripts"]
"""Programs of users: importing one would run it, against the real service."""


@pytest.fixture
def service(scenario: Scenario) -> Iterator[QiskitRuntimeService]:
    """The client's service, on the scenario's runtime."""
    with local_runtime(backends=["ibm_manila", "ibm_quito"], runtime=scenario.runtime) as service:
        yield service


@pytest.fixture
def backend(service: QiskitRuntimeService) -> BackendV2:
    return service.backend("ibm_manila")
