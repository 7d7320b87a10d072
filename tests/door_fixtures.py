"""What the folders that test the doors share: circuits for Manila, and a stage for their jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.testing import Scenario

__all__ = ["bell", "no_network", "pair", "scenario"]


@pytest.fixture(scope="session")
def pair() -> QuantumCircuit:
    """A Bell pair for Manila that is not measured, on its first two qubits."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    manager = generate_preset_pass_manager(
        1, FakeManilaV2(), initial_layout=[0, 1], seed_transpiler=1
    )
    return manager.run(circuit)


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
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection fails."""
    import socket

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"a connection was opened: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
