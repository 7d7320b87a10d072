"""Which order a circuit's operations are done in: the same however its instructions stand."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.classical import Bits
from qiskit_modes.simulation.compile import component_builder
from qiskit_modes.simulation.compile.contraction import largest_state
from qiskit_modes.simulation.compile.merge import Group, merge
from qiskit_modes.simulation.compile.stages import staged
from qiskit_modes.simulation.compile.window.order import ordered
from qiskit_modes.simulation.operations import (
    Block,
    Branch,
    Channel,
    Jump,
    Loop,
    Measure,
    Operation,
    touched,
)
from qiskit_modes.simulation.read.read_circuit import read_circuit
from qiskit_modes.simulation.run.component_kinds import EitherComponent
from qiskit_modes.simulation.settings import Settings
from tests.examples import examples
from tests.simulation.comparing import assert_same
from tests.simulation.devices import device
from tests.simulation.reordering import reordered
from tests.simulation.strategies import dynamic_circuits, static_circuits, static_devices


def window(groups) -> int:
    """The most qubits between the first and the last group on them."""
    last = {qubit: number for number, group in enumerate(groups) for qubit in group.qubits}
    here, widest = set(), 0
    for number, group in enumerate(groups):
        here.update(group.qubits)
        widest = max(widest, len(here))
        here -= {qubit for qubit in group.qubits if last[qubit] == number}
    return widest


def chain(pairs) -> list[Group]:
    return [Group(pair) for pair in pairs]


@pytest.mark.parametrize(
    ("pairs", "widest"),
    [
        ([(k, k + 1) for k in range(99)], 2),
        ([(k, k + 1) for k in reversed(range(99))], 2),
        ([(k, k + 1) for start in (0, 1) for k in range(start, 99, 2)], 3),
        ([(k, k + 1) for _ in range(4) for start in (0, 1) for k in range(start, 99, 2)], 9),
        ([(0, k) for k in range(1, 50)], 2),  # a star
        ([(k, (k + 1) % 50) for k in range(50)], 3),  # a ring
    ],
    ids=["chain", "chain from its end", "two layers", "eight layers", "star", "ring"],
)
def test_windows_are_narrow(pairs, widest):
    assert window(ordered(chain(pairs))) <= widest


def random_pairs(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Gates on a graph of a few qubits, many of which commute."""
    num_qubits = int(rng.integers(3, 14))
    pairs = []
    for _ in range(int(rng.integers(1, 40))):
        one, other = rng.choice(num_qubits, 2, replace=False)
        pairs.append((int(one), int(other)))
    return pairs


def shuffled(groups, rng):
    """The same groups in a random order that does the same."""
    circuit = QuantumCircuit(20)
    for number, group in enumerate(groups):
        circuit.rzz(float(number), *group.qubits)
    return [groups[int(step.operation.params[0])] for step in reordered(circuit, rng).data]


@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_is_a_function_of_what_depends_on_what(seed):
    rng = np.random.default_rng(seed)
    groups = chain(random_pairs(rng))
    recorded = {0, 1, 2} if rng.integers(2) else ()
    expected = ordered(groups, recorded)
    found = ordered(shuffled(groups, rng), recorded)
    assert [id(group) for group in found] == [id(group) for group in expected]


@given(seed=st.integers(0, 2**32 - 1))
def test_an_order_does_all_groups_each_after_what_it_depends_on(seed):
    groups = chain(random_pairs(np.random.default_rng(seed)))
    found = ordered(groups)
    assert {id(group) for group in found} == {id(group) for group in groups}
    for qubit in range(20):
        on_it = [[id(g) for g in some if qubit in g.qubits] for some in (groups, found)]
        assert on_it[0] == on_it[1]


@settings(
    max_examples=examples(daily=10),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), name=static_devices, seed=st.integers(0, 2**32 - 1))
def test_method_and_cost_are_the_same_however_instructions_stand(data, name, seed):
    kind = data.draw(st.sampled_from([static_circuits, dynamic_circuits]))
    circuit = data.draw(kind(name))
    other = reordered(circuit, np.random.default_rng(seed))
    one, two = (compile_circuit(each, device(name)) for each in (circuit, other))
    assert one.metadata["methods"] == two.metadata["methods"]
    for shots in (1, 1000, 100_000):
        assert one.seconds(shots) == pytest.approx(two.seconds(shots), rel=0.1)


def gate(*qubits: int) -> Channel:
    return Channel(qubits, np.eye(4 ** len(qubits)))


def measure(qubit: int, clbit: int) -> Measure:
    return Measure(qubit, clbit, np.eye(2))


def conditional(clbit: int, *body: Operation) -> Branch:
    return Branch(((Bits((clbit,)), Block(body)),))


def outline(block: Block) -> list:
    """What a block does, in order, bodies inside."""
    found = []
    for operation in block.operations:
        match operation:
            case Branch(arms):
                found.append([outline(body) for _, body in arms])
            case Loop(_, body):
                found.append([outline(body)])
            case Jump():
                found.append("jump")
            case _:
                found.append((type(operation).__name__, *map(sorted, touched(operation))))
    return found


