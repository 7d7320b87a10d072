"""Circuits without noise as state vectors: right, shared, and the same on any number of threads."""

from itertools import permutations
from unittest import mock

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.library import (
    HGate,
    PermutationGate,
    UnitaryGate,
    XGate,
    efficient_su2,
    get_standard_gate_name_mapping,
)
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import (
    Operator,
    SparsePauliOp,
    Statevector,
    random_statevector,
    random_unitary,
)
from qiskit_aer import AerSimulator

from qiskit_modes import EstimatorV2, SamplerV2
from qiskit_modes.runtime.workers.team import Team
from qiskit_modes.simulation import (
    Program,
    Run,
    compile_circuit,
    execute,
    fingerprint,
    join,
    outcome_probabilities,
    split,
)
from qiskit_modes.simulation.circuits.ending import Ending
from qiskit_modes.simulation.compile import compile_ideal as compile_ideal_module
from qiskit_modes.simulation.compile.compile_ideal import Beginning, compile_ideal
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.compile.multiply import multiplied
from qiskit_modes.simulation.packing import registers_of
from qiskit_modes.simulation.read import read_ideal
from qiskit_modes.simulation.read.read_ideal import Turn
from qiskit_modes.simulation.run import division as dividing
from qiskit_modes.simulation.run.ideal.few_qubits import FEW_QUBITS, FewQubits, KnownComponent
from qiskit_modes.simulation.run.ideal.state_component import StateComponent
from qiskit_modes.simulation.run.ideal.state_vector import StateEvolution
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS
from tests.simulation.comparing import assert_drawn_from, assert_same, memory_counts, sample

IDEAL = AerSimulator()
STANDARD = {
    name: gate
    for name, gate in get_standard_gate_name_mapping().items()
    if isinstance(gate, Gate) and gate.num_qubits
}


class Doubled(Gate):
    """A gate that has a definition and no matrix, called like one of Qiskit's."""

    def __init__(self):
        super().__init__("h", 2, [])

    def _define(self):
        self.definition = QuantumCircuit(2)
        self.definition.sx(0)
        self.definition.cx(0, 1)


UNUSUAL = {
    "its own h": Doubled(),
    "inverse": Doubled().inverse(),
    "controlled": Doubled().control(1),
    "on zero": XGate().control(3, ctrl_state=2),
    "many controls": XGate().control(6),
    "power": XGate().power(0.3),
    "unitary": random_unitary(32, seed=1).to_instruction(),
    "wide unitary": UnitaryGate(random_unitary(128, seed=1)),
    "permutation": PermutationGate([2, 0, 1]),
}


def method(compiled):
    return compiled.metadata["methods"]


def prepared(num_qubits):
    """Return a circuit of which no amplitude is like another."""
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits):
        circuit.u(0.3 + qubit, 0.2 - qubit, 1.1 * qubit, qubit)
    for qubit in range(num_qubits - 1):
        circuit.crx(0.9, qubit, qubit + 1)
    return circuit


def around(gate):
    """Return a circuit in which a gate's phases are seen, on qubits in another order."""
    circuit = prepared(gate.num_qubits + 1)
    order = np.random.default_rng(gate.num_qubits).permutation(gate.num_qubits + 1)
    circuit.append(gate, order[: gate.num_qubits].tolist())
    circuit.ry(0.7, range(circuit.num_qubits))
    return circuit


def assert_like_qiskit(circuit, values=()):
    measured = circuit.copy()
    measured.measure_all()
    compiled = compile_circuit(measured, IDEAL)
    assert method(compiled) == ["state vector"]
    found = outcome_probabilities(compiled, values)
    bound = circuit.assign_parameters(values) if len(values) else circuit
    expected = dict(enumerate(Statevector(bound).probabilities()))
    assert_same(found, expected, circuit)


@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_gate(name):
    gate = STANDARD[name]
    numbers = np.linspace(0.4, 2.1, len(gate.params)).tolist()
    assert_like_qiskit(around(type(gate)(*numbers) if numbers else gate))


