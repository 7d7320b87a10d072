"""What the tests of the client's door stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.providers import BackendV2
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.client import local_runtime
from qiskit_modes.testing import Scenario

collect_ignore = ["scripts"]
"""Programs of users: importing one would run it, against the real service."""


@pytest.fixture(scope="session")
def bell() -> QuantumCircuit:
    """A Bell pair for Manila."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return generate_preset_pass_manager(1, FakeManilaV2(), seed_transpiler=1).run(circuit)


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    """Jobs that last a second each on a clock of their own, and are not executed."""
    with Scenario() as scenario:
        yield scenario


@pytest.fixture
def service(scenario: Scenario) -> Iterator[QiskitRuntimeService]:
    """The client's service, on the scenario's runtime."""
    with local_runtime(backends=["ibm_manila", "ibm_quito"], runtime=scenario.runtime) as service:
        yield service


@pytest.fixture
def backend(service: QiskitRuntimeService) -> BackendV2:
    return service.backend("ibm_manila")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection fails."""
    import socket

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"a connection was opened: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