def test_states_part_as_late_and_maps_come_as_early_as_they_can():
    first, early, second, late = gate(0), gate(2), gate(1), gate(0, 1)
    read, unread, branch = measure(0, 0), measure(2, 1), conditional(0, gate(1))
    block = Block((early, unread, first, read, branch, second, late))
    found = Block((first, early, read, branch, second, late, unread))
    assert outline(staged(block)) == outline(found)


def test_nothing_is_moved_across_a_jump():
    body = Block((measure(1, 1), conditional(0, Jump(1)), gate(1), gate(0), measure(0, 0)))
    assert outline(staged(body)) == outline(
        Block((measure(1, 1), conditional(0, Jump(1)), gate(0), gate(1), measure(0, 0)))
    )
    # A loop that is left by nothing but its own jumps is as good as any other operation.
    around = Loop(Bits((0,)), Block((Loop(None, body), gate(2))))
    found = staged(Block((around, gate(3))))
    assert outline(found)[0] == outline(Block((gate(3),)))[0]


@settings(max_examples=examples(daily=20), suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=static_devices, seed=st.integers(0, 2**32 - 1))
def test_operations_among_conditions_are_staged_alike_however_they_stand(data, name, seed):
    circuit = data.draw(dynamic_circuits(name))
    other = reordered(circuit, np.random.default_rng(seed))
    noise = describe(device(name)).noise()
    one, two = (staged(read_circuit(each, noise)[0]) for each in (circuit, other))
    assert outline(one) == outline(two)


@settings(
    max_examples=examples(daily=10),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), name=static_devices, seed=st.integers(0, 2**32 - 1))
def test_every_order_gives_the_same_distribution(data, name, seed):
    circuit = data.draw(static_circuits(name))
    values = [0.4, -1.3, 2.2][: circuit.num_parameters]
    expected = outcome_probabilities(compile_circuit(circuit, device(name)), values)
    rng = np.random.default_rng(seed)

    def any_order(groups, recorded):
        return list(topological(groups, rng))

    with mock.patch.object(component_builder, "ordered", any_order):
        other = reordered(circuit, rng)  # so that it is compiled anew
        other.metadata = {}
        compiled = compile_circuit(other, device(name))
    assert_same(outcome_probabilities(compiled, values), expected, circuit)


def topological(groups, rng):
    """Groups in a random order in which they may be applied."""
    left = list(groups)
    while left:
        ready = []
        blocked: set[int] = set()
        for group in left:
            if blocked.isdisjoint(group.qubits):
                ready.append(group)
            blocked.update(group.qubits)
        chosen = ready[int(rng.integers(len(ready)))]
        left.remove(chosen)
        yield chosen


@settings(max_examples=examples(daily=20), suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=static_devices)
def test_the_largest_state_is_known_before_anything_is_built(data, name):
    circuit = data.draw(static_circuits(name))
    foreseen: list[int] = []

    def noted(groups, finals):
        foreseen.append(largest_state(groups, finals))
        return foreseen[-1]

    with mock.patch.object(component_builder, "largest_state", noted):
        compiled = compile_circuit(circuit, device(name))
    assume(foreseen)  # otherwise it was known
    for component, least in zip(compiled.components, foreseen, strict=True):
        assert least <= component.peak <= 4 * least


def test_a_qubit_that_is_reset_leaves_the_state():
    circuit = QuantumCircuit(5, 40)
    for bit in range(0, 40, 2):
        circuit.reset([0, 1])
        circuit.sx(0)
        circuit.cx(0, 1)
        circuit.measure([0, 1], [bit, bit + 1])
    backend = device("manila")
    component = compile_circuit(circuit, backend).components[0]
    kinds = (
        [component.exact, component.singly]
        if isinstance(component, EitherComponent)
        else [component]
    )
    assert [kind.method for kind in kinds] == ["trajectories in a window of 2 qubits"]


@pytest.mark.slow
def test_twenty_thousand_gates_are_ordered_in_a_moment():
    import time

    pairs = [(k, k + 1) for _ in range(400) for start in (0, 1) for k in range(start, 99, 2)]
    groups = chain(pairs)[:20_000]
    begin = time.process_time()
    ordered(groups)
    assert time.process_time() - begin < 5.0


def test_gates_that_follow_their_inverses_are_one_map():
    """As gate folding writes them: a map, whatever single-qubit gates stand in between."""
    theta = Parameter("theta")
    backend = device("manila")
    maps = {}
    for folds in (1, 5):
        circuit = QuantumCircuit(5, 3)
        for pair in ((0, 1), (1, 2)):
            for fold in range(folds):
                circuit.cx(*(pair if fold % 2 else pair[::-1]))
                circuit.sx(pair[0])
                circuit.rz(theta, pair[1])
        circuit.measure(range(3), range(3))
        block, _, _ = read_circuit(circuit, describe(backend).noise())
        groups = merge(block.operations, enabled=True, fold_rotations=True)
        maps[folds] = [group.qubits for group in groups if len(group.qubits) > 1]
        loose = compile_circuit(circuit, backend, Settings(merge=False))
        assert_same(
            outcome_probabilities(compile_circuit(circuit, backend), [0.7]),
            outcome_probabilities(loose, [0.7]),
            circuit,
        )
    assert len(maps[1]) == len(maps[5]) == 2
