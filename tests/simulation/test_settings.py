"""Every optimisation may be switched off, and nothing changes but the time it takes."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit

from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS
from tests.examples import examples
from tests.simulation.comparing import assert_same, sample
from tests.simulation.devices import device
from tests.simulation.strategies import dynamic_circuits, static_circuits, static_devices

VARIANTS = {
    "prune": {"prune": False},
    "split_components": {"split_components": False},
    "merge": {"merge": False},
    "lazy_qubits": {"lazy_qubits": False},
    "fold_from_qubits": {"fold_from_qubits": 1},
    "state_vectors": {"state_vectors": False},
    "everything": {
        "state_vectors": False,
        "prune": False,
        "split_components": False,
        "merge": False,
        "lazy_qubits": False,
        "fold_from_qubits": 99,
    },
}


def test_every_switch_is_tested():
    switches = {name for name, value in DEFAULT_SETTINGS._asdict().items() if type(value) is bool}
    # This one is a caller's word about values, and no optimisation: see test_methods.
    assert switches - {"clifford_angles"} <= VARIANTS.keys()


@pytest.mark.parametrize("variant", VARIANTS)
@given(data=st.data(), name=static_devices)
def test_static_circuits(variant, data, name):
    circuit = data.draw(static_circuits(name))
    values = [0.4, -1.3, 2.2][: circuit.num_parameters]
    changed = DEFAULT_SETTINGS._replace(**VARIANTS[variant])
    default, other = (
        outcome_probabilities(compile_circuit(circuit, device(name), settings), values)
        for settings in (DEFAULT_SETTINGS, changed)
    )
    assert_same(default, other, circuit)


@pytest.mark.parametrize("variant", ["prune", "split_components", "merge", "everything"])
@hypothesis_settings(
    max_examples=examples(daily=8),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), name=static_devices)
def test_circuits_with_feed_forward(variant, data, name):
    circuit = data.draw(dynamic_circuits(name))
    changed = DEFAULT_SETTINGS._replace(**VARIANTS[variant])
    default, other = (
        outcome_probabilities(compile_circuit(circuit, device(name), settings))
        for settings in (DEFAULT_SETTINGS, changed)
    )
    assert_same(default, other, circuit)


def test_how_many_parameter_sets_run_at_once_does_not_change_a_bit():
    from qiskit.circuit import ParameterVector

    angles = ParameterVector("t", 2)
    circuit = QuantumCircuit(5, 3)
    circuit.rz(angles[0], 0)
    circuit.sx(0)
    circuit.rz(angles[1], 0)
    circuit.cx(0, 1)
    circuit.sx(3)
    circuit.measure([0, 1, 3], [0, 1, 2])
    values = [[0.1 * k, 0.7 * k] for k in range(20)]
    one_by_one = DEFAULT_SETTINGS._replace(batch_elements=1)
    backend = device("manila")
    together = sample(circuit, backend, values=values, seed=4)
    apart = sample(circuit, backend, values=values, seed=4, settings=one_by_one)
    assert (together["c"] == apart["c"]).all()
