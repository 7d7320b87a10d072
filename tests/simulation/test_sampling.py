"""Shots: their distribution, their independence, their order, their packing, their seeds."""

import math
import pickle

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Clbit, ParameterVector
from qiskit.circuit.library import efficient_su2
from qiskit.primitives.containers import BitArray
from qiskit_aer import AerSimulator
from scipy.stats import chisquare

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.simulation import (
    Program,
    Run,
    compile_circuit,
    execute,
    join,
    outcome_probabilities,
    split,
)
from qiskit_modes.simulation.run.sampling import FEW_OUTCOMES, draw, stairs
from qiskit_modes.simulation.run.streams import give_back, stream
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample
from tests.simulation.devices import device


def entangled_pairs() -> QuantumCircuit:
    """Two components of two qubits, one lone qubit, two registers crossing the components."""
    circuit = QuantumCircuit(5)
    circuit.add_register(ClassicalRegister(3, "a"), ClassicalRegister(2, "b"))
    for first, second in ((0, 1), (3, 4)):
        circuit.sx(first)
        circuit.cx(first, second)
    circuit.sx(2)
    circuit.measure([0, 3, 2, 1, 4], range(5))
    return circuit


def test_joint_distribution_over_components_and_registers():
    circuit, backend = entangled_pairs(), device("manila")
    compiled = compile_circuit(circuit, backend)
    assert len(compiled.components) == 3
    counts = memory_counts(circuit, sample(circuit, backend, shots=50_000, seed=3))
    assert_drawn_from(counts, outcome_probabilities(compiled))


def test_equal_components_are_not_correlated():
    circuit = QuantumCircuit(5, 5)
    circuit.sx(range(5))
    circuit.measure(range(5), range(5))
    counts = memory_counts(circuit, sample(circuit, device("manila"), shots=50_000))
    compiled = compile_circuit(circuit, device("manila"))
    assert_drawn_from(counts, outcome_probabilities(compiled))


def test_shots_are_in_random_order():
    circuit = entangled_pairs()
    bits = sample(circuit, device("manila"), shots=20_000, seed=9)["a"][0, :, 0] & 1
    # Neighbours are independent: each bit equals the one before in about half of the shots.
    equal = (bits[1:] == bits[:-1]).mean()
    assert abs(equal - 0.5) < 0.02
    assert abs(bits[:10_000].mean() - bits[10_000:].mean()) < 0.03


def test_zero_is_a_seed_and_seeds_differ():
    circuit, backend = entangled_pairs(), device("manila")
    draws = [sample(circuit, backend, seed=seed)["a"] for seed in (0, 0, 1)]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()


def test_runs_and_parameter_sets_have_streams_of_their_own():
    compiled = compile_circuit(entangled_pairs(), device("manila"))
    run = Run(compiled.key, np.zeros((2, 0)), shots=200)
    samples = execute(Program({compiled.key: compiled}, (run, run), seed=1))
    drawn = [samples.runs[r].registers["a"][s].tobytes() for r in (0, 1) for s in (0, 1)]
    assert len(set(drawn)) == 4


@pytest.mark.parametrize("num_bits", [1, 5, 8, 9, 17])
def test_packing_is_that_of_bit_array(num_bits):
    backend = device("torino")
    circuit = QuantumCircuit(backend.num_qubits, num_bits)
    ones = list(range(0, num_bits, 3))
    circuit.x(ones)
    circuit.measure(range(num_bits), range(num_bits))
    ideal = transpile(circuit, basis_gates=["x"], optimization_level=0)
    packed = sample(ideal, AerSimulator(), shots=7)["c"][0]
    row = [bit in ones for bit in range(num_bits)]
    expected = BitArray.from_bool_array(np.array([row] * 7), order="little")
    assert packed.dtype == np.uint8
    assert (packed == expected.array).all()


