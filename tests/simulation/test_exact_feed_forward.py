"""Circuits with feed-forward have exactly the distribution of a naive sum over branches."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from tests.examples import examples
from tests.simulation.comparing import assert_same
from tests.simulation.devices import device, noise_model
from tests.simulation.reference import reference_distribution
from tests.simulation.strategies import dynamic_circuits, static_devices


@settings(
    max_examples=examples(daily=4),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), name=static_devices)
def test_as_the_reference(data, name):
    circuit = data.draw(dynamic_circuits(name))
    backend = device(name)
    found = outcome_probabilities(compile_circuit(circuit, backend))
    assert_same(found, reference_distribution(circuit, backend, noise_model(backend)), circuit)
