"""Terms that are measured apart have the values that they have together."""

from unittest import mock

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparseObservable, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.exceptions import RuntimeJobFailureError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import EstimatorV2
from qiskit_modes.primitives.estimator import plain_job
from qiskit_modes.primitives.measurement.parts import cheapest_parts, light_cone
from qiskit_modes.simulation.compile.window import window_planner
from tests.simulation.test_wide import barely_noisy

SHOTS = 20_000


def circuit_on(backend) -> QuantumCircuit:
    angles = ParameterVector("t", 5)
    circuit = QuantumCircuit(5)
    for qubit, angle in enumerate(angles):
        circuit.ry(angle, qubit)
    for qubit in range(4):
        circuit.cx(qubit, qubit + 1)
    circuit.ry(angles[0], 3)
    return transpile(circuit, backend, initial_layout=range(5), optimization_level=1)


def estimated(observables, values, *, apart: bool):
    backend = FakeManilaV2()
    circuit = circuit_on(backend)
    options = {"default_shots": SHOTS, "resilience_level": 0}
    limits = {"TOGETHER_SECONDS": -1.0 if apart else 1e9}

    def every_term_alone(terms, seconds):
        return sum(map(seconds, terms)), list(terms)

    with mock.patch.multiple(plain_job, **limits):
        if apart:
            limits = {"cheapest_parts": every_term_alone}
        with mock.patch.multiple(plain_job, **limits):
            return (
                EstimatorV2(backend, options=options)
                .run([(circuit, observables, values)])
                .result()[0]
            )


def test_apart_as_together():
    values = np.linspace(0.1, 2.9, 10).reshape(2, 5)
    sums = [
        SparsePauliOp(["ZZIII", "IIZZI", "IIIIZ", "XIXII"], [1.0, 0.5, -2.0, 0.7]),
        SparsePauliOp(["ZZZZZ", "IIIII"], [1.0, 3.0]),
    ]
    observables = [[each] for each in sums]
    together, apart = (estimated(observables, values, apart=apart) for apart in (False, True))
    assert together.data.evs.shape == apart.data.evs.shape == (2, 2)
    error = np.hypot(together.data.stds, apart.data.stds)
    # Eight values; right ones are all within 5.5 standard errors but once in ten million times.
    assert (abs(together.data.evs - apart.data.evs) < 5.5 * error).all()
    assert (apart.data.stds > 0).all()
    assert together.metadata["simulation"]["num_bases"] == 2
    assert apart.metadata["simulation"]["num_bases"] == 2


def test_projectors_apart():
    observables = SparseObservable.from_list([("0Z1II", 1.0), ("IIIZ+", 0.5)])
    values = np.full(5, 0.8)
    together, apart = (estimated(observables, values, apart=apart) for apart in (False, True))
    error = np.hypot(together.data.stds, apart.data.stds)
    assert abs(together.data.evs - apart.data.evs) < 5.5 * error


def test_neighbours_are_together_while_that_is_cheaper():
    terms = [frozenset({k, k + 1}) for k in range(6)]
    assert cheapest_parts(terms, lambda places: 0.5) == (0.5, [frozenset(range(7))])
    assert cheapest_parts(terms, lambda places: 1e-9 * 10.0 ** len(places))[1] == terms
    total, parts = cheapest_parts(terms, lambda p: 0.5 if len(p) <= 3 else np.inf)
    assert total == 1.5
    assert parts == [frozenset({0, 1, 2}), frozenset({2, 3, 4}), frozenset({4, 5, 6})]


def test_what_takes_long_is_not_tried_together():
    tried = []

    def seconds(places):
        tried.append(places)
        return 100.0

    terms = [frozenset({0, 1}), frozenset({0}), frozenset({2})]
    assert cheapest_parts(terms, seconds) == (200.0, [frozenset({0, 1}), frozenset({2})])
    assert tried == terms


def test_a_light_cone_keeps_what_its_qubits_depend_on():
    circuit = QuantumCircuit(4, 1)
    circuit.h(range(4))
    circuit.cx(0, 1)
    circuit.measure(2, 0)
    with circuit.if_test((0, 1)):
        circuit.x(1)
    circuit.cx(2, 3)
    names = [step.name for step in light_cone(circuit, [1]).data]
    assert names == ["h", "h", "h", "cx", "measure", "if_else"]
    assert [step.name for step in light_cone(circuit, [0]).data] == ["h", "h", "cx"]


def scattered(layers: int) -> tuple[QuantumCircuit, list[SparsePauliOp]]:
    """Gates that join sixty qubits here and there, and terms of which each depends on few."""
    circuit = QuantumCircuit(60)
    rng = np.random.default_rng(3)
    for _ in range(layers):
        order = rng.permutation(60)
        for one, other in zip(order[::2], order[1::2], strict=True):
            circuit.rx(0.3, int(one))
            circuit.cz(int(one), int(other))
    terms = [SparsePauliOp.from_sparse_list([("Z", [k], 1.0)], num_qubits=60) for k in range(60)]
    return circuit, terms


def test_what_is_feasible_in_parts_is_not_refused_as_a_whole(monkeypatch):
    monkeypatch.setattr(window_planner, "LONGEST_SHOT_SECONDS", 2e-3)
    backend = AerSimulator(noise_model=barely_noisy())
    estimator = EstimatorV2(backend, options={"resilience_level": 0, "default_shots": 2000})
    circuit, terms = scattered(layers=3)
    with pytest.raises(RuntimeJobFailureError, match="have to be held at a time"):
        estimator.run([(circuit, SparsePauliOp("Z" * 60))]).result()
    result = estimator.run([(circuit, terms[:30])]).result()[0]
    assert result.metadata["simulation"]["num_bases"] == 1
    assert (abs(result.data.evs) <= 1.0).all()
    assert result.data.evs.mean() > 0.4
