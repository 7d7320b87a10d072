"""What circuits mean at each door: that of the family of primitives which the door is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.classical import types
from qiskit_ibm_runtime.exceptions import IBMInputValueError, IBMRuntimeError

from qiskit_modes.runtime.local_runtime import LocalRuntime
from tests.contract.doors import DOORS, Door

CLIENT_SIDE = ("native", "client-side")
"""The doors that follow upstream's client-side family; the others follow the older one."""


@pytest.fixture
def door(door_name: str) -> Iterator[Door]:
    """A door to a runtime that executes."""
    with LocalRuntime() as runtime, DOORS[door_name](runtime, None) as door:
        yield door


def estimate(door: Door, circuit: QuantumCircuit, observable: Any, level: int) -> float:
    options = {"resilience_level": level}
    job = door.estimator(mode=door.backend, options=options).run([(circuit, observable)])
    return float(job.result()[0].data.evs)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_final_measurements(door, door_name, level):
    circuit = QuantumCircuit(5, 1)
    circuit.rz(1.5707963267948966, 0)
    circuit.sx(0)
    circuit.rz(1.5707963267948966, 0)
    circuit.measure(0, 0)
    expected = 1 if door_name in CLIENT_SIDE else 0
    assert estimate(door, circuit, "IIIIX", level) == pytest.approx(expected, abs=0.15)


def test_projectors(door, door_name):
    circuit = QuantumCircuit(5)
    circuit.x(0)
    if door_name in CLIENT_SIDE:
        assert estimate(door, circuit, "IIIZ1", 0) == pytest.approx(0.96, abs=0.08)
    else:
        with pytest.raises(IBMInputValueError, match="limited to I, X, Y, Z"):
            estimate(door, circuit, "IIIZ1", 0)


def test_a_variable_without_a_value(door):
    circuit = QuantumCircuit(5, 1)
    given = circuit.add_input("given", types.Bool())
    with circuit.if_test(given):
        circuit.x(0)
    circuit.measure(0, 0)
    with pytest.raises((IBMInputValueError, IBMRuntimeError), match="given"):
        door.sampler(mode=door.backend).run([circuit])


@pytest.mark.filterwarnings("ignore:.*no (output )?classical registers")
def test_no_classical_registers(door, door_name):
    circuit = QuantumCircuit(5)
    circuit.x(0)
    job = door.sampler(mode=door.backend).run([circuit])
    if door_name == "client-side":
        job.wait_for_final_state()  # upstream's client cannot read such a result
        assert job.status() == "DONE"
    else:
        assert list(job.result()[0].data.keys()) == []