def test_a_bit_may_be_in_two_registers_or_in_none():
    shared, loose = Clbit(), Clbit()
    circuit = QuantumCircuit(QuantumRegister(5, "q"), [shared, loose])
    circuit.add_register(ClassicalRegister(name="a", bits=[shared]))
    circuit.add_register(ClassicalRegister(name="b", bits=[circuit.cregs[0][0]]))
    circuit.sx(0)
    circuit.measure(0, shared)
    circuit.measure(1, loose)
    registers = sample(circuit, device("manila"))
    assert set(registers) == {"a", "b"}
    assert (registers["a"] == registers["b"]).all()


def test_bits_that_are_never_written_are_zero():
    circuit = QuantumCircuit(5, 3)
    circuit.x(0)
    circuit.measure(0, 1)
    registers = sample(circuit, device("manila"))
    assert not (registers["c"] & 0b101).any()


def test_a_circuit_without_measurements_records_zeros():
    circuit = QuantumCircuit(5, 2)
    circuit.x(0)
    assert not sample(circuit, device("manila"))["c"].any()


def test_no_parameter_sets_and_one_shot():
    compiled = compile_circuit(entangled_pairs(), device("manila"))
    for num_sets, shots in ((0, 10), (1, 1)):
        run = Run(compiled.key, np.zeros((num_sets, 0)), shots)
        samples = execute(Program({compiled.key: compiled}, (run,), seed=1))
        assert samples.runs[0].registers["a"].shape == (num_sets, shots, 1)


@pytest.mark.parametrize(
    ("values", "found"),
    [([[0.1, 0.2]], r"\(1, 2\)"), ([[math.nan]], "nan"), ([[0.0], [math.inf]], "inf.*set 1")],
)
def test_parameter_values_that_cannot_be(values, found):
    circuit = QuantumCircuit(1, 1)
    circuit.rx(ParameterVector("t", 1)[0], 0)
    circuit.measure(0, 0)
    with pytest.raises(InvalidInputError, match=found):
        sample(circuit, AerSimulator(), values=values)


def many_sets() -> Program:
    angles = ParameterVector("t", 1)
    parametric = QuantumCircuit(5, 2)
    parametric.sx(0)
    parametric.rz(angles[0], 0)
    parametric.sx(0)
    parametric.cx(0, 1)
    parametric.measure([0, 1], [0, 1])
    backend = device("manila")
    circuits = [compile_circuit(parametric, backend), compile_circuit(entangled_pairs(), backend)]
    runs = (
        Run(circuits[0].key, np.linspace(0, 3, 3000)[:, None], 20),
        Run(circuits[1].key, np.zeros((1, 0)), 100),
        Run(circuits[0].key, np.linspace(0, 1, 2000)[:, None], 20),
    )
    return Program({circuit.key: circuit for circuit in circuits}, runs, seed=5)


def test_a_divided_program_gives_the_same_bits():
    program = many_sets()
    pieces = split(program)
    assert len(pieces) > 2
    results = [execute(pickle.loads(pickle.dumps(piece))) for piece in reversed(pieces)]
    joined, whole = join(results), execute(program)
    assert len(joined.runs) == len(whole.runs)
    for found, expected in zip(joined.runs, whole.runs, strict=True):
        for name, array in expected.registers.items():
            assert (found.registers[name] == array).all()


def test_a_small_program_is_one_piece():
    compiled = compile_circuit(entangled_pairs(), device("manila"))
    program = Program({compiled.key: compiled}, (Run(compiled.key, np.zeros((1, 0)), 9),), seed=5)
    assert len(split(program)) == 1
    assert len(split(Program({}, (), seed=5))) == 1


def test_a_compiled_circuit_is_small():
    ansatz = efficient_su2(4, reps=2)
    ansatz.measure_all()
    circuit = transpile(ansatz, device("torino"), optimization_level=1, seed_transpiler=1)
    assert len(pickle.dumps(compile_circuit(circuit, device("torino")))) < 32_000


SEEDS = (0, 1, 2**32, 2**63 - 1, 2**64, 2**127 + 3, 2**128 - 1, 2**128, 2**200 + 7, 2**600)
PLACES = (
    (0, 0, 0),
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1),
    (0, 1, 0),
    (1, 0, 0),
    (3, 2**40, 1, 2**40),
    (2**31, 7, 2**95, 0),
)


