"""Circuits of 16 to 127 joined qubits: against Aer, closed forms and exact light cones.

Bounds on single numbers are five standard errors or more: with fewer than a thousand of them in
this file, right samples fail in less than one run of a thousand.
"""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
)
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke

from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.settings import Settings
from tests.simulation.comparing import assert_drawn_from, sample
from tests.simulation.devices import (
    brickwork,
    cut_noise,
    noise_model,
    path_through,
    placed_on,
    repetition_code,
)

SLOW = pytest.mark.slow


@cache
def sherbrooke():
    return FakeSherbrooke()


@cache
def line(length: int) -> tuple[int, ...]:
    return path_through(sherbrooke(), length)


def on_device(circuit: QuantumCircuit, layout) -> QuantumCircuit:
    return placed_on(sherbrooke(), circuit, layout)


def bits_of(registers) -> np.ndarray:
    """(shots, bits) of the only register, bit 0 first."""
    (packed,) = registers.values()
    return np.unpackbits(packed[0], axis=1)[:, ::-1]


def assert_near(found: float, expected: float, error: float) -> None:
    assert abs(found - expected) < 5 * error, (found, expected, error)


def deviation(expected: float, shots: int) -> float:
    """The standard error of a mean of ±1."""
    return math.sqrt(max(1 - expected**2, 1 / shots) / shots)


@pytest.mark.parametrize(
    ("num_qubits", "layers", "shots"),
    [pytest.param(12, 2, 800, marks=pytest.mark.slow), pytest.param(16, 4, 300, marks=SLOW)],
)
def test_as_aers_trajectories_with_the_noise_cut(num_qubits, layers, shots):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.05), ["rx"])
    model.add_all_qubit_readout_error(ReadoutError([[0.98, 0.02], [0.05, 0.95]]))
    backend, circuit = AerSimulator(noise_model=model), brickwork(num_qubits, layers)
    ours = compile_circuit(circuit, backend, Settings(only="state window"))
    found = bits_of(sample(ours, shots=20_000, seed=2))[:, :num_qubits]
    result = backend.run(circuit, shots=shots, seed_simulator=3, method="statevector").result()
    aers = np.array(
        [
            list(map(int, word))[::-1]
            for word, count in result.get_counts().items()
            for _ in range(count)
        ]
    )
    # Words of five neighbours, and how many ones there are: two samples from one distribution.
    word = 1 << np.arange(5)
    for start in range(0, num_qubits - 4, 3):
        assert_same_source(found[:, start : start + 5] @ word, aers[:, start : start + 5] @ word)
    assert_same_source(found.sum(axis=1), aers.sum(axis=1))


@SLOW
@pytest.mark.parametrize("num_qubits", [18, 20])
def test_as_aer_with_the_noise_of_a_device_cut_to_the_qubits_in_use(num_qubits):
    places = line(num_qubits)
    whole = on_device(brickwork(num_qubits, 4), places)
    found = bits_of(sample(whole, sherbrooke(), shots=20_000, seed=2))[:, :num_qubits]
    numbers = {place: at for at, place in enumerate(places)}
    compact = QuantumCircuit(num_qubits, num_qubits)
    for step in whole.data:
        on = [numbers[whole.find_bit(qubit).index] for qubit in step.qubits]
        compact.append(step.operation, on, [whole.find_bit(bit).index for bit in step.clbits])
    # Its trajectories are exact but for 1e-16, and a state vector would take a second for each.
    noise = cut_noise(noise_model(sherbrooke()), numbers)
    aer = AerSimulator(noise_model=noise, method="matrix_product_state")
    result = aer.run(compact, shots=600, seed_simulator=3, memory=True).result()
    others = np.array([list(map(int, word))[::-1] for word in result.get_memory()])
    word = 1 << np.arange(5)
    for start in range(0, num_qubits - 4, 3):
        assert_same_source(found[:, start : start + 5] @ word, others[:, start : start + 5] @ word)
    assert_same_source(found.sum(axis=1), others.sum(axis=1))


