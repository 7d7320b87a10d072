"""Observables with projectors, wherever upstream's client-side estimator takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives.containers import BitArray
from qiskit.quantum_info import SparseObservable, SparsePauliOp, Statevector
from qiskit_ibm_runtime.exceptions import IBMInputValueError
from qiskit_ibm_runtime.executor_estimator import Estimator as ClientSideEstimator

from qiskit_modes import EstimatorV2
from qiskit_modes.primitives.measurement.expectation_values import expectation_values, mean_squares

LETTERS = "IXYZ01+-rl"

OPTIONS: dict[str, dict[str, Any]] = {
    "level 0": {},
    "gates twirled": {"twirling": {"enable_gates": True}},
    "measurements twirled": {"twirling": {"enable_measure": True}},
    "extrapolated": {"resilience": {"zne_mitigation": True}},
}


def prepared() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.ry(0.7, 2)
    circuit.rx(Parameter("a"), 1)
    return circuit


def observables() -> list[SparseObservable]:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(4):
        labels = ["".join(rng.choice(list(LETTERS), 3)) for _ in range(5)]
        found.append(SparseObservable.from_list([(each, rng.uniform(-1, 1)) for each in labels]))
    return [*found, SparseObservable("000"), SparseObservable("l-1")]


def exact(angle: float) -> list[float]:
    state = Statevector(prepared().assign_parameters([angle]))
    operators = [SparsePauliOp.from_sparse_observable(each.as_paulis()) for each in observables()]
    return [state.expectation_value(each).real for each in operators]


@pytest.mark.parametrize("name", OPTIONS)
def test_values_are_exact_and_errors_are_those_of_upstream(name, ideal):
    options = {"resilience_level": 0, "simulator": {"seed_simulator": 8}, **OPTIONS[name]}
    angles = [[0.3], [1.9]]
    pub = (prepared(), [[each] for each in observables()], angles)

    def found(kind):
        return kind(ideal, options=options).run([pub], precision=0.02).result()[0].data

    ours = found(EstimatorV2)
    expected = np.transpose([exact(angle) for (angle,) in angles])
    assert np.all(abs(ours.evs - expected) < 6 * ours.stds + 0.02)
    if name == "level 0":  # all others draw randomisations
        # Of single terms: how terms vary together is left out by upstream.
        theirs = found(ClientSideEstimator)
        np.testing.assert_allclose(ours.stds[-2:], theirs.stds[-2:], rtol=0.1, atol=2e-3)


def test_where_gates_cannot_be_twirled(ideal):
    circuit = prepared().assign_parameters([0.3])
    with circuit.for_loop(range(2)):
        circuit.x(0)
    options = {"resilience_level": 0, "twirling": {"enable_measure": True}}
    options["simulator"] = {"seed_simulator": 3}
    data = EstimatorV2(ideal, options=options).run([(circuit, observables())]).result()[0].data
    assert np.all(abs(data.evs - exact(0.3)) < 6 * data.stds + 0.02)


@pytest.mark.parametrize("level", [1, 2])
def test_mitigated_measurements_refuse_them_and_say_what_to_do(level, ideal):
    estimator = EstimatorV2(ideal, options={"resilience_level": level})
    with pytest.raises(IBMInputValueError, match=r"PUB 0: measurements .*as_paulis\(\)"):
        estimator.run([(QuantumCircuit(2), "01")])
    estimator.options.resilience.measure_mitigation = False
    assert float(estimator.run([(QuantumCircuit(2), "00")]).result()[0].data.evs) == 1


def test_many_qubits_are_not_written_out_as_paulis(ideal):
    circuit = QuantumCircuit(40)
    observable = SparseObservable("0" * 40)
    for options in OPTIONS.values():
        estimator = EstimatorV2(ideal, options={"resilience_level": 0, **options})
        assert float(estimator.run([(circuit, observable)]).result()[0].data.evs) == 1


@given(data=st.data())
def test_means_over_the_shots_that_count(data):
    num_bits = data.draw(st.integers(1, 20))
    shots = data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    bits = rng.random((3, shots, num_bits)) < 0.4
    kinds = rng.integers(0, 4, (6, num_bits))  # left out, multiplied, kept if 0, kept if 1
    supports = [tuple(np.flatnonzero(row == 1).tolist()) for row in kinds]
    projections = [
        tuple((int(bit), int(row[bit]) - 2) for bit in np.flatnonzero(row >= 2)) for row in kinds
    ]
    signs = 1 - 2.0 * bits
    expected, squares = [], []
    for support, projection in zip(supports, projections, strict=True):
        values = signs[..., list(support)].prod(axis=-1)
        for bit, kept in projection:
            values = values * (bits[..., bit] == kept)
        expected.append(values.mean(axis=-1))
        squares.append((values**2).mean(axis=-1))
    packed = BitArray.from_bool_array(bits, order="little").array
    together = [(*one, *other) for one, other in zip(supports, projections, strict=True)]
    np.testing.assert_allclose(expectation_values(packed, together), expected, atol=1e-12)
    (found,) = mean_squares(packed, together, [np.eye(len(together))])
    np.testing.assert_allclose(found, squares, atol=1e-6)
