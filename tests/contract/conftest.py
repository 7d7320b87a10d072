"""Every test of this folder runs through every door, with the same asserts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.scheduling import Instance
from qiskit_modes.testing import Scenario
from tests.contract.doors import DOORS, Door, close_servers


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
