"""What the tests of the server stand on."""
# ruff: noqa: F811 - fixtures that are shared by folders are imported, and then asked for by name

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import RuntimeEncoder

from qiskit_modes import Instance, Plan
from qiskit_modes.server import Server, serve
from qiskit_modes.testing import Scenario
from qiskit_modes.wire import Platform
from tests.door_fixtures import bell, scenario  # noqa: F401
from tests.server.asking import Answer, ask


@pytest.fixture(scope="session")
def sampling(bell: QuantumCircuit) -> dict[str, Any]:
    """The body of a request for a job."""
    params = {"pubs": [(bell, None, 10)], "options": {}, "version": 2, "support_qiskit": True}
    body = {"program_id": "sampler", "backend": "ibm_manila", "params": params}
    return json.loads(json.dumps(body, cls=RuntimeEncoder))


class Http:
    """Sends requests as they are written, with nothing added."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        prefix: str = "/experimental",
        **headers: str,
    ) -> Answer:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.server.port, method, prefix + path, data, names, host=self.server.host)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for all tests; each has a platform of its own behind it."""
    with serve(backends=["ibm_manila"]) as server:
        yield server


@pytest.fixture
def http_(server: Server, scenario: Scenario) -> Iterator[Http]:
    """Requests to a platform whose jobs go by the scenario's clock."""
    instances = [Instance("lab", Plan("premium")), Instance("other", Plan("premium"))]
    backends = ["ibm_manila", "ibm_quito"]
    platform = Platform(scenario.runtime, backends=backends, instances=instances)
    with server.app_state.using(platform):
        yield Http(server)


@pytest.fixture
def real(server: Server) -> Http:
    """Requests to a platform whose jobs are executed."""
    return Http(server)
