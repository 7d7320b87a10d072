"""Instructions without qubits, through every primitive and whatever rebuilds a circuit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import Barrier, QuantumCircuit
from qiskit.circuit.classical import expr, types
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.exceptions import IBMInputValueError

from qiskit_modes import EstimatorV2, Executor, QuantumProgram, SamplerV2, estimate_usage


def flipped(circuit: QuantumCircuit) -> None:
    truth = circuit.add_var("truth", expr.lift(True))
    circuit.store(truth, expr.logic_not(truth))


def a_bit(circuit: QuantumCircuit) -> None:
    circuit.store(circuit.clbits[0], True)


def overwritten(circuit: QuantumCircuit) -> None:
    given = circuit.add_input("given", types.Uint(4))
    circuit.store(given, 3)


def an_empty_barrier(circuit: QuantumCircuit) -> None:
    circuit.append(Barrier(0), [])


def a_body_without_qubits(circuit: QuantumCircuit) -> None:
    number = circuit.add_var("number", expr.lift(3, types.Uint(4)))
    with circuit.if_test((circuit.clbits[1], 0)):
        circuit.store(number, 4)
    with circuit.if_test(expr.not_equal(number, 4)):
        circuit.x([0, 1])


def an_empty_switch(circuit: QuantumCircuit) -> None:
    with circuit.switch(circuit.clbits[1]) as case, case(case.DEFAULT):
        pass


CLASSICAL = [
    flipped,
    a_bit,
    overwritten,
    an_empty_barrier,
    a_body_without_qubits,
    an_empty_switch,
]
WITH_CONTROL_FLOW = [a_body_without_qubits, an_empty_switch]

ESTIMATORS: dict[str, dict[str, Any]] = {
    "level 0": {"resilience_level": 0},
    "level 1": {"resilience_level": 1},
    "level 2": {"resilience_level": 2},
    "gates twirled": {"resilience_level": 0, "twirling": {"enable_gates": True}},
    "decoupled": {"resilience_level": 0, "dynamical_decoupling": {"enable": True}},
    "rounded": {"resilience_level": 0, "simulator": {"angle_decimals": 3}},
}
BOXED = {"level 2", "gates twirled", "decoupled"}
"""With these, control flow is refused by name, as upstream does."""

SAMPLERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "measurements twirled": {"twirling": {"enable_measure": True}},
    "rounded": {"simulator": {"angle_decimals": 3}},
}


def circuit_with(build: Callable[[QuantumCircuit], None], *, measured: bool) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    build(circuit)
    circuit.cx(0, 1)
    if measured:
        circuit.measure_all()
    return circuit


@pytest.fixture(params=["device", "simulator"])
def backend(request: pytest.FixtureRequest, manila: Any) -> Any:
    return manila if request.param == "device" else AerSimulator.from_backend(manila)


@pytest.mark.parametrize("build", CLASSICAL)
def test_estimators(build, backend):
    for name, options in ESTIMATORS.items():
        if name == "decoupled" and isinstance(backend, AerSimulator):
            continue
        estimator = EstimatorV2(backend, options=options)
        pubs = [(circuit_with(build, measured=False), ["IZ", "ZI"])]
        if name in BOXED and build in WITH_CONTROL_FLOW:
            with pytest.raises(IBMInputValueError, match="control flow"):
                estimator.run(pubs)
            continue
        found = estimator.run(pubs).result()[0].data.evs
        np.testing.assert_allclose(found, -1, atol=0.3, err_msg=name)


@pytest.mark.parametrize("build", CLASSICAL)
def test_samplers_executors_and_estimates(build, backend):
    circuit = circuit_with(build, measured=True)
    for name, options in SAMPLERS.items():
        result = SamplerV2(backend, options=options).run([circuit], shots=256).result()
        assert result[0].data.meas.get_counts()["11"] > 180, name
    program = QuantumProgram(256)
    program.append_circuit_item(circuit)
    (item,) = Executor(backend).run(program).result()
    assert item["meas"].mean() > 0.85
    assert estimate_usage([circuit], backend).seconds > 0


def test_what_a_sampler_stores_is_in_its_result(backend):
    circuit = circuit_with(a_bit, measured=True)
    for options in SAMPLERS.values():
        data = SamplerV2(backend, options=options).run([circuit], shots=64).result()[0].data
        assert set(data.c.get_counts()) == {"01"}


@pytest.mark.parametrize("build", [flipped, a_bit, overwritten])
def test_stores_have_no_place_in_a_schedule(build, manila):
    sampler = SamplerV2(manila, options={"dynamical_decoupling": {"enable": True}})
    with pytest.raises(IBMInputValueError, match="stores have no place in one"):
        sampler.run([circuit_with(build, measured=True)])


def test_every_primitive_refuses_a_variable_without_a_value(backend):
    circuit = QuantumCircuit(1, 1)
    given = circuit.add_input("given", types.Bool())
    with circuit.if_test(given):
        circuit.x(0)
    program = QuantumProgram(10)
    program.append_circuit_item(circuit)
    pub = (circuit, "Z")
    runs = [
        *(lambda o=o: EstimatorV2(backend, options=o).run([pub]) for o in ESTIMATORS.values()),
        *(lambda o=o: SamplerV2(backend, options=o).run([circuit]) for o in SAMPLERS.values()),
        lambda: Executor(backend).run(program),
        lambda: estimate_usage([circuit], backend),
    ]
    for run in runs:
        with pytest.raises(IBMInputValueError, match="'given'"):
            run()
