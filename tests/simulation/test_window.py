"""Shots drawn qubit by qubit have the distribution that the whole circuit has."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter

from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.run.window.component import WindowComponent
from qiskit_modes.simulation.run.window.kraus import kraus_operators, least_likelihood
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS
from tests.examples import examples
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample
from tests.simulation.devices import device
from tests.simulation.strategies import dynamic_circuits, static_circuits, static_devices

PAULI = DEFAULT_SETTINGS._replace(only="Pauli window")
STATE = DEFAULT_SETTINGS._replace(only="state window")
WAYS = pytest.mark.parametrize("way", [PAULI, STATE], ids=["Pauli", "state"])
SOME = settings(
    max_examples=examples(daily=6),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@WAYS
@SOME
@given(data=st.data(), name=static_devices, seed=st.integers(0, 2**32 - 1))
def test_static_circuits(way, data, name, seed):
    circuit, backend = data.draw(static_circuits(name)), device(name)
    values = [0.4, -1.3, 2.2][: circuit.num_parameters]
    exact = outcome_probabilities(compile_circuit(circuit, backend), values)
    compiled = compile_circuit(circuit, backend, way)
    assert all(isinstance(each, WindowComponent) for each in compiled.components)
    drawn = sample(compiled, values=[values], shots=20_000, seed=seed)
    assert_drawn_from(memory_counts(circuit, drawn), exact)


@WAYS
@SOME
@given(data=st.data(), name=static_devices, seed=st.integers(0, 2**32 - 1))
def test_circuits_with_feed_forward(way, data, name, seed):
    circuit, backend = data.draw(dynamic_circuits(name)), device(name)
    exact = outcome_probabilities(compile_circuit(circuit, backend))
    drawn = sample(circuit, backend, shots=5_000, seed=seed, settings=way)
    assert_drawn_from(memory_counts(circuit, drawn), exact)


@SOME
@given(data=st.data(), name=static_devices, seed=st.integers(0, 2**32 - 1))
def test_parameter_sets_together_draw_what_each_draws_alone(data, name, seed):
    circuit = data.draw(static_circuits(name))
    compiled = compile_circuit(circuit, device(name), PAULI)
    assert all(each.sets_together(50) > 1 for each in compiled.components)
    assert_sets_draw_alike(compiled, (5, circuit.num_parameters), seed)


@SOME
@given(data=st.data(), name=static_devices, seed=st.integers(0, 2**32 - 1))
def test_parameter_sets_together_go_through_feed_forward(data, name, seed):
    circuit = data.draw(dynamic_circuits(name))
    parameter = Parameter("t")
    first = circuit.copy_empty_like()
    for qubit in sorted({circuit.find_bit(q).index for step in circuit.data for q in step.qubits}):
        first.sx(qubit)
        first.rz(parameter * (qubit + 1), qubit)
        first.sx(qubit)
    compiled = compile_circuit(first.compose(circuit), device(name), PAULI)
    assert_sets_draw_alike(compiled, (3, 1), seed)


def assert_sets_draw_alike(compiled, shape, seed):
    values = np.random.default_rng(seed).uniform(-3, 3, shape)
    together = sample(compiled, values=values, shots=50, seed=seed)
    with mock.patch.object(WindowComponent, "sets_together", return_value=1):
        alone = sample(compiled, values=values, shots=50, seed=seed)
    for name in together:
        assert np.array_equal(together[name], alone[name])


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 2), data=st.data())
def test_operators_make_up_their_channel(seed, width, data):
    from qiskit.quantum_info import Kraus, random_quantum_channel

    from qiskit_modes.simulation.pauli_basis import from_kraus

    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4**width + 1))
    channel = Kraus(random_quantum_channel(2**width, rank=rank, seed=seed))
    transfer = from_kraus(channel.data)
    entering = sorted(data.draw(st.sets(st.integers(0, width - 1))))
    operators = kraus_operators(transfer[None], entering)[0]
    met = [k for k in range(2**width) if not any(k >> (width - 1 - q) & 1 for q in entering)]
    vector = rng.normal(size=len(met)) + 1j * rng.normal(size=len(met))
    vector /= np.linalg.norm(vector)
    likelihoods = [np.linalg.norm(each @ vector) ** 2 for each in operators]
    assert sum(likelihoods) == pytest.approx(1.0)
    assert likelihoods[0] >= least_likelihood(operators[None])[0] - 1e-12
    whole = np.zeros(2**width, dtype=complex)
    whole[met] = vector
    swap = [int(f"{k:0{width}b}"[::-1], 2) for k in range(2**width)]  # our order and Qiskit's
    from qiskit.quantum_info import DensityMatrix

    expected = DensityMatrix(np.outer(whole[swap], whole[swap].conj())).evolve(channel).data
    found = sum(np.outer(each @ vector, (each @ vector).conj()) for each in operators)
    assert np.allclose(found[np.ix_(swap, swap)], expected)