@pytest.mark.parametrize("name", [name for name, gate in STANDARD.items() if gate.params])
def test_every_standard_gate_with_open_angles(name):
    gate = STANDARD[name]
    parameters = [Parameter(f"p{index}") for index in range(len(gate.params))]
    circuit = around(type(gate)(*(2 * parameter + 0.1 for parameter in parameters)))
    assert_like_qiskit(circuit, np.linspace(0.4, 2.1, len(parameters)))
    halfway = circuit.assign_parameters({parameters[0]: 0.3})
    assert_like_qiskit(halfway, np.linspace(0.4, 2.1, len(parameters) - 1))


@pytest.mark.parametrize("name", UNUSUAL)
def test_gates_by_definition_and_by_matrix(name):
    assert_like_qiskit(around(UNUSUAL[name]))


@pytest.mark.parametrize("num_qubits", [2, 5, 9, 10, 12, 15])
@pytest.mark.parametrize("seed", range(4))
def test_random_circuits_of_all_block_widths(num_qubits, seed):
    circuit = random_circuit(num_qubits, 8, max_operands=min(4, num_qubits), seed=seed)
    assert_like_qiskit(circuit)


@pytest.mark.parametrize("seed", range(20))
def test_gates_that_are_multiplied_do_what_they_did_one_by_one(seed):
    """Neighbours on one and two qubits, in either order of the two, with ends and lone qubits."""
    random = np.random.default_rng(seed)
    circuit, gates = QuantumCircuit(5), []
    for _ in range(40):
        width = random.integers(1, 3)
        qubits = tuple(map(int, random.permutation(4)[:width]))
        matrix = random_unitary(2**width, seed=random).data
        gates.append((qubits, matrix))
    gates.append(((4,), random_unitary(2, seed=random).data))
    products = multiplied(gates)
    assert products is not None
    assert len(products) < sum(len(qubits) == 2 for qubits, _ in gates) + 2
    both = [circuit.copy(), circuit.copy()]
    for which, listed in zip(both, (gates, products), strict=True):
        for qubits, matrix in listed:
            which.append(UnitaryGate(matrix), qubits[::-1])  # the first is the highest digit
    one, other = map(Statevector, both)
    np.testing.assert_allclose(one.data, other.data, atol=1e-12)


def test_what_cannot_be_multiplied_beforehand_is_left():
    wide = ((0, 1, 2), np.eye(8, dtype=complex))
    assert multiplied([wide]) is None
    assert multiplied([((0,), Turn("X", 0))]) is None
    assert multiplied([]) == []


def test_large_states_are_worked_on_in_parts():
    assert_like_qiskit(efficient_su2(17, reps=2).assign_parameters(np.linspace(-3, 3, 102)))


def test_initial_states_and_some_bits():
    circuit = QuantumCircuit(4, 3)
    circuit.initialize(random_statevector(4, seed=3).data, [2, 1])
    circuit.reset(0)
    circuit.cx(2, 0)
    circuit.h(3)
    circuit.measure([0, 1, 3], [2, 0, 1])
    circuit.measure(1, 1)  # what was recorded before is overwritten
    twice = circuit.copy()
    circuit.data.pop()
    compiled = compile_circuit(circuit, IDEAL, clbits=[2, 0])
    assert method(compiled) == ["state vector"]
    weights = np.zeros(8)
    for index, amplitude in enumerate(random_statevector(4, seed=3).data):
        weights[(index & 1) << 2 | index >> 1] += abs(amplitude) ** 2
    assert_same(outcome_probabilities(compiled), dict(enumerate(weights)), circuit)
    without = DEFAULT_SETTINGS._replace(state_vectors=False)
    for each in (circuit, twice):
        one, other = (
            outcome_probabilities(compile_circuit(each, IDEAL, settings))
            for settings in (DEFAULT_SETTINGS, without)
        )
        assert_same(one, other, each)


