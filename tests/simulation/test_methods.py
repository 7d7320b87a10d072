"""Which method simulates a component, and what happens if it is too large for any."""

import math
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
)

from qiskit_modes import SamplerV2
from qiskit_modes.exceptions import (
    SimulationTooLargeError,
    UnsupportedCircuitError,
    UnsupportedOptionError,
)
from qiskit_modes.simulation import (
    Program,
    Run,
    compile_circuit,
    execute,
    outcome_probabilities,
)
from qiskit_modes.simulation.run.component_kinds import EitherComponent
from qiskit_modes.simulation.settings import Settings
from tests.examples import examples
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample
from tests.simulation.devices import device
from tests.simulation.strategies import dynamic_circuits, static_circuits, static_devices

TRAJECTORIES = Settings(only="trajectories")


def ghz(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits, num_qubits)
    circuit.h(0)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure(range(num_qubits), range(num_qubits))
    return circuit


@settings(
    max_examples=examples(daily=4),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), name=static_devices, feed_forward=st.booleans())
def test_trajectories_draw_from_the_exact_distribution(data, name, feed_forward):
    strategy = dynamic_circuits if feed_forward else static_circuits
    circuit = data.draw(strategy(name))
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
    circuit = QuantumCircuit(16, 16)
    for qubit in [*range(16), *range(16)]:
        circuit.rx(0.3, qubit)
        circuit.cx(qubit, (qubit + 1) % 16)
    circuit.measure(range(16), range(16))
    for switches, method in [
        (Settings(), "state vector"),
        (Settings(state_vectors=False), "Aer's statevector"),
    ]:
        compiled = compile_circuit(circuit, AerSimulator(), switches)
        assert compiled.metadata["methods"] == [method]
        assert sample(compiled, shots=10)["c"].shape == (1, 10, 2)
        assert compiled.components[0].block_shots is None  # computed once, however many shots


def test_qubits_that_leave_early_need_no_large_state():
    compiled = compile_circuit(ghz(16), AerSimulator(), Settings(state_vectors=False))
    assert compiled.metadata["methods"] == ["density matrix"]


def noisy_ring(num_qubits: int, *, feed_forward: bool) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits, num_qubits + 1)
    for _ in range(3):
        circuit.sx(range(num_qubits))
        for qubit in range(num_qubits):
            circuit.cx(qubit, (qubit + 1) % num_qubits)
    if feed_forward:
        circuit.measure(0, num_qubits)
        with circuit.if_test((num_qubits, 1)):
            circuit.x(1)
    circuit.measure(range(num_qubits), range(num_qubits))
    return circuit


def depolarized(error: float = 0.05) -> AerSimulator:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(error, 2), "cx")
    model.add_all_qubit_quantum_error(amplitude_damping_error(error), "sx")
    return AerSimulator(noise_model=model)


@pytest.mark.parametrize("feed_forward", [False, True])
def test_few_shots_are_trajectories_and_many_a_density_matrix(feed_forward):
    compiled = compile_circuit(noisy_ring(11, feed_forward=feed_forward), depolarized())
    (component,) = compiled.components
    assert 10 < component.from_shots < 100_000
    assert component.chosen(component.from_shots) is component.exact
    assert component.chosen(component.from_shots - 1) is component.singly
    (method,) = compiled.metadata["methods"]
    assert method.startswith("density matrix")
    window = "trajectories in a window of 11 qubits"
    assert method.endswith(f"below {component.from_shots:,} shots {window}")


@pytest.mark.parametrize("feed_forward", [False, True])
def test_both_ways_draw_from_the_same_distribution(feed_forward):
    circuit = noisy_ring(5, feed_forward=feed_forward)
    backend = depolarized()
    exact = compile_circuit(circuit, backend, Settings(only="exact"))
    singly = compile_circuit(circuit, backend, TRAJECTORIES)
    either = EitherComponent(exact.components[0], singly.components[0], from_shots=3000)
    both = replace(exact, components=(either,))
    expected = outcome_probabilities(both)
    for shots in (2999, 3000):
        counts = memory_counts(circuit, sample(both, shots=shots))
        assert_drawn_from(counts, expected)


def test_a_density_matrix_that_the_user_named_is_not_replaced():
    backend = depolarized()
    backend.set_options(method="density_matrix")
    for feed_forward in (False, True):
        compiled = compile_circuit(noisy_ring(11, feed_forward=feed_forward), backend)
        (method,) = compiled.metadata["methods"]
        assert method.startswith("density matrix")
        assert "Aer" not in method
    with pytest.raises(SimulationTooLargeError, match="18 qubits"):
        compile_circuit(noisy_ring(18, feed_forward=False), backend)


@pytest.mark.parametrize("method", ["unitary", "superop"])
def test_a_method_that_cannot_measure_is_refused(method):
    with pytest.raises(UnsupportedOptionError, match=method):
        compile_circuit(ghz(2), AerSimulator(method=method))


