"""Which method simulates a component, and what happens if it is too large for any."""

import pickle

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_modes.exceptions import SimulationTooLargeError, UnsupportedCircuitError
from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.settings import Settings
from tests.examples import examples
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample
from tests.simulation.devices import device
from tests.simulation.strategies import dynamic_circuits, static_circuits, static_devices

TRAJECTORIES = Settings(
    max_density_elements=0,
    max_branch_elements=0,
    divide_up_to_qubits=0,
    ideal_vector_from_qubits=0,
)


def ghz(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits, num_qubits)
    circuit.h(0)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure(range(num_qubits), range(num_qubits))
    return circuit


@settings(
    max_examples=examples(daily=8),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), name=static_devices, feed_forward=st.booleans())
def test_trajectories_draw_from_the_exact_distribution(data, name, feed_forward):
    strategy = dynamic_circuits if feed_forward else static_circuits
    circuit = data.draw(strategy(name))
    # Qiskit 2.3 counts a loop's parameter among the circuit's, and then cannot bind it.
    assume(not (feed_forward and circuit.parameters))
    values = [0.4, -1.3, 2.2][: circuit.num_parameters]
    expected = outcome_probabilities(compile_circuit(circuit, device(name)), values)
    compiled = compile_circuit(circuit, device(name), TRAJECTORIES)
    assert all(method.startswith("Aer's") for method in compiled.metadata["methods"])
    registers = sample(pickle.loads(pickle.dumps(compiled)), values=[values], shots=4000)
    assert_drawn_from(memory_counts(circuit, registers), expected)


def test_trajectories_are_reproducible_and_components_independent():
    circuit = QuantumCircuit(5, 4)
    for first in (0, 2):
        circuit.sx(first)
        circuit.cx(first, first + 1)
    circuit.measure(range(4), range(4))
    one, two, other = (
        sample(circuit, device("manila"), settings=TRAJECTORIES, seed=seed, shots=4000)["c"]
        for seed in (0, 0, 5)
    )
    assert (one == two).all()
    assert (one != other).any()
    counts = memory_counts(circuit, {"c": one})
    expected = outcome_probabilities(compile_circuit(circuit, device("manila")))
    assert_drawn_from(counts, expected)


def test_many_qubits_without_noise_are_one_state_vector():
    compiled = compile_circuit(ghz(16), AerSimulator())
    assert compiled.metadata["methods"] == ["Aer's stabilizer"]
    circuit = ghz(16).copy_empty_like()
    circuit.rx(0.3, range(16))
    circuit.compose(ghz(16), inplace=True)
    compiled = compile_circuit(circuit, AerSimulator())
    assert compiled.metadata["methods"] == ["Aer's statevector"]
    assert sample(compiled, shots=10)["c"].shape == (1, 10, 2)


def test_clifford_gates_and_pauli_noise_are_simulated_at_any_size():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), "cx")
    compiled = compile_circuit(ghz(60), AerSimulator(noise_model=model))
    assert compiled.metadata["methods"] == ["Aer's stabilizer"]
    counts = memory_counts(ghz(60), sample(compiled, shots=400))
    assert counts[0] > 50
    assert counts[2**60 - 1] > 50


def test_the_users_method_is_respected():
    backend = AerSimulator(method="matrix_product_state")
    compiled = compile_circuit(ghz(40), backend)
    assert compiled.metadata["methods"] == ["Aer's matrix product state"]
    counts = memory_counts(ghz(40), sample(compiled, shots=100))
    assert set(counts) == {0, 2**40 - 1}
    for method in ("automatic", "density_matrix"):
        compiled = compile_circuit(ghz(3), AerSimulator(method=method))
        assert compiled.metadata["methods"] == ["density matrix"]


def test_too_large_is_refused_with_numbers_and_ways_out():
    circuit = ghz(45)
    circuit.rx(0.3, 0)
    circuit.measure(0, 0)
    with pytest.raises(SimulationTooLargeError, match="45 qubits") as caught:
        compile_circuit(circuit, AerSimulator())
    assert caught.value.num_qubits == 45
    assert caught.value.needed_bytes == 16 << 45
    assert caught.value.available_bytes < caught.value.needed_bytes
    assert "matrix_product_state" in str(caught.value)


def test_a_limit_of_the_simulators_own_counts():
    with pytest.raises(SimulationTooLargeError, match="1 MB"):
        compile_circuit(ghz_like(20), AerSimulator(max_memory_mb=1))


def ghz_like(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits, num_qubits)
    circuit.rx(0.3, range(num_qubits))
    circuit.compose(ghz(num_qubits), inplace=True)
    return circuit


def test_disconnected_qubits_are_never_too_many():
    backend = device("torino")
    circuit = QuantumCircuit(backend.num_qubits, backend.num_qubits)
    circuit.sx(range(backend.num_qubits))
    circuit.measure(range(backend.num_qubits), range(backend.num_qubits))
    compiled = compile_circuit(circuit, backend)
    assert compiled.metadata["largest_component_qubits"] == 1
    registers = sample(compiled, shots=2000)
    bits = memory_counts(circuit, registers)
    ones = sum(memory.bit_count() * count for memory, count in bits.items())
    assert abs(ones / (2000 * 133) - 0.5) < 0.05


def test_trajectories_have_no_exact_probabilities():
    compiled = compile_circuit(ghz(2), AerSimulator(method="statevector"))
    with pytest.raises(UnsupportedCircuitError, match="2 joined qubits"):
        outcome_probabilities(compiled)