def assert_same_source(one: np.ndarray, other: np.ndarray) -> None:
    """Two samples of numbers, by chi-squared; right ones fail once in a million times."""
    from scipy.stats import chi2_contingency

    table = np.stack([np.bincount(each.astype(int), minlength=33) for each in (one, other)])
    often = table.sum(axis=0) >= 20
    table = np.hstack([table[:, often], table[:, ~often].sum(axis=1, keepdims=True)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] > 1:
        assert chi2_contingency(table).pvalue > 1e-6, table


def test_ghz_parities_under_readout_error():
    num_qubits, wrong, shots = 100, 0.03, 20_000
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[1 - wrong, wrong], [wrong, 1 - wrong]]))
    # So that it is no state vector, and no Clifford circuit: a rotation there and back.
    circuit = QuantumCircuit(num_qubits, num_qubits)
    circuit.h(0)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.rx(0.3, 50)
    circuit.rx(-0.3, 50)
    circuit.measure(range(num_qubits), range(num_qubits))
    compiled = compile_circuit(circuit, AerSimulator(noise_model=model))
    assert "window" in compiled.components[0].method
    signs = 1 - 2.0 * bits_of(sample(compiled, shots=shots, seed=5))[:, :num_qubits]
    flipped = 1 - 2 * wrong
    for other in range(1, num_qubits):
        assert_near(
            (signs[:, 0] * signs[:, other]).mean(), flipped**2, deviation(flipped**2, shots)
        )
    for size in (2, 10, 50, 100):
        expected = flipped**size if size % 2 == 0 else 0.0
        assert_near(signs[:, :size].prod(axis=1).mean(), expected, deviation(expected, shots))


