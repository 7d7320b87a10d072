"""A job's samples are a function of the job alone: divided anywhere, they are the same bits."""

import pickle
import queue
import threading
import tracemalloc
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator

from qiskit_modes.runtime.workers.pool import WorkerPool
from qiskit_modes.runtime.workers.split_program import SplitProgram
from qiskit_modes.runtime.workers.worker_process import Execution
from qiskit_modes.simulation import Program, Run, compile_circuit, execute
from qiskit_modes.simulation.aer.component import AerComponent
from qiskit_modes.simulation.run import cost, division
from qiskit_modes.simulation.settings import Settings
from tests.examples import examples
from tests.simulation.devices import device
from tests.simulation.strategies import dynamic_circuits, static_circuits, static_devices

TRAJECTORIES = Settings(only="trajectories")
DIVISION = Settings(only="division")
PAULI = Settings(only="Pauli window")
STATE = Settings(only="state window")


def finely():
    """Divide wherever a job may be divided, and shots into blocks of a few."""
    return mock.patch.multiple(
        division, PIECE_SECONDS=1e-7, MANY_PIECES=10**9
    ), mock.patch.multiple(cost, BLOCK_SECONDS=1e-3, BLOCK_CALLS=0)


def assert_the_same_divided(program: Program, at_least: int = 1) -> None:
    whole = execute(program)
    pieces = division.split(program)
    assert len(pieces) >= at_least
    joined = division.join([execute(pickle.loads(pickle.dumps(each))) for each in pieces[::-1]])
    assert len(joined.runs) == len(whole.runs)
    for found, expected in zip(joined.runs, whole.runs, strict=True):
        assert found.number == expected.number
        assert found.registers.keys() == expected.registers.keys()
        for name, array in expected.registers.items():
            assert (found.registers[name] == array).all()


def test_a_circuit_for_aer_is_pickled_by_who_has_made_it_and_by_nobody_else():
    """Two threads that pickle a circuit of Qiskit for the first time can hang their process."""
    circuit = QuantumCircuit(2, 2)
    circuit.t(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    compiled = compile_circuit(circuit, AerSimulator(method="matrix_product_state"))
    (component,) = [each for each in compiled.components if isinstance(each, AerComponent)]
    made = component.circuit
    vars(component)["circuit"] = threading.Lock()  # cannot be pickled
    arrived = pickle.loads(pickle.dumps(component))
    assert arrived.circuit == made
    assert pickle.loads(pickle.dumps(arrived)).circuit == made


@settings(
    max_examples=examples(daily=12),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), name=static_devices, seed=st.integers(0, 2**40))
def test_any_program(data, name, seed):
    circuits = {}
    runs = []
    for _ in range(data.draw(st.integers(1, 2))):
        feed_forward = data.draw(st.booleans())
        circuit = data.draw((dynamic_circuits if feed_forward else static_circuits)(name))
        way = data.draw(st.sampled_from([Settings(), TRAJECTORIES, DIVISION, PAULI, STATE]))
        compiled = compile_circuit(circuit, device(name), way)
        circuits[compiled.key] = compiled
        num_sets, shots = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 40))
        values = np.linspace(0, 2, num_sets * circuit.num_parameters)
        runs.append(Run(compiled.key, values.reshape(num_sets, circuit.num_parameters), shots))
    pieces, blocks = finely()
    with pieces, blocks:
        assert_the_same_divided(Program(circuits, tuple(runs), seed))


def two_pairs_and_lone_qubits() -> QuantumCircuit:
    circuit = QuantumCircuit(20, 20)
    circuit.sx(range(20))
    for first, second in ((0, 1), (3, 4)):
        circuit.cz(first, second)
        circuit.sx([first, second])
    circuit.measure(range(20), range(20))
    return circuit


def program_of(way: Settings, shots: int = 300) -> Program:
    compiled = compile_circuit(two_pairs_and_lone_qubits(), device("torino"), way)
    return Program({compiled.key: compiled}, (Run(compiled.key, np.zeros((1, 0)), shots),), seed=8)


def test_one_parameter_set_is_divided_by_components():
    program = program_of(Settings())
    with mock.patch.multiple(division, PIECE_SECONDS=1e-6):
        pieces = division.split(program)
        assert_the_same_divided(program, at_least=2)
    components = [run.components for piece in pieces for run in piece.runs]
    num_components = len(program.circuits[program.runs[0].circuit].components)
    assert sorted(sum(components, ())) == list(range(num_components))
    # Lone bits are drawn from one stream, so they stay together.
    assert max(map(len, components)) >= 16


@pytest.mark.parametrize("longest", [1e9, 1e-6])
def test_very_many_pieces_are_made_longer_up_to_a_limit(longest):
    """Each costs whoever sends it some time; and none may keep others waiting for long."""
    sweep = program_of(Settings()).runs[0]._replace(parameter_values=np.zeros((200, 0)))
    program = program_of(Settings())._replace(runs=(sweep,))
    limits = {"PIECE_SECONDS": 1e-9, "MANY_PIECES": 5, "LONGEST_PIECE_SECONDS": longest}
    with mock.patch.multiple(division, **limits):
        pieces = len(division.split(program))
        assert_the_same_divided(program, at_least=5)
    assert pieces == 5 if longest > 1 else pieces > 100