def test_what_is_more_than_gates_and_final_measurements_is_simulated_otherwise():
    def reset(circuit):
        circuit.reset(0)

    def measured_before(circuit):
        circuit.measure(0, 0)
        circuit.h(0)

    def condition(circuit):
        circuit.measure(0, 0)
        with circuit.if_test((0, 1)):
            circuit.x(1)

    for change in (reset, measured_before, condition):
        circuit = prepared(2)
        circuit.add_bits(QuantumCircuit(0, 2).clbits)
        change(circuit)
        circuit.measure([0, 1], [0, 1])
        assert "state vector" not in method(compile_circuit(circuit, IDEAL))


@pytest.mark.parametrize("shots", [1, 1000, 200_000])
def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads(shots):
    circuit = efficient_su2(18, reps=1).assign_parameters(np.linspace(-3, 3, 72))
    circuit.measure_all()
    compiled = compile_circuit(circuit, IDEAL)
    assert method(compiled) == ["state vector"]
    program = Program({compiled.key: compiled}, (Run(compiled.key, np.zeros((1, 0)), shots),), 7)
    alone = execute(program).runs[0].registers["meas"]
    for threads in (1, 2, 3, 5):
        with Team(threads) as team:
            shared = execute(program, team).runs[0].registers["meas"]
        assert (alone == shared).all()


def ended(turned, qubits, register="meas"):
    """Return an ending that turns some qubits and measures some, in that order."""
    gates = tuple((HGate(), qubit) for qubit in turned)
    content = repr((list(turned), list(qubits), register)).encode()
    return Ending(gates, tuple(qubits), register, content)


def in_bases(circuit, bases, seed=3, shots=(500, 700), values=None):
    """Return a program that measures one circuit in several bases, and its compiled circuits."""
    beginning = Beginning(frozenset(range(circuit.num_qubits)), len(bases))
    endings = [
        ended([qubit for qubit, letter in enumerate(basis) if letter == "X"], range(len(basis)))
        for basis in bases
    ]
    measured = [ending.written_after(circuit) for ending in endings]
    compiled = [
        compile_circuit(circuit, IDEAL, ending=ending, beginning=beginning) for ending in endings
    ]
    values = np.zeros((1, 0)) if values is None else values
    runs = tuple(Run(each.key, values, n) for each, n in zip(compiled, shots, strict=True))
    return Program({each.key: each for each in compiled}, runs, seed), compiled, measured


@pytest.mark.parametrize("num_qubits", [3, 11])
def test_circuits_that_begin_alike_share_their_state(num_qubits):
    circuit = efficient_su2(num_qubits, reps=1)
    values = np.linspace(-3, 3, 2 * circuit.num_parameters).reshape(2, -1)
    program, compiled, measured = in_bases(
        circuit, ["Z" * num_qubits, "X" + "Z" * (num_qubits - 1)], values=values
    )
    body = compiled[0].components[0].body
    with mock.patch.object(
        StateEvolution, "apply", autospec=True, side_effect=StateEvolution.apply
    ) as apply:
        together = execute(program)
    bodies = [
        call
        for call in apply.call_args_list
        if call.args[0].axes == body.axes and call.args[1].shape[1] == 1
    ]
    assert len(bodies) == 1
    for run, samples, each in zip(program.runs, together.runs, measured, strict=True):
        # What is shared changes nothing: neither what is drawn, nor from which distribution.
        apart = execute(program._replace(runs=(run._replace(number=samples.number),)))
        assert (apart.runs[0].registers["meas"] == samples.registers["meas"]).all()
        bound = each.remove_final_measurements(inplace=False).assign_parameters(values[0])
        expected = dict(enumerate(Statevector(bound).probabilities()))
        assert_drawn_from(memory_counts(each, samples.registers), expected)