@pytest.mark.slow
def test_clifford_circuits_with_pauli_noise_as_the_stabilizer_method():
    num_qubits, shots = 50, 1000
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
    model.add_all_qubit_quantum_error(pauli_error([("Y", 0.01), ("I", 0.99)]), ["h", "s"])
    model.add_all_qubit_readout_error(ReadoutError([[0.98, 0.02], [0.05, 0.95]]))
    rng = np.random.default_rng(4)
    circuit = QuantumCircuit(num_qubits, num_qubits)
    for layer in range(6):
        for qubit in range(num_qubits):
            getattr(circuit, str(rng.choice(["h", "s", "id"])))(qubit)
        for qubit in range(layer % 2, num_qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure(range(num_qubits), range(num_qubits))
    ours = compile_circuit(circuit, AerSimulator(noise_model=model))
    assert any("window" in each.method for each in ours.components)
    found = bits_of(sample(ours, shots=shots, seed=6))[:, :num_qubits]
    aer = AerSimulator(noise_model=model, method="stabilizer")
    others = bits_of(sample(circuit, aer, shots=shots, seed=7))[:, :num_qubits]
    word = 1 << np.arange(5)
    for start in range(0, num_qubits - 4, 5):
        assert_same_source(found[:, start : start + 5] @ word, others[:, start : start + 5] @ word)


def test_product_states():
    num_qubits, shots = 127, 4000
    circuit = QuantumCircuit(num_qubits, num_qubits)
    angles = np.linspace(0.1, 3.0, num_qubits)
    # Joined by gates that undo each other.
    for qubit in range(num_qubits - 1):
        circuit.cz(qubit, qubit + 1)
    for qubit, angle in enumerate(angles):
        circuit.ry(angle, qubit)
    circuit.measure(range(num_qubits), range(num_qubits))
    compiled = compile_circuit(circuit, AerSimulator(noise_model=barely_noisy()))
    assert "window" in compiled.components[0].method
    found = 1 - 2.0 * bits_of(sample(compiled, shots=shots, seed=1))[:, :num_qubits].mean(axis=0)
    for value, angle in zip(found, angles, strict=True):
        assert_near(value, math.cos(angle), deviation(math.cos(angle), shots))


def barely_noisy() -> NoiseModel:
    """Noise that nobody sees, so that nothing is a state vector."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(1e-6, 2), ["cz"])
    return model


@pytest.mark.parametrize(("num_qubits", "layers"), [(60, 2), pytest.param(100, 4, marks=SLOW)])
def test_marginals_and_correlators_as_their_exact_light_cones(num_qubits, layers):
    places = line(num_qubits)
    circuit = brickwork(num_qubits, layers)
    shots = 10_000
    whole = on_device(circuit, places)
    signs = 1 - 2.0 * bits_of(sample(whole, sherbrooke(), shots=shots, seed=8))[:, :num_qubits]
    for one, other in pairwise(range(0, num_qubits, 6)):
        pair = one, one + 1
        for few in ((one,), pair) if other % 4 else (pair, (one, one + 2)):
            part = whole.remove_final_measurements(inplace=False)
            part.add_register(ClassicalRegister(len(few)))
            part.measure([places[qubit] for qubit in few], range(len(few)))
            cone = compile_circuit(part, sherbrooke(), Settings(only="exact"))
            expected = sum(
                weight * (-1) ** memory.bit_count()
                for memory, weight in outcome_probabilities(cone).items()
            )
            found = signs[:, list(few)].prod(axis=1).mean()
            assert_near(found, expected, deviation(expected, shots))


def test_a_repetition_code_with_feed_forward():
    distance, rounds, shots = 11, 3, 2000
    model = NoiseModel()
    flip = 0.04
    model.add_all_qubit_quantum_error(pauli_error([("X", flip), ("I", 1 - flip)]), ["id"])
    model.add_all_qubit_quantum_error(depolarizing_error(1e-5, 2), ["cx"])
    circuit = QuantumCircuit(2 * distance - 1)
    coded = repetition_code(distance, rounds)
    circuit.add_register(*coded.cregs)
    circuit.id(range(0, 2 * distance - 1, 2))
    circuit.compose(coded, inplace=True)
    compiled = compile_circuit(circuit, AerSimulator(noise_model=model))
    assert "window" in compiled.components[0].method
    registers = sample(compiled, shots=shots, seed=9)

    def bits(name):
        return np.unpackbits(registers[name][0], axis=1)[:, ::-1].astype(int)

    data = bits("final")[:, :distance]
    for value in data.mean(axis=0):
        assert_near(value, flip, math.sqrt(flip * (1 - flip) / shots))
    for number in range(rounds):
        # Corrected ancillas begin each round at 0, so every round sees the same flips.
        syndrome = bits(f"s{number}")[:, : distance - 1]
        wrong = (syndrome != data[:, 1:] ^ data[:, :-1]).mean()
        assert wrong < 0.001


def test_too_wide_is_refused_with_the_window_and_the_ways_out():
    rng = np.random.default_rng(1)
    circuit = QuantumCircuit(60, 60)
    for _ in range(20):
        order = rng.permutation(60)
        for one, other in zip(order[::2], order[1::2], strict=True):
            circuit.rx(0.3, int(one))
            circuit.cz(int(one), int(other))
    circuit.measure(range(60), range(60))
    with pytest.raises(SimulationTooLargeError) as refused:
        compile_circuit(circuit, AerSimulator(noise_model=barely_noisy()))
    message = str(refused.value)
    for part in ("joins 60 qubits", "held at a time", "years", "matrix_product_state", "fewer"):
        assert part in message
    assert refused.value.num_qubits == 60


def test_the_same_bits_whatever_the_number_of_workers():
    from qiskit_modes.simulation import Program, Run, execute, join
    from qiskit_modes.simulation.run import division

    compiled = compile_circuit(on_device(brickwork(50, 8), line(50)), sherbrooke())
    program = Program({compiled.key: compiled}, (Run(compiled.key, np.zeros((1, 0)), 300),), 4)
    pieces = division.split(program)
    assert len(pieces) > 1
    whole, parts = execute(program), join([execute(piece) for piece in reversed(pieces)])
    for name, packed in whole.runs[0].registers.items():
        assert (parts.runs[0].registers[name] == packed).all()


def test_the_cost_grows_as_the_number_of_qubits():
    seconds = {}
    for num_qubits in (20, 40, 80, 100):
        compiled = compile_circuit(
            on_device(brickwork(num_qubits, 6), line(num_qubits)), sherbrooke()
        )
        seconds[num_qubits] = compiled.seconds(1000)
    for few, many in pairwise(seconds):
        assert seconds[many] / seconds[few] < 1.3 * many / few


def test_words_are_drawn_from_what_is_exact():
    circuit = on_device(brickwork(30, 3), line(30))
    few = circuit.remove_final_measurements(inplace=False)
    few.add_register(ClassicalRegister(6))
    few.measure(list(line(30)[10:16]), range(6))
    exact = outcome_probabilities(compile_circuit(few, sherbrooke(), Settings(only="exact")))
    for way in ("Pauli window", "state window"):
        drawn = bits_of(sample(circuit, sherbrooke(), shots=4000, settings=Settings(only=way)))
        words = drawn[:, 10:16] @ (1 << np.arange(6))
        numbers, counts = np.unique(words, return_counts=True)
        assert_drawn_from(dict(zip(numbers.tolist(), counts.tolist(), strict=True)), exact)