def test_each_seed_and_place_has_a_stream_of_its_own():
    firsts = {
        tuple(stream(seed, *place).integers(1 << 62, size=2).tolist())
        for seed in SEEDS
        for place in PLACES
    }
    assert len(firsts) == len(SEEDS) * len(PLACES)


def test_streams_of_neighbours_are_independent():
    """Of many places side by side the first numbers are spread as those of one stream."""
    size, bins = 40, 16
    for first in range(3):
        firsts = [
            stream(5, *place).random(first + 1)[first]
            for run in range(size)
            for place in [(run, each, 0) for each in range(size)]
        ]
        table = np.reshape(firsts, (size, size))
        assert chisquare(np.histogram(table, bins, (0.0, 1.0))[0]).pvalue > 1e-4
        for neighbours in (table[:, 1:] - table[:, :-1], table[1:] - table[:-1]):
            # The difference of two independent ones, as a number between 0 and 1 again.
            assert chisquare(np.histogram(neighbours % 1, bins, (0.0, 1.0))[0]).pvalue > 1e-4


def test_a_stream_is_the_same_in_every_release_and_process():
    assert stream(1, 2, 3, 4).bit_generator.random_raw() == 17403898602074169240
    assert stream(2**200, 2, 3, 4, 5).bit_generator.random_raw() == 8237241252468763904


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("place", PLACES)
def test_a_generator_that_is_used_again_leaves_nothing_behind(seed, place):
    streams = [stream(seed, *place) for _ in range(2)]
    expected = streams[0].random(3).tolist()
    for each in streams:
        each.integers(7, size=3, dtype=np.uint32)  # leaves half of a number behind
        give_back(each)
    again = [stream(seed, *place).random(3).tolist() for _ in range(3)]
    assert again == [expected] * 3


def test_a_seed_below_zero_is_no_seed():
    with pytest.raises(ValueError, match="at least 0"):
        stream(-1, 0)


@pytest.mark.parametrize("num_qubits", [2, 4, 10, 11])
def test_what_is_kept_of_a_circuit_without_parameters_gives_the_same_bits(num_qubits):
    circuit = efficient_su2(num_qubits, reps=2).decompose()
    circuit = circuit.assign_parameters(np.linspace(-2, 2, circuit.num_parameters))
    circuit.measure_all()
    compiled = compile_circuit(circuit, AerSimulator())
    program = Program({compiled.key: compiled}, (Run(compiled.key, np.empty((1, 0)), 500),), 5)
    first, again = execute(program), execute(program)
    travelled = execute(pickle.loads(pickle.dumps(program)))
    # Several sets at once do not go by what is kept.
    both = (Run(compiled.key, np.empty((2, 0)), 500),)
    beside = execute(Program(program.circuits, both, 5))
    (expected,) = first.runs[0].registers["meas"]
    for samples in (again, travelled, beside):
        assert np.array_equal(samples.runs[0].registers["meas"][0], expected)


@pytest.mark.parametrize("outcomes", [1, 2, 3, FEW_OUTCOMES, FEW_OUTCOMES + 1])
def test_few_outcomes_are_drawn_as_many_are(outcomes):
    """By comparing, as by searching, points meet the step that they stand on."""

    class Points:
        """Random numbers of which some stand exactly on a step, or on the ground."""

        def random(self, shots):
            points = np.random.default_rng(4).random(shots)
            steps = cumulative[:-1] / cumulative[-1]
            points[: len(steps)] = steps
            points[-1] = 0.0
            return points

    weights = np.random.default_rng(outcomes).random(outcomes)
    weights[::3] = 0.0  # is never drawn
    weights[-1] = 0.5
    cumulative = stairs(weights)
    drawn = draw(cumulative, 500, Points())
    points = Points().random(500) * cumulative[-1]
    expected = [sum(point >= step for step in cumulative[:-1]) for point in points]
    assert drawn.tolist() == expected
    assert weights[drawn].all()