def test_the_stabilizer_method_is_refused_for_other_gates_by_their_names():
    circuit = ghz(2)
    circuit.t(0)
    circuit.measure(0, 0)
    with pytest.raises(UnsupportedCircuitError, match=r"\['t'\]"):
        compile_circuit(circuit, AerSimulator(method="stabilizer"))
    angle = Parameter("angle")
    circuit = ghz(2)
    circuit.rz(angle, 0)
    circuit.measure(0, 0)
    compiled = compile_circuit(circuit, AerSimulator(method="stabilizer"))
    assert sample(compiled, values=[[math.pi / 2]], shots=5)["c"].shape == (1, 5, 1)


def test_options_of_a_named_method_are_passed_on():
    backend = AerSimulator(method="matrix_product_state", matrix_product_state_max_bond_dimension=1)
    counts = memory_counts(ghz(3), sample(ghz(3), backend, shots=200))
    assert len(counts) == 1  # without entanglement all shots are the same product state


def test_no_density_matrix_without_memory_for_it():
    roomy, tight = (
        compile_circuit(
            noisy_ring(9, feed_forward=False), depolarized(), Settings(max_memory_bytes=size)
        )
        for size in (1 << 30, 1 << 20)
    )
    assert roomy.metadata["methods"][0].startswith("density matrix")
    assert tight.metadata["methods"] == ["trajectories in a window of 9 qubits"]


def test_clifford_gates_and_pauli_noise_are_simulated_at_any_size():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), "cx")
    scrambled = all_to_all(60, "h").inverse().compose(all_to_all(60, "h").compose(ghz(60)))
    for circuit, method in [
        (scrambled, "Aer's stabilizer"),
        (ghz(60), "trajectories in a window of 2 qubits"),
    ]:
        compiled = compile_circuit(circuit, AerSimulator(noise_model=model))
        assert compiled.metadata["methods"] == [method]
    counts = memory_counts(ghz(60), sample(compiled, shots=400))
    assert counts[0] > 50
    assert counts[2**60 - 1] > 50


def all_to_all(num_qubits: int, gate: str, *angles: float, layers: int = 6) -> QuantumCircuit:
    """Gates between qubits here and there, of which all have to be held at a time."""
    circuit = QuantumCircuit(num_qubits, num_qubits)
    for layer in range(layers):
        for qubit in range(num_qubits):
            getattr(circuit, gate)(*angles, qubit)
        for qubit in range(num_qubits // 2):
            circuit.cx(qubit, num_qubits // 2 + (qubit * (layer + 1) + layer) % (num_qubits // 2))
    return circuit


def test_open_angles_are_clifford_where_the_caller_says_so():
    circuit = ghz(14).copy_empty_like()
    circuit.sx(0)
    circuit.rz(Parameter("a"), 0)
    circuit.sx(0)
    circuit.compose(ghz(14).copy(), inplace=True)
    circuit.data.pop(3)  # the Hadamard gate
    plain, told = (
        compile_circuit(
            circuit,
            AerSimulator(),
            Settings(clifford_angles=word, state_vectors=False, only="trajectories"),
        )
        for word in (False, True)
    )
    assert plain.metadata["methods"] == ["Aer's statevector"]
    assert told.metadata["methods"] == ["Aer's stabilizer"]
    assert plain.key != told.key, "workers keep circuits by their keys"
    for angle, memory in [(0.0, 2**14 - 1), (math.pi, 0)]:
        for compiled in (plain, told):
            registers = sample(compiled, values=[[angle]], shots=20)
            assert memory_counts(circuit, registers) == {memory: 20}


def test_the_users_method_is_respected():
    backend = AerSimulator(method="matrix_product_state")
    compiled = compile_circuit(ghz(40), backend)
    assert compiled.metadata["methods"] == ["Aer's matrix product state"]
    counts = memory_counts(ghz(40), sample(compiled, shots=100))
    assert set(counts) == {0, 2**40 - 1}
    for method, found in [
        ("automatic", "state vector"),
        ("statevector", "state vector"),
        ("density_matrix", "density matrix"),
    ]:
        compiled = compile_circuit(ghz(3), AerSimulator(method=method))
        assert compiled.metadata["methods"] == [found]


def test_too_large_is_refused_with_numbers_and_ways_out():
    circuit = all_to_all(46, "rx", 0.3)
    circuit.measure(range(46), range(46))
    with pytest.raises(SimulationTooLargeError, match="44 qubits") as caught:
        compile_circuit(circuit, AerSimulator())
    assert caught.value.num_qubits == 44
    assert caught.value.needed_bytes >= 16 << 38
    assert caught.value.available_bytes < caught.value.needed_bytes
    way_out = "AerSimulator.from_backend(backend, method='matrix_product_state')"
    assert way_out in caught.value.message


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("statevector", "needs 2e+13 EB and"),
        ("density_matrix", "needs 2e+43 EB and"),
        ("extended_stabilizer", "can be done for at most 63"),
        ("matrix_product_state", None),
        ("stabilizer", None),
    ],
)
def test_of_a_hundred_qubits_run_refuses_each_method_that_cannot_hold_them(method, words):
    circuit = ghz(100)
    sampler = SamplerV2(AerSimulator(method=method))
    if words is None:
        assert sampler.run([circuit], shots=2).result()[0].data
    else:
        with pytest.raises(SimulationTooLargeError, match=re.escape(words)):
            sampler.run([circuit], shots=2)