@pytest.mark.parametrize("worth", [1, 2, 3, 4, 5, 7, 9, 14])
def test_two_or_four_workers_have_equal_shares(worth):
    sweep = program_of(Settings()).runs[0]._replace(parameter_values=np.zeros((120, 0)))
    program = program_of(Settings())._replace(runs=(sweep,))
    whole = division.seconds_together(program, program.runs)
    with mock.patch.multiple(division, PIECE_SECONDS=whole / (worth + 0.5)):
        pieces = [piece.runs[0].parameter_values for piece in division.split(program)]
    assert len(pieces) == (worth if worth <= 2 else 4 * -(-worth // 4))
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def test_trajectories_are_divided_by_blocks_of_shots():
    program = program_of(TRAJECTORIES)
    pieces, blocks = finely()
    with pieces, blocks:
        components = program.circuits[program.runs[0].circuit].components
        parts = [run for piece in division.split(program) for run in piece.runs]
        for part in parts:
            (index,) = part.components
            assert part.shot_range[0] % components[index].block_shots == 0
        assert min(part.shot_range[0] for part in parts if part.shot_range[0]) < 150


def test_what_costs_the_same_for_any_number_of_shots_is_not_divided_by_them():
    program = program_of(Settings(), shots=100_000)
    with mock.patch.multiple(division, PIECE_SECONDS=1e-6):
        ranges = [run.shot_range for piece in division.split(program) for run in piece.runs]
    assert set(ranges) == {None}


def bell_in_blocks(shots: int, block: int) -> Program:
    """Trajectories that are believed to be so slow that a block has few shots."""
    circuit = QuantumCircuit(5, 2)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    compiled = compile_circuit(circuit, device("manila"), TRAJECTORIES)
    (component,) = compiled.components
    slow = cost.Cost(0.0, cost.BLOCK_SECONDS / block, drawn_singly=True)
    compiled = replace(compiled, key="slow", components=(replace(component, cost=slow),))
    return Program({"slow": compiled}, (Run("slow", np.zeros((1, 0)), shots),), seed=3)


@pytest.mark.slow
def test_workers_share_one_parameter_set_and_give_the_bits_of_a_single_one():
    program = bell_in_blocks(shots=90, block=20)
    pieces = division.split(program)
    assert [run.shot_range for piece in pieces for run in piece.runs] == [
        (0, 20),
        (20, 40),
        (40, 60),
        (60, 80),
        (80, 90),
    ]
    expected = execute(program).runs[0].registers["c"]
    assert len(np.unique(expected)) > 1
    pool = WorkerPool(2)
    try:
        answers: queue.Queue = queue.Queue()
        SplitProgram(pool, pieces, answers.put).start()
        answer = answers.get(timeout=60)
    finally:
        pool.close()
    assert isinstance(answer, Execution), answer
    assert (answer.samples.runs[0].registers["c"] == expected).all()


def test_blocks_of_very_many_shots_stay_short():
    """They have room for their own shots; blocks of several components have it several times."""
    program = bell_in_blocks(shots=90, block=20)
    with mock.patch.multiple(division, MOST_BYTES=1):
        assert len(division.split(program)) == 5
    pieces, blocks = finely()
    with pieces, blocks:
        assert len(division.split(program_of(TRAJECTORIES))) > 5
        with mock.patch.multiple(division, MOST_BYTES=1):
            assert len(division.split(program_of(TRAJECTORIES))) == 1


def test_what_travels_is_small():
    program = bell_in_blocks(shots=90, block=20)
    (compiled,) = program.circuits.values()
    without = [piece._replace(circuits={}) for piece in division.split(program)]
    assert max(len(pickle.dumps(piece)) for piece in without) < 700
    assert len(pickle.dumps(compiled)) < 20_000
    answers = [execute(piece) for piece in division.split(program)]
    assert max(len(pickle.dumps(answer)) for answer in answers) < 700


def brickwork(num_qubits, layers=4):
    """A circuit on a line of qubits that joins all of them, so that one state holds them."""
    circuit, angle = QuantumCircuit(num_qubits), Parameter("angle")
    for layer in range(layers):
        for qubit in range(num_qubits):
            circuit.rz(angle * qubit, qubit)
            circuit.sx(qubit)
        for qubit in range(layer % 2, num_qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize(("num_qubits", "num_sets"), [(8, 1), (10, 1), (10, 5), (11, 2)])
def test_the_memory_of_a_program_is_known_before(num_qubits, num_sets):
    line = [[qubit, qubit + 1] for qubit in range(num_qubits - 1)]
    backend = GenericBackendV2(
        num_qubits, ["rz", "sx", "cx"], coupling_map=line, seed=3, noise_info=True
    )
    compiled = compile_circuit(brickwork(num_qubits), backend, Settings(only="exact"))
    values = np.linspace(0, 1, num_sets)[:, None]
    program = Program({compiled.key: compiled}, (Run(compiled.key, values, 100),), 0)
    execute(program)  # what is kept afterwards is not of this run
    tracemalloc.start()
    try:
        execute(program)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.8 < peak / division.peak_bytes(program) < 1.3
