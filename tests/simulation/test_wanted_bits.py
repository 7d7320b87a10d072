"""Bits that nobody reads come back as 0, and what only they depend on is not simulated."""

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.settings import Settings
from tests.simulation.comparing import assert_drawn_from, assert_same, memory_counts, sample
from tests.simulation.devices import device
from tests.simulation.strategies import dynamic_circuits, static_circuits, static_devices


def only(distribution, bits):
    """The same distribution with all other bits 0."""
    mask = sum(1 << bit for bit in bits)
    result = defaultdict(float)
    for memory, probability in distribution.items():
        result[memory & mask] += probability
    return dict(result)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), name=static_devices, feed_forward=st.booleans())
def test_wanted_bits_have_their_distribution(data, name, feed_forward):
    circuit = data.draw((dynamic_circuits if feed_forward else static_circuits)(name))
    bits = data.draw(st.sets(st.integers(0, circuit.num_clbits - 1)))
    values = [0.4, -1.3, 2.2][: circuit.num_parameters]
    whole = outcome_probabilities(compile_circuit(circuit, device(name)), values)
    found = outcome_probabilities(compile_circuit(circuit, device(name), clbits=bits), values)
    assert_same(found, only(whole, bits), circuit)


def pairs_and_a_condition() -> QuantumCircuit:
    circuit = QuantumCircuit(5, 5)
    for first, second in ((0, 1), (3, 4)):
        circuit.sx(first)
        circuit.cx(first, second)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.sx(2)
    circuit.measure([1, 2, 3, 4], [1, 2, 3, 4])
    return circuit


def test_what_only_unwanted_bits_depend_on_is_not_simulated():
    circuit, backend = pairs_and_a_condition(), device("manila")
    assert len(compile_circuit(circuit, backend).components) == 3
    (component,) = compile_circuit(circuit, backend, clbits=[1]).components
    assert component.clbits == (1,)
    assert len(compile_circuit(circuit, backend, clbits=[3, 4]).components) == 1
    assert compile_circuit(circuit, backend, clbits=[]).components == ()


@pytest.mark.parametrize(
    "way", [Settings(), Settings(only="division"), Settings(only="trajectories")]
)
def test_every_way_of_simulating_leaves_them_0(way):
    circuit, backend = pairs_and_a_condition(), device("manila")
    wanted = compile_circuit(circuit, backend, way, clbits=[1, 3])
    expected = only(outcome_probabilities(compile_circuit(circuit, backend)), [1, 3])
    counts = memory_counts(circuit, sample(wanted, shots=4000))
    assert_drawn_from(counts, expected)


def test_the_whole_model_leaves_them_0_too():
    circuit = QuantumCircuit(2, 2)
    circuit.set_statevector([0, 0, 0, 1])
    circuit.measure([0, 1], [0, 1])
    compiled = compile_circuit(circuit, AerSimulator(), clbits=[1])
    assert memory_counts(circuit, sample(compiled, shots=10)) == {0b10: 10}


def test_other_bits_are_another_circuit():
    circuit, backend = pairs_and_a_condition(), device("manila")
    some = [compile_circuit(circuit, backend, clbits=bits) for bits in (None, [0], [1], [1])]
    assert len({compiled.key for compiled in some}) == 3
    assert some[2] is some[3]