@pytest.mark.parametrize("noise", [None, amplitude_damping_error(0.01)])
@pytest.mark.parametrize(
    ("method", "is_refused"),
    [
        ("automatic", False),
        ("statevector", True),
        ("density_matrix", True),
        ("extended_stabilizer", True),
        ("matrix_product_state", False),
    ],
)
def test_of_a_thousand_qubits_every_estimate_is_a_number(method, is_refused, noise):
    circuit = QuantumCircuit(1100)  # Python's floats end at 2^1024
    circuit.h(550)
    circuit.t(550)
    for _ in range(400):
        circuit.cx(550, 551)  # what may join 400 pairs of qubits, by the count of its gates
    for qubit in range(1099):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    model = NoiseModel()
    if noise is not None:
        model.add_all_qubit_quantum_error(noise, "h")
    sampler = SamplerV2(AerSimulator(method=method, noise_model=model))
    if is_refused:
        with pytest.raises(SimulationTooLargeError, match="1100 qubits"):
            sampler.run([circuit], shots=2)
    else:
        assert sampler.run([circuit], shots=2).result()[0].data


def test_a_limit_of_the_simulators_own_counts():
    circuit = all_to_all(20, "rx", 0.3)
    circuit.measure(range(20), range(20))
    with pytest.raises(SimulationTooLargeError, match="1 MB"):
        compile_circuit(circuit, AerSimulator(max_memory_mb=1))


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
    compiled = compile_circuit(ghz(2), AerSimulator(method="stabilizer"))
    with pytest.raises(UnsupportedCircuitError, match="2 joined qubits"):
        outcome_probabilities(compiled)


def shuffled_chain(seed: int, *, feeds: bool = False) -> QuantumCircuit:
    """Gates along a line whose qubits are numbered anyhow, measured into bits in another order."""
    random = np.random.default_rng(seed)
    places = [int(place) for place in random.permutation(6)]
    circuit = QuantumCircuit(6, 6)
    for layer in range(2):
        for qubit in range(6):
            circuit.rx(random.uniform(0, 3), qubit)
        for one, other in zip(places[layer % 2 :: 2], places[1 + layer % 2 :: 2], strict=False):
            circuit.cx(one, other)
    if feeds:
        circuit.measure(places[2], 0)
        with circuit.if_test((0, 1)):
            circuit.x(places[3])
    bits = [int(bit) for bit in random.permutation(6)]
    circuit.measure(range(6), bits)
    return circuit


def farthest(circuit: QuantumCircuit) -> int:
    """How far qubits are apart that a gate joins."""
    return max(
        abs(circuit.find_bit(step.qubits[0]).index - circuit.find_bit(step.qubits[1]).index)
        for step in circuit.data
        if step.name == "cx"
    )


@pytest.mark.parametrize(("seed", "feeds"), [(0, False), (1, False), (2, True)])
def test_matrix_product_states_have_neighbours_close_and_bits_where_they_belong(seed, feeds):
    """Each bit and each pair of bits; six bits, 21 numbers, three circuits: 5 sigma each."""
    circuit = shuffled_chain(seed, feeds=feeds)
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.03, 2), ["cx"])
    for qubit in range(6):  # so that one qubit's readout is no other's
        flips = 0.01 * qubit
        noise.add_readout_error(ReadoutError([[1 - flips, flips], [flips, 1 - flips]]), [qubit])
    backend = AerSimulator(method="matrix_product_state", noise_model=noise)
    compiled = compile_circuit(circuit, backend)
    (component,) = compiled.components
    if not feeds:
        assert farthest(component.circuit) <= 2 < farthest(circuit)
    shots = 1000
    run = Run(compiled.key, np.empty((1, 0)), shots)
    packed = execute(Program({compiled.key: compiled}, (run,), 7)).runs[0].registers["c"][0]
    signs = 1.0 - 2.0 * np.unpackbits(packed, axis=-1)[:, ::-1][:, :6]
    exact = outcome_probabilities(compile_circuit(circuit, AerSimulator(noise_model=noise)))
    outcomes = np.array(list(exact))
    true = 1.0 - 2.0 * (outcomes[:, None] >> np.arange(6) & 1)
    weights = np.array(list(exact.values()))
    drawn = signs.T @ signs / shots
    wanted = (true * weights[:, None]).T @ true
    assert (abs(drawn - wanted) <= 5 * np.sqrt((1 - wanted**2 + 1e-12) / shots) + 1e-9).all()
    means = (true * weights[:, None]).sum(axis=0)
    assert (abs(signs.mean(axis=0) - means) <= 5 * np.sqrt((1 - means**2 + 1e-12) / shots)).all()