@pytest.mark.parametrize("is_open", [False, True], ids=["numbers", "parameters"])
@pytest.mark.parametrize(("num_qubits", "width"), [(11, 2), (12, 4), (14, 4), (15, 5)])
def test_gates_are_gathered_into_blocks_as_wide_as_pays_off(num_qubits, width, is_open):
    circuit = efficient_su2(num_qubits, reps=2)
    if not is_open:
        circuit = circuit.assign_parameters(np.linspace(-3, 3, circuit.num_parameters))
    circuit.measure_all()
    (component,) = compile_circuit(circuit, IDEAL).components
    steps = component.body.steps
    assert max(step.width for step in steps) == width
    # Two chains of as many gates as there are neighbours, of which a block takes one less than
    # it has qubits; the second one cannot always begin where the first one ends.
    assert len(steps) <= 2 * -(-(num_qubits - 1) // (width - 1)) + 1


def test_other_values_share_nothing():
    circuit = efficient_su2(3, reps=1)
    values = np.linspace(-3, 3, 2 * circuit.num_parameters).reshape(2, -1)
    program, _, measured = in_bases(circuit, ["ZZZ", "ZZZ"], values=values[:1])
    program = program._replace(
        runs=(program.runs[0], program.runs[1]._replace(parameter_values=values[1:]))
    )
    for samples, each, row in zip(execute(program).runs, measured, values, strict=True):
        bound = each.remove_final_measurements(inplace=False).assign_parameters(row)
        expected = dict(enumerate(Statevector(bound).probabilities()))
        assert_drawn_from(memory_counts(each, samples.registers), expected)


def test_sharing_runs_stay_together_when_a_job_is_divided(monkeypatch):
    circuit = efficient_su2(6, reps=2)
    values = np.linspace(-3, 3, 8 * circuit.num_parameters).reshape(8, -1)
    program, _, _ = in_bases(circuit, ["ZZZZZZ", "XXXXXX"], values=values)
    whole = execute(program)
    monkeypatch.setattr(dividing, "PIECE_SECONDS", 1e-6)
    pieces = split(program)
    assert len(pieces) == 8
    assert all(len(piece.runs) == 2 for piece in pieces)
    for one, other in zip(join([*map(execute, pieces)]).runs, whole.runs, strict=True):
        assert (one.registers["meas"] == other.registers["meas"]).all()


def test_clifford_gates_are_left_to_what_is_cheaper():
    circuit = QuantumCircuit(26)
    circuit.h(range(26))
    for layer in range(4):
        for qubit in range(layer % 2, 25, 2):
            circuit.cx(qubit, qubit + 1)
            circuit.s(qubit)
    circuit.measure_all()
    assert "state vector" not in method(compile_circuit(circuit, IDEAL))


def test_primitives_draw_from_the_right_distribution():
    circuit = efficient_su2(5, reps=1).assign_parameters(np.linspace(-3, 3, 20))
    measured = circuit.copy()
    measured.measure_all()
    result = SamplerV2(IDEAL).run([measured], shots=20_000).result()[0]
    assert result.metadata["simulation"]["methods"] == ["state vector"]
    assert_drawn_from(
        result.data.meas.get_int_counts(), dict(enumerate(Statevector(circuit).probabilities()))
    )
    observable = SparsePauliOp(["ZZIII", "IXXII", "IIYYI", "IIIIX"], [1.0, 0.5, -0.7, 0.2])
    options = {"default_shots": 40_000, "resilience_level": 0}
    pub = EstimatorV2(IDEAL, options=options).run([(circuit, observable)]).result()[0]
    exact = Statevector(circuit).expectation_value(observable).real
    assert abs(pub.data.evs - exact) < 5 * pub.data.stds


def test_a_beginning_that_measures_is_read_once_for_all_bases(monkeypatch):
    circuit = QuantumCircuit(3, 1)
    circuit.ry(0.7, 0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure(2, 0)
    read = []
    original = read_ideal._Reader.read

    def reading(reader, steps, numbers):
        read.append(len(steps))
        original(reader, steps, numbers)

    monkeypatch.setattr(read_ideal._Reader, "read", reading)
    beginning = Beginning(frozenset({0, 1, 2}), 2)
    for change, expected in ((0, [4]), (2, [])):
        ending = ended(range(change), [0, 1], "basis")
        read.clear()
        compiled = compile_circuit(circuit, IDEAL, ending=ending, beginning=beginning)
        assert method(compiled) == ["state vector"]
        assert read == expected
        found = outcome_probabilities(compiled)
        alone = outcome_probabilities(compile_circuit(ending.written_after(circuit), IDEAL))
        assert found.keys() == alone.keys()
        np.testing.assert_allclose([found[key] for key in alone], list(alone.values()), atol=1e-12)


def test_a_beginning_acts_on_no_noisy_circuit():
    from tests.simulation.devices import device

    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.cx(0, 1)
    ending = ended([1], [0, 1], "c")
    beginning = Beginning(frozenset({0, 1}), 2)
    one, other = (
        sample(compile_circuit(circuit, device("manila"), ending=ending, beginning=given), seed=5)
        for given in (None, beginning)
    )
    assert (one["c"] == other["c"]).all()
    written = sample(compile_circuit(ending.written_after(circuit), device("manila")), seed=5)
    assert (one["c"] == written["c"]).all()


def test_what_ends_a_circuit_may_not_turn_what_it_has_measured():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    compiled = [
        compile_circuit(circuit, IDEAL, ending=ended(turned, [0, 1])) for turned in ([], [0])
    ]
    # Measured twice, or measured and turned, it is more than a state and its outcomes.
    for each, expected in zip(compiled, ({0b00, 0b11}, set(range(4))), strict=True):
        found = outcome_probabilities(each)
        assert {key for key, weight in found.items() if weight > 1e-12} == expected


# -- few qubits ----------------------------------------------------------------------------------


def _few_gates(rng, num_qubits):
    circuit = QuantumCircuit(num_qubits)
    for _ in range(rng.integers(0, 16)):
        width = min(num_qubits, rng.integers(1, 3))
        on = rng.choice(num_qubits, width, replace=False).tolist()
        circuit.unitary(random_unitary(2**width, seed=int(rng.integers(1 << 30))), on)
    return circuit


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "several bases"])
@pytest.mark.parametrize("num_qubits", range(1, FEW_QUBITS + 1))
def test_few_qubits_are_drawn_as_many_are(num_qubits, shared, monkeypatch):
    rng = np.random.default_rng(num_qubits)
    for seed in range(25):
        circuit = _few_gates(rng, num_qubits)
        turned = rng.choice(num_qubits, rng.integers(0, num_qubits + 1), replace=False).tolist()
        measured = rng.permutation(num_qubits)[: rng.integers(1, num_qubits + 1)].tolist()
        ending = ended(turned, measured, "c")
        beginning = Beginning(frozenset(range(num_qubits)), 2) if shared else None
        if not shared and seed % 2:
            circuit, ending = ending.written_after(circuit), None
        found = []
        for few in (FEW_QUBITS, 0):
            monkeypatch.setattr(compile_ideal_module, "FEW_QUBITS", few)
            arguments = (SimulatorChoice(), fingerprint(circuit), DEFAULT_SETTINGS)
            layout, wanted = registers_of(circuit, ending), frozenset(range(len(measured)))
            compiled = compile_ideal(circuit, *arguments, layout, wanted, ending, beginning)
            runs = tuple(Run(compiled.key, np.empty((sets, 0)), 200) for sets in (1, 2))
            samples = execute(Program({compiled.key: compiled}, runs, seed))
            kinds = {type(component) for component in compiled.components}
            assert kinds <= {KnownComponent if few else StateComponent}
            found.append([run.registers["c"].tolist() for run in samples.runs])
        assert found[0] == found[1]


@pytest.mark.parametrize("kind", [complex, np.complex64, float, int])
@pytest.mark.parametrize("sign", [1, -1])
def test_amplitudes_change_places_as_the_matrix_says(kind, sign):
    qubits = tuple(range(FEW_QUBITS))
    before = random_statevector(1 << FEW_QUBITS, seed=1)
    for order in permutations(range(4)):
        matrix = np.eye(4, dtype=kind)[list(order)]
        matrix[3] *= sign
        for first, second in permutations(qubits, 2):
            state = FewQubits(qubits, tuple(before.data.tolist()))
            after = state.after([((first, second), matrix)])
            assert np.array_equal(
                after.amplitudes, before.evolve(Operator(matrix), [second, first]).data
            )
