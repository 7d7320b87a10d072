"""Measurements with which a circuit ends, for estimators: one meaning at every level and door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.circuit.classical import expr, types
from qiskit_ibm_runtime.executor_estimator import Estimator as ClientSideEstimator

from qiskit_modes import EstimatorV2
from qiskit_modes.primitives.inputs.final_measurements import (
    held_measurements,
    without_final_measurements,
)

LEVELS: dict[str, dict[str, Any]] = {
    "level 0": {"resilience_level": 0},
    "level 1": {"resilience_level": 1},
    "level 2": {"resilience_level": 2},
    "gates twirled": {"resilience_level": 0, "twirling": {"enable_gates": True}},
    "measurements twirled": {"resilience_level": 0, "twirling": {"enable_measure": True}},
}
BOXED = ["level 2", "gates twirled"]
TAKES_CONTROL_FLOW = ["level 0", "level 1", "measurements twirled"]


def circuit_of(build: Callable[[QuantumCircuit], object], bits: int = 2) -> QuantumCircuit:
    circuit = QuantumCircuit(2, bits)
    circuit.h(0)
    build(circuit)
    return circuit


def measured_all(circuit: QuantumCircuit) -> None:
    circuit.h(1)
    circuit.measure_all()


def barrier_and_more(circuit: QuantumCircuit) -> None:
    circuit.measure(0, 0)
    circuit.barrier()
    circuit.h(1)


# What is measured, and the values of X on each qubit, client-side and in the older family.
STATIC: dict[str, tuple[Callable[[QuantumCircuit], object], list[float], list[float]]] = {
    "nothing": (lambda c: c.h(1), [1, 1], [1, 1]),
    "all": (measured_all, [1, 1], [0, 0]),
    "a part": (lambda c: (c.h(1), c.measure(0, 0)), [1, 1], [0, 1]),
    "twice": (lambda c: (c.h(1), c.measure(0, 0), c.measure(0, 1)), [1, 1], [0, 1]),
    "into one bit": (lambda c: (c.h(1), c.measure([0, 1], [0, 0])), [1, 1], [0, 0]),
    "behind barriers": (
        lambda c: (c.h(1), c.barrier(), c.measure(0, 0), c.barrier(), c.measure(1, 1)),
        [1, 1],
        [0, 0],
    ),
    "in the middle": (lambda c: (c.measure(0, 0), c.z(0), c.h(1)), [0, 1], [0, 1]),
    "in the middle and at the end": (
        lambda c: (c.measure(0, 0), c.h(0), c.measure(0, 0), c.h(1), c.measure(1, 1)),
        [0, 1],
        [0, 0],
    ),
    "before a barrier that is not final": (barrier_and_more, [0, 1], [0, 1]),
    # Upstream cannot twirl gates around a reset.
    "before a reset": (lambda c: (c.measure(0, 0), c.reset(0), c.h(0), c.h(1)), [1, 1], [1, 1]),
}


def values(backend: Any, options: Any, pub: Any, *, older: bool = False) -> np.ndarray:
    estimator = EstimatorV2(backend, options={**options, "simulator": {"seed_simulator": 7}})
    estimator.older = older
    return estimator.run([pub]).result()[0].data.evs


@pytest.mark.parametrize("level", LEVELS)
def test_one_meaning_at_every_level(level, ideal):
    for name, (build, client_side, older) in STATIC.items():
        if level in BOXED and "reset" in name:
            continue
        pub = (circuit_of(build), ["IX", "XI"])
        found = values(ideal, LEVELS[level], pub)
        np.testing.assert_allclose(found, client_side, atol=0.13, err_msg=name)
        found = values(ideal, LEVELS[level], pub, older=True)
        np.testing.assert_allclose(found, older, atol=0.13, err_msg=name)


@pytest.mark.parametrize("level", ["level 0", pytest.param("level 1", marks=pytest.mark.slow)])
def test_the_meaning_is_that_of_upstreams_client_side_estimator(level, ideal):
    for name, (build, client_side, _) in STATIC.items():
        if level == "level 1" and "reset" in name:
            continue
        estimator = ClientSideEstimator(ideal, options=LEVELS[level])
        found = estimator.run([(circuit_of(build), ["IX", "XI"])]).result()[0].data.evs
        np.testing.assert_allclose(found, client_side, atol=0.13, err_msg=name)


def decided_by_it(circuit: QuantumCircuit) -> None:
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.h(1)
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.h(1)


def stored(circuit: QuantumCircuit) -> None:
    circuit.measure(0, 0)
    copy = circuit.add_var("copy", expr.lift(circuit.clbits[0]))
    with circuit.if_test(expr.logic_or(copy, expr.logic_not(copy))):
        circuit.h(1)


def switched_by_its_register(circuit: QuantumCircuit) -> None:
    circuit.measure(0, 0)
    with circuit.switch(circuit.cregs[0]) as case, case(case.DEFAULT):
        circuit.h(1)


def after_control_flow(circuit: QuantumCircuit) -> None:
    circuit.measure(1, 0)
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.h(1)
    circuit.measure(0, 1)
    circuit.measure(1, 0)


def in_a_body(circuit: QuantumCircuit) -> None:
    circuit.h(1)
    with circuit.if_test((circuit.clbits[1], 0)):
        circuit.measure(0, 0)


# One whose outcome decides what happens to another qubit is kept in both families.
DYNAMIC = {
    "decided by it": (decided_by_it, [0, 1], [0, 1]),
    "stored": (stored, [0, 1], [0, 1]),
    "switched by its register": (switched_by_its_register, [0, 1], [0, 1]),
    "after control flow": (after_control_flow, [1, 1], [0, 0]),
    "in a body": (in_a_body, [0, 1], [0, 1]),
}


@pytest.mark.parametrize("level", TAKES_CONTROL_FLOW)
def test_control_flow(level, ideal):
    for name, (build, client_side, older) in DYNAMIC.items():
        pub = (circuit_of(build), ["IX", "XI"])
        found = values(ideal, LEVELS[level], pub)
        np.testing.assert_allclose(found, client_side, atol=0.13, err_msg=name)
        found = values(ideal, LEVELS[level], pub, older=True)
        np.testing.assert_allclose(found, older, atol=0.13, err_msg=name)


def test_the_names_of_registers_do_not_matter(ideal):
    for register in (ClassicalRegister(1, "_meas"), ClassicalRegister(1, "basis")):
        circuit = QuantumCircuit(1)
        circuit.add_register(register)
        circuit.h(0)
        circuit.measure(0, 0)
        again = circuit.copy()
        again.h(0)
        for options in LEVELS.values():
            assert values(ideal, options, (circuit, "X")) == pytest.approx(1)
            assert values(ideal, options, (again, "X")) == pytest.approx(0, abs=0.13)


@st.composite
def static_circuits(draw: st.DrawFn) -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    for _ in range(draw(st.integers(1, 9))):
        qubit, other = draw(st.permutations(range(3)))[:2]
        match draw(st.sampled_from(["h", "cx", "measure", "measure", "barrier", "delay", "reset"])):
            case "cx":
                circuit.cx(qubit, other)
            case "measure":
                circuit.measure(qubit, draw(st.integers(0, 2)))
            case "barrier":
                circuit.barrier(draw(st.sampled_from([[qubit], [qubit, other], [0, 1, 2]])))
            case "delay":
                circuit.delay(10, qubit)
            case name:
                getattr(circuit, name)(qubit)
    return circuit


def on_qubits(circuit: QuantumCircuit) -> list[Any]:
    """What happens on each qubit, but for barriers."""
    happens: list[Any] = [[] for _ in circuit.qubits]
    for step in circuit.data:
        for qubit in step.qubits:
            if step.name != "barrier":
                others = [circuit.find_bit(each).index for each in step.qubits]
                happens[circuit.find_bit(qubit).index].append((step.name, others))
    return happens


@given(circuit=static_circuits())
def test_final_is_what_qiskit_calls_so(circuit):
    ours = without_final_measurements(circuit)
    assert on_qubits(ours) == on_qubits(circuit.remove_final_measurements(inplace=False))
    assert without_final_measurements(ours) is ours
    assert ours.cregs == circuit.cregs
    held = held_measurements(circuit)
    assert on_qubits(held) == on_qubits(held.remove_final_measurements(inplace=False))
    assert held.count_ops().get("measure") == circuit.count_ops().get("measure")


def test_what_a_circuit_has_beside_instructions_stays():
    circuit = QuantumCircuit(1, 1, global_phase=1, metadata={"name": "mine"})
    variable = circuit.add_var("v", expr.lift(3, types.Uint(4)))
    circuit.measure(0, 0)
    rest = without_final_measurements(circuit)
    assert [step.name for step in rest.data] == ["store"]
    assert (rest.global_phase, rest.metadata) == (1, {"name": "mine"})
    assert list(rest.iter_vars()) == [variable]
